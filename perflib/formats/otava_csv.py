"""The CSV that Otava (Hunter) analyses: a time, attributes, and a metric a column; a run a row.

The file does not say units, so the numbers keep none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, iso, number
from perflib.formats.tables import header, rows

TOOL = "Otava CSV"
_TIMES = ("time", "timestamp", "date")
_COMMITS = ("commit", "sha", "revision", "version", "branch")
_PATTERNS = (
    "%Y.%m.%d %H:%M:%S %z",
    "%Y.%m.%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%d %H:%M:%S",
)


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
        when = _time(row[columns[0]])
        if when is None:
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
    when = _date(text)
    return None if when is None else when.timestamp()


def _time(text: str) -> str | None:
    if number(text) is not None:
        return iso(epoch_s(text) or 0.0) or None
    when = _date(text)
    return None if when is None else when.isoformat()


def _date(text: str) -> datetime | None:
    for pattern in _PATTERNS:
        try:
            when = datetime.strptime(text.strip(), pattern)  # noqa: DTZ007 (the zone is in the pattern or absent)
        except ValueError:
            continue
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
