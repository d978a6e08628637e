"""fortio's JSON: a histogram in seconds, percentiles interpolated inside its buckets.

Nighthawk writes the same shape without percentiles and with its duration in seconds instead of
nanoseconds: the number of requests and their rate tell which it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, counts, has, number, objects

TOOL = "fortio"
_STATED = {
    "Avg": ("service_time", "mean", "s"),
    "Min": ("service_time", "min", "s"),
    "Max": ("service_time", "max", "s"),
    "StdDev": ("service_time", "stdev", "s"),
}


def recognise(source: Source) -> bool:
    """`DurationHistogram` and `ActualQPS`."""
    return has(source.json, "DurationHistogram", "ActualQPS")


def read(source: Source) -> Iterator[Reading]:
    """One run."""
    document, found = source.json, Found()
    histogram = document["DurationHistogram"]
    if not isinstance(histogram, dict):
        raise source.fail("`DurationHistogram` is no object")
    n = number(histogram.get("Count"))
    found.add("requests", "value", n, "req", source_name="DurationHistogram.Count")
    found.add("throughput", "value", document["ActualQPS"], "req/s", source_name="ActualQPS", n=n)
    # without any request the histogram is of zeros
    found.add_all(histogram, _STATED if n else {}, n=n)
    _duration(found, document, n)
    buckets = objects(histogram, "Data")
    if "Percentiles" not in histogram:
        _from_buckets(found, buckets, n)
    for entry in objects(histogram, "Percentiles") if n else ():
        q, value = number(entry.get("Percentile")), number(entry.get("Value"))
        if q is not None and value is not None:
            more: dict[str, Any] = {"approximate": True, "resolution": _width(buckets, value)}
            name = f"Percentiles.{q:g}"
            found.add("service_time", f"p{q:g}", value, "s", n=n, source_name=name, **more)
    _errors(found, document, n)
    yield Reading(
        tool=TOOL,
        version=str(document.get("Version") or ""),
        run=str(document.get("Labels") or ""),
        started_at=str(document.get("StartTime") or ""),
        indicators=found.indicators,
    )


def _duration(found: Found, document: dict[str, Any], n: float | None) -> None:
    actual, rate = number(document.get("ActualDuration")), number(document["ActualQPS"])
    for unit, factor in (("ns", 1e-9), ("s", 1.0)):
        # the rate may be of one worker of many
        if actual and n and rate and 1e-4 < actual * factor * rate / n < 1e4:
            found.add("duration", "value", actual, unit, source_name="ActualDuration")


def _from_buckets(found: Found, buckets: list[dict[str, Any]], n: float | None) -> None:
    """Percentiles as the upper ends of the buckets that reach them."""
    for q in (50.0, 90.0, 95.0, 99.0):
        for bucket in buckets:
            low, high = number(bucket.get("Start")), number(bucket.get("End"))
            if low is None or high is None or (number(bucket.get("Percent")) or 0.0) < q:
                continue
            more: dict[str, Any] = {"approximate": True, "resolution": high - low}
            found.add("service_time", f"p{q:g}", high, "s", n=n, source_name="Data", **more)
            break


def _width(buckets: list[dict[str, Any]], value: float) -> float:
    """The width of the bucket that holds `value`."""
    for bucket in buckets:
        low, high = number(bucket.get("Start")), number(bucket.get("End"))
        if low is not None and high is not None and low <= value <= high and high > low:
            return high - low
    return 0.0


def _errors(found: Found, document: dict[str, Any], n: float | None) -> None:
    answers = counts(document, "RetCodes")
    total = sum(answers.values())
    good = sum(
        count
        for code, count in answers.items()
        if 200 <= (number(code) or 0) < 400 or code in ("SERVING", "OK")
    )
    if total:
        share = (total - good) / total
        found.add("error_rate", "value", share, n=n or total, source_name="RetCodes")
