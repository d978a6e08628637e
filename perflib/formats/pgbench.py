"""pgbench's text report. `tps` is told with or without the time to connect, and stays apart.

A log that only fills tables (`pgbench -i`) is recognised and refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, decimal_places, number

TOOL = "pgbench"
_PROCESSED = re.compile(r"number of transactions actually processed: (\d+)(?:/(\d+))?")
_FAILED = re.compile(r"number of failed transactions: (\d+)")
_LATENCY = re.compile(r"latency (average|stddev) = ([\d.]+) ms")
_TPS = re.compile(r"tps = ([\d.]+)(?: \((.*?)\))?")
_CONNECT = re.compile(r"(initial|average) connection time = ([\d.]+) ms")
_SETTING = re.compile(r"(transaction type|number of clients|scaling factor|query mode): (.+)")
_SCRIPT = re.compile(r"SQL script (\d+): (.+)")
_VERSION = re.compile(r"pgbench \((?:PostgreSQL\) )?([\d.]+)")


def recognise(source: Source) -> bool:
    """Lines of a report, or of filling tables."""
    head = source.head_text
    return "transaction type: " in head or ("tuples (" in head and "generating data" in head)


def read(source: Source) -> Iterator[Reading]:
    """One run for each `transaction type:` in the file."""
    if "transaction type: " not in source.text:
        raise source.fail(
            "pgbench's log of filling tables, without a measurement",
            next_step="import what `pgbench` prints after a run",
        )
    version = _VERSION.search(source.text)
    for part in source.text.split("transaction type: ")[1:]:
        yield _reading(part, version[1] if version else "")


def _reading(part: str, version: str) -> Reading:
    found, name = Found(), part.partition("\n")[0].strip()
    whole, *scripts = re.split(r"(?=^SQL script \d+: )", part, flags=re.MULTILINE)
    processed = _PROCESSED.search(whole)
    n = number(processed[1]) if processed else None
    found.add("transactions", "value", n, "tx", source_name="transactions actually processed")
    if (failed := _FAILED.search(whole)) and n is not None:
        failures = number(failed[1]) or 0.0
        found.add("failures", "value", failures, "tx", source_name="failed transactions")
        if n + failures:
            found.add("error_rate", "value", failures / (n + failures), n=n + failures)
    _add(found, whole, "", n)
    for kind, text in _CONNECT.findall(whole):
        found.add("connection_time", "mean", text, "ms", source_name=f"{kind} connection time")
    for script in scripts:
        if head := _SCRIPT.match(script):
            _add(found, script, head[2].strip(), None)
    settings = {key.replace(" ", "_"): value.strip() for key, value in _SETTING.findall(whole)}
    return Reading(
        tool=TOOL, version=version, run=name, indicators=found.indicators, details=settings
    )


def _add(found: Found, text: str, label: str, n: float | None) -> None:
    for kind, value in _LATENCY.findall(text):
        found.add(
            "transaction_time",
            {"average": "mean", "stddev": "stdev"}[kind],
            value,
            "ms",
            label=label,
            source_name=f"latency {kind}",
            n=n,
            resolution=10.0 ** -decimal_places(value),
        )
    for value, note in _TPS.findall(text):
        connecting = note.startswith("including")
        metric = "throughput_with_connecting" if connecting else "throughput"
        source_name = f"tps ({note})" if note else "tps"
        found.add(metric, "value", value, "tx/s", label=label, source_name=source_name, n=n)
