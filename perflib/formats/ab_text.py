"""ApacheBench's text; its percentages table is exact to the printed millisecond."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, last_digit, number

TOOL = "ab"
_FIELD = re.compile(r"([A-Z][\w\- 2]+?):\s+([\d.]+)\s*(.*)")
_PLACES = ("Server Hostname", "Server Port", "Document Path")
_PLACE = re.compile(rf"({'|'.join(_PLACES)}):\s+(\S+)")
_PERCENTILE = re.compile(r"\s*(\d+)%\s+(\d+)")
# with `-S` and in HTML without deviation and median
_TOTAL = re.compile(r"Total:\s+(\d+)\s+\d+(?:\s+([\d.]+)\s+\d+)?\s+(\d+)$")
_TAG = re.compile(r"<[^>]*>")
_VERSION = re.compile(r"ApacheBench, Version (\S+)")
_FIELDS = {
    "Complete requests": ("requests", "req"),
    "Failed requests": ("failures", "req"),
    "Non-2xx responses": ("non_2xx", "req"),
    "Requests per second": ("throughput", "req/s"),
    "Time taken for tests": ("duration", "s"),
}


def recognise(source: Source) -> bool:
    """Lines that ab prints, or writes as HTML with `-w`."""
    head = source.head_text
    return "This is ApacheBench, Version" in head or (
        "Time taken for tests:" in head and "Complete requests:" in head
    )


def read(source: Source) -> Iterator[Reading]:
    """One run for each `Server Hostname` in the file."""
    runs: list[list[str]] = []
    version = ""
    for _, raw in source.lines():
        text = _TAG.sub(" ", raw).strip()
        if match := _VERSION.search(text):
            version = match[1]
        if text.startswith("Server Hostname:") or not runs:
            runs.append([])
        runs[-1].append(text)
    finished = [run for run in runs if any(line.startswith("Complete requests:") for line in run)]
    if not finished:
        raise source.fail("no `Complete requests:`; the run failed or was stopped")
    for lines in finished:
        yield _reading(lines, version)


def _reading(lines: list[str], version: str) -> Reading:
    found = Found()
    place: dict[str, str] = {}
    stated: dict[str, float] = {}
    told = any(_TOTAL.match(text) for text in lines)
    for text in lines:
        if match := _PLACE.match(text):
            place[match[1]] = match[2]
        elif match := _PERCENTILE.match(text):
            if match[1] != "100" or not told:
                statistic = "max" if match[1] == "100" else f"p{match[1]}"
                _time(found, statistic, match[2], f"{match[1]}%")
        elif match := _TOTAL.match(text):
            # the mean is printed in whole milliseconds here; it is exact in "Time per request"
            _time(found, "min", match[1], "Total min")
            _time(found, "max", match[3], "Total max")
            if match[2]:
                _time(found, "stdev", match[2], "Total +/-sd")
        elif match := _FIELD.match(text):
            _field(found, stated, match)
    requests, failures = stated.get("Complete requests"), stated.get("Failed requests")
    if requests and failures is not None:
        # a request can be of both kinds; the file does not tell how many are
        fewest, both = sorted((failures, stated.get("Non-2xx responses", 0.0)))[::-1]
        more: dict[str, Any] = {"approximate": both > 0, "resolution": both / requests}
        found.add_share(fewest, requests, **more)
    host, port, path = (place.get(key, "") for key in _PLACES)
    return Reading(
        tool=TOOL, version=version, run=f"{host}:{port}{path}", indicators=found.indicators
    )


def _field(found: Found, stated: dict[str, float], match: re.Match[str]) -> None:
    name, text, rest = match.groups()
    if name in _FIELDS:
        metric, unit = _FIELDS[name]
        stated[name] = number(text) or 0.0
        step = last_digit(text) if "." in text else 0.0
        found.add(metric, "value", text, unit, source_name=name, resolution=step)
    elif name == "Time per request" and "across" not in rest:
        _time(found, "mean", text, name)
    elif name == "Transfer rate":
        found.add("data_rate", "value", text, "KiB/s", source_name=name)


def _time(found: Found, statistic: str, text: str, source_name: str) -> None:
    found.add_printed("service_time", statistic, text, "ms", source_name=source_name)
