"""Hyperledger Caliper's HTML report: its tables say units in their headings."""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, decimal_places, number
from perflib.formats.html_tables import table_rows

TOOL = "Caliper"
_COLUMNS = {
    "succ": ("transactions_succeeded", "value", "tx"),
    "fail": ("failures", "value", "tx"),
    "send rate (tps)": ("offered_rate", "value", "tx/s"),
    "max latency (s)": ("transaction_time", "max", "s"),
    "min latency (s)": ("transaction_time", "min", "s"),
    "avg latency (s)": ("transaction_time", "mean", "s"),
    "throughput (tps)": ("throughput", "value", "tx/s"),
}


def recognise(source: Source) -> bool:
    """An HTML page of Caliper's."""
    head = source.head_text.lower()
    return "<html" in head and "caliper" in head


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a round; the summary table repeats the rounds and is taken once."""
    found, heading, seen = Found(), list[str](), set[str]()
    for cells in table_rows(source):
        if "name" in (cell.lower() for cell in cells):
            heading = [cell.lower() for cell in cells]
        elif heading and len(cells) == len(heading) and "throughput (tps)" in heading:
            _add(found, dict(zip(heading, cells, strict=True)), seen)
    if not found.indicators:
        raise source.fail("the page holds no performance table")
    yield Reading(tool=TOOL, indicators=found.indicators)


def _add(found: Found, row: dict[str, str], seen: set[str]) -> None:
    label = row.get("name", "")
    if label in seen:
        return
    seen.add(label)
    succeeded, failed = number(row.get("succ")), number(row.get("fail"))
    total = (succeeded or 0.0) + (failed or 0.0)
    for column, (metric, statistic, unit) in _COLUMNS.items():
        text = row.get(column, "")
        step = 10.0 ** -decimal_places(text) if "." in text else 0.0
        found.add(
            metric, statistic, text, unit, label=label, source_name=column, n=total, resolution=step
        )
    if total and failed is not None:
        found.add("error_rate", "value", failed / total, label=label, n=total)
