"""BenchmarkDotNet's JSON (brief and full) in nanoseconds, its CSV and Markdown, which say units."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, has, listing, mapping, number, objects
from perflib.formats.quantities import quantity
from perflib.formats.tables import header, markdown, rows

TOOL = "BenchmarkDotNet"
_STATED = {
    "Mean": ("time", "mean", "ns"),
    "Median": ("time", "p50", "ns"),
    "Min": ("time", "min", "ns"),
    "Max": ("time", "max", "ns"),
    "StandardDeviation": ("time", "stdev", "ns"),
}
_ALLOCATED = {"BytesAllocatedPerOperation": ("allocation", "mean", "B")}
_MEASURED = {"Mean": "mean", "Median": "p50", "Min": "min", "Max": "max", "StdDev": "stdev"}
# the last columns of a job that stand before the parameters
_JOBS = ("Method", "Job", "WarmupCount", "UnrollFactor", "Runtime", "Toolchain", "IterationCount")
_NEEDED = {"Method", "Mean", "Error", "StdDev"}
_NAME = "BenchmarkDotNet"
_VERSION = re.compile(r"BenchmarkDotNet[ =]v([\d.]+)")
Rows = list[tuple[int, dict[str, str]]]
Table = tuple[list[str], Rows]
_UNIT = re.compile(r"(\w+) \[(\w+|μs)\]")


def recognise(source: Source) -> bool:
    """`HostEnvironmentInfo` beside `Benchmarks`, or the columns of the report."""
    if _is_csv(source) or (_NAME in source.head_text and next(_tables(source, head=True), None)):
        return True
    return has(source.json, "HostEnvironmentInfo", "Benchmarks")


def _is_csv(source: Source) -> bool:
    return {name.partition(" [")[0] for name in header(source)[0]} >= _NEEDED


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark with its parameters."""
    if source.json is None:
        if _is_csv(source):
            yield _reading(source, "", header(source)[0], list(rows(source)))
            return
        version = _VERSION.search(source.text)
        for columns, table in _tables(source):
            yield _reading(source, version[1] if version else "", columns, table)
        return
    document, found = source.json, Found()
    listed = listing(document, "Benchmarks")
    labels = Counter(map(_label, objects(document, "Benchmarks")))
    for entry in listed:
        statistics = entry.get("Statistics") if isinstance(entry, dict) else None
        if not isinstance(statistics, dict):
            source.skip(0, "a benchmark without statistics, as after a failure")
            continue
        label = _label(entry)
        # one benchmark in several jobs
        job = str(entry.get("DisplayInfo") or "").partition(": ")[2] if labels[label] > 1 else ""
        _add(found, f"{label} [{job}]" if job else label, entry, statistics)
    host = mapping(document, "HostEnvironmentInfo")
    yield Reading(
        tool=TOOL,
        version=str(host.get("BenchmarkDotNetVersion") or ""),
        run=str(document.get("Title") or ""),
        indicators=found.indicators,
    )


def _tables(source: Source, *, head: bool = False) -> Iterator[Table]:
    """The tables of results in a Markdown text, or in its first part."""
    text = Source(source.path, content=source.head) if head else source
    for columns, listed in markdown(text):
        if set(columns) >= {"Method", "Mean"}:
            yield columns, listed


def _reading(source: Source, version: str, columns: list[str], listed: Rows) -> Reading:
    """Parameters stand between the last of the job's columns and `Mean`."""
    first = next(at for at, name in enumerate(columns) if name.partition(" [")[0] == "Mean")
    jobs = max((at for at, name in enumerate(columns[:first]) if name in _JOBS), default=0)
    found, named = Found(), Counter[str]()
    labels = []
    for _, row in listed:
        given = ", ".join(f"{name}={row[name]}" for name in columns[jobs + 1 : first])
        method = ".".join(row[name] for name in ("Type", "Method") if row.get(name))
        labels.append(f"{method}({given})" if given else method)
        named[labels[-1]] += 1
    for label, (line, row) in zip(labels, listed, strict=True):
        # one benchmark in several jobs
        job = row.get("Runtime") or row.get("Job") if named[label] > 1 else ""
        name = f"{label} [{job}]" if job else label
        added = [_add_cell(found, name, column, row[column]) for column in columns[first:]]
        if not any(added):
            source.skip(line, f"{label} has no times, as after a failure")
    return Reading(tool=TOOL, version=version, indicators=found.indicators)


def _add_cell(found: Found, label: str, name: str, cell: str) -> bool:
    head = _UNIT.fullmatch(name)
    name, text = (head[1], f"{cell} {head[2]}") if head else (name, cell)
    measured = name in _MEASURED or name == "Allocated"
    time = quantity(text) if measured and not text.strip()[-1:].isdecimal() else None
    if time is None:
        return False
    if name == "Allocated":
        found.add("allocation", "mean", time, "B", label=label, source_name=name)
        return False
    found.add("time", _MEASURED[name], time, "s", label=label, source_name=name)
    return True


def _label(entry: dict[str, Any]) -> str:
    names = (entry.get(key) for key in ("Namespace", "Type", "Method"))
    return str(entry.get("FullName") or ".".join(str(name) for name in names if name))


def _add(found: Found, label: str, entry: dict[str, Any], statistics: dict[str, Any]) -> None:
    more: dict[str, Any] = {"label": label, "n": statistics.get("N")}
    found.add_all(statistics, _STATED, **more)
    for key, value in mapping(statistics, "Percentiles").items():
        q = number(key[1:])
        if q is not None and 0 < q < 100 and q != 50:
            found.add("time", f"p{q:g}", value, "ns", source_name=f"Percentiles.{key}", **more)
    found.add_all(mapping(entry, "Memory"), _ALLOCATED, **more)
