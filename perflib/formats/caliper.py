"""Hyperledger Caliper's HTML report: its tables say units in their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, decimal_places, number

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


class _Tables(HTMLParser):
    """The text of each row's cells; everything else of the page is ignored."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 (the base's signature)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._inside = True
            if self.rows:
                self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a round; the summary table repeats the rounds and is taken once."""
    page = _Tables()
    try:
        page.feed(source.text)
    except AssertionError as error:
        # how the parser says that a declaration is broken
        raise source.fail(f"broken HTML: {error}") from None
    found, heading, seen = Found(), list[str](), set[str]()
    for row in page.rows:
        cells = [re.sub(r"\s+", " ", cell).strip() for cell in row]
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
