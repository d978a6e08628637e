"""Base's benchmark: metrics of each block; `latency/…` in nanoseconds, reth's in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Moment, Reading, Source, over_time
from perflib.formats.found import Found, has, number

TOOL = "base-benchmark"


def recognise(source: Source) -> bool:
    """A list of blocks with `ExecutionMetrics`."""
    document = source.json
    return isinstance(document, list) and bool(document) and _is_block(document[0])


def _is_block(block: Any) -> bool:
    return has(block, "BlockNumber") and isinstance(block.get("ExecutionMetrics"), dict)


def read(source: Source) -> Iterator[Reading]:
    """One run: statistics over its blocks, and the series by block."""
    values: dict[str, list[float]] = {}
    series: list[Moment] = []
    started: list[str] = []
    for at, block in enumerate(source.json):
        if not _is_block(block):
            source.skip(at + 1, "no block")
            continue
        started.append(str(block.get("Timestamp") or ""))
        for name, value in block["ExecutionMetrics"].items():
            if (read_value := number(value)) is not None:
                values.setdefault(name, []).append(read_value)
                series.append((float(at), name, "", read_value))
    found = Found()
    for name, each in values.items():
        metric = "block_transactions" if name == "transactions/per_block" else name
        found.add_samples(metric, each, _unit(name), source_name=name)
    yield Reading(
        tool=TOOL,
        started_at=min((text for text in started if text), default=""),
        indicators=found.indicators,
        series=over_time(series),
    )


def _unit(name: str) -> str:
    if name.startswith("latency/"):
        return "ns"
    if name.endswith(("_duration", "_latency")):
        return "s"
    return {"gas/per_second": "gas/s", "gas/per_block": "gas", "transactions/per_block": "tx"}.get(
        name, "1"
    )
