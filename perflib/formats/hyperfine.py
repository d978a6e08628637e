"""hyperfine's `--export-json`, every run kept, `--export-csv` and `--export-markdown`.

All are in seconds, but for Markdown, whose headings say the unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, decimal_places, number
from perflib.formats.tables import header, markdown, rows

TOOL = "hyperfine"
_STATISTICS = {"mean": "mean", "median": "p50", "min": "min", "max": "max", "stddev": "stdev"}


_COLUMNS = {"command", "mean", "stddev", "median", "user", "system"}


_HEADING = re.compile(r"\s*\| Command \| Mean \[\w+\] \|")
_COLUMN = re.compile(r"(Mean|Min|Max) \[(s|ms|us|µs)\]")


def recognise(source: Source) -> bool:
    """`results` of commands with a `mean`, or the columns of the CSV."""
    if set(header(source)[0]) >= _COLUMNS:
        return True
    if _HEADING.match(source.head_text):
        return True
    document = source.json
    listed = document.get("results") if isinstance(document, dict) else None
    return isinstance(listed, list) and any(
        isinstance(each, dict) and {"command", "mean"} <= set(each) for each in listed
    )


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a command with its parameters."""
    found = Found()
    if _HEADING.match(source.head_text):
        for columns, listed in markdown(source):
            for _, row in listed:
                _printed(found, columns, row)
        yield Reading(tool=TOOL, indicators=found.indicators)
        return
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


def _printed(found: Found, columns: list[str], row: dict[str, str]) -> None:
    for column in columns:
        if (match := _COLUMN.fullmatch(column)) is None:
            continue
        mean, _, deviation = row[column].partition("±")
        for statistic, text in ((match[1].lower(), mean), ("stdev", deviation)):
            more: dict[str, Any] = {"label": row.get("Command", ""), "source_name": column}
            step = 10.0 ** -decimal_places(text.strip())
            found.add("time", statistic, text, match[2].replace("µ", "u"), resolution=step, **more)


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
