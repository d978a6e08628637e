"""siege: its summary (text or JSON), and the lines that `--verbose` prints a request.

Times are printed to 10 ms.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.formats.tally import Request, batches

TOOL = "siege"
_ANSI = re.compile(r"\x1b?\[[0-9;]*m")
_VERBOSE = re.compile(
    r"\s*(?:\d+,)?HTTP/[\d.]+,(\d{3}),\s*([\d.]+),\s*(\d+),([^,]*),(?:[^,]*),"
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"
)
# without `timestamp = true` in siege's settings
_UNTIMED = re.compile(r"\s*HTTP/[\d.]+ (\d{3})\s+([\d.]+) secs:\s+(\d+) bytes ==> (.+)")
_FIELD = re.compile(r'[\s{>]*"?([A-Za-z][\w ]+?)"?:\s+"?([\d.]+)"?\s*(\S*?),?\s*$')
_FIELDS = {
    "transactions": ("requests", "req"),
    "availability": ("availability", "%"),
    "elapsed_time": ("duration", "s"),
    "transaction_rate": ("throughput", "req/s"),
    "failed_transactions": ("failures", "req"),
    "concurrency": ("concurrency", "1"),
}
_TIMES = {"response_time": "mean", "longest_transaction": "max", "shortest_transaction": "min"}


def recognise(source: Source) -> bool:
    """Its verbose lines, or its summary."""
    head = _ANSI.sub("", source.head_text)
    lines = head.split("\n", 40)[:40]
    if any(_VERBOSE.match(line) or _UNTIMED.match(line) for line in lines):
        return True
    words = head.lower().replace("_", " ")
    return "transaction rate" in words and "longest transaction" in words


def read(source: Source) -> Iterator[Reading]:
    """One run for each summary in the file; verbose lines become samples."""
    found, rows, stated, clock = Found(), list[Request](), dict[str, float](), True
    for line, raw in source.lines():
        text = _ANSI.sub("", raw)
        if match := _VERBOSE.match(text) or _UNTIMED.match(text):
            clock = clock and match.re is _VERBOSE
            row = _sample(match)
            if row is None:
                source.skip(line, "no time or duration")
            else:
                rows.append(row)
        elif match := _FIELD.match(text):
            _add(found, stated, match)
            if match[1].strip().lower().startswith("shortest"):
                yield _reading(found, stated, rows, clock=clock)
                found, rows, stated, clock = Found(), [], {}, True
    if rows or found.indicators:
        yield _reading(found, stated, rows, clock=clock)


def _reading(
    found: Found, stated: dict[str, float], rows: list[Request], *, clock: bool
) -> Reading:
    if stated.get("transactions") == 0:
        # without any answer siege prints zeros for its times
        found.indicators[:] = [i for i in found.indicators if i.metric != "service_time"]
    requests, failed = stated.get("transactions"), stated.get("failed_transactions")
    if requests is not None and failed is not None and requests + failed:
        found.add("error_rate", "value", failed / (requests + failed), n=requests + failed)
    return Reading(
        tool=TOOL,
        indicators=found.indicators,
        samples=(lambda: batches(rows)) if rows else None,
        clock=clock,
        resolution_s=1e-2,
        time_step_s=1.0 if clock else math.inf,
    )


def _add(found: Found, stated: dict[str, float], match: re.Match[str]) -> None:
    name = match[1].strip().lower().replace(" ", "_")
    if name in _FIELDS:
        metric, unit = _FIELDS[name]
        stated[name] = number(match[2]) or 0.0
        found.add(metric, "value", match[2], unit, source_name=match[1])
    elif name in _TIMES:
        unit = "ms" if match[3] == "ms" else "s"
        step = 10.0 ** -len(match[2].partition(".")[2])
        found.add(
            "service_time", _TIMES[name], match[2], unit, source_name=match[1], resolution=step
        )


def _sample(match: re.Match[str]) -> Request | None:
    took, status = number(match[2]), int(match[1])
    if took is None or took >= 1e9:
        return None
    end_ns = round(took * 1e9)
    if match.re is _VERBOSE:
        try:
            # siege writes local time without a zone, when the request ended
            end = datetime.strptime(match[5], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        end_ns = round(end.timestamp()) * 10**9
    ok = status < 400
    return Request(
        " ".join(match[4].split()),
        end_ns - round(took * 1e9),
        end_ns,
        ok,
        "" if ok else f"status {status}",
        status,
        min(int(match[3]), 2**62),
    )
