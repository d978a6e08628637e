"""Locust's JSON: `--json`, `--json-file`, and the reports that workers send, one a line.

Each entry carries a histogram of rounded response times, so percentiles are approximate to
Locust's rounding; entries of the same request from several workers are added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, iso, number
from perflib.formats.locust_stats import TOOL, add_error_rate, add_rounded, label

_KEYS = {"num_requests", "total_response_time", "response_times"}
_COUNTED = ("num_requests", "num_none_requests", "num_failures", "total_response_time")
_PERCENTILES = (50, 90, 95, 99)
MOST = 1e15
"""Requests that nobody makes: such a count is damage, and its sum would be endless."""


def recognise(source: Source) -> bool:
    """Entries with Locust's keys, in a list or in the `stats` of a worker's line."""
    head = source.head_text
    return head.lstrip()[:1] in ("[", "{") and all(f'"{key}"' in head for key in _KEYS)


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a request name."""
    merged: dict[str, dict[str, Any]] = {}
    for entry in _entries(source):
        _merge(merged.setdefault(label(entry.get("method"), entry.get("name")), {}), entry)
    if not merged:
        raise source.fail("no entry with Locust's statistics")
    started = [s for each in merged.values() if (s := each.get("start")) is not None]
    found = Found()
    _merge_all(merged)
    for name, each in merged.items():
        _add(found, name, each, _span(merged[""]))
    yield Reading(
        tool=TOOL,
        started_at=iso(min(started)) if started else "",
        indicators=found.indicators,
    )


def _entries(source: Source) -> Iterator[dict[str, Any]]:
    document = source.json
    if isinstance(document, list):
        yield from _checked(source, document, 0)
    elif isinstance(document, dict):
        yield from _checked(source, document.get("stats"), 0)
    else:
        for line, report in source.json_lines():
            stats = report.get("stats") if isinstance(report, dict) else None
            yield from _checked(source, stats, line)


def _checked(source: Source, entries: Any, line: int) -> Iterator[dict[str, Any]]:
    for entry in entries if isinstance(entries, list) else ():
        if (
            isinstance(entry, dict)
            and set(entry) >= _KEYS
            and isinstance(entry["response_times"], dict)
            and (number(entry["num_requests"]) or 0) < MOST
        ):
            yield entry
        else:
            source.skip(line, "an entry without Locust's statistics")


def _merge(total: dict[str, Any], entry: dict[str, Any]) -> None:
    for key in _COUNTED:
        total[key] = total.get(key, 0.0) + (number(entry.get(key)) or 0.0)
    for key, source_key, pick in (
        ("min_response_time", "min_response_time", min),
        ("max_response_time", "max_response_time", max),
        ("start", "start_time", min),
        ("end", "last_request_timestamp", max),
    ):
        values = [v for v in (total.get(key), number(entry.get(source_key))) if v is not None]
        total[key] = pick(values) if values else None
    # counted since 0.12, when failures were among the requests
    total["sure"] = total.get("sure", True) and "num_none_requests" in entry
    times = total.setdefault("times", {})
    for value, count in entry["response_times"].items():
        read_value, read_count = number(value), number(count)
        if read_value is not None and read_count is not None:
            times[read_value] = times.get(read_value, 0.0) + read_count


def _merge_all(merged: dict[str, dict[str, Any]]) -> None:
    """The total over all labels, where the file does not state it."""
    if "" not in merged:
        total: dict[str, Any] = {}
        for each in list(merged.values()):
            renamed = {"start_time": each["start"], "last_request_timestamp": each["end"]}
            _merge(total, {**each, **renamed, "response_times": each["times"]})
        total["sure"] = all(each["sure"] for each in merged.values())
        merged[""] = total


def _span(total: dict[str, Any]) -> float:
    """How long the run took, over which Locust itself takes the rate of each request."""
    return 0.0 if total["start"] is None else float((total["end"] or 0) - total["start"])


def _add(found: Found, name: str, each: dict[str, Any], span_s: float) -> None:
    n = int(each["num_requests"])
    found.add("requests", "value", n, "req", label=name, source_name="num_requests")
    found.add(
        "failures", "value", each["num_failures"], "req", label=name, source_name="num_failures"
    )
    add_error_rate(found, name, n, each["num_failures"], sure=each["sure"])
    if n and span_s > 0:
        found.add("throughput", "value", n / span_s, "req/s", label=name, n=n)
    # some were made without a time, such as messages that nothing answers
    n -= int(each["num_none_requests"])
    if n <= 0:
        return
    found.add("service_time", "mean", each["total_response_time"] / n, "ms", label=name, n=n)
    for key, statistic in (("min_response_time", "min"), ("max_response_time", "max")):
        found.add("service_time", statistic, each[key], "ms", label=name, n=n, source_name=key)
    for q in _PERCENTILES:
        value = _percentile(each["times"], q / 100)
        add_rounded(found, f"p{q}", value, name, "response_times", n)


def _percentile(times: dict[float, float], q: float) -> float | None:
    """The value below which a share `q` of the counted times lies."""
    wanted = q * sum(times.values())
    seen = 0.0
    for value in sorted(times):
        seen += times[value]
        if seen >= wanted:
            return value
    return None
