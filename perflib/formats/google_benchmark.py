"""Google Benchmark's JSON, CSV and console: each entry tells its time unit; aggregates are no runs.

Counters that a benchmark adds keep their names; the file does not say their units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, last_digit, mapping, number, summary
from perflib.formats.quantities import plain
from perflib.formats.tables import header, rows

TOOL = "Google Benchmark"
_MEASURED = {
    "real_time": ("time", ""),
    "cpu_time": ("cpu_time", ""),
    "items_per_second": ("rate", "ops/s"),
    "bytes_per_second": ("data_rate", "B/s"),
}
# what describes an entry, or is a coefficient of a fitted curve
_OTHER = set(
    "name family_index per_family_instance_index run_name run_type repetitions repetition_index"  # noqa: SIM905
    " threads iterations time_unit label aggregate_name aggregate_unit error_occurred"
    " error_message skipped skip_message cpu_coefficient real_coefficient big_o rms".split()
)
_UNITS = ("ns", "us", "ms", "s")
# label, key, metric, unit, statistic (none of one repetition) → values and their iterations
Measured = dict[tuple[str, str, str, str, str], list[tuple[float, Any]]]
_AGGREGATES = {"mean": "mean", "median": "p50", "stddev": "stdev"}
_SUFFIX = re.compile(r"(.+)_(mean|median|stddev|cv|BigO|RMS)")
_COLUMNS = {"name", "iterations", "real_time", "cpu_time", "time_unit"}
_HEADING = re.compile(r"^Benchmark +Time +CPU +Iterations\b", re.MULTILINE)
_LINE = re.compile(r"(\S.*?) +([\d.e+-]+) (ns|us|ms|s) +([\d.e+-]+) (ns|us|ms|s) +(\d+)(?: .*)?")


def recognise(source: Source) -> bool:
    """`benchmarks` beside `context`, the columns of the CSV, or the heading of the console."""
    document = source.json
    if isinstance(document, dict) and isinstance(document.get("benchmarks"), list):
        return "context" in document and "machine_info" not in document
    return set(header(source)[0]) >= _COLUMNS or bool(_HEADING.search(plain(source.head_text)))


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark."""
    measured, steps = Measured(), dict[tuple[str, str], float]()
    for entry in _with_aggregates(list(_entries(source, steps))):
        if not isinstance(entry, dict) or "name" not in entry:
            source.skip(0, "an entry without a name")
        elif entry.get("error_occurred") or entry.get("skipped"):
            reason = entry.get("error_message") or entry.get("skip_message") or ""
            source.skip(0, f"{entry['name']} failed: {reason}")
        else:
            _add(source, measured, entry)
    context = mapping(source.json, "context")
    yield Reading(
        tool=TOOL,
        version=str(context.get("library_version") or ""),
        started_at=str(context.get("date") or "").replace(" ", "T"),
        indicators=_found(measured, steps).indicators,
    )


def _entries(source: Source, steps: dict[tuple[str, str], float]) -> Iterator[Any]:
    """The entries; `steps` gets the steps to which the console rounds, by name and key."""
    if isinstance(source.json, dict):
        yield from source.json["benchmarks"]
    elif set(header(source)[0]) >= _COLUMNS:
        yield from (row for _, row in rows(source))
    else:
        for _, text in source.lines():
            if match := _LINE.fullmatch(plain(text).rstrip()):
                name, real, unit, cpu, _, iterations = match.groups()
                for label in (name, _SUFFIX.sub(r"\1", name)):
                    steps[label, "real_time"] = last_digit(real)
                    steps[label, "cpu_time"] = last_digit(cpu)
                yield {
                    "name": name,
                    "real_time": real,
                    "cpu_time": cpu,
                    "time_unit": unit,
                    "iterations": iterations,
                }


def _with_aggregates(entries: list[Any]) -> Iterator[Any]:
    """Aggregates that only their names tell (CSV, console, old JSON) are marked as such."""
    names = {str(entry.get("name")) for entry in entries if isinstance(entry, dict)}
    for entry in entries:
        unmarked = isinstance(entry, dict) and not {"run_type", "aggregate_name"} & set(entry)
        match = _SUFFIX.fullmatch(str(entry.get("name"))) if unmarked else None
        if match and {f"{match[1]}_{last}" for last in _together(match[2])} <= names:
            yield {**entry, "run_name": match[1], "aggregate_name": match[2]}
        else:
            yield entry


def _together(suffix: str) -> tuple[str, ...]:
    return ("BigO", "RMS") if suffix in ("BigO", "RMS") else ("mean", "stddev")


def _add(source: Source, measured: Measured, entry: dict[str, Any]) -> None:
    aggregate = str(entry.get("aggregate_name") or "")
    if (aggregate and aggregate not in _AGGREGATES) or entry.get("aggregate_unit") == "percentage":
        return
    statistic = _AGGREGATES.get(aggregate, "")
    label, unit = str(entry.get("run_name") or entry["name"]), str(entry.get("time_unit"))
    if "real_time" in entry and unit not in _UNITS:
        source.skip(0, f"{entry['name']} has no time unit")
        return
    for key, given in entry.items():
        metric, base = _MEASURED.get(key, (key, "1"))
        value = None if key in _OTHER else number(given)
        if value is not None:
            place = (label, key, metric, base or unit, statistic)
            measured.setdefault(place, []).append((value, entry.get("iterations")))


def _found(measured: Measured, steps: dict[tuple[str, str], float]) -> Found:
    """Repetitions of a benchmark are its samples; an aggregate that is stated stands for itself."""
    found = Found()
    for (label, key, metric, unit, statistic), each in measured.items():
        values = [value for value, _ in each]
        n = len(values) if len(values) > 1 else each[0][1]
        numbers = summary(values)
        if statistic or len(values) == 1:
            numbers = {statistic or "mean": numbers["mean"]}
        step = steps.get((label, key), 0.0)
        for name, value in numbers.items():
            if statistic or (label, key, metric, unit, name) not in measured:
                found.add(
                    metric, name, value, unit, label=label, source_name=key, n=n, resolution=step
                )
    return found
