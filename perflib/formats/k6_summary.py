"""k6's end-of-test summary as JSON: `--summary-export`, `handleSummary`, and the machine-readable
summary of k6 1.5 and newer.

In `--summary-export` a threshold that is `true` was crossed; in `handleSummary` each has `ok`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
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
    results = document.get("results")
    metrics = results.get("metrics") if isinstance(results, dict) else None
    if isinstance(metrics, list) and any(_name(m) in {*_OWN, "http_reqs"} for m in metrics):
        return metrics
    return None


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
        values = metric.get("values")
        values = values if isinstance(values, dict) else metric
        add_metric(found, name, values, str(metric.get("contains", "")))
        crossed += [f"{name}: {rule}" for rule in _crossed(metric.get("thresholds"))]
    yield Reading(
        tool=TOOL,
        version=_version(document),
        started_at=_started(document),
        indicators=found.indicators,
        details={"thresholds_crossed": crossed} if crossed else {},
    )


def _named(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for metric in _listed(document) or ():
        yield _name(metric), metric


def _crossed(thresholds: Any) -> Iterator[str]:
    for rule, state in thresholds.items() if isinstance(thresholds, dict) else ():
        if state is True or (isinstance(state, dict) and state.get("ok") is False):
            yield str(rule)


def _version(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    return str(known.get("k6Version") or known.get("k6_version") or "")


def _started(document: dict[str, Any]) -> str:
    """The time that 1.5's metadata states: when the summary was made, less the run's duration."""
    metadata = document.get("metadata")
    made = metadata.get("generatedAt") if isinstance(metadata, dict) else None
    return str(made) if isinstance(made, str) and number(made) is None else ""
