"""The CSV that Otava (Hunter) analyses: a time, attributes, and a metric a column; a run a row.

The file does not say units, so the numbers keep none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, iso, number
from perflib.formats.tables import header, rows

TOOL = "Otava CSV"
_TIMES = ("time", "timestamp", "date")
_COMMITS = ("commit", "sha", "revision", "version", "branch")
# what people write otherwise than ISO 8601: dots, hours of one digit, a space before the zone
_LOOSE = ((r"^(\d{4})\.(\d\d)\.(\d\d)", r"\1-\2-\3"), (r" (\d):", r" 0\1:"), (r" ([+-])", r"\1"))


def recognise(source: Source) -> bool:
    """A time first and a commit or branch, or `time` first and nothing but numbers."""
    columns, separator = header(source)
    names = [name.lower() for name in columns]
    if not names or names[0] not in _TIMES or len(names) < 2:
        return False
    if any(name in _COMMITS for name in names[1:]):
        return True
    # only the head is looked at: a file of gigabytes may begin like this
    first = [line for line in source.head_text.split("\n") if line.strip()][1:2]
    numbers = [number(cell) for line in first for cell in line.split(separator)]
    return names[0] == "time" and len(numbers) == len(names) and None not in numbers


def read(source: Source) -> Iterator[Reading]:
    """One run a row."""
    columns, _ = header(source)
    commit = next((name for name in columns if name.lower() in _COMMITS[:3]), "")
    for line, row in rows(source):
        at = epoch_s(row[columns[0]])
        if at is None or not (when := iso(at)):
            source.skip(line, f"no time: `{row[columns[0]]}`")
            continue
        found = Found()
        for name in columns[1:]:
            if name.lower() not in _COMMITS:
                found.add(name, "value", row[name], "1", source_name=name)
        yield Reading(
            tool=TOOL, started_at=when, commit=row.get(commit, ""), indicators=found.indicators
        )


def epoch_s(text: str) -> float | None:
    """An epoch time in seconds or milliseconds, or any usual date (UTC without a zone)."""
    seconds = number(text)
    if seconds is not None:
        return seconds / 1e3 if seconds > 1e11 else seconds
    text = text.strip()
    for loose, strict in _LOOSE:
        text = re.sub(loose, strict, text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
