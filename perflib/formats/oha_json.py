"""oha's `--output-format json`: times in seconds, success as a ratio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.formats.hey import DEADLINE

TOOL = "oha"
_TIMES = {"average": "mean", "fastest": "min", "slowest": "max"}


def recognise(source: Source) -> bool:
    """Its `summary` and `latencyPercentiles`."""
    document = source.json
    return isinstance(document, dict) and {"summary", "latencyPercentiles"} <= set(document)


def read(source: Source) -> Iterator[Reading]:
    """One run."""
    document = source.json
    summary = _object(document, "summary")
    found = Found()
    found.add_all("service_time", summary, _TIMES, "s")
    found.add("duration", "value", summary.get("total"), "s", source_name="total")
    found.add(
        "throughput", "value", summary.get("requestsPerSec"), "req/s", source_name="requestsPerSec"
    )
    found.add("data_rate", "value", summary.get("sizePerSec"), "B/s", source_name="sizePerSec")
    for key, value in _object(document, "latencyPercentiles").items():
        if key.startswith("p") and (q := number(key[1:])) is not None:
            found.add("service_time", f"p{q:g}", value, "s", source_name=key)
    statuses = _object(document, "statusCodeDistribution")
    errors = sum(
        number(count) or 0.0
        for name, count in _object(document, "errorDistribution").items()
        if DEADLINE not in name
    )
    requests = errors + sum(number(count) or 0.0 for count in statuses.values())
    failed = errors + sum(
        number(count) or 0.0 for status, count in statuses.items() if (number(status) or 0) >= 400
    )
    if requests:
        found.add("requests", "value", requests, "req", source_name="statusCodeDistribution")
        found.add("error_rate", "value", failed / requests, n=requests)
    elif (success := number(summary.get("successRate"))) is not None:
        found.add("error_rate", "value", 1 - success, source_name="successRate")
    yield Reading(tool=TOOL, indicators=found.indicators)


def _object(document: Any, key: str) -> dict[str, Any]:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}
