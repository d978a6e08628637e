"""Locust's HTML report: one JSON object inside the page, before 2.16 tables, rounded to print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, last_digit, number
from perflib.formats.html_tables import table_rows
from perflib.formats.locust_stats import TOOL, add_error_rate, add_rounded, add_stated, label

_ARGUMENTS = re.compile(r"window\.templateArgs\s*=\s*(\{)")
_STATED = {
    "num_requests": ("requests", "value", "req"),
    "num_failures": ("failures", "value", "req"),
    "avg_response_time": ("service_time", "mean", "ms"),
    "min_response_time": ("service_time", "min", "ms"),
    "max_response_time": ("service_time", "max", "ms"),
    "avg_content_length": ("content_size", "mean", "B"),
    "total_rps": ("throughput", "value", "req/s"),
    "total_fail_per_sec": ("failure_rate", "value", "req/s"),
}
# the same, as the tables of older reports are headed
_PRINTED = {
    "# Requests": ("requests", "value", "req"),
    "# Fails": ("failures", "value", "req"),
    "Average (ms)": ("service_time", "mean", "ms"),
    "Min (ms)": ("service_time", "min", "ms"),
    "Max (ms)": ("service_time", "max", "ms"),
    "Average size (bytes)": ("content_size", "mean", "B"),
    "RPS": ("throughput", "value", "req/s"),
    "Failures/s": ("failure_rate", "value", "req/s"),
}
_QUANTILE = re.compile(r"(\d+(?:\.\d+)?)%ile \(ms\)")
_DURING = re.compile(r"During: <span[^>]*>([^<]+)<")


def recognise(source: Source) -> bool:
    """An HTML page of Locust's."""
    head = source.head_text[:4096].lower()
    return "<html" in head and "locust" in head and "<title>" in head


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a request name."""
    page = _arguments(source)
    if page is None:
        yield _tables(source)
        return
    found = Found()
    for entry in page.get("requests_statistics") or ():
        if isinstance(entry, dict):
            _add(found, entry)
    medians = {i.label for i in found.indicators if i.statistic == "p50"}
    for entry in page.get("response_time_statistics") or ():
        if isinstance(entry, dict):
            _add_percentiles(found, entry, medians)
    if not found.indicators:
        raise source.fail("the page holds no request statistics")
    yield Reading(
        tool=TOOL, started_at=str(page.get("start_time") or ""), indicators=found.indicators
    )


def _tables(source: Source) -> Reading:
    """The report of older versions: a heading, a row a request name, the total last."""
    found, heading = Found(), list[str]()
    for cells in table_rows(source):
        if "Name" in cells:
            heading = cells
        elif heading and len(cells) == len(heading):
            _add_row(found, dict(zip(heading, cells, strict=True)))
    if not found.indicators:
        raise source.fail(
            "the page holds no request statistics",
            next_step="import the CSV files that `locust --csv` writes instead",
        )
    started = _DURING.search(source.text)
    return Reading(tool=TOOL, started_at=started[1] if started else "", indicators=found.indicators)


def _add_row(found: Found, row: dict[str, str]) -> None:
    name = label(row.get("Method") or row.get("Type"), row["Name"])
    requests, failures = number(row.get("# Requests")), number(row.get("# Fails"))
    add_stated(found, name, requests, row, _PRINTED, _digit)
    add_error_rate(found, name, requests, failures)
    for column, text in row.items():
        if (match := _QUANTILE.fullmatch(column)) and match[1] != "100":
            add_rounded(found, f"p{match[1]}", text, name, column)


def _digit(text: str, unit: str) -> float:
    return 0.0 if unit == "req" else last_digit(text)


def _arguments(source: Source) -> dict[str, Any] | None:
    for match in _ARGUMENTS.finditer(source.text):
        text = _object(source.text, match.start(1))
        try:
            decoded = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(decoded, dict):
            return decoded
    return None


def _object(text: str, start: int) -> str:
    """The JSON object that begins at `start`, by counting braces outside of strings."""
    depth, quoted, at = 0, False, start
    for match in re.compile(r'\\.|["{}]').finditer(text, start):
        sign, at = match[0], match.end()
        if sign == '"':
            quoted = not quoted
        elif not quoted and sign in "{}":
            depth += 1 if sign == "{" else -1
            if depth == 0:
                break
    return text[start:at]


def _add(found: Found, entry: dict[str, Any]) -> None:
    name = label(entry.get("method"), entry.get("name"))
    requests = number(entry.get("num_requests")) or 0
    for key, (metric, statistic, unit) in _STATED.items():
        if requests or unit not in ("ms", "B"):
            # the page rounds the extremes to milliseconds
            step = 1.0 if statistic in ("min", "max") else 0.0
            more: dict[str, Any] = {"label": name, "source_name": key, "n": requests}
            found.add(metric, statistic, entry.get(key), unit, resolution=step, **more)
    add_error_rate(found, name, requests, number(entry.get("num_failures")))
    key = "median_response_time"
    add_rounded(found, "p50", entry.get(key), name, key, int(requests))


def _add_percentiles(found: Found, entry: dict[str, Any], medians: set[str]) -> None:
    name = label(entry.get("method"), entry.get("name"))
    for key, value in entry.items():
        share = number(key)
        if share is not None and 0 < share < 1 and not (share == 0.5 and name in medians):
            add_rounded(found, f"p{share * 100:g}", value, name, key)
