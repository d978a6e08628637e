"""pgbench's text report. `tps` is told with or without the time to connect, and stays apart.

At a rate (`--rate`) its latencies count from the scheduled starts: they are response times.

A log that only fills tables (`pgbench -i`) is recognised and refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from perflib.formats.base import Moment, Reading, Source, over_time
from perflib.formats.found import Found, number

TOOL = "pgbench"
_PROCESSED = re.compile(r"number of transactions actually processed: (\d+)(?:/(\d+))?")
_FAILED = re.compile(r"number of failed transactions: (\d+)")
# until 9.5 with a colon
_LATENCY = re.compile(r"latency (average|stddev)(?: =|:) ([\d.]+) ms")
_TPS = re.compile(r"tps = ([\d.]+)(?: \((.*?)\))?")
_LAG = re.compile(r"rate limit schedule lag: avg ([\d.]+) \(max ([\d.]+)\) ms")
_CONNECT = re.compile(r"(initial|average) connection time = ([\d.]+) ms")
_SETTING = re.compile(r"(transaction type|number of clients|scaling factor|query mode): (.+)")
_SCRIPT = re.compile(r"SQL script (\d+): (.+)")
_PROGRESS = re.compile(r"^progress: ([\d.]+) s, ([\d.]+) tps(?:, lat ([\d.]+) ms)?", re.MULTILINE)
_EACH = re.compile(r"- (\d+) transactions \(")
# newer versions count failures and retries between the two
_STATEMENT = re.compile(r"^[ \t]+([\d.]+)[ \t]+(?:\d+ +){0,2}(\S.*)$", re.MULTILINE)
_VERSION = re.compile(r"pgbench \((?:PostgreSQL\) )?([\d.]+)")


def recognise(source: Source) -> bool:
    """Lines of a report, or of filling tables."""
    head = source.head_text
    # failures told one by one can be long, the report stands behind them
    if head.startswith("pgbench (") and len(head) < len(source.text):
        head = source.text
    return (
        bool(_PROGRESS.search(head))
        or "transaction type: " in head
        or bool(_PROCESSED.search(head))
        or ("tuples (" in head and "generating data" in head)
    )


def read(source: Source) -> Iterator[Reading]:
    """One run for each `transaction type:` in the file."""
    progress = _series(source.text)
    if "transaction type: " not in source.text and not _PROCESSED.search(source.text):
        if progress is not None:
            yield Reading(tool=TOOL, series=progress)
            return
        raise source.beside(
            "pgbench's log of filling tables", "import what `pgbench` prints after a run"
        )
    version = _VERSION.search(source.text)
    # people quote reports without their first line
    before, *parts = source.text.split("transaction type: ")
    for part in parts or [f"\n{before}"]:
        reading = _reading(part, version[1] if version else "")
        # the progress of several runs in one file cannot be told apart
        reading.series = progress if len(parts) < 2 else None
        yield reading


def _series(text: str) -> pa.Table | None:
    series: list[Moment] = []
    for at, tps, latency in _PROGRESS.findall(text):
        time, rate, mean = number(at), number(tps), number(latency)
        if time is not None and rate is not None:
            series.append((time, "throughput", "", rate))
            if mean is not None:
                series.append((time, "transaction_time", "", mean / 1e3))
    return over_time(series)


def _reading(part: str, version: str) -> Reading:
    found, name = Found(), part.partition("\n")[0].strip()
    whole, *scripts = re.split(r"(?=^SQL script \d+: )", part, flags=re.MULTILINE)
    processed = _PROCESSED.search(whole)
    n = number(processed[1]) if processed else None
    found.add("transactions", "value", n, "tx", source_name="transactions actually processed")
    if (failed := _FAILED.search(whole)) and n is not None:
        failures = number(failed[1]) or 0.0
        found.add("failures", "value", failures, "tx", source_name="failed transactions")
        found.add_share(failures, n + failures)
    lag = _LAG.search(whole)
    metric = "response_time" if lag else "transaction_time"
    _add(found, whole, metric, "", n)
    for statistic, text in zip(("mean", "max"), lag.groups() if lag else (), strict=False):
        found.add("schedule_lag", statistic, text, "ms", source_name="rate limit schedule lag")
    for kind, text in _CONNECT.findall(whole):
        found.add("connection_time", "mean", text, "ms", source_name=f"{kind} connection time")
    for script in scripts:
        if head := _SCRIPT.match(script):
            each = _EACH.search(script)
            name_of = head[2].strip()
            _add(found, script, metric, name_of, number(each[1]) if each else None)
            _statements(found, script, f"{name_of}: " if len(scripts) > 1 else "")
    _statements(found, whole, "")
    settings = {key.replace(" ", "_"): value.strip() for key, value in _SETTING.findall(whole)}
    return Reading(
        tool=TOOL, version=version, run=name, indicators=found.indicators, details=settings
    )


def _statements(found: Found, text: str, prefix: str) -> None:
    for value, statement in _STATEMENT.findall(text.partition("statement latencies in ")[2]):
        label = prefix + statement.strip()
        found.add(
            "statement_time", "mean", value, "ms", label=label, source_name="statement latency"
        )


def _add(found: Found, text: str, timed: str, label: str, n: float | None) -> None:
    for kind, value in _LATENCY.findall(text):
        statistic = {"average": "mean", "stddev": "stdev"}[kind]
        more: dict[str, Any] = {"label": label, "source_name": f"latency {kind}", "n": n}
        found.add_printed(timed, statistic, value, "ms", **more)
    for value, note in _TPS.findall(text):
        # to reconnect (`-C`) is a part of each transaction, to connect at first is not
        connecting = note == "including connections establishing"
        metric = "throughput_with_connecting" if connecting else "throughput"
        source_name = f"tps ({note})" if note else "tps"
        found.add(metric, "value", value, "tx/s", label=label, source_name=source_name, n=n)
