"""hey's and oha's text summaries, which share their shape; oha may print units of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.formats.quantities import add_time, plain, quantity

# old versions end their sentences with a full stop
_FIELD = re.compile(r"\s*([A-Z][\w /+-]*?):\s*(.+?)\.?\s*$")
_PERCENTILE = re.compile(r"\s*(\d+(?:\.\d+)?)%+ in (\S+(?: 10)?(?: [^\s.]+)?)")
_STATUS = re.compile(r"\s*\[(\d{3})\]\s+(\d+) responses")
_ERROR = re.compile(r"\s*\[(\d+)\]\s+(\S.*)")
_TIMES = {"Average": "mean", "Fastest": "min", "Slowest": "max"}
# requests under way when the time was over: no failures, oha says
DEADLINE = "aborted due to deadline"


def recognise(source: Source) -> bool:
    """`Summary:` with its fields, and no other tool's."""
    head = source.head_text
    return all(word in head for word in ("Summary:", "Slowest:", "Fastest:", "Requests/sec:"))


def read(source: Source) -> Iterator[Reading]:
    """One run for each summary in the file."""
    runs: list[list[str]] = []
    for _, text in source.lines():
        clean = plain(text)
        if clean.strip() == "Summary:":
            runs.append([])
        elif runs:
            runs[-1].append(clean)
    if not runs:
        raise source.fail("no `Summary:`")
    for lines in runs:
        yield _reading(lines)


def _reading(lines: list[str]) -> Reading:
    found = Found()
    fields = {m[1].strip(): m[2] for line in lines if (m := _FIELD.match(line))}
    # without any answer hey averages nothing and prints zeros beside it
    timed = quantity(fields.get("Average", "")) is not None
    for name, statistic in _TIMES.items() if timed else ():
        add_time(found, "service_time", statistic, fields.get(name, ""), name)
    found.add("duration", "value", quantity(fields.get("Total", "")), "s")
    rate = fields.get("Requests/sec", "")
    found.add_printed("throughput", "value", rate, "req/s", source_name="Requests/sec")
    seen = set[float]()
    for line in lines:
        # oha may repeat them for answers of one kind; those over all come first
        if (match := _PERCENTILE.match(line)) and (q := number(match[1])) and q not in seen:
            seen.add(q)
            add_time(found, "service_time", f"p{q:g}", match[2], f"{match[1]}%")
    _outcomes(found, lines, fields)
    return Reading(tool="oha" if "Success rate" in fields else "hey", indicators=found.indicators)


def _outcomes(found: Found, lines: list[str], fields: dict[str, str]) -> None:
    """Answers by status and errors; a status of 400 or more is a failure."""
    answers = [(int(m[1]), number(m[2]) or 0.0) for line in lines if (m := _STATUS.match(line))]
    errors, listing = 0.0, False
    for line in lines:
        listing = line.startswith("Error distribution") or (listing and bool(line.strip()))
        if listing and DEADLINE not in line and (match := _ERROR.match(line)):
            errors += number(match[1]) or 0.0
    requests = sum(count for _, count in answers) + errors
    failed = sum(count for status, count in answers if status >= 400) + errors
    if requests:
        found.add("requests", "value", requests, "req")
        found.add("failures", "value", failed, "req")
        found.add_share(failed, requests)
    elif share := re.match(r"([\d.]+)%", fields.get("Success rate", "")):
        failed = 100 - (number(share[1]) or 0.0)
        found.add("error_rate", "value", failed, "%", source_name="Success rate")
