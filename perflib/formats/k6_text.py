"""k6's end-of-test text: every number carries its unit, rounded to what is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.formats.k6 import TOOL, statistic
from perflib.formats.quantities import duration, plain, quantity

_LINE = re.compile(r"^[\s✓✗]*([A-Za-z]\w*(?:\{[^}]*\})?|\{[^}]*\})\.*: +(\S.*)$")
_TIMES = re.compile(r"(avg|min|med|max|p\(?[\d.]+\)?)=([^\s,]+)")
_SIZED = re.compile(r"([\d.]+ [kMGT]?i?B)\s+([\d.]+ [kMGT]?i?B)/s")
_COUNTED = re.compile(r"(\d+)\s+([\d.]+)/s")
# of how many: older versions count the passed and the failed ones
_SHARE = re.compile(r"([\d.]+)%(?:\s+\d+ out of (\d+)|\s+✓ (\d+)\s+✗ (\d+))?")
# sections of newer versions: the totals, then the same metrics again by scenario and group
_SECTION = re.compile(r"^(\s*)(?:█|↳(?= GROUP: )) (?:(GROUP|SCENARIO): )?(.*?)\s*$")
_BANNER = re.compile(r"^\s*execution: (?:local|cloud)\s*$", re.MULTILINE)
_OWN = ("iteration_duration...", "iterations....", "vus_max....", "http_reqs....")


def recognise(source: Source) -> bool:
    """Lines such as `http_reqs......: 13095 7.23/s`."""
    # the summary stands at the end of a log
    text = source.text if _BANNER.search(source.head_text) else source.head_text
    return sum(name in text for name in _OWN) >= 2


def read(source: Source) -> Iterator[Reading]:
    """One run for each summary in the file; the printed digits are the resolution."""
    found, last, part, seen = Found(), "", list[tuple[int, str]](), set[tuple[str, str]]()
    for _, raw in source.lines():
        text = plain(raw)
        if section := _SECTION.match(text):
            # a group stands deeper than what it is in
            part = [(deep, name) for deep, name in part if deep < len(section[1])]
            part += [(len(section[1]), section[3])] if section[2] else []
        match = _LINE.match(text)
        if match is None:
            continue
        name, rest = match[1], match[2]
        tags = name.strip("{} ") if name.startswith("{") else ""
        last = last if tags else name
        label = ", ".join(each for each in ("::".join(name for _, name in part), tags) if each)
        if (last, label) in seen:
            yield Reading(tool=TOOL, indicators=found.indicators)
            found, seen = Found(), set()
        seen.add((last, label))
        _add(found, last, label, rest)
    if not found.indicators:
        raise source.fail("no metric that can be read")
    yield Reading(tool=TOOL, indicators=found.indicators)


def _add(found: Found, name: str, label: str, rest: str) -> None:
    ours = "service_time" if name == "http_req_duration" else name
    for key, value in _TIMES.findall(rest):
        more: dict[str, Any] = {"label": label, "source_name": f"{name}.{key}"}
        time = duration(value)
        found.add(ours, statistic(key), time or value, "s" if time else "1", **more)
    more = {"label": label, "source_name": name}
    if match := _SIZED.match(rest):
        for key, at, unit in (("count", 1, "B"), ("rate", 2, "B/s")):
            found.add(name, key, quantity(match[at], binary=False), unit, **more)
    elif match := _COUNTED.match(rest):
        if name == "http_reqs":
            found.add("requests", "value", match[1], "req", **more)
            found.add("throughput", "value", match[2], "req/s", **more)
        else:
            found.add(name, "count", match[1], **more)
            found.add(name, "rate", match[2], "1/s", **more)
    elif match := _SHARE.match(rest):
        metric = "error_rate" if name == "http_req_failed" else name
        n = sum(number(count) or 0.0 for count in match.groups()[1:])
        found.add_printed(metric, "value", match[1], "%", n=n, **more)
