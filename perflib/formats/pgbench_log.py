"""pgbench's `--log` files: a transaction a row, or with `--aggregate-interval` an interval a row.

With `--jobs` each thread writes a file of its own; together they are the run.

The times of transactions are microseconds; a transaction's time of day is its end. At a rate
(`--rate`) they count from the scheduled starts and are response times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Any

import pyarrow as pa

from perflib.formats.base import Indicator, Reading, Source, over_time
from perflib.formats.found import Found, iso
from perflib.formats.tally import BATCH_ROWS, MOST_S, Request, batch, batches

TOOL = "pgbench"
# columns with all parts (version 15), and up to the skipped transactions (before)
WHOLE, SKIPPED = 15, 11
MOST_DIGITS = 14
_MOST_RETRIES = 1000
_TIMED = "transaction_time"
_OUTCOMES = ("failed", "skipped", "serialization", "deadlock")


def recognise(source: Source) -> bool:
    """Rows of at least six whole numbers that hold an epoch time in pgbench's place."""
    lines = [line.split() for line in source.head_text.split("\n")[:20] if line.strip()][:10]
    return bool(lines) and (all(map(_is_single, lines)) or all(map(_is_aggregate, lines)))


def _is_single(cells: list[str]) -> bool:
    return (
        6 <= len(cells) <= 8
        and all(cell.isdecimal() for cell in (*cells[:2], *cells[3:6]))
        and (cells[2].isdecimal() or cells[2] in _OUTCOMES)
        and len(cells[4]) == 10
        and len(cells[5]) <= 6
    )


def _is_aggregate(cells: list[str]) -> bool:
    return len(cells) >= 6 and all(cell.isdecimal() for cell in cells) and len(cells[0]) == 10


def read(source: Source) -> Iterator[Reading]:
    """One run: samples, or the sums of the intervals with their series."""
    first = next((text.split() for _, text in source.lines() if text.strip()), [])
    if _is_aggregate(first) and not _is_single(first):
        yield _aggregate(source.parts)
        return
    lagged = any(map(_lagged, source.parts))
    yield Reading(
        tool=TOOL,
        indicators=_untimed(source.parts),
        samples=lambda: _batches(source.parts, lagged=lagged),
        outcomes=False,
        resolution_s=1e-6,
    )


def _untimed(parts: list[Source]) -> list[Indicator]:
    """Failed transactions and skipped ones, which never ran, have no time: they are counted."""
    found = Found()
    words = (text.split(maxsplit=3)[2:3] for part in parts for _, text in part.lines())
    counts = Counter(word[0] if word[0] in _OUTCOMES else "done" for word in words if word)
    skipped = counts.pop("skipped", 0)
    if skipped:
        found.add("skipped", "value", skipped, "tx", source_name="skipped")
    _share(found, counts.total() - counts["done"], counts["done"])
    return found.indicators


def _share(found: Found, failures: float, done: float) -> None:
    if done + failures > 0:
        found.add("failures", "value", failures, "tx")
        found.add_share(failures, done + failures)


def _lagged(source: Source) -> bool:
    """Whether the rows tell how late each transaction began: its schedule lag.

    A seventh column alone can be the retries instead, of which nobody allows a thousand.
    """
    rows = [cells for text in source.head_text.split("\n")[:-1] if (cells := text.split())]
    seventh = [int(cells[6]) for cells in rows if len(cells) > 6 and cells[6].isdecimal()]
    told = any(len(cells) == 8 or cells[2] == "skipped" for cells in rows if len(cells) > 6)
    return told or max(seventh, default=0) > _MOST_RETRIES


def _batches(parts: list[Source], *, lagged: bool) -> Iterator[pa.RecordBatch]:
    rows = merge(*(_requests(part, lagged=lagged) for part in parts), key=lambda row: row[0].end_ns)
    if not lagged:
        yield from batches(request for request, _ in rows)
        return
    while chosen := list(islice(rows, BATCH_ROWS)):
        requests, lags = zip(*chosen, strict=True)
        label, start, end, ok, *_ = zip(*requests, strict=True)
        intended = [each - lag for each, lag in zip(start, lags, strict=True)]
        yield batch(label, start, end, ok, intended_ns=intended)


def _requests(source: Source, *, lagged: bool) -> Iterator[tuple[Request, int]]:
    """Each transaction and how late it began, in nanoseconds."""
    for line, text in source.lines():
        cells = text.split()
        if not cells:
            continue
        sane = max(map(len, cells)) <= MOST_DIGITS and _is_single(cells)
        if not sane or int(cells[4]) > MOST_S:
            source.skip(line, "no transaction of pgbench's")
        elif cells[2].isdecimal():
            end = int(cells[4]) * 10**9 + int(cells[5]) * 1000
            lag = int(cells[6]) * 1000 if lagged and cells[6:7] and cells[6].isdecimal() else 0
            start = end - int(cells[2]) * 1000 + lag
            yield Request(f"script {cells[3]}", start, end, ok=True), lag


def _intervals(source: Source) -> Iterator[list[int]]:
    for line, text in source.lines():
        cells = text.split()
        if cells and _is_aggregate(cells) and max(map(len, cells)) < 3 * MOST_DIGITS:
            yield [int(cell) for cell in cells]
        elif cells:
            source.skip(line, "no interval of pgbench's")


def _aggregate(parts: list[Source]) -> Reading:
    found, threads = Found(), [list(_intervals(part)) for part in parts]
    rows = sorted(row for thread in threads for row in thread)
    counts = [_done(row) for row in rows]
    total = sum(counts)
    found.add("transactions", "value", total, "tx", source_name="num_transactions")
    if total > 0:
        more: dict[str, Any] = {"n": total}
        # the lags are the columns behind the latencies
        timed = "response_time" if any(len(row) > 6 and row[6] for row in rows) else _TIMED
        mean = sum(row[2] for row in rows) / total
        found.add(timed, "mean", mean, "us", source_name="sum_latency", **more)
        least, most = min(row[4] for row in rows), max(row[5] for row in rows)
        found.add(timed, "min", least, "us", source_name="min_latency", **more)
        found.add(timed, "max", most, "us", source_name="max_latency", **more)
    if all(len(row) == WHOLE for row in rows):
        _share(found, sum(row[13] + row[14] for row in rows), total)
    if all(len(thread) > 2 and thread[-1][0] > thread[1][0] for thread in threads):
        # a thread began within its first interval and ended within its last
        whole = [(thread, sum(map(_done, thread[1:-1]))) for thread in threads]
        rate = sum(count / (thread[-1][0] - thread[1][0]) for thread, count in whole)
        found.add("throughput", "value", rate, "tx/s", n=sum(count for _, count in whole))
    by_time = Counter[int]()
    for row, count in zip(rows, counts, strict=True):
        by_time[row[0] - rows[0][0]] += count
    series = [(float(at), "transactions", "", float(count)) for at, count in by_time.items()]
    return Reading(
        tool=TOOL,
        started_at=iso(rows[0][0]) if rows else "",
        indicators=found.indicators,
        series=over_time(series),
    )


def _done(row: list[int]) -> int:
    """The transactions of an interval that ran; before version 15 skipped ones were counted too."""
    return row[1] - (row[10] if len(row) == SKIPPED else 0)
