"""Locust's `_stats_history.csv`: a series over time whose `Total …` columns are cumulative.

The percentiles in it describe the last ten seconds of each moment, so they are kept in the
series and never taken for the run's; the totals of each label's last row are the run's.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    first = None
    for line, row in rows(source):
        at = number(row["Timestamp"])
        if at is None:
            source.skip(line, f"no time: `{row['Timestamp']}`")
            continue
        first = at if first is None else first
        name = label(row.get("Type"), row["Name"])
        last[name] = row
        series += [
            (at - first, metric, name, value)
            for column, metric in _CURRENT.items()
            if (value := number(row.get(column))) is not None
        ]
        series += [
            (at - first, f"service_time_p{column[:-1]}", name, value / 1e3)
            for column, cell in row.items()
            if column.endswith("%") and (value := number(cell)) is not None
        ]
    found = Found()
    for name, row in last.items():
        requests = stated(row, _COUNTS) or 0
        add_stated(found, name, requests, row, _TOTALS, whole)
        add_error_rate(found, name, requests, stated(row, _FAILURES))
    yield Reading(
        tool=TOOL,
        started_at="" if first is None else iso(first),
        indicators=found.indicators,
        series=over_time(series),
    )
