"""BenchmarkDotNet's JSON (brief and full) in nanoseconds, and its CSV, which says its units."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.formats.quantities import quantity
from perflib.formats.tables import header, rows

TOOL = "BenchmarkDotNet"
_STATISTICS = {
    "Mean": "mean",
    "Median": "p50",
    "Min": "min",
    "Max": "max",
    "StandardDeviation": "stdev",
}


_MEASURED = {"Mean": "mean", "Median": "p50", "Min": "min", "Max": "max", "StdDev": "stdev"}
# the last columns of a job that stand before the parameters
_JOBS = ("Method", "Job", "WarmupCount", "UnrollFactor", "Runtime", "Toolchain", "IterationCount")
_UNIT = re.compile(r"(\w+) \[(\w+|μs)\]")


def recognise(source: Source) -> bool:
    """`HostEnvironmentInfo` beside `Benchmarks`, or the columns of the report."""
    columns = {name.partition(" [")[0] for name in header(source)[0]}
    if {"Method", "Mean", "Error", "StdDev"} <= columns:
        return True
    document = source.json
    return isinstance(document, dict) and {"HostEnvironmentInfo", "Benchmarks"} <= set(document)


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark with its parameters."""
    if source.json is None:
        yield _csv(source)
        return
    document, found = source.json, Found()
    listed = document["Benchmarks"] if isinstance(document["Benchmarks"], list) else []
    labels = Counter(_label(entry) for entry in listed if isinstance(entry, dict))
    for entry in listed:
        statistics = entry.get("Statistics") if isinstance(entry, dict) else None
        if not isinstance(statistics, dict):
            source.skip(0, "a benchmark without statistics, as after a failure")
            continue
        label = _label(entry)
        # one benchmark in several jobs
        job = str(entry.get("DisplayInfo") or "").partition(": ")[2] if labels[label] > 1 else ""
        _add(found, f"{label} [{job}]" if job else label, entry, statistics)
    host = document["HostEnvironmentInfo"]
    version = host.get("BenchmarkDotNetVersion") if isinstance(host, dict) else None
    yield Reading(
        tool=TOOL,
        version=str(version or ""),
        run=str(document.get("Title") or ""),
        indicators=found.indicators,
    )


def _csv(source: Source) -> Reading:
    """Parameters stand between the last of the job's columns and `Mean`."""
    columns = header(source)[0]
    first = next(at for at, name in enumerate(columns) if name.partition(" [")[0] == "Mean")
    jobs = max((at for at, name in enumerate(columns[:first]) if name in _JOBS), default=0)
    found = Found()
    for line, row in rows(source):
        given = ", ".join(f"{name}={row[name]}" for name in columns[jobs + 1 : first])
        label = f"{row['Method']}({given})" if given else row["Method"]
        added = [_add_cell(found, label, name, row[name]) for name in columns[first:]]
        if not any(added):
            source.skip(line, f"{label} has no times, as after a failure")
    return Reading(tool=TOOL, indicators=found.indicators)


def _add_cell(found: Found, label: str, name: str, cell: str) -> bool:
    head = _UNIT.fullmatch(name)
    name, text = (head[1], f"{cell} {head[2]}") if head else (name, cell)
    time = quantity(text) if name in _MEASURED and not text.strip()[-1:].isdecimal() else None
    if time is None:
        return False
    more: dict[str, Any] = {"label": label, "source_name": name, "resolution": time.step}
    found.add("time", _MEASURED[name], time.value, "s", **more)
    return True


def _label(entry: dict[str, Any]) -> str:
    names = (entry.get(key) for key in ("Namespace", "Type", "Method"))
    return str(entry.get("FullName") or ".".join(str(name) for name in names if name))


def _add(found: Found, label: str, entry: dict[str, Any], statistics: dict[str, Any]) -> None:
    more: dict[str, Any] = {"label": label, "n": statistics.get("N")}
    found.add_all("time", statistics, _STATISTICS, "ns", **more)
    percentiles = statistics.get("Percentiles")
    for key, value in percentiles.items() if isinstance(percentiles, dict) else ():
        q = number(key[1:])
        if q is not None and 0 < q < 100 and q != 50:
            found.add("time", f"p{q:g}", value, "ns", source_name=f"Percentiles.{key}", **more)
    memory = entry.get("Memory")
    allocated = memory.get("BytesAllocatedPerOperation") if isinstance(memory, dict) else None
    found.add(
        "allocation", "mean", allocated, "B", source_name="BytesAllocatedPerOperation", **more
    )
