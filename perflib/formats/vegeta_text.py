"""Vegeta's text report: each line names its numbers in brackets, so any version is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, last_digit, number
from perflib.formats.quantities import duration

TOOL = "Vegeta"
# people quote reports in notes of their own
_LINE = re.compile(r"^[ \t#>]*([A-Z][A-Za-z ]+?)\s+\[([a-z0-9:, ]+)\]\s+(\S.*)$", re.MULTILINE)
_EXTREMES = ("min", "mean", "max")


def recognise(source: Source) -> bool:
    """Its lines of requests and of latencies."""
    names = {match[1] for match in _LINE.finditer(source.head_text)}
    return {"Requests", "Latencies", "Success"} <= names


def read(source: Source) -> Iterator[Reading]:
    """One run for each `Requests` line in the file."""
    text = source.text
    starts = [match.start() for match in re.finditer(r"^[ \t#>]*Requests\s+\[", text, re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=False):
        yield Reading(tool=TOOL, indicators=_indicators(text[start:end]).indicators)


def _indicators(text: str) -> Found:
    found, values = Found(), dict[tuple[str, str], str]()
    for match in _LINE.finditer(text):
        names = [name.strip() for name in match[2].split(",")]
        cells = [cell.strip() for cell in match[3].split(",")]
        if len(names) == len(cells):
            values |= {(match[1], name): cell for name, cell in zip(names, cells, strict=True)}
    n = number(values.get(("Requests", "total")))
    found.add("requests", "value", n, "req", source_name="Requests total")
    for name, metric in (("rate", "offered_rate"), ("throughput", "throughput")):
        found.add(metric, "value", values.get(("Requests", name)), "req/s", source_name=name, n=n)
    total = duration(values.get(("Duration", "total"), ""))
    found.add("duration", "value", total, "s", source_name="Duration total")
    for (line, name), text_value in values.items():
        if line == "Latencies":
            _latency(found, name, text_value, n)
    share = values.get(("Success", "ratio"), "")
    percent = number(share.removesuffix("%")) if share.endswith("%") else None
    if percent is not None:
        step = last_digit(share.removesuffix("%"))
        found.add("error_rate", "value", 100 - percent, "%", n=n, resolution=step)
    return found


def _latency(found: Found, name: str, text: str, n: float | None) -> None:
    q, time = number(name), duration(text)
    if time is not None and (q is not None or name in _EXTREMES):
        statistic = name if q is None else f"p{q:g}"
        more: dict[str, Any] = {"source_name": f"Latencies {name}", "n": n}
        found.add_sketched("service_time", statistic, time.value, "s", time.step, **more)
