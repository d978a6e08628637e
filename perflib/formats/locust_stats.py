"""Locust's request statistics: `_stats.csv`, `--json`, worker reports and the HTML report.

Locust rounds response times before it counts them: to 1 ms below 100 ms, 10 ms below 1 s,
100 ms below 10 s, else 1 s. Its percentiles are approximate to that step; mean, minimum and
maximum are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, Stated, number, quantile
from perflib.formats.tables import header, rows

TOOL = "Locust"
STATED = {  # our metric, statistic, unit ← Locust's columns, new and old
    "Request Count": ("requests", "value", "req"),
    "# requests": ("requests", "value", "req"),
    "# reqs": ("requests", "value", "req"),
    "Failure Count": ("failures", "value", "req"),
    "# failures": ("failures", "value", "req"),
    "# fails": ("failures", "value", "req"),
    "Average Response Time": ("service_time", "mean", "ms"),
    "Average response time": ("service_time", "mean", "ms"),
    "Min Response Time": ("service_time", "min", "ms"),
    "Min response time": ("service_time", "min", "ms"),
    "Max Response Time": ("service_time", "max", "ms"),
    "Max response time": ("service_time", "max", "ms"),
    "Average Content Size": ("content_size", "mean", "B"),
    "Requests/s": ("throughput", "value", "req/s"),
    "requests/s": ("throughput", "value", "req/s"),
    "Failures/s": ("failure_rate", "value", "req/s"),
    "Requests Failed/s": ("failure_rate", "value", "req/s"),
}
_ROUNDED = {"Median Response Time": "p50", "Median response time": "p50"}
_COUNTS = ("Request Count", "# requests", "# reqs")
_FAILURES = ("Failure Count", "# failures", "# fails")
_WHOLE = ("Aggregated", "Total", "None Total", "None Aggregated")


def rounding(value_ms: float) -> float:
    """The step (ms) to which Locust rounds a response time of `value_ms`."""
    if value_ms < 100:
        return 1.0
    return min(10.0 ** (math.floor(math.log10(value_ms)) - 1), 1000.0)


def label(kind: Any, name: Any) -> str:
    """`GET /path`; empty for the row over all requests."""
    text = " ".join(str(part).strip() for part in (kind, name) if part not in (None, ""))
    return "" if text in _WHOLE else text


def recognise(source: Source) -> bool:
    """The columns of `_stats.csv`."""
    columns, _ = header(source)
    names = set(columns)
    # the distribution file of old versions has names and percentiles only
    named = "Name" in names and bool(names & {"Type", "Method", "50%"})
    return named and bool(names & set(_COUNTS)) and "Timestamp" not in names


def stated(row: Mapping[str, Any], columns: tuple[str, ...]) -> float | None:
    """The number in the first of `columns` that the file has."""
    return number(next((row[column] for column in columns if column in row), None))


def add_stated(
    found: Found,
    name: str,
    requests: float | None,
    row: Mapping[str, Any],
    columns: Stated,
    step: Callable[[Any, str], float],
) -> None:
    """Add what a row states, each known to its `step`; without requests it has no times."""
    for column, (metric, statistic, unit) in columns.items():
        if column in row and (requests or unit not in ("ms", "B")):
            more: dict[str, Any] = {"label": name, "source_name": column, "n": requests}
            value = row[column]
            found.add(metric, statistic, value, unit, resolution=step(value, unit), **more)


def whole(text: Any, unit: str) -> float:
    """The step of a time that an old version cut to whole milliseconds."""
    return 1.0 if unit == "ms" and str(text).strip().isdecimal() else 0.0


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a row."""
    found = Found()
    for line, row in rows(source):
        if stated(row, _COUNTS) is None:
            source.skip(line, "no request count")
            continue
        add_row(found, row)
    yield Reading(tool=TOOL, indicators=found.indicators)


def add_row(found: Found, row: Mapping[str, Any]) -> None:
    """Add one row of statistics; a row without requests has no times."""
    name = label(row.get("Type", row.get("Method")), row.get("Name"))
    requests = stated(row, _COUNTS) or 0
    add_stated(found, name, requests, row, STATED, whole)
    failures = stated(row, _FAILURES)
    # the kind was called a method before 0.13
    add_error_rate(found, name, requests, failures, sure="Type" in row)
    for column, value in row.items():
        statistic = _ROUNDED.get(column) or _percentile(column)
        if statistic and requests:
            add_rounded(found, statistic, value, name, column, int(requests))


def add_error_rate(
    found: Found, name: str, requests: float | None, failures: float | None, *, sure: bool = True
) -> None:
    """The share of failures. Before 0.10 they were not among the requests, as more of them prove;
    where the version could be either (not `sure`), the share is as uncertain."""
    if requests is None or failures is None or requests < 0 or failures < 0:
        return
    apart = failures / (requests + failures) if requests + failures else 0.0
    if failures > requests:
        found.add("error_rate", "value", apart, label=name, n=requests + failures)
    elif requests:
        share = failures / requests
        step = 0.0 if sure else share - apart
        more: dict[str, Any] = {"approximate": step > 0, "resolution": step}
        found.add("error_rate", "value", share, label=name, n=requests, **more)


def _percentile(column: str) -> str:
    q = number(column[:-1]) if column.endswith("%") else None
    return "" if q is None else quantile(q)


def add_rounded(
    found: Found, statistic: str, value: Any, name: str, column: str, n: int = 0
) -> None:
    """Add a percentile (ms) that Locust took from rounded times."""
    if (value_ms := number(value)) is None or statistic == "max":
        return
    if any(known.key == ("service_time", statistic, name) for known in found.indicators[-20:]):
        return
    more: dict[str, Any] = {"label": name, "source_name": column, "n": n, "approximate": True}
    found.add("service_time", statistic, value_ms, "ms", resolution=rounding(value_ms), **more)
