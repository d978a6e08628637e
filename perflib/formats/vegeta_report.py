"""Vegeta's JSON report: nanoseconds; `success` is a ratio; its `throughput` counts successes."""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, has, mapping, number

TOOL = "Vegeta"
_STATISTICS = {
    "mean": "mean",
    "50th": "p50",
    "90th": "p90",
    "95th": "p95",
    "99th": "p99",
    "max": "max",
    "min": "min",
}


def recognise(source: Source) -> bool:
    """`latencies`, `status_codes` and `success`."""
    return has(source.json, "latencies", "success", "requests")


def read(source: Source) -> Iterator[Reading]:
    """One run; percentiles come from Vegeta's t-digest and are approximate."""
    report, found = source.json, Found()
    n = number(report["requests"])
    latencies = mapping(report, "latencies")
    for key, statistic in _STATISTICS.items():
        name, value = f"latencies.{key}", latencies.get(key)
        found.add_sketched("service_time", statistic, value, "ns", source_name=name, n=n)
    found.add("requests", "value", n, "req", source_name="requests")
    found.add("offered_rate", "value", report.get("rate"), "req/s", source_name="rate")
    found.add(
        "throughput", "value", report.get("throughput"), "req/s", source_name="throughput", n=n
    )
    attacked, waited = number(report.get("duration")), number(report.get("wait")) or 0.0
    total = None if attacked is None else attacked + waited
    found.add("duration", "value", total, "ns", source_name="duration + wait")
    success = number(report["success"])
    if success is not None:
        found.add("error_rate", "value", 1 - success, source_name="success", n=n)
    yield Reading(
        tool=TOOL, started_at=str(report.get("earliest") or ""), indicators=found.indicators
    )
