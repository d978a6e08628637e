"""wrk's and wrk2's text, whose numbers are rounded to their last digit.

wrk measures from the actual send; wrk2's recorded latency counts from the intended start, so it
is a response time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.formats.quantities import add_time, quantity

_START = re.compile(r"Running (\S+) test @ (\S+)")
_REFUSED = re.compile(r"unable to connect to \S+:\S+ ")
_THREADS = re.compile(r"\s*(\d+) threads and (\d+) connections")
_LATENCY = re.compile(r"\s*Latency\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)")
_PERCENTILE = re.compile(r"\s*(\d+(?:\.\d+)?)%\s+(\S+)\s*$")
_TOTAL = re.compile(r"\s*(\d+) requests in (\S+?), (\S+) read")
_ERRORS = re.compile(r"\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_STATUS = re.compile(r"\s*Non-2xx or 3xx responses: (\d+)")
_RATE = re.compile(r"\s*Requests/sec:\s*([\d.]+)")
_TRANSFER = re.compile(r"\s*Transfer/sec:\s*(\S+)")
# runs of less than ten seconds have no calibration, and no rate was taken
_WRK2 = re.compile(r"Thread calibration|HdrHistogram|Req/Sec\s+-?nan")
_SPECTRUM = re.compile(r"\s+([\d.]+)\s+([01]\.\d{6})\s+(\d+)\s+([\d.]+|inf)")


def recognise(source: Source) -> bool:
    """The first lines of a wrk run."""
    begun = bool(_START.search(source.head_text)) and bool(_THREADS.search(source.head_text))
    return begun or bool(_REFUSED.match(source.head_text))


def read(source: Source) -> Iterator[Reading]:
    """One run for each `Running … test` in the file."""
    begun: list[tuple[str, list[str]]] = []
    for _, text in source.lines():
        if match := _START.search(text):
            begun.append((match[2], []))
        elif begun:
            begun[-1][1].append(text)
    if not begun:
        raise source.fail("no line `Running … test @ …`: the run failed before it began")
    for url, lines in begun:
        yield _reading(source, url, _with_answers(lines))


def _with_answers(lines: list[str]) -> list[str]:
    """Without an answer in time wrk prints zeros for its times, which are left out."""
    longest = (m and quantity(m[3]) for m in map(_LATENCY.match, lines))
    if any(most and most.value == 0 for most in longest):
        return [text for text in lines if not (_LATENCY.match(text) or _PERCENTILE.match(text))]
    return lines


def _reading(source: Source, url: str, lines: list[str]) -> Reading:
    wrk2 = any(map(_WRK2.search, lines))
    corrected, found = ("response_time" if wrk2 else "service_time"), Found()
    metric = corrected
    for text in lines:
        if "Latency Distribution" in text:
            # wrk2 can print both: from the intended start, and from the actual one
            metric = "service_time" if "Uncorrec" in text else corrected
        elif match := _LATENCY.match(text):
            for statistic, at in (("mean", 1), ("stdev", 2), ("max", 3)):
                add_time(found, metric, statistic, match[at], f"Latency {statistic}")
        elif match := _PERCENTILE.match(text):
            q = number(match[1]) or 0.0
            if q < 100:
                add_time(found, metric, f"p{q:g}", match[2], f"{match[1]}%")
        elif match := _RATE.match(text):
            found.add("throughput", "value", match[1], "req/s", source_name="Requests/sec")
        elif match := _TRANSFER.match(text):
            found.add("data_rate", "value", quantity(match[1]), "B/s")
    _counts(found, lines)
    _spectrum(found, corrected, lines)
    if not found.indicators:
        raise source.fail("the run has no result; it was stopped or failed")
    return Reading(tool="wrk2" if wrk2 else "wrk", run=url, indicators=found.indicators)


def _counts(found: Found, lines: list[str]) -> None:
    requests, failed, unanswered, both = None, 0.0, 0.0, 0.0
    for text in lines:
        if match := _TOTAL.match(text):
            requests = number(match[1])
            found.add("requests", "value", match[1], "req", source_name="requests")
            found.add("duration", "value", quantity(match[2]), "s")
        elif match := _ERRORS.match(text):
            *broken, late = (number(count) or 0.0 for count in match.groups())
            errors = sum(broken) + late
            unanswered, both = sum(broken), late
            failed += errors
            found.add("socket_errors", "value", errors, source_name="Socket errors")
        elif match := _STATUS.match(text):
            failed += number(match[1]) or 0.0
            found.add("failures", "value", match[1], "req", source_name="Non-2xx or 3xx responses")
    if requests is not None and (sent := requests + unanswered):
        # late answers are among the requests, and may have a bad status as well
        both = min(both, failed - unanswered - both)
        more: dict[str, Any] = {"approximate": both > 0, "resolution": both / sent}
        found.add_share(min(failed, sent), sent, **more)


def _spectrum(found: Found, metric: str, lines: list[str]) -> None:
    """p95 from wrk2's spectrum, in milliseconds, where the summary does not state it."""
    for text in lines:
        match = _SPECTRUM.match(text)
        if match and number(match[2]) == 0.95:
            more: dict[str, Any] = {"source_name": "spectrum 0.950000", "approximate": True}
            found.add(metric, "p95", match[1], "ms", resolution=1e-3, **more)
            return
