"""BenchmarkDotNet's JSON (brief and full): nanoseconds an operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number

TOOL = "BenchmarkDotNet"
_STATISTICS = {
    "Mean": "mean",
    "Median": "p50",
    "Min": "min",
    "Max": "max",
    "StandardDeviation": "stdev",
}


def recognise(source: Source) -> bool:
    """`HostEnvironmentInfo` beside `Benchmarks`."""
    document = source.json
    return isinstance(document, dict) and {"HostEnvironmentInfo", "Benchmarks"} <= set(document)


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark with its parameters."""
    document, found = source.json, Found()
    listed = document["Benchmarks"]
    for entry in listed if isinstance(listed, list) else ():
        statistics = entry.get("Statistics") if isinstance(entry, dict) else None
        if not isinstance(statistics, dict):
            source.skip(0, "a benchmark without statistics, as after a failure")
            continue
        _add(found, entry, statistics)
    host = document["HostEnvironmentInfo"]
    version = host.get("BenchmarkDotNetVersion") if isinstance(host, dict) else None
    yield Reading(
        tool=TOOL,
        version=str(version or ""),
        run=str(document.get("Title") or ""),
        indicators=found.indicators,
    )


def _add(found: Found, entry: dict[str, Any], statistics: dict[str, Any]) -> None:
    label = str(entry.get("FullName") or entry.get("DisplayInfo") or "")
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
