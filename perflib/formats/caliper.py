"""Hyperledger Caliper's HTML report: its tables say units in headings, old ones in the cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, last_digit, number
from perflib.formats.html_tables import table_rows

TOOL = "Caliper"
_COLUMNS = {
    "succ": ("transactions_succeeded", "value", "tx"),
    "fail": ("failures", "value", "tx"),
    "send rate": ("offered_rate", "value", "tps"),
    "max latency": ("transaction_time", "max", "s"),
    "min latency": ("transaction_time", "min", "s"),
    "avg latency": ("transaction_time", "mean", "s"),
    "throughput": ("throughput", "value", "tps"),
}
_HEADING = re.compile(r"(.*?) \((\w+)\)")


def recognise(source: Source) -> bool:
    """An HTML page of Caliper's."""
    head = source.head_text.lower()
    return "<html" in head and "caliper" in head


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a round; the summary table repeats the rounds."""
    found, heading = Found(), list[str]()
    units: dict[str, str] = {}
    for cells in table_rows(source):
        if "name" in (cell.lower() for cell in cells):
            named = [_HEADING.fullmatch(cell.lower()) for cell in cells]
            heading = [m[1] if m else c.lower() for m, c in zip(named, cells, strict=True)]
            units = {m[1]: m[2] for m in named if m}
        elif "throughput" in heading and len(cells) == len(heading):
            _add(found, dict(zip(heading, cells, strict=True)), units)
    if not found.indicators:
        raise source.fail("the page holds no performance table")
    yield Reading(tool=TOOL, indicators=found.indicators)


def _add(found: Found, row: dict[str, str], units: dict[str, str]) -> None:
    label = row.get("name", "")
    succeeded, failed = number(row.get("succ")), number(row.get("fail"))
    total = (succeeded or 0.0) + (failed or 0.0)
    for column, (metric, statistic, unit) in _COLUMNS.items():
        text, _, told = row.get(column, "").partition(" ")
        if unit != "tx" and units.get(column, told) != unit:
            continue
        step = last_digit(text) if "." in text else 0.0
        more: dict[str, Any] = {"label": label, "source_name": column, "n": total}
        base = "tx/s" if unit == "tps" else unit
        found.add(metric, statistic, text, base, resolution=step, **more)
    found.add_share(failed, total, label=label)
