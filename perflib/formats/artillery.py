"""Artillery's JSON report (version 2 and 1): summaries in milliseconds, percentiles from a sketch.

A run in which every request failed has no response times, and none are made up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, counts, iso, mapping, number, refused

TOOL = "Artillery"
_STATISTICS = {
    "min": "min",
    "max": "max",
    "mean": "mean",
    "median": "p50",
    "p50": "p50",
    "p75": "p75",
    "p90": "p90",
    "p95": "p95",
    "p99": "p99",
    "p999": "p99.9",
}
# answers of any protocol's engine: all, those of a status, those of an endpoint
_ANSWERS = re.compile(r"(?:http|plugins\.metrics-by-endpoint)\.response_time(?:\.(.+))?")
_TIMES = re.compile(
    r".*(?:response_time|session_length|browser\.(?:step|page\.[A-Z]+CP|page\.TTFB))"
)


def recognise(source: Source) -> bool:
    """`aggregate` with counters or codes, beside `intermediate`."""
    document = source.json
    if not isinstance(document, dict) or not isinstance(document.get("aggregate"), dict):
        return False
    return "intermediate" in document and bool({"counters", "codes"} & set(document["aggregate"]))


def read(source: Source) -> Iterator[Reading]:
    """One run."""
    aggregate = source.json["aggregate"]
    found = Found()
    # 1.7 has counters as well, of its user's own
    if "codes" in aggregate:
        _version_1(found, aggregate)
    else:
        _version_2(found, aggregate)
    first = number(aggregate.get("firstCounterAt") or aggregate.get("firstMetricAt"))
    started = iso(first / 1e3) if first else str(aggregate.get("timestamp") or "")
    yield Reading(tool=TOOL, started_at=started, indicators=found.indicators)


def _version_2(found: Found, aggregate: dict[str, Any]) -> None:
    counters = counts(aggregate, "counters")
    requests = counters.get("http.requests")
    errors = sum(count for name, count in counters.items() if name.startswith("errors."))
    codes = {name[11:]: n for name, n in counters.items() if name.startswith("http.codes.")}
    failed = errors + refused(codes)
    found.add("requests", "value", requests, "req", source_name="http.requests")
    if requests:
        source_name = "errors.* + http.codes.4xx, 5xx"
        found.add("failures", "value", failed, "req", source_name=source_name)
        found.add_share(min(failed, requests), requests)
    _rate(found, aggregate, requests)
    for name, summary in mapping(aggregate, "summaries").items():
        if not isinstance(summary, dict):
            continue
        answers = _ANSWERS.fullmatch(name)
        metric, label = ("service_time", answers[1] or "") if answers else (name, "")
        unit = "ms" if _TIMES.match(name) else "1"
        _summary(found, metric, label, summary, name, unit, 1.0 if answers else 0.0)


def _rate(found: Found, aggregate: dict[str, Any], requests: float | None) -> None:
    """The mean of whole rates of periods, the last ones perhaps short: known no better than that.

    How far it is off is told by the requests and the time from the first metric to the last.
    """
    rate = number(mapping(aggregate, "rates").get("http.request_rate"))
    first, last = (number(aggregate.get(key)) for key in ("firstMetricAt", "lastMetricAt"))
    if rate is None:
        return
    off = 1.0
    if requests and first and last and last > first:
        off = max(off, abs(rate - requests / (last - first) * 1e3))
    more: dict[str, Any] = {"source_name": "http.request_rate", "resolution": off}
    found.add("throughput", "value", rate, "req/s", approximate=True, **more)


def _version_1(found: Found, aggregate: dict[str, Any]) -> None:
    completed = number(aggregate.get("requestsCompleted"))
    found.add("requests", "value", completed, "req", source_name="requestsCompleted")
    mean = mapping(aggregate, "rps").get("mean")
    found.add("throughput", "value", mean, "req/s", source_name="rps.mean")
    _summary(found, "service_time", "", mapping(aggregate, "latency"), "latency", "ms")
    errors = sum(counts(aggregate, "errors").values())
    if completed is not None:
        found.add_share(errors + refused(counts(aggregate, "codes")), completed + errors)


def _summary(
    found: Found,
    metric: str,
    label: str,
    summary: dict[str, Any],
    name: str,
    unit: str,
    step: float = 0.0,
) -> None:
    """Version 2 times answers in whole milliseconds: `step`."""
    for key, statistic in _STATISTICS.items():
        more = {"label": label, "source_name": f"{name}.{key}", "n": summary.get("count")}
        found.add_sketched(metric, statistic, summary.get(key), unit, step=step, **more)
