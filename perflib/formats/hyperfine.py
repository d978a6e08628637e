"""hyperfine's `--export-json`, every run kept, `--export-csv` and `--export-markdown`.

All are in seconds, but for Markdown, whose headings say the unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import TIMES_S, Found, has, listing, number
from perflib.formats.tables import header, markdown, rows

TOOL = "hyperfine"
_STATED = {
    **TIMES_S,
    "user": ("user_time", "mean", "s"),
    "system": ("system_time", "mean", "s"),
}
_COLUMNS = {"command", "mean", "stddev", "median", "user", "system"}
_HEADING = re.compile(r"\s*\| Command \| Mean \[\w+\] \|")
_COLUMN = re.compile(r"(Mean|Min|Max) \[(s|ms|us|µs)\]")


def recognise(source: Source) -> bool:
    """`results` of commands with a `mean`, or the columns of the CSV."""
    if set(header(source)[0]) >= _COLUMNS:
        return True
    if _HEADING.match(source.head_text):
        return True
    return any(has(each, "command", "mean") for each in listing(source.json, "results"))


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a command with its parameters."""
    found = Found()
    if _HEADING.match(source.head_text):
        for columns, listed in markdown(source):
            for _, row in listed:
                _printed(found, columns, row)
        yield Reading(tool=TOOL, indicators=found.indicators)
        return
    entries = source.json["results"] if source.json else (row for _, row in rows(source))
    for entry in entries:
        if not has(entry, "command"):
            source.skip(0, "a result without a command")
            continue
        more: dict[str, Any] = {"label": str(entry["command"])}
        found.add_all(entry, _STATED, n=len(listing(entry, "times")), **more)
        codes = listing(entry, "exit_codes")
        failed = sum(1 for code in codes if number(code) != 0)
        found.add_share(failed, len(codes), source_name="exit_codes", **more)
    yield Reading(tool=TOOL, indicators=found.indicators)


def _printed(found: Found, columns: list[str], row: dict[str, str]) -> None:
    for column in columns:
        if (match := _COLUMN.fullmatch(column)) is None:
            continue
        mean, _, deviation = row[column].partition("±")
        for statistic, text in ((match[1].lower(), mean), ("stdev", deviation)):
            more: dict[str, Any] = {"label": row.get("Command", ""), "source_name": column}
            found.add_printed("time", statistic, text.strip(), match[2].replace("µ", "u"), **more)
