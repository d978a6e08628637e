"""hey's `-o csv` and oha's `--output-format csv`: a request a row, in seconds from the start.

Both list answers only, not requests that got none, so the rows do not tell the failures.
"""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import number
from perflib.formats.tables import header, rows
from perflib.formats.tally import Request, batches

_HEY = ("offset", "response-time", "status-code")
_OHA = ("request-start", "request-duration", "status")


def recognise(source: Source) -> bool:
    """The columns of either."""
    columns = set(header(source)[0])
    return columns >= set(_HEY) or columns >= set(_OHA)


def read(source: Source) -> Iterator[Reading]:
    """One run of samples, timed from zero because the file tells no time of day."""
    from_hey = "offset" in header(source)[0]
    columns = _HEY if from_hey else _OHA
    yield Reading(
        tool="hey" if from_hey else "oha",
        samples=lambda: batches(_requests(source, columns)),
        clock=False,
        outcomes=False,
        resolution_s=1e-4 if from_hey else 0.0,
    )


def _requests(source: Source, columns: tuple[str, ...]) -> Iterator[Request]:
    for line, row in rows(source):
        offset, took, status = (number(row[column]) for column in columns)
        if offset is None or took is None or status is None or not 0 <= took < 1e9 > offset >= 0:
            source.skip(line, "no offset, time or status")
            continue
        start, code = round(offset * 1e9), int(min(max(status, 0), 999))
        ok = 0 < code < 400
        end = start + round(took * 1e9)
        yield Request("", start, end, ok, "" if ok else f"status {code}", code)
