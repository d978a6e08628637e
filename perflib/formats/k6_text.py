"""k6's end-of-test text: every number carries its unit, rounded to what is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, last_digit, number
from perflib.formats.k6 import TOOL, once, statistic
from perflib.formats.quantities import plain

_LINE = re.compile(r"^[\s✓✗]*([A-Za-z]\w*(?:\{[^}]*\})?|\{[^}]*\})\.*: +(\S.*)$")
_TIMES = re.compile(r"(avg|min|med|max|p\(?[\d.]+\)?)=([^\s,]+)")
_PART = re.compile(r"([\d.]+)(h|ms|m|s|µs|us|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}
_SIZED = re.compile(r"([\d.]+) ([kMGT]?i?B)\s+([\d.]+) ([kMGT]?i?B)/s")
_COUNTED = re.compile(r"(\d+)\s+([\d.]+)/s")
_SHARE = re.compile(r"([\d.]+)%(?:\s+\d+ out of (\d+))?")
_BYTES = {
    "B": 1.0,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "KiB": 2.0**10,
    "kiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
}
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
    for key, value in once(_TIMES.findall(rest)):
        seconds, step = duration(value)
        if seconds is not None:
            found.add(
                ours,
                statistic(key),
                seconds,
                "s",
                label=label,
                source_name=f"{name}.{key}",
                resolution=step,
            )
        elif number(value) is not None:
            found.add(ours, statistic(key), value, label=label, source_name=f"{name}.{key}")
    if match := _SIZED.match(rest):
        for key, at in (("count", 1), ("rate", 3)):
            unit = "B" if key == "count" else "B/s"
            size, factor = float(number(match[at]) or 0), _BYTES.get(match[at + 1], 1.0)
            step = factor * last_digit(match[at])
            found.add(
                name, key, size * factor, unit, label=label, source_name=name, resolution=step
            )
    elif match := _COUNTED.match(rest):
        if name == "http_reqs":
            found.add("requests", "value", match[1], "req", label=label, source_name=name)
            found.add("throughput", "value", match[2], "req/s", label=label, source_name=name)
        else:
            found.add(name, "count", match[1], label=label, source_name=name)
            found.add(name, "rate", match[2], "1/s", label=label, source_name=name)
    elif match := _SHARE.match(rest):
        metric = "error_rate" if name == "http_req_failed" else name
        step = last_digit(match[1])
        more: dict[str, Any] = {"label": label, "source_name": name, "resolution": step}
        found.add(metric, "value", match[1], "%", n=match[2], **more)


def duration(text: str) -> tuple[float | None, float]:
    """Go's durations (`1m2.5s`, `12.3µs`) in seconds, and the step of the last digit."""
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        return None, 0.0
    values = [(number(part[1]), part) for part in parts]
    if any(value is None for value, _ in values):
        return None, 0.0
    total = sum((value or 0.0) * _SECONDS[part[2]] for value, part in values)
    last = parts[-1]
    return total, _SECONDS[last[2]] * last_digit(last[1])
