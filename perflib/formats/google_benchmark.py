"""Google Benchmark's JSON: times in each entry's `time_unit`; aggregates are no runs."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, median
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number

TOOL = "Google Benchmark"
_MEASURED = {
    "real_time": ("time", ""),
    "cpu_time": ("cpu_time", ""),
    "items_per_second": ("rate", "ops/s"),
    "bytes_per_second": ("data_rate", "B/s"),
}
# label, key, metric, unit, statistic (none of one repetition) → values and their iterations
Measured = dict[tuple[str, str, str, str, str], list[tuple[float, Any]]]
_AGGREGATES = {"mean": "mean", "median": "p50", "stddev": "stdev"}


def recognise(source: Source) -> bool:
    """`benchmarks` with `real_time` or errors, beside `context`."""
    document = source.json
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        return False
    return "context" in document and "machine_info" not in document


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark."""
    document, measured = source.json, Measured()
    for entry in document["benchmarks"]:
        if not isinstance(entry, dict) or "name" not in entry:
            source.skip(0, "an entry without a name")
        elif entry.get("error_occurred"):
            source.skip(0, f"{entry['name']} failed: {entry.get('error_message', '')}")
        else:
            _add(source, measured, entry)
    context = document["context"]
    known = context if isinstance(context, dict) else {}
    yield Reading(
        tool=TOOL,
        version=str(known.get("library_version") or ""),
        started_at=str(known.get("date") or "").replace(" ", "T"),
        indicators=_found(measured).indicators,
    )


def _add(source: Source, measured: Measured, entry: dict[str, Any]) -> None:
    aggregate = str(entry.get("aggregate_name") or "")
    if (aggregate and aggregate not in _AGGREGATES) or entry.get("aggregate_unit") == "percentage":
        return
    statistic = _AGGREGATES.get(aggregate, "")
    label, unit = str(entry.get("run_name") or entry["name"]), str(entry.get("time_unit"))
    if "real_time" in entry and unit not in ("ns", "us", "ms", "s"):
        source.skip(0, f"{entry['name']} has no time unit")
        return
    for key, (metric, base) in _MEASURED.items():
        value = number(entry.get(key))
        if value is not None:
            place = (label, key, metric, base or unit, statistic)
            measured.setdefault(place, []).append((value, entry.get("iterations")))


def _found(measured: Measured) -> Found:
    """Repetitions of a benchmark are its samples; an aggregate that is stated stands for itself."""
    found = Found()
    for (label, key, metric, unit, statistic), each in measured.items():
        values = [value for value, _ in each]
        n = len(values) if len(values) > 1 else each[0][1]
        numbers = {statistic or "mean": fmean(values)}
        if not statistic and len(values) > 1:
            numbers |= {"p50": median(values), "min": min(values), "max": max(values)}
        for name, value in numbers.items():
            if statistic or (label, key, metric, unit, name) not in measured:
                found.add(metric, name, value, unit, label=label, source_name=key, n=n)
    return found
