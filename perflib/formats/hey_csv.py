"""hey's `-o csv`: a request a row, its offset in seconds from the start of the run."""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import number
from perflib.formats.tables import header, rows
from perflib.formats.tally import Request, batches

TOOL = "hey"


def recognise(source: Source) -> bool:
    """hey's columns."""
    columns = set(header(source)[0])
    return {"response-time", "status-code", "offset"} <= columns


def read(source: Source) -> Iterator[Reading]:
    """One run of samples, timed from zero because the file tells no time of day."""
    yield Reading(
        tool=TOOL, samples=lambda: batches(_requests(source)), clock=False, resolution_s=1e-4
    )


def _requests(source: Source) -> Iterator[Request]:
    for line, row in rows(source):
        offset, took = number(row["offset"]), number(row["response-time"])
        status = number(row["status-code"])
        if offset is None or took is None or status is None or not 0 <= took < 1e9 > offset >= 0:
            source.skip(line, "no offset, time or status")
            continue
        start, code = round(offset * 1e9), int(min(max(status, 0), 999))
        ok = 0 < code < 400
        end = start + round(took * 1e9)
        yield Request("", start, end, ok, "" if ok else f"status {code}", code)
