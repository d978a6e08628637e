"""criterion's `estimates.json`, `raw.csv`, `sample.json` and messages, its text and libtest's.

The middle number of criterion is its point estimate (a slope or a mean), the others bound it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, has, listing, mapping, number
from perflib.formats.quantities import plain, quantity
from perflib.formats.tables import header, rows

TOOL = "criterion"
_TIME = re.compile(r"(?<!\S)time:\s+\[(\S+ \S+) (\S+ \S+) (\S+ \S+)\]")
_RATE = re.compile(r"^\s+thrpt:\s+\[(\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\]")
_BENCH = re.compile(r"^test (.*\S)\s+\.\.\. bench:\s+([\d,.]+) (\S+) \(\+/- ([\d,.]+)\)")
_NONE = re.compile(r"^test result: .* measured", re.MULTILINE)
# the time of a sample; before criterion 0.3 always in nanoseconds
_RAW = {"sample_measured_value", "sample_time_nanos"}
_UNITS = ("ns", "us", "ms", "s")
_SAMPLES = {"sampling_mode", "iters", "times"}
_DESCRIPTION = {"group_id", "function_id", "full_id"}
_ESTIMATES = {"mean": "mean", "median": "p50", "std_dev": "stdev", "stddev": "stdev"}


def recognise(source: Source) -> bool:
    """A line of either kind, or JSON of estimates."""
    if '"reason":"benchmark-complete"' in source.head_text.replace(" ", ""):
        return True
    document = source.json
    if isinstance(document, dict):
        if any(keys <= set(document) for keys in (_SAMPLES, _DESCRIPTION)):
            return True
        lowered = {str(name).lower(): value for name, value in document.items()}
        return all(_is_estimate(lowered.get(name)) for name in ("mean", "median"))
    columns = set(header(source)[0])
    if "iteration_count" in columns and columns & _RAW:
        return True
    lines = plain(source.head_text).split("\n")
    benches = any(_TIME.search(line) or _BENCH.match(line) for line in lines)
    return benches or bool(_NONE.search(source.head_text))


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark."""
    if source.head_text.lstrip().startswith("{"):
        yield _json(source)
        return
    if "iteration_count" in header(source)[0]:
        yield _raw(source)
        return
    found, before, label = Found(), "", ""
    for _, raw in source.lines():
        text = plain(raw)
        if match := _TIME.search(text):
            # a long name stands on a line of its own
            label = text[: match.start()].strip() or before.strip()
            _add(found, label, match)
        elif (match := _RATE.match(text)) and label:
            _add_rate(found, label, match)
        elif match := _BENCH.match(text):
            metric, unit = ("time", "ns") if match[3] == "ns/iter" else ("value", match[3])
            more: dict[str, Any] = {"label": match[1], "source_name": match[3]}
            found.add_printed(metric, "p50", match[2], unit, **more)
        before = text
    yield Reading(tool=TOOL, indicators=found.indicators)


def _raw(source: Source) -> Reading:
    """A sample a row: what so many iterations took together."""
    found, samples = Found(), dict[tuple[str, str], list[float | None]]()
    for line, row in rows(source):
        unit = row.get("unit", "ns")
        column = next(name for name in _RAW if name in row)
        name = "/".join(row[key] for key in ("group", "function", "value") if row.get(key))
        each = _each(row[column], row["iteration_count"])
        if each is None or unit not in _UNITS:
            source.skip(line, "no time, number of iterations or known unit")
        else:
            samples.setdefault((name, unit), []).append(each)
    for (name, unit), times in samples.items():
        _add_samples(found, name, unit, times)
    return Reading(tool=TOOL, indicators=found.indicators)


def _each(total: Any, count: Any) -> float | None:
    took, times = number(total), number(count)
    return took / times if took is not None and times and times > 0 else None


def _add_samples(found: Found, label: str, unit: str, given: list[float | None]) -> None:
    if times := [each for each in given if each is not None]:
        found.add_samples("time", times, unit, label=label, source_name="samples")


def _is_estimate(value: Any) -> bool:
    return has(value, "point_estimate")


def _json(source: Source) -> Reading:
    """`estimates.json` is in nanoseconds, its name stands in a file beside; messages carry both."""
    document, found, label = source.json, Found(), _name_beside(source)
    if has(document, *_DESCRIPTION):
        raise source.beside(
            "criterion's description of a benchmark", "import `estimates.json` beside it"
        )
    if has(document, "iters"):
        pairs = zip(listing(document, "times"), listing(document, "iters"), strict=False)
        _add_samples(found, label, "ns", [_each(total, count) for total, count in pairs])
    elif isinstance(document, dict) and "reason" not in document:
        if not {"std_dev", "stddev"} & {str(name).lower() for name in document}:
            raise source.beside(
                "criterion's change since the run before, in ratios",
                "import `new/estimates.json` beside its folder",
            )
        for name, value in document.items():
            statistic = _ESTIMATES.get(str(name).lower())
            if statistic and _is_estimate(value):
                more: dict[str, Any] = {"label": label, "source_name": f"{name}.point_estimate"}
                found.add("time", statistic, value["point_estimate"], "ns", **more)
    else:
        for _, message in source.json_lines():
            if has(message, "reason") and message["reason"] == "benchmark-complete":
                _message(found, message)
    return Reading(tool=TOOL, indicators=found.indicators)


def _name_beside(source: Source) -> str:
    """What `benchmark.json` in the same folder calls the benchmark."""
    beside = Source(source.path.with_name("benchmark.json"))
    described = beside.json if beside.path.is_file() else None
    return str(described.get("full_id") or "") if isinstance(described, dict) else ""


def _message(found: Found, message: dict[str, Any]) -> None:
    for name, statistic in _ESTIMATES.items():
        value = mapping(message, name)
        if (unit := value.get("unit")) in _UNITS:
            label, stated = str(message.get("id") or ""), value.get("estimate")
            found.add("time", statistic, stated, unit, label=label, source_name=name)


def _add(found: Found, label: str, match: re.Match[str]) -> None:
    for statistic, at in (("mean", 2), ("low", 1), ("high", 3)):
        found.add("time", statistic, quantity(match[at]), "s", label=label, source_name="time")


def _add_rate(found: Found, label: str, match: re.Match[str]) -> None:
    more: dict[str, Any] = {"label": label, "source_name": "thrpt"}
    text, unit = match[3], match[4]
    if unit.endswith("elem/s"):
        found.add("rate", "mean", text + unit.removesuffix("elem/s"), "ops/s", **more)
    elif unit.endswith("B/s") and (size := quantity(f"{text} {unit.removesuffix('/s')}")):
        found.add("data_rate", "mean", size.value, "B/s", **more)
