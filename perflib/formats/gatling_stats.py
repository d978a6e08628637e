"""Gatling's `stats.json` and `global_stats.json`; `assertions.json` is told apart and refused.

The four percentiles can be moved in Gatling's settings and the file does not say where to: they
stay `percentiles1` … `percentiles4`. Times are whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, has, mapping, number

TOOL = "Gatling"
_RATE = "meanNumberOfRequestsPerSecond"
_TIMES = {
    "meanResponseTime": "mean",
    "minResponseTime": "min",
    "maxResponseTime": "max",
    "standardDeviation": "stdev",
    "percentiles1": "percentiles1",
    "percentiles2": "percentiles2",
    "percentiles3": "percentiles3",
    "percentiles4": "percentiles4",
}
DEEPEST = 50


def recognise(source: Source) -> bool:
    """`numberOfRequests` at the top or in `stats`, or Gatling's assertions."""
    document = source.json
    if not isinstance(document, dict):
        return False
    return "numberOfRequests" in document or _has_stats(document) or _is_assertions(document)


def _has_stats(node: Any) -> bool:
    return "numberOfRequests" in mapping(node, "stats")


def _is_assertions(document: dict[str, Any]) -> bool:
    return has(document, "simulation", "simulationId", "assertions")


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a request; groups keep their path."""
    document = source.json
    if _is_assertions(document):
        raise source.beside("Gatling's assertions", "import `stats.json` beside it")
    found = Found()
    if "numberOfRequests" in document:
        _add(found, "", document)
    else:
        _walk(source, found, document, "", 0)
    yield Reading(tool=TOOL, indicators=found.indicators)


def _walk(source: Source, found: Found, node: dict[str, Any], path: str, depth: int) -> None:
    if depth > DEEPEST:
        raise source.fail(f"groups nested deeper than {DEEPEST}")
    if _has_stats(node):
        _add(found, path, node["stats"])
    for child in mapping(node, "contents").values():
        if isinstance(child, dict):
            name = str(child.get("name", ""))
            _walk(source, found, child, f"{path} / {name}" if path else name, depth + 1)


def _add(found: Found, label: str, stats: dict[str, Any]) -> None:
    counts = mapping(stats, "numberOfRequests")
    total, failed = number(counts.get("total")), number(counts.get("ko"))
    found.add("requests", "value", total, "req", label=label, source_name="numberOfRequests.total")
    found.add("failures", "value", failed, "req", label=label, source_name="numberOfRequests.ko")
    found.add_share(failed, total, label=label)
    rate, name = mapping(stats, _RATE).get("total"), f"{_RATE}.total"
    found.add("throughput", "value", rate, "req/s", label=label, source_name=name)
    for key, statistic in _TIMES.items():
        value = mapping(stats, key).get("total") if total else None
        more: dict[str, Any] = {"label": label, "source_name": f"{key}.total", "n": total}
        found.add_sketched("service_time", statistic, value, "ms", step=1.0, **more)
