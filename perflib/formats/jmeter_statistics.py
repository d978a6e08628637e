"""JMeter's dashboard `statistics.json`.

Users may move the three percentiles (`aggregate_rpt_pct1` …) and the file does not say where
to, so they stay `pct1`, `pct2`, `pct3`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number

TOOL = "JMeter"
# by default JMeter takes median and percentiles from the last rows only
WINDOW = 20_000
_TIMES = {
    "meanResTime": "mean",
    "medianResTime": "p50",
    "minResTime": "min",
    "maxResTime": "max",
    "pct1ResTime": "pct1",
    "pct2ResTime": "pct2",
    "pct3ResTime": "pct3",
}


def recognise(source: Source) -> bool:
    """An object of objects that have `transaction` and `sampleCount`."""
    document = source.json
    return isinstance(document, dict) and any(_is_entry(each) for each in document.values())


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and {"transaction", "sampleCount"} <= set(entry)


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a transaction."""
    found = Found()
    for key, entry in (source.json or {}).items():
        if not _is_entry(entry):
            source.skip(0, f"`{key}` is no transaction")
            continue
        _add(found, "" if entry["transaction"] == "Total" else str(entry["transaction"]), entry)
    yield Reading(tool=TOOL, indicators=found.indicators)


def _add(found: Found, label: str, entry: dict[str, Any]) -> None:
    n = number(entry["sampleCount"])
    more: dict[str, Any] = {"label": label, "n": n}
    found.add("requests", "value", n, "req", source_name="sampleCount", **more)
    found.add("failures", "value", entry.get("errorCount"), "req", source_name="errorCount", **more)
    found.add("error_rate", "value", entry.get("errorPct"), "%", source_name="errorPct", **more)
    found.add(
        "throughput", "value", entry.get("throughput"), "req/s", source_name="throughput", **more
    )
    for key, metric in (("receivedKBytesPerSec", "data_rate"), ("sentKBytesPerSec", "sent_rate")):
        kibibytes = number(entry.get(key))
        if kibibytes is not None:
            found.add(metric, "value", kibibytes * 1024, "B/s", source_name=key, **more)
    for key, statistic in _TIMES.items() if n else ():
        windowed = statistic.startswith("p") and (n or 0) > WINDOW
        found.add(
            "service_time",
            statistic,
            entry.get(key),
            "ms",
            source_name=key,
            approximate=windowed,
            **more,
        )
