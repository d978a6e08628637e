"""ApacheBench's `-g` file: a request a row, sorted by duration, in whole milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import number
from perflib.formats.tables import header, rows
from perflib.formats.tally import MOST_S, Request, batches

TOOL = "ab"


def recognise(source: Source) -> bool:
    """ab's columns."""
    return {"starttime", "seconds", "ctime", "dtime", "ttime", "wait"} == set(header(source)[0])


def read(source: Source) -> Iterator[Reading]:
    """One run of samples; their starts are known to the second, their success is not told."""
    yield Reading(
        tool=TOOL,
        samples=lambda: batches(_requests(source)),
        outcomes=False,
        resolution_s=1e-3,
        time_step_s=1.0,
    )


def _requests(source: Source) -> Iterator[Request]:
    for line, row in rows(source):
        seconds, total = number(row["seconds"]), number(row["ttime"])
        if seconds is None or total is None or not 0 <= seconds < MOST_S or not 0 <= total < 1e12:
            source.skip(line, "no time or duration")
            continue
        start = int(seconds) * 10**9
        yield Request("", start, start + round(total * 1e6), ok=True)
