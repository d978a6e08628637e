"""Google Benchmark's JSON: times in each entry's `time_unit`; aggregates are no runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found

TOOL = "Google Benchmark"
_AGGREGATES = {"mean": "mean", "median": "p50", "stddev": "stdev"}


def recognise(source: Source) -> bool:
    """`benchmarks` with `real_time` or errors, beside `context`."""
    document = source.json
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        return False
    return "context" in document and "machine_info" not in document


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark."""
    document, found = source.json, Found()
    for entry in document["benchmarks"]:
        if not isinstance(entry, dict) or "name" not in entry:
            source.skip(0, "an entry without a name")
        elif entry.get("error_occurred"):
            source.skip(0, f"{entry['name']} failed: {entry.get('error_message', '')}")
        else:
            _add(source, found, entry)
    context = document["context"]
    known = context if isinstance(context, dict) else {}
    yield Reading(
        tool=TOOL,
        version=str(known.get("library_version") or ""),
        started_at=str(known.get("date") or "").replace(" ", "T"),
        indicators=found.indicators,
    )


def _add(source: Source, found: Found, entry: dict[str, Any]) -> None:
    statistic, aggregate = "mean", str(entry.get("aggregate_name") or "")
    if aggregate:
        if aggregate not in _AGGREGATES:
            return
        statistic = _AGGREGATES[aggregate]
    label = str(entry.get("run_name") or entry["name"])
    more: dict[str, Any] = {"label": label, "n": entry.get("iterations")}
    unit = entry.get("time_unit")
    if unit in ("ns", "us", "ms", "s"):
        for key, metric in (("real_time", "time"), ("cpu_time", "cpu_time")):
            found.add(metric, statistic, entry.get(key), unit, source_name=key, **more)
    elif "real_time" in entry:
        source.skip(0, f"{entry['name']} has no time unit")
    for key, metric, base in (
        ("items_per_second", "rate", "ops/s"),
        ("bytes_per_second", "data_rate", "B/s"),
    ):
        found.add(metric, statistic, entry.get(key), base, source_name=key, **more)
