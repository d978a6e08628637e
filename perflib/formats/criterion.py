"""criterion's and libtest's text: `time: [low estimate high]`, and `test … bench: n ns/iter`.

The middle number of criterion is its point estimate (a slope or a mean), the others bound it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.formats.quantities import quantity

TOOL = "criterion"
_TIME = re.compile(r"^(.*?)\s*time:\s+\[(\S+ \S+) (\S+ \S+) (\S+ \S+)\]")
_RATE = re.compile(r"^\s+thrpt:\s+\[(\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\]")
_BENCH = re.compile(r"^test (\S+)\s+\.\.\. bench:\s+([\d,.]+) ns/iter \(\+/- ([\d,.]+)\)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def recognise(source: Source) -> bool:
    """A line of either kind."""
    lines = _ANSI.sub("", source.head_text).split("\n")
    return any(_TIME.match(line) or _BENCH.match(line) for line in lines)


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark."""
    found, before, label = Found(), "", ""
    for _, raw in source.lines():
        text = _ANSI.sub("", raw)
        if match := _TIME.match(text):
            # a long name stands on a line of its own
            label = match[1].strip() or before.strip()
            _add(found, label, match)
        elif (match := _RATE.match(text)) and label:
            _add_rate(found, label, match)
        elif match := _BENCH.match(text):
            found.add(
                "time", "p50", match[2], "ns", label=match[1], source_name="ns/iter", resolution=1.0
            )
        before = text
    yield Reading(tool=TOOL, indicators=found.indicators)


def _add(found: Found, label: str, match: re.Match[str]) -> None:
    named = (("mean", match[3]), ("low", match[2]), ("high", match[4]))
    for statistic, text in named:
        if time := quantity(text):
            found.add(
                "time",
                statistic,
                time.value,
                "s",
                label=label,
                source_name="time",
                resolution=time.step,
            )


def _add_rate(found: Found, label: str, match: re.Match[str]) -> None:
    value, unit = number(match[3]), match[4]
    if unit.endswith("elem/s") and value is not None:
        scale = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}.get(unit.removesuffix("elem/s"))
        found.add(
            "rate", "mean", scale and value * scale, "ops/s", label=label, source_name="thrpt"
        )
    elif unit.endswith("B/s") and (size := quantity(f"{match[3]} {unit.removesuffix('/s')}")):
        found.add("data_rate", "mean", size.value, "B/s", label=label, source_name="thrpt")
