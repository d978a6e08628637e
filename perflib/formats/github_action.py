"""github-action-benchmark: its custom input (a list), and the `data.js` history that it keeps.

Units are what the user wrote. A unit that we know becomes base units, another stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, has, iso, mapping, number

TOOL = "github-action-benchmark"
_PREFIX = re.compile(r"^\s*window\.BENCHMARK_DATA\s*=\s*")
_TIME = re.compile(r"(ns|us|µs|ms|s|(?i:sec|seconds?|milliseconds?))(?:/(?:iter|op))?")
_TIMES = {"µs": "us", "sec": "s", "second": "s", "seconds": "s"}
_TIMES |= {"millisecond": "ms", "milliseconds": "ms"}


def recognise(source: Source) -> bool:
    """`window.BENCHMARK_DATA`, or a list of name, unit and value."""
    if _PREFIX.match(source.head_text):
        return True
    document = source.json
    if isinstance(document, dict):
        return {"lastUpdate", "entries"} <= set(document)
    return isinstance(document, list) and bool(document) and all(_is_entry(e) for e in document)


def _is_entry(entry: Any) -> bool:
    return has(entry, "name", "unit", "value")


def read(source: Source) -> Iterator[Reading]:
    """One run, or one a commit of the history."""
    document = _document(source)
    if isinstance(document, list):
        yield _reading(source, document, {})
        return
    for suite, history in mapping(document, "entries").items():
        for point in history if isinstance(history, list) else ():
            if isinstance(point, dict) and isinstance(point.get("benches"), list):
                yield _reading(source, point["benches"], point, suite)
            else:
                source.skip(0, f"an entry of {suite} without benchmarks")


def _document(source: Source) -> Any:
    if source.json is not None:
        return source.json
    try:
        return msgspec.json.decode(_PREFIX.sub("", source.text).rstrip("; \n"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise source.fail(f"broken JSON: {error}") from None


def _reading(source: Source, benches: list[Any], point: dict[str, Any], suite: str = "") -> Reading:
    found = Found()
    for bench in benches:
        if not _is_entry(bench):
            source.skip(0, "a benchmark without name, unit and value")
            continue
        unit = str(bench["unit"])
        time = _TIME.fullmatch(unit)
        found.add(
            "time" if time else "value",
            "value",
            bench["value"],
            _TIMES.get(time[1].lower(), time[1]) if time else unit,
            label=str(bench["name"]),
            source_name=unit,
        )
    date = number(point.get("date"))
    return Reading(
        tool=TOOL,
        run=suite,
        started_at=iso(date / 1e3) if date else "",
        commit=str(mapping(point, "commit").get("id") or ""),
        indicators=found.indicators,
    )
