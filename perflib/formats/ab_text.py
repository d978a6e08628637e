"""ApacheBench's text; its percentages table is exact to the printed millisecond."""

from __future__ import annotations

import re
from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, decimal_places, number

TOOL = "ab"
_FIELD = re.compile(r"([A-Z][\w\- 2]+?):\s+([\d.]+)\s*(.*)")
_PLACES = ("Server Hostname", "Server Port", "Document Path")
_PLACE = re.compile(rf"({'|'.join(_PLACES)}):\s+(\S+)")
_PERCENTILE = re.compile(r"\s*(\d+)%\s+(\d+)")
_TOTAL = re.compile(r"Total:\s+(\d+)\s+(\d+)\s+([\d.]+)\s+(\d+)\s+(\d+)")
_VERSION = re.compile(r"ApacheBench, Version (\S+)")
_FIELDS = {
    "Complete requests": ("requests", "req"),
    "Failed requests": ("failures", "req"),
    "Non-2xx responses": ("non_2xx", "req"),
    "Requests per second": ("throughput", "req/s"),
    "Time taken for tests": ("duration", "s"),
}


def recognise(source: Source) -> bool:
    """Lines that ab prints."""
    head = source.head_text
    return "Time taken for tests:" in head and "Complete requests:" in head


def read(source: Source) -> Iterator[Reading]:
    """One run for each `Server Hostname` in the file."""
    runs: list[list[str]] = []
    version = ""
    for _, text in source.lines():
        if match := _VERSION.search(text):
            version = match[1]
        if text.startswith("Server Hostname:") or not runs:
            runs.append([])
        runs[-1].append(text)
    for lines in runs:
        if any(line.startswith("Complete requests:") for line in lines):
            yield _reading(lines, version)


def _reading(lines: list[str], version: str) -> Reading:
    found = Found()
    place: dict[str, str] = {}
    stated: dict[str, float] = {}
    for text in lines:
        if match := _PLACE.match(text):
            place[match[1]] = match[2]
        elif match := _FIELD.match(text):
            _field(found, stated, match)
        elif match := _PERCENTILE.match(text):
            q = int(match[1])
            statistic = "max" if q == 100 else f"p{q}"
            found.add(
                "service_time", statistic, match[2], "ms", source_name=f"{q}%", resolution=1.0
            )
        elif match := _TOTAL.match(text):
            # the mean is printed in whole milliseconds here; it is exact in "Time per request"
            found.add(
                "service_time", "min", match[1], "ms", source_name="Total min", resolution=1.0
            )
            found.add(
                "service_time", "stdev", match[3], "ms", source_name="Total +/-sd", resolution=0.1
            )
    requests, failures = stated.get("Complete requests"), stated.get("Failed requests")
    if requests and failures is not None:
        failed = max(failures, stated.get("Non-2xx responses", 0.0))
        found.add("error_rate", "value", failed / requests, n=requests)
    host, port, path = (place.get(key, "") for key in _PLACES)
    return Reading(
        tool=TOOL, version=version, run=f"{host}:{port}{path}", indicators=found.indicators
    )


def _field(found: Found, stated: dict[str, float], match: re.Match[str]) -> None:
    name, text, rest = match.groups()
    step = 10.0 ** -decimal_places(text)
    if name in _FIELDS:
        metric, unit = _FIELDS[name]
        stated[name] = number(text) or 0.0
        found.add(
            metric, "value", text, unit, source_name=name, resolution=step if "." in text else 0.0
        )
    elif name == "Time per request" and "across" not in rest:
        found.add("service_time", "mean", text, "ms", source_name=name, resolution=step)
    elif name == "Transfer rate":
        found.add("data_rate", "value", (number(text) or 0.0) * 1024, "B/s", source_name=name)
