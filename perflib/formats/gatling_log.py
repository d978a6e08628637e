"""Gatling's text `simulation.log` (2 and 3.0 to 3.9): a request a row, in milliseconds.

The place of the columns moved between versions: a request's start and end are the two numbers
before its `OK` or `KO`, its name stands before them. The binary log of newer versions is
recognised and refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import iso, number
from perflib.formats.tally import MOST_S, Request, batches

TOOL = "Gatling"


def recognise(source: Source) -> bool:
    """A `RUN` row or the binary header."""
    first = _first(source)
    return (first.startswith(("RUN\t", "REQUEST\t")) or "\tRUN\t" in first) or _binary(source)


def _first(source: Source) -> str:
    """The first row, but for those of the simulation's assertions."""
    rows = source.head_text.split("\n")
    return next((row for row in rows if not row.startswith("ASSERTION\t")), "")


def _binary(source: Source) -> bool:
    """A zero byte, then the version as a length-prefixed string."""
    head = source.head
    return (
        head[:4] == b"\0\0\0\0"
        and 5 <= head[4] <= 20
        and head[5:6].isdigit()
        and b"." in head[5:12]
    )


def read(source: Source) -> Iterator[Reading]:
    """One run of samples."""
    if _binary(source):
        version = source.head[5 : 5 + source.head[4]].decode("ascii", "replace")
        raise source.fail(
            f"the binary log of Gatling {version}, whose format is private to its version",
            next_step="import `js/stats.json` of the report that `gatling` generates from it",
        )
    run, version, started = _run(source)
    yield Reading(
        tool=TOOL,
        version=version,
        run=run,
        started_at=started,
        samples=lambda: batches(_requests(source)),
        resolution_s=1e-3,
    )


def _run(source: Source) -> tuple[str, str, str]:
    cells = _first(source).split("\t")
    stamp = next((c for c in cells if c.isdecimal() and c.isascii() and len(c) == 13), "")
    version = next((c for c in reversed(cells) if c[:1].isdecimal() and "." in c), "")
    named = [c for c in cells[1:] if c.strip() and c not in ("RUN", stamp, version)]
    return named[0] if named else "", version, iso(int(stamp) / 1e3) if stamp else ""


def _requests(source: Source) -> Iterator[Request]:
    for line, text in source.lines():
        cells = text.split("\t")
        if "REQUEST" not in (cells[0], cells[2] if len(cells) > 2 else ""):
            continue
        row = _row(cells)
        if row is None:
            source.skip(line, "a request without start, end or outcome")
        else:
            yield row


def _is_outcome(cells: list[str], at: int) -> bool:
    return cells[at] in ("OK", "KO") and None not in (number(cells[at - 1]), number(cells[at - 2]))


def _row(cells: list[str]) -> Request | None:
    # a name may be `OK` as well, a message may hold tabs
    at = next((i for i in range(3, len(cells)) if _is_outcome(cells, i)), None)
    if at is None:
        return None
    start, end = number(cells[at - 2]), number(cells[at - 1])
    at_name = at - 3
    # Gatling 2 writes first and last bytes of both directions: four numbers
    if (
        at >= 5
        and cells[at - 3].isdecimal()
        and cells[at - 4].isdecimal()
        and len(cells[at - 4]) == 13
    ):
        start, at_name = float(cells[at - 4]), at - 5
    if start is None or end is None or not 0 <= start <= end < MOST_S * 1e3:
        return None
    # the groups stand before the name, as a path that its report shows
    groups = cells[at_name - 1].split(",") if cells[at_name - 1] != "REQUEST" else []
    name = " / ".join([*filter(None, groups), cells[at_name]])
    message = cells[at + 1].strip() if len(cells) > at + 1 else ""
    ok = cells[at] == "OK"
    return Request(name, int(start) * 10**6, int(end) * 10**6, ok, "" if ok else message or "KO")
