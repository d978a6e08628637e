"""hyperfine's `--export-json`: seconds a command, every run kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number

TOOL = "hyperfine"
_STATISTICS = {"mean": "mean", "median": "p50", "min": "min", "max": "max", "stddev": "stdev"}


def recognise(source: Source) -> bool:
    """`results` of commands with a `mean`."""
    document = source.json
    listed = document.get("results") if isinstance(document, dict) else None
    return isinstance(listed, list) and any(
        isinstance(each, dict) and {"command", "mean"} <= set(each) for each in listed
    )


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a command with its parameters."""
    found = Found()
    for entry in source.json["results"]:
        if not isinstance(entry, dict) or "command" not in entry:
            source.skip(0, "a result without a command")
            continue
        times = entry.get("times")
        more: dict[str, Any] = {
            "label": str(entry["command"]),
            "n": len(times) if isinstance(times, list) else None,
        }
        found.add_all("time", entry, _STATISTICS, "s", **more)
        for key, metric in (("user", "user_time"), ("system", "system_time")):
            found.add(metric, "mean", entry.get(key), "s", source_name=key, **more)
        _failures(found, entry, more)
    yield Reading(tool=TOOL, indicators=found.indicators)


def _failures(found: Found, entry: dict[str, Any], more: dict[str, Any]) -> None:
    codes = entry.get("exit_codes")
    if isinstance(codes, list) and codes:
        failed = sum(1 for code in codes if number(code) != 0)
        found.add("error_rate", "value", failed / len(codes), source_name="exit_codes", **more)
