"""The few numbers of a run that a script, a dashboard or a `grep` asks for, in a flat JSON file.

Durations are in the unit in which the promise of the target is usually written; the full
record, with intervals and samples, stays in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from perflib.files import write_out
from perflib.model import Run
from perflib.units import find_unit


class Headline(NamedTuple):
    """A key of the file, the estimate behind it, and the unit it is written in."""

    key: str
    metric: str
    statistic: str
    unit: str


HEADLINES: dict[str, tuple[Headline, ...]] = {
    "http": (
        Headline("throughput", "throughput", "value", "req/s"),
        Headline("p95_response_time", "response_time", "p95", "ms"),
        Headline("p99_response_time", "response_time", "p99", "ms"),
        Headline("error_rate", "error_rate", "value", "%"),
    ),
    "blocks": (
        Headline("block_time", "block_time", "mean", "s"),
        Headline("arrival_interval", "arrival_interval", "mean", "s"),
        Headline("consensus_latency", "consensus_latency", "p95", "s"),
        Headline("anchoring_time", "anchoring_time", "p95", "s"),
    ),
    "chunks": (
        Headline("processing_time", "processing_time", "mean", "ms"),
        Headline("p95_processing_time", "processing_time", "p95", "ms"),
        Headline("data_rate", "data_rate", "value", "MB/s"),
        Headline("compression_ratio", "compression_ratio", "value", "1"),
    ),
    "sql": (
        Headline("query_time", "query_time", "mean", "ms"),
        Headline("p95_query_time", "query_time", "p95", "ms"),
        Headline("connection_time", "connection_time", "mean", "ms"),
    ),
}


def headline(run: Run) -> dict[str, Any]:
    """The headline numbers of `run` with their units, intervals and verdicts; null if unknown."""
    found = {(e.metric, e.statistic): e for e in run.estimates if not e.label}
    numbers: dict[str, float | None] = {}
    intervals: dict[str, tuple[float | None, float | None]] = {}
    for key, metric, statistic, unit in HEADLINES[run.kind]:
        estimate, factor = found.get((metric, statistic)), find_unit(unit).factor
        numbers[key] = None if estimate is None else estimate.value / factor
        if estimate is not None and estimate.low is not None and estimate.high is not None:
            intervals[key] = (estimate.low / factor, estimate.high / factor)
    return {
        "target": run.target,
        "run_id": run.id,
        "started_at": run.started_at,
        **numbers,
        "units": {each.key: each.unit for each in HEADLINES[run.kind]},
        "intervals": intervals,
        "verdicts": {v.objective.text: [v.outcome.value, v.reason] for v in run.verdicts},
    }


def write_headline(run: Run, path: Path) -> Mapping[str, Any]:
    """Write the headline of `run` to `path` as JSON and return it."""
    content = headline(run)
    write_out(path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    return content
