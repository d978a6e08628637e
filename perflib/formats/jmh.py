"""JMH's JSON, CSV and the table it prints: the unit of a score is in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, has, mapping, number, with_point
from perflib.formats.tables import header, rows

TOOL = "JMH"
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "hr": 3600.0, "day": 86400.0}
_TABLE = re.compile(
    r"^Benchmark\s+(\(.*\)\s+)?Mode\s+(?:Cnt|Samples)\s+Score\b.*\bUnits\s*$", re.MULTILINE
)
_MODES = ("thrpt", "avgt", "sample", "ss")
# a score too small for its column; JMH tells its magnitude only
_NEARLY = re.compile(r"≈\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_PERCENTILE = re.compile(r"·?p(\d+\.\d+)")


def scaled(value: Any, unit: str) -> tuple[str, float | None, str]:
    """Metric, value and base unit of a score in JMH's `unit`."""
    score = number(value)
    over, _, per = unit.partition("/")
    if score is None:
        return "score", None, unit
    if over == "ops" and per in _SECONDS:
        return "rate", score / _SECONDS[per], "ops/s"
    if over in _SECONDS and per in ("op", ""):
        return "time", score * _SECONDS[over], "s"
    if unit == "B/op":
        return "allocation", score, "B"
    if unit == "MB/sec":  # of the profiler of memory, which divides by 1024 twice
        return "allocation_rate", score * 2**20, "B/s"
    return "score", score, unit


def recognise(source: Source) -> bool:
    """Entries with `jmhVersion` or `primaryMetric`, or JMH's columns."""
    document = source.json
    if isinstance(document, list):
        return any(has(entry, "primaryMetric") for entry in document)
    if _is_csv(source):
        return True
    # the table stands at the end of a log
    text = source.text if source.head_text.startswith("# JMH version") else source.head_text
    return bool(_TABLE.search(text))


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark with its parameters."""
    if isinstance(source.json, list):
        yield _json(source, source.json)
    elif _is_csv(source):
        yield _csv(source)
    else:
        yield _text(source)


def _is_csv(source: Source) -> bool:
    return {"Benchmark", "Mode", "Score", "Unit"} <= set(header(source)[0])


def _json(source: Source, entries: list[Any]) -> Reading:
    found, version = Found(), ""
    several = _several(e.get("mode") for e in entries if isinstance(e, dict))
    for entry in entries:
        metric = entry.get("primaryMetric") if isinstance(entry, dict) else None
        if not isinstance(metric, dict) or "benchmark" not in entry:
            source.skip(0, "an entry without a benchmark or score")
            continue
        version = str(entry.get("jmhVersion") or version)
        mode = several and entry.get("mode")
        label = _label(str(entry["benchmark"]), mapping(entry, "params"), mode)
        _add(found, label, metric, "")
        for name, each in mapping(entry, "secondaryMetrics").items():
            if isinstance(each, dict):
                _add(found, label, each, name.lstrip("·"))
    return Reading(tool=TOOL, version=version, indicators=found.indicators)


def _add(found: Found, label: str, metric: dict[str, Any], name: str) -> None:
    unit = str(metric.get("scoreUnit", ""))
    ours, value, base = scaled(metric.get("score"), unit)
    n = _measurements(metric)
    found.add(name or ours, "mean", value, base, label=label, source_name="score", n=n)
    if name:
        return
    for key, each in mapping(metric, "scorePercentiles").items():
        q = number(key)
        if q is not None and 0 < q < 100:
            _, at, base = scaled(each, unit)
            found.add(
                ours, f"p{q:g}", at, base, label=label, source_name=f"scorePercentiles.{key}", n=n
            )


def _measurements(metric: dict[str, Any]) -> float:
    """How many values are in the score: of each fork, or counted by value as in `sample`."""
    counts = _at_depth(4, [metric.get("rawDataHistogram")])[1::2]
    return len(_at_depth(2, [metric.get("rawData")])) or sum(number(each) or 0.0 for each in counts)


def _at_depth(depth: int, found: list[Any]) -> list[Any]:
    """What lies so many lists deep in `found`."""
    for _ in range(depth):
        found = [each for part in found if isinstance(part, list) for each in part]
    return found


def _csv(source: Source) -> Reading:
    found, listed = Found(), list(rows(source))
    several = _several(row["Mode"] for _, row in listed)
    for line, row in listed:
        if number(with_point(row["Score"])) is None:
            source.skip(line, "no score")
            continue
        parameters = {
            k.removeprefix("Param: "): v for k, v in row.items() if k.startswith("Param: ") and v
        }
        benchmark, _, part = row["Benchmark"].partition(":")
        label = _label(benchmark, parameters, several and row["Mode"])
        _add_row(found, label, part, row["Score"], row["Unit"], row.get("Samples"))
    return Reading(tool=TOOL, indicators=found.indicators)


def _text(source: Source) -> Reading:
    """The table at the end of a log; a score's error is not read."""
    found, names = Found(), None
    table = source.text[match.end() :] if (match := _TABLE.search(source.text)) else ""
    several = _several(cell for cell in table.split() if cell in _MODES)
    for line, text in source.lines():
        if head := _TABLE.match(text):
            names = re.findall(r"\(([^)]*)\)", head[1] or "")
            continue
        cells = _NEARLY.sub(_power, text.replace("±", " ")).split()
        mode = next((at for at, cell in enumerate(cells) if cell in _MODES), 0)
        if names is None or not mode:
            continue
        counted = len(cells) > mode + 2 and cells[mode + 1].isdecimal()
        numbers = cells[mode + 1 + counted : -1]
        if not numbers or len(cells[1:mode]) != len(names):
            source.skip(line, "a row of another shape than the head of the table")
            continue
        parameters = {k: v for k, v in zip(names, cells[1:mode], strict=True) if v != "N/A"}
        benchmark, _, part = cells[0].partition(":")
        label = _label(benchmark, parameters, several and cells[mode])
        n = cells[mode + 1] if counted else None
        _add_row(found, label, part, numbers[0], cells[-1], n)
    return Reading(tool=TOOL, indicators=found.indicators)


def _power(match: re.Match[str]) -> str:
    return f"≈1e{match[1].translate(_DIGITS)}"


def _add_row(found: Found, label: str, part: str, score: str, unit: str, n: Any) -> None:
    quantile = _PERCENTILE.fullmatch(part.rpartition("·")[2])
    # JMH writes the decimal point of the user's language and groups no digits
    ours, value, base = scaled(with_point(score.lstrip("≈")), unit)
    nearly = score.startswith("≈")
    statistic = f"p{float(quantile[1]) * 100:g}" if quantile else "mean"
    metric = ours if quantile or not part else part.lstrip("·")
    width = 10 * abs(value or 0.0) if nearly else 0.0
    more: dict[str, Any] = {"source_name": "Score", "approximate": nearly, "resolution": width}
    found.add(metric, statistic, value, base, label=label, n=n, **more)


def _several(modes: Iterable[Any]) -> bool:
    """Whether times of more than one mode are in the file, which their labels must part."""
    return len({str(mode) for mode in modes} - {"thrpt"}) > 1


def _label(benchmark: str, parameters: dict[str, Any], mode: Any) -> str:
    """Of times of several modes only those of samples and single shots name theirs."""
    parameters = parameters | ({"mode": mode} if mode in ("sample", "ss") else {})
    arguments = ", ".join(f"{key}={value}" for key, value in parameters.items())
    return f"{benchmark}({arguments})" if arguments else benchmark
