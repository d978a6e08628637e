"""hyperfine's `--export-json`, every run kept, and `--export-csv`: seconds a command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.formats.tables import header, rows

TOOL = "hyperfine"
_STATISTICS = {"mean": "mean", "median": "p50", "min": "min", "max": "max", "stddev": "stdev"}


_COLUMNS = {"command", "mean", "stddev", "median", "user", "system"}


def recognise(source: Source) -> bool:
    """`results` of commands with a `mean`, or the columns of the CSV."""
    if set(header(source)[0]) >= _COLUMNS:
        return True
    document = source.json
    listed = document.get("results") if isinstance(document, dict) else None
    return isinstance(listed, list) and any(
        isinstance(each, dict) and {"command", "mean"} <= set(each) for each in listed
    )


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a command with its parameters."""
    found = Found()
    for entry in _entries(source):
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


def _entries(source: Source) -> Iterator[Any]:
    if source.json is None:
        for _, row in rows(source):
            yield row
    else:
        yield from source.json["results"]


def _failures(found: Found, entry: dict[str, Any], more: dict[str, Any]) -> None:
    codes = entry.get("exit_codes")
    if isinstance(codes, list) and codes:
        failed = sum(1 for code in codes if number(code) != 0)
        found.add("error_rate", "value", failed / len(codes), source_name="exit_codes", **more)
