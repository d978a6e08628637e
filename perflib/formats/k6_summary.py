"""k6's end-of-test summary as JSON: `--summary-export`, `handleSummary`, and the machine-readable
summary of k6 1.5 and newer.

In `--summary-export` a threshold that is `true` was crossed; in `handleSummary` each has `ok`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, listing, mapping, number
from perflib.formats.k6 import TOOL, add_metric

_OWN = {
    "iterations",
    "vus",
    "vus_max",
    "data_sent",
    "data_received",
    "checks",
    "iteration_duration",
}


def recognise(source: Source) -> bool:
    """A `metrics` object with k6's own metrics, or 1.5's `results` with its list of metrics."""
    document = source.json
    if not isinstance(document, dict):
        return False
    metrics = document.get("metrics")
    if isinstance(metrics, dict):
        return bool(_OWN & set(metrics)) and all(isinstance(m, dict) for m in metrics.values())
    return _listed(document) is not None


def _listed(document: dict[str, Any]) -> list[Any] | None:
    metrics = listing(mapping(document, "results"), "metrics")
    return metrics if any(_name(m) in {*_OWN, "http_reqs"} for m in metrics) else None


def _name(metric: Any) -> str:
    return str(metric.get("name", "")) if isinstance(metric, dict) else ""


def read(source: Source) -> Iterator[Reading]:
    """One run; thresholds that were crossed are in its details."""
    document = source.json
    if not isinstance(document, dict):
        raise source.fail("no JSON object")
    found, crossed = Found(), []
    metrics = document.get("metrics")
    listed = metrics.items() if isinstance(metrics, dict) else _named(document)
    for name, metric in listed:
        if not isinstance(metric, dict):
            source.skip(0, f"the metric `{name}` is no object")
            continue
        values = mapping(metric, "values") or metric
        add_metric(found, name, values, str(metric.get("contains", "")))
        crossed += [f"{name}: {rule}" for rule in _crossed(mapping(metric, "thresholds"))]
    if not isinstance(metrics, dict) and (duration := _duration(document)):
        _rate(found, duration)
    yield Reading(
        tool=TOOL,
        version=_version(document),
        started_at=_started(document),
        indicators=found.indicators,
        details={"thresholds_crossed": crossed} if crossed else {},
    )


def _named(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    checked = listing(mapping(document["results"], "checks"), "metrics")
    for metric in [*(_listed(document) or ()), *checked]:
        yield _name(metric), metric


def _crossed(thresholds: dict[str, Any]) -> Iterator[str]:
    for rule, state in thresholds.items():
        if state is True or (isinstance(state, dict) and state.get("ok") is False):
            yield str(rule)


def _version(document: dict[str, Any]) -> str:
    known = mapping(document, "metadata")
    return str(known.get("k6Version") or known.get("k6_version") or "")


def _duration(document: dict[str, Any]) -> float:
    return number(mapping(document, "config").get("duration")) or 0.0


def _rate(found: Found, duration_s: float) -> None:
    """The summary of 1.5 states counts and the duration, from which k6 itself takes its rates."""
    found.add("duration", "value", duration_s, "s", source_name="config.duration")
    for each in [i for i in found.indicators if (i.metric, i.label) == ("requests", "")]:
        rate = each.value / duration_s if duration_s > 0 else None
        found.add("throughput", "value", rate, "req/s", source_name="http_reqs over duration")


def _started(document: dict[str, Any]) -> str:
    """1.5's metadata states when the summary was made: that, less the run's duration."""
    known = mapping(document, "metadata")
    try:
        when = datetime.fromisoformat(str(known.get("generatedAt") or known.get("generated_at")))
        return (when - timedelta(seconds=_duration(document))).isoformat()
    except (ValueError, OverflowError):
        return ""
