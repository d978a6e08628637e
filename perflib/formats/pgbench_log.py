"""pgbench's `--log` files: a transaction a row, or with `--aggregate-interval` an interval a row.

The times of transactions are microseconds; a transaction's time of day is its end.
"""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, iso, number
from perflib.formats.locust_history import table
from perflib.formats.tally import Request, batches

TOOL = "pgbench"
_OUTCOMES = ("failed", "skipped", "serialization", "deadlock")


def recognise(source: Source) -> bool:
    """Rows of at least six whole numbers that hold an epoch time in pgbench's place."""
    lines = [line.split() for line in source.head_text.split("\n")[:20] if line.strip()][:10]
    return bool(lines) and (all(map(_is_single, lines)) or all(map(_is_aggregate, lines)))


def _is_single(cells: list[str]) -> bool:
    return (
        6 <= len(cells) <= 8
        and all(cell.isdigit() for cell in (*cells[:2], *cells[3:6]))
        and (cells[2].isdigit() or cells[2] in _OUTCOMES)
        and len(cells[4]) == 10
        and len(cells[5]) <= 6
    )


def _is_aggregate(cells: list[str]) -> bool:
    return len(cells) >= 6 and all(cell.isdigit() for cell in cells) and len(cells[0]) == 10


def read(source: Source) -> Iterator[Reading]:
    """One run: samples, or the sums of the intervals with their series."""
    first = next((text.split() for _, text in source.lines() if text.strip()), [])
    if _is_aggregate(first) and not _is_single(first):
        yield _aggregate(source)
    else:
        yield Reading(tool=TOOL, samples=lambda: batches(_requests(source)), resolution_s=1e-6)


def _requests(source: Source) -> Iterator[Request]:
    for line, text in source.lines():
        cells = text.split()
        if not cells:
            continue
        if not _is_single(cells):
            source.skip(line, "no transaction of pgbench's")
            continue
        end = int(cells[4]) * 10**9 + int(cells[5]) * 1000
        ok = cells[2].isdigit()
        took = int(cells[2]) if ok and len(cells[2]) < 15 else 0
        name = f"script {cells[3]}"
        yield Request(name, end - took * 1000, end, ok, "" if ok else cells[2])


def _aggregate(source: Source) -> Reading:
    found, series, total, elapsed, least, most = Found(), [], 0, 0, None, 0
    first = last = 0
    for line, text in source.lines():
        cells = text.split()
        if not cells:
            continue
        if not _is_aggregate(cells):
            source.skip(line, "no interval of pgbench's")
            continue
        at, count, spent, _, low, high = (int(cell) for cell in cells[:6])
        first, last = first or at, at
        total, elapsed, most = total + count, elapsed + spent, max(most, high)
        least = low if least is None else min(least, low)
        series.append((float(at - first), "transactions", "", float(count)))
    found.add("transactions", "value", total, "tx", source_name="num_transactions")
    if total:
        found.add(
            "transaction_time", "mean", elapsed / total, "us", source_name="sum_latency", n=total
        )
        found.add("transaction_time", "min", least, "us", source_name="min_latency", n=total)
        found.add("transaction_time", "max", most, "us", source_name="max_latency", n=total)
    if last > first and number(total):
        # the last interval may be cut short, so it tells no rate
        whole = total - series[-1][3]
        found.add("throughput", "value", whole / (last - first), "tx/s", n=total)
    return Reading(
        tool=TOOL,
        started_at=iso(first) if first else "",
        indicators=found.indicators,
        series=table(series),
    )
