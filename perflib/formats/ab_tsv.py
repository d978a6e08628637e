"""ApacheBench's `-g` file: a request a row, sorted by duration, in whole milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from perflib.formats.base import Reading, Source
from perflib.formats.found import number
from perflib.formats.tables import header, rows
from perflib.formats.tally import batch

TOOL = "ab"


def recognise(source: Source) -> bool:
    """ab's columns."""
    return {"starttime", "seconds", "ctime", "dtime", "ttime", "wait"} == set(header(source)[0])


def read(source: Source) -> Iterator[Reading]:
    """One run of samples; their starts are known to the second, their success is not told."""
    yield Reading(tool=TOOL, samples=lambda: _samples(source), outcomes=False, resolution_s=1e-3)


def _samples(source: Source) -> Iterator[pa.RecordBatch]:
    made: list[tuple[Any, ...]] = []
    for line, row in rows(source):
        seconds, total = number(row["seconds"]), number(row["ttime"])
        if seconds is None or total is None or not 0 <= seconds < 1e10 or not 0 <= total < 1e12:
            source.skip(line, "no time or duration")
            continue
        start = int(seconds) * 10**9
        made.append((start, start + round(total * 1e6)))
    if made:
        start_ns, end = zip(*made, strict=True)
        yield batch([""] * len(made), start_ns, end, [True] * len(made))
