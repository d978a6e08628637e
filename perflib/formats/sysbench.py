"""sysbench's text, 0.4 to 1.0: older versions print units behind each time, 1.0 in the heading.

The percentile comes from a histogram, so it is approximate; with `--histogram` its buckets tell
how closely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from perflib.formats.base import Moment, Reading, Source, over_time
from perflib.formats.found import Found, last_digit, number
from perflib.formats.quantities import quantity

TOOL = "sysbench"
# 1.0 counts into 1024 buckets, by logarithm from 1 µs to 100 s
BUCKET_WIDTH = (100 / 1e-6) ** (1 / 1023) - 1
_VERSION = re.compile(r"^sysbench (\d[\w.]*)", re.MULTILINE)
_THREADS = re.compile(r"Number of threads: (\d+)")
_CHECKPOINT = re.compile(r"^\[ *(\d+)s *\] Checkpoint report:", re.MULTILINE)
_LAST_LINE = re.compile(r"^ *execution time \(avg/stddev\):.*$", re.MULTILINE)
_COUNT = re.compile(
    r"\s*(transactions|queries|read/write requests|other operations|deadlocks|ignored errors|"
    r"reconnects|events per second|total number of events|operations performed):?\s*([\d.]+)"
    r"(?:\s+\(\s*([\d.]+) per sec\.\))?"
)
_QUERIES = re.compile(r"\s+(read|write|other|total):\s+(\d+)\s*$")
_TIME = re.compile(
    r"\s*(min|avg|max|approx\.\s+(\d+)\s+percentile|(\d+)th percentile):\s+([\d.]+)(\w*)\s*$"
)
# what versions and tests call one rate: pattern, metric, unit
_RATES = (
    (re.compile(r"\s*events/s \(eps\):\s+([\d.]+)"), "throughput", "ops/s"),
    (re.compile(r".*?(?<![\d.])([\d.]+) Requests/sec executed"), "throughput", "ops/s"),
    (
        re.compile(
            r"\s*(?:Total operations|Operations performed): \d+ "
            r"\(\s*([\d.]+) (?:per second|ops/sec)\)"
        ),
        "operations_rate",
        "ops/s",
    ),
    (re.compile(r".*transferred \(\s*([\d.]+) Mi?B/sec\)"), "data_rate", "MiB/s"),
    (re.compile(r".*Total transferred \S+\s+\(\s*([\d.]+)Mb/sec\)"), "data_rate", "MiB/s"),
    (re.compile(r"\s*reads/s:\s+([\d.]+)"), "reads_rate", "ops/s"),
    (re.compile(r"\s*writes/s:\s+([\d.]+)"), "writes_rate", "ops/s"),
    (re.compile(r"\s*fsyncs/s:\s+([\d.]+)"), "fsyncs_rate", "ops/s"),
    (re.compile(r"\s*read, MiB/s:\s+([\d.]+)"), "read_data_rate", "MiB/s"),
    (re.compile(r"\s*written, MiB/s:\s+([\d.]+)"), "written_data_rate", "MiB/s"),
)
_TOTAL = re.compile(r"\s*(?:total time|time elapsed):\s+(\S+)")
_STATISTICS = {"min": "min", "avg": "mean", "max": "max"}
_HISTOGRAM = re.compile(r"\s+(\d+\.\d+) \|\*{0,60}\s+(\d+)")


# `--report-interval`: rate and percentile of the time since the line before
_INTERVAL = re.compile(
    r"^\[\s*(\d+)s\s*\] .*?\b(?:tps|eps): ([\d.]+)(?:.*?\b(?:lat \(ms,(\d+)%\): ([\d.]+)"
    r"|response time: ([\d.]+)ms \((\d+)%\)))?"
)


def recognise(source: Source) -> bool:
    """sysbench's own head, or its general statistics."""
    head = source.head_text
    tests = "Running the test with following options" in head
    return (
        bool(_VERSION.search(head))
        or "Threads fairness:" in head
        or (tests and "Number of threads" in head)
    )


def read(source: Source) -> Iterator[Reading]:
    """One run for each test in the file; a test without statistics was not finished."""
    version = _VERSION.search(source.text)
    parts = source.text.split("Running the test with following options")
    made = [reading for part in (parts[1:] or parts) for reading in _readings(part)]
    finished = [reading for reading in made if reading.indicators]
    if not finished:
        raise source.fail("no statistics: the run failed, was stopped, or only prepared a test")
    for reading in finished:
        reading.version = version[1] if version else ""
        yield reading


def _readings(part: str) -> Iterator[Reading]:
    """With `--report-checkpoints` several reports, each on the time since the one before it."""
    threads = _THREADS.search(part)
    run = f"{threads[1]} threads" if threads else ""
    reports = _LAST_LINE.split(part) if _CHECKPOINT.search(part) else [part]
    for report in reports:
        reading, checkpoint = _reading(report), _CHECKPOINT.search(report)
        reading.run = f"{run}, until {checkpoint[1]} s" if checkpoint else run
        yield reading


def _reading(part: str) -> Reading:
    found = Found()
    lines = part.split("\n")
    # 1.0 prints milliseconds and says so in the heading
    heading = next((m[1] for line in lines if (m := re.match(r"Latency \((\w+)\):", line))), "")
    events = next(
        (
            number(m[2])
            for line in lines
            if (m := _COUNT.match(line)) and m[1] == "total number of events"
        ),
        None,
    )
    width = _bucket_width(lines) or (BUCKET_WIDTH if heading else 0.0)
    for line in lines:
        if match := _TIME.match(line):
            _time(found, match, heading, events, width)
        elif match := _COUNT.match(line):
            _count(found, match)
        elif match := _QUERIES.match(line):
            found.add(f"queries_{match[1]}", "value", match[2], source_name=match[1])
        elif match := _TOTAL.match(line):
            found.add("duration", "value", quantity(match[1]), "s", source_name="total time")
        for pattern, metric, unit in _RATES:
            if match := pattern.match(line):
                found.add_printed(metric, "value", match[1], unit, source_name=metric)
    return Reading(
        tool=TOOL,
        indicators=found.indicators,
        series=over_time(_series(lines)),
    )


def _series(lines: list[str]) -> list[Moment]:
    series: list[Moment] = []
    for match in filter(None, map(_INTERVAL.match, lines)):
        at, rate, q, new, old, old_q = match.groups()
        time, per_s, milliseconds = number(at), number(rate), number(new or old)
        if time is not None and per_s is not None:
            series.append((time, "throughput", "", per_s))
            if milliseconds is not None:
                series.append((time, f"event_time_p{q or old_q}", "", milliseconds / 1e3))
    return series


def _time(
    found: Found, match: re.Match[str], heading: str, events: float | None, width: float
) -> None:
    q = match[2] or match[3]
    unit = match[5] or heading
    # without any event the times are zeros
    if unit not in ("ms", "s", "us") or events == 0:
        return
    step = last_digit(match[4])
    value = number(match[4]) or 0.0
    found.add(
        "event_time",
        f"p{q}" if q else _STATISTICS[match[1]],
        match[4],
        unit,
        source_name=match[1],
        n=events,
        approximate=bool(q),
        resolution=max(step, value * width) if q else step,
    )


def _bucket_width(lines: list[str]) -> float:
    """The relative width of the histogram's buckets, where it is printed."""
    values = [number(m[1]) or 0.0 for line in lines if (m := _HISTOGRAM.match(line))]
    ratios = [b / a - 1 for a, b in pairwise(values) if 0 < a < b]
    return min(ratios, default=0.0)


def _count(found: Found, match: re.Match[str]) -> None:
    name, count, rate = match.groups()
    if name == "events per second":
        found.add("throughput", "value", count, "ops/s", source_name=name)
        return
    metric = {
        "total number of events": "events",
        "transactions": "transactions",
        "ignored errors": "ignored_errors",
        "read/write requests": "queries",
        "operations performed": "operations",
    }.get(name, name.replace(" ", "_"))
    found.add(metric, "value", count, source_name=name)
    unit = "tx/s" if name == "transactions" else "1/s"
    measured = "throughput" if name == "transactions" else f"{metric}_rate"
    if rate is not None and (name != "transactions" or number(count)):
        found.add(measured, "value", rate, unit, source_name=f"{name} per sec.")
