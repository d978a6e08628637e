"""JMeter's dashboard `statistics.json`.

Users may move the three percentiles (`aggregate_rpt_pct1` …) and the file does not say where
to, so they stay `pct1`, `pct2`, `pct3`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, has, number

TOOL = "JMeter"
# by default JMeter takes median and percentiles from the last rows only
WINDOW = 20_000
_STATED = {
    "errorCount": ("failures", "value", "req"),
    "errorPct": ("error_rate", "value", "%"),
    "throughput": ("throughput", "value", "req/s"),
    "receivedKBytesPerSec": ("data_rate", "value", "KiB/s"),
    "sentKBytesPerSec": ("sent_rate", "value", "KiB/s"),
}
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
    return has(entry, "transaction", "sampleCount")


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
    found.add_all(entry, _STATED, **more)
    for key, statistic in _TIMES.items() if n else ():
        more |= {"source_name": key, "approximate": statistic[0] == "p" and (n or 0) > WINDOW}
        found.add("service_time", statistic, entry.get(key), "ms", **more)
