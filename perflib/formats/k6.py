"""What k6's metrics mean, for all of its outputs.

Trends that contain time are in milliseconds, data counters in bytes, rates are shares.
A custom trend tells its unit only where the output says `contains: time`; elsewhere its
numbers stay without a unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from perflib.formats.found import Found, number

TOOL = "k6"
TIMES = re.compile(
    r"(http_req|ws|grpc_req|browser_web_vital|iteration|group)_?\w*(duration|blocked|connecting|handshaking|sending|waiting|receiving|ping|lcp|fcp|ttfb|inp|fid)"
)
_OURS = {"http_req_duration": "service_time", "grpc_req_duration": "service_time"}
_STATISTICS = {"avg": "mean", "med": "p50", "min": "min", "max": "max"}
_PERCENTILE = re.compile(r"p\(?(\d+(?:\.\d+)?)\)?")


def statistic(name: str) -> str:
    """Our name of k6's `avg`, `med`, `p(95)`; empty for anything else."""
    match = _PERCENTILE.fullmatch(name)
    return f"p{float(match[1]):g}" if match else _STATISTICS.get(name, "")


def is_time(name: str, contains: str = "") -> bool:
    """Whether the metric is a time: told by the output, or one of k6's own."""
    return contains == "time" or (not contains and bool(TIMES.fullmatch(name)))


def add_metric(found: Found, name: str, values: Mapping[str, Any], contains: str = "") -> None:
    """Add one metric of a summary, perhaps with tags in braces; `values` are k6's own keys."""
    metric, _, tags = name.partition("{")
    unit = "ms" if is_time(metric, contains) else ("B" if contains == "data" else "1")
    more: dict[str, Any] = {"label": tags.rstrip("}"), "source_name": name}
    if metric == "http_req_failed":
        found.add("error_rate", "value", **more, **_share(values))
        return
    for key, value in values.items():
        if found_as := statistic(key):
            ours, told = _OURS.get(metric, metric), {**more, "source_name": f"{name}.{key}"}
            found.add(ours, found_as, value, unit, n=values.get("count"), **told)
    data = contains == "data" or metric in ("data_sent", "data_received")
    if metric == "http_reqs":
        found.add("requests", "value", values.get("count"), "req", **more)
        found.add("throughput", "value", values.get("rate"), "req/s", **more)
    elif "matches" in values or ("passes" in values and "fails" in values):
        found.add(metric, "value", **more, **_share(values))
    elif "count" in values and not set(values) & set(_STATISTICS):
        found.add(metric, "count", values["count"], "B" if data else "1", **more)
        found.add(metric, "rate", values.get("rate"), "B/s" if data else "1/s", **more)
    elif "value" in values and "count" not in values:
        found.add(metric, "value", values["value"], **more)


def _share(values: Mapping[str, Any]) -> dict[str, Any]:
    """A rate and of how many it is one."""
    n = values.get("total")
    if "passes" in values:
        n = (number(values["passes"]) or 0) + (number(values.get("fails")) or 0)
    return {"value": values.get("rate", values.get("value")), "n": n}
