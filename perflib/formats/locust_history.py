"""Locust's `_stats_history.csv`: a series over time whose `Total …` columns are cumulative.

The percentiles in it describe the last ten seconds of each moment, so they are kept in the
series and never taken for the run's; the totals of each label's last row are the run's.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

from perflib.formats.base import Moment, Reading, Source, over_time
from perflib.formats.found import Found, iso, number
from perflib.formats.locust_stats import (
    STATED,
    TOOL,
    add_error_rate,
    add_stated,
    label,
    stated,
    whole,
)
from perflib.formats.tables import header, rows

# since 1.0, and before
_TOTALS = {
    f"{total}{column}": stated
    for total in ("Total ", "")
    for column, stated in STATED.items()
    if stated[2] != "req/s"
}
_CURRENT = {
    "User Count": "users",
    "Requests/s": "throughput",
    "Failures/s": "failure_rate",
    "Requests Failed/s": "failure_rate",
}
_COUNTS = ("Total Request Count", "# requests")
_FAILURES = ("Total Failure Count", "# failures")


def recognise(source: Source) -> bool:
    """The columns of `_stats_history.csv`."""
    columns = set(header(source)[0])
    return {"Timestamp", "Name", "Requests/s"} <= columns and bool(columns & set(_COUNTS))


def read(source: Source) -> Iterator[Reading]:
    """One run: the last totals of each label, and the series."""
    last: dict[str, dict[str, str]] = {}
    series: list[Moment] = []
    timed = sorted(_timed(source), key=itemgetter(0))
    for at, row in timed:
        name = label(row.get("Type"), row["Name"])
        last[name] = row
        series += [(at - timed[0][0], metric, name, value) for metric, value in _current(row)]
    found = Found()
    for name, row in last.items():
        requests = stated(row, _COUNTS) or 0
        add_stated(found, name, requests, row, _TOTALS, whole)
        add_error_rate(found, name, requests, stated(row, _FAILURES))
    yield Reading(
        tool=TOOL,
        started_at=iso(timed[0][0]) if timed else "",
        indicators=found.indicators,
        series=over_time(series),
    )


def _timed(source: Source) -> Iterator[tuple[float, dict[str, str]]]:
    for line, row in rows(source):
        if (at := number(row["Timestamp"])) is None:
            source.skip(line, f"no time: `{row['Timestamp']}`")
        else:
            yield at, row


def _current(row: dict[str, str]) -> Iterator[tuple[str, float]]:
    """What a row says of its moment, in base units."""
    for column, cell in row.items():
        quantile = column[:-1] if column.endswith("%") else ""
        if (column in _CURRENT or quantile) and (value := number(cell)) is not None:
            told = f"service_time_p{quantile}" if quantile else _CURRENT[column]
            yield told, value / 1e3 if quantile else value
