"""pyperf's JSON: values of each process, in seconds unless the metadata names another unit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, has, listing, mapping, number, objects

TOOL = "pyperf"
_UNITS = {"second": ("time", "s"), "byte": ("memory", "B"), "integer": ("value", "1")}


def recognise(source: Source) -> bool:
    """`benchmarks` with `runs`."""
    return any(has(benchmark, "runs") for benchmark in listing(source.json, "benchmarks"))


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark; warm-ups and calibrations are left out."""
    document, found = source.json, Found()
    shared = mapping(document, "metadata")
    dates: list[str] = []
    for entry in document["benchmarks"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("runs"), list):
            source.skip(0, "a benchmark without runs")
            continue
        metadata = {**shared, **mapping(entry, "metadata")}
        runs = objects(entry, "runs")
        dates += [str(date) for run in runs if (date := mapping(run, "metadata").get("date"))]
        values = [v for run in runs for x in listing(run, "values") if (v := number(x)) is not None]
        _add(found, metadata, values)
    yield Reading(
        tool=TOOL,
        version=str(shared.get("perf_version") or shared.get("pyperf_version") or ""),
        started_at=min(dates, default="").replace(" ", "T"),
        indicators=found.indicators,
    )


def _add(found: Found, metadata: dict[str, Any], values: list[float]) -> None:
    unit = str(metadata.get("unit", "second"))
    metric, base = _UNITS.get(unit, ("value", unit))
    if not values:
        return
    more: dict[str, Any] = {"label": str(metadata.get("name", "")), "source_name": "values"}
    found.add_samples(metric, values, base, **more)
    if len(values) > 1:
        with np.errstate(over="ignore"):
            deviation = float(np.std(values, ddof=1))
        found.add(metric, "stdev", deviation, base, n=len(values), **more)
