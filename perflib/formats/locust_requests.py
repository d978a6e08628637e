"""A request a row, as listeners of Locust's `request` event write it; its times are milliseconds.

The event's own words are the columns: `request_type`, `name`, `response_time`,
`response_length`, `exception`, `start_time`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import number
from perflib.formats.locust_stats import TOOL, label
from perflib.formats.otava_csv import epoch_s
from perflib.formats.tables import header, rows
from perflib.formats.tally import MOST_S, Request, batches

_TIMES = ("start_time", "timestamp", "time")
_OUTCOMES = ("exception", "success", "error", "result")


def recognise(source: Source) -> bool:
    """The words of the event."""
    return {"request_type", "name", "response_time"} <= _columns(source)


def _columns(source: Source) -> set[str]:
    return {name.lower() for name in header(source)[0]}


def read(source: Source) -> Iterator[Reading]:
    """One run of samples."""
    columns = _columns(source)
    clock = bool(columns & set(_TIMES))
    yield Reading(
        tool=TOOL,
        samples=lambda: batches(_requests(source)),
        clock=clock,
        outcomes=bool(columns & set(_OUTCOMES)),
        time_step_s=0.0 if clock else math.inf,
    )


def _requests(source: Source) -> Iterator[Request]:
    for line, cells in rows(source):
        row = {name.lower(): cell.strip() for name, cell in cells.items()}
        took = number(row["response_time"])
        told = next((row[name] for name in _TIMES if name in row), "0")
        at = epoch_s(told)
        if took is None or at is None or not 0 <= took < 1e12 or not 0 <= at < MOST_S:
            source.skip(line, "no time or duration")
            continue
        start = round(at * 1e9)
        # the event's start_time is the beginning, a plain time of writing the end
        start -= 0 if "start_time" in row or told == "0" else round(took * 1e6)
        error = _error(row)
        size = number(row.get("response_length", "")) or 0
        name = label(row["request_type"], row["name"])
        sane = int(size) if 0 <= size < 2**62 else 0
        yield Request(name, start, start + round(took * 1e6), not error, error, 0, sane)


def _error(row: dict[str, str]) -> str:
    if "success" in row or "result" in row:
        told = row.get("success", row.get("result", "")).lower()
        if told in ("true", "success", "1", "ok", "pass"):
            return ""
        return row.get("exception") or row.get("error") or "failed"
    text = row.get("exception") or row.get("error") or ""
    return "" if text in ("None", "null") else text
