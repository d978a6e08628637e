"""pytest-benchmark's JSON: seconds a call, over rounds of `iterations` calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found

TOOL = "pytest-benchmark"
_STATISTICS = {
    "mean": "mean",
    "median": "p50",
    "min": "min",
    "max": "max",
    "stddev": "stdev",
    "q1": "p25",
    "q3": "p75",
}


_NO_COMMIT = ("unversioned", "unknown")


def recognise(source: Source) -> bool:
    """`benchmarks` with `stats`, beside `machine_info`."""
    document = source.json
    return isinstance(document, dict) and {"benchmarks", "machine_info"} <= set(document)


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a test."""
    document, found = source.json, Found()
    listed = document["benchmarks"]
    for entry in listed if isinstance(listed, list) else ():
        stats = entry.get("stats") if isinstance(entry, dict) else None
        if not isinstance(stats, dict):
            source.skip(0, "a benchmark without statistics")
            continue
        label = str(entry.get("fullname") or entry.get("name") or "")
        more: dict[str, Any] = {"label": label, "n": stats.get("rounds")}
        found.add_all("time", stats, _STATISTICS, "s", **more)
        found.add("rate", "value", stats.get("ops"), "ops/s", source_name="ops", **more)
    commit = document.get("commit_info")
    named = str(commit.get("id") or "") if isinstance(commit, dict) else ""
    yield Reading(
        tool=TOOL,
        version=str(document.get("version") or ""),
        started_at=str(document.get("datetime") or ""),
        commit="" if named in _NO_COMMIT else named,
        indicators=found.indicators,
    )
