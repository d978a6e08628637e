"""oha's `--output-format json`: times in seconds, success as a ratio."""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, counts, has, mapping, number, refused
from perflib.formats.hey import DEADLINE

TOOL = "oha"
_STATED = {
    "average": ("service_time", "mean", "s"),
    "fastest": ("service_time", "min", "s"),
    "slowest": ("service_time", "max", "s"),
    "total": ("duration", "value", "s"),
    "requestsPerSec": ("throughput", "value", "req/s"),
    "sizePerSec": ("data_rate", "value", "B/s"),
}


def recognise(source: Source) -> bool:
    """Its `summary` and `latencyPercentiles`."""
    return has(source.json, "summary", "latencyPercentiles")


def read(source: Source) -> Iterator[Reading]:
    """One run."""
    document = source.json
    found, summary = Found(), mapping(document, "summary")
    found.add_all(summary, _STATED)
    for key, value in mapping(document, "latencyPercentiles").items():
        if key.startswith("p") and (q := number(key[1:])) is not None:
            found.add("service_time", f"p{q:g}", value, "s", source_name=key)
    answers, errors = (counts(document, f"{of}Distribution") for of in ("statusCode", "error"))
    failed = sum(count for name, count in errors.items() if DEADLINE not in name)
    requests = failed + sum(answers.values())
    if requests:
        found.add("requests", "value", requests, "req", source_name="statusCodeDistribution")
        found.add_share(failed + refused(answers), requests)
    elif (success := number(summary.get("successRate"))) is not None:
        found.add("error_rate", "value", 1 - success, source_name="successRate")
    yield Reading(tool=TOOL, indicators=found.indicators)
