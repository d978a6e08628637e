"""pytest-benchmark's JSON: seconds a call, over rounds of `iterations` calls; and its CSV.

The CSV of `compare` does not tell which run a row is of, so it is read for one run only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import TIMES_S, Found, has, listing, mapping
from perflib.formats.tables import header, rows

TOOL = "pytest-benchmark"
_STATED = {
    **TIMES_S,
    "q1": ("time", "p25", "s"),
    "q3": ("time", "p75", "s"),
    "ops": ("rate", "value", "ops/s"),
}
_COLUMNS = {*_STATED, "iqr", "outliers", "rounds", "iterations"} - {"q1", "q3"}
_NO_COMMIT = ("unversioned", "unknown")


def recognise(source: Source) -> bool:
    """`benchmarks` with `stats`, beside `machine_info`, or the columns that `--csv` may have."""
    return _csv(source) or has(source.json, "benchmarks", "machine_info")


def _csv(source: Source) -> bool:
    columns = [each for each in header(source, ",")[0] if not each.startswith("param:")]
    return len(columns) > 1 and columns[0] == "name" and set(columns[1:]) <= _COLUMNS


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a test."""
    if _csv(source):
        yield _compared(source)
        return
    document, found = source.json, Found()
    for entry in listing(document, "benchmarks"):
        stats = entry.get("stats") if isinstance(entry, dict) else None
        if not isinstance(stats, dict):
            source.skip(0, "a benchmark without statistics")
            continue
        _add(found, stats, str(entry.get("fullname") or entry.get("name") or ""))
    named = str(mapping(document, "commit_info").get("id") or "")
    yield Reading(
        tool=TOOL,
        version=str(document.get("version") or ""),
        started_at=str(document.get("datetime") or ""),
        commit="" if named in _NO_COMMIT else named,
        indicators=found.indicators,
    )


def _compared(source: Source) -> Reading:
    found, told = Found(), set[str]()
    for line, row in rows(source):
        if row["name"] in told:
            raise source.fail(
                f"several runs that it does not tell apart: `{row['name']}` again",
                line,
                next_step="import the JSON of each run, or `pytest-benchmark compare --csv=… NNNN`",
            )
        told.add(row["name"])
        _add(found, row, row["name"])
    return Reading(tool=TOOL, indicators=found.indicators)


def _add(found: Found, stats: dict[str, Any], label: str) -> None:
    found.add_all(stats, _STATED, label=label, n=stats.get("rounds"))
