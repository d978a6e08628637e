"""`go test -bench`: each line is one result, repeated lines of a benchmark are samples of it.

With `-json` the same text comes in events, a line in one or more of them.

Units are part of every line; those ending in `ns/op` are times, other units keep their name.
Configuration lines (`goos:`, `pkg:`) apply to what follows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct, field

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number

TOOL = "go test -bench"
_LINE = re.compile(r"^(Benchmark\S*)\s+(\d+)\s+(.+)$")
_SETTING = re.compile(r"^([a-z][\w.-]*):\s+(.*)$")
_EVENT = re.compile(r'\{"Time":"')
_UNITS = {
    "ns/op": ("time", "ns"),
    "B/op": ("allocation", "B"),
    "allocs/op": ("allocations", "1"),
    "MB/s": ("data_rate", "MB/s"),
}


class _Event(Struct):
    output: str = field(default="", name="Output")


def recognise(source: Source) -> bool:
    """A line with a name, a count and a value with its unit."""
    lines = (text for _, text in _texts(source.head_text.split("\n")))
    return any(
        (match := _LINE.match(line)) and len(match[3].split()) == 2 * len(_pairs(match[3]))
        for line in lines
    )


def _texts(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The printed lines with the number of the line in the file."""
    begun = ""
    for number_of, text in enumerate(lines, 1):
        if not _EVENT.match(text):
            yield number_of, text
            continue
        begun += _output(text)
        *whole, begun = begun.split("\n")
        yield from ((number_of, each) for each in whole)


def _output(event: str) -> str:
    try:
        return msgspec.json.decode(event, type=_Event).output
    except (msgspec.DecodeError, RecursionError):
        return ""


def _pairs(rest: str) -> list[tuple[float, str]]:
    cells = rest.split()
    values = [(number(value), unit) for value, unit in zip(cells[::2], cells[1::2], strict=False)]
    return [(value, unit) for value, unit in values if value is not None]


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark (with its package where several are in the file)."""
    values: dict[tuple[str, str], list[float]] = {}
    package, packages = "", set()
    for line, text in _texts((text for _, text in source.lines())):
        if setting := _SETTING.match(text):
            if setting[1] == "pkg":
                package = setting[2].strip()
                packages.add(package)
            continue
        if not text.startswith("Benchmark"):
            continue
        match = _LINE.match(text)
        if match is None:
            if len(text.split()) > 1:
                source.skip(line, "no count, value and unit")
            continue
        for value, unit in _pairs(match[3]):
            values.setdefault((f"{package}\t{match[1]}", unit), []).append(value)
    found = Found()
    for (name, unit), each in values.items():
        label = (
            name.replace("\t", ".").lstrip(".") if len(packages) > 1 else name.partition("\t")[2]
        )
        _add(found, label, unit, each)
    yield Reading(tool=TOOL, indicators=found.indicators)


def _add(found: Found, label: str, unit: str, values: list[float]) -> None:
    metric, base = _UNITS.get(unit, (unit.removesuffix("/op"), unit))
    if unit.endswith("-ns/op"):
        metric, base = unit.removesuffix("-ns/op") + "_time", "ns"
    if len(values) > 1:
        found.add_samples(metric, values, base, label=label, source_name=unit)
    else:
        found.add(metric, "mean", values[0], base, label=label, source_name=unit, n=1)
