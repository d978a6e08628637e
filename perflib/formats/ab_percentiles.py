"""ApacheBench's `-e` file: the time in milliseconds within which each percent was served."""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number, quantile
from perflib.formats.tables import header, rows

TOOL = "ab"
_COLUMNS = ["Percentage served", "Time in ms"]


def recognise(source: Source) -> bool:
    """Its two columns."""
    return header(source)[0] == _COLUMNS


def read(source: Source) -> Iterator[Reading]:
    """One run, a percentile a row."""
    found = Found()
    for line, row in rows(source):
        q = number(row[_COLUMNS[0]])
        if q is None or not 0 <= q <= 100:
            source.skip(line, "no percentage")
            continue
        found.add("service_time", quantile(q), row[_COLUMNS[1]], "ms", source_name=_COLUMNS[1])
    yield Reading(tool=TOOL, indicators=found.indicators)
