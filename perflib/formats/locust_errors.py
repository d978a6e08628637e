"""Locust's `_failures.csv` and `_exceptions.csv`: how often each error came; often none did.

A request may fail in several ways: its label has the sum, the label with the error each.
"""

from __future__ import annotations

from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.formats.locust_stats import TOOL, label
from perflib.formats.tables import header, rows

_FAILURES = {"Method", "Name", "Error", "Occurrences"}
_EXCEPTIONS = {"Count", "Message", "Traceback"}


def recognise(source: Source) -> bool:
    """The columns of either file."""
    columns, _ = header(source)
    return set(columns) >= _FAILURES or set(columns) >= _EXCEPTIONS


def read(source: Source) -> Iterator[Reading]:
    """One run: an indicator an error, and their sum."""
    failures = "Occurrences" in header(source)[0]
    metric, column = ("failures", "Occurrences") if failures else ("exceptions", "Count")
    found, total, counts = Found(), 0.0, dict[tuple[str, str], float]()
    for line, row in rows(source):
        count = number(row[column])
        if count is None:
            source.skip(line, f"no count: `{row[column]}`")
            continue
        total += count
        name = label(row.get("Method"), row.get("Name")) if failures else row["Message"]
        what = row["Error"] if failures else "exception"
        # one message may come with several tracebacks
        counts[name, what] = counts.get((name, what), 0.0) + count
    for (name, what), count in counts.items():
        named = f"{name}: {what}" if failures else name
        found.add(metric, "value", count, "1", label=named, source_name=what)
    for name in dict.fromkeys(name for name, _ in counts) if failures else ():
        each = sum(count for (labelled, _), count in counts.items() if labelled == name)
        found.add(metric, "value", each, "1", label=name, source_name=column)
    found.add(metric, "value", total, "1", source_name=column)
    yield Reading(tool=TOOL, indicators=found.indicators)
