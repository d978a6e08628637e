"""siege: its summary (text or JSON), and the lines that `--verbose` prints a request.

Times are printed to 10 ms. A request without an answer has no line, so the lines do not tell
the failures; the summary does, but siege 4 counts as failed only what got no answer or a 5xx.
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
_DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
# with `csv = true`, and without; the first may show the user's number, as `display-id` asks for
_LINES = [
    re.compile(rf"\s*(?:\[\D*(?P<stamp>{_DATE})\] )?{line}")
    for line in (
        r"(?:\d+,)?HTTP/[\d.]+,(?P<status>\d{3}),\s*(?P<took>[\d.]+),\s*(?P<size>\d+),"
        rf"(?P<url>.*),[^,]*,(?P<end>{_DATE})",
        r"(?:\d+\) )?HTTP/[\d.]+ (?P<status>\d{3})(?:\(C\))?\s+(?P<took>[\d.]+) secs:"
        r"\s+(?P<size>\d+) bytes ==> (?P<url>.+)",
    )
]
_BANNER = re.compile(r"\*\* SIEGE ")
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
    if any(map(_row, lines)):
        return True
    words = head.lower().replace("_", " ")
    return "transaction rate" in words and "longest transaction" in words


def _row(text: str) -> re.Match[str] | None:
    return next((match for line in _LINES if (match := line.match(text))), None)


class _Run:
    """What one run of siege has said so far."""

    def __init__(self) -> None:
        self.found = Found()
        self.rows: list[Request] = []
        self.stated: dict[str, float] = {}
        self.clock, self.bannered, self.summed = True, False, False

    def goes_on(self, text: str, row: re.Match[str] | None, field: re.Match[str] | None) -> bool:
        """Whether `text` is still of this run.

        Lines and summary come by two streams: after a banner, lines behind a summary belong to it.
        """
        if _BANNER.match(text):
            return not (self.rows or self.stated)
        if row is not None:
            return self.bannered or not self.summed
        return not (self.summed and field and _key(field) == "transactions")

    def add(self, row: Request, *, timed: bool) -> None:
        """Add a verbose line."""
        self.clock = self.clock and timed
        self.rows.append(row)

    def state(self, field: re.Match[str]) -> None:
        """Add a line of the summary."""
        name = _key(field)
        self.summed = self.summed or name == "shortest_transaction"
        self.stated[name] = number(field[2]) or 0.0
        if name in _FIELDS:
            metric, unit = _FIELDS[name]
            self.found.add(metric, "value", field[2], unit, source_name=field[1])
        elif name in _TIMES:
            unit = "ms" if field[3] == "ms" else "s"
            self.found.add_printed(
                "service_time", _TIMES[name], field[2], unit, source_name=field[1]
            )

    def reading(self) -> Reading:
        """The run."""
        found, stated = self.found, self.stated
        if stated.get("transactions") == 0:
            # without any answer siege prints zeros for its times
            found.indicators[:] = [i for i in found.indicators if i.metric != "service_time"]
        requests, failed = stated.get("transactions"), stated.get("failed_transactions")
        if requests is not None and failed is not None:
            total = requests + failed
            # a 4xx is a transaction for siege, but no successful one
            failed = max(failed, total - stated.get("successful_transactions", requests))
            found.add_share(failed, total)
        return Reading(
            tool=TOOL,
            indicators=found.indicators,
            samples=(lambda: batches(self.rows)) if self.rows else None,
            clock=self.clock,
            outcomes=False,
            resolution_s=1e-2,
            time_step_s=1.0 if self.clock else math.inf,
        )


def read(source: Source) -> Iterator[Reading]:
    """One run for each summary in the file; verbose lines become samples."""
    run = _Run()
    for line, raw in source.lines():
        text = _ANSI.sub("", raw)
        row, field = _row(text), _FIELD.match(text)
        if not run.goes_on(text, row, field):
            yield run.reading()
            run = _Run()
        if _BANNER.match(text):
            run.bannered = True
        elif row is None:
            if field:
                run.state(field)
        elif sample := _sample(row):
            run.add(sample, timed=bool(_when(row)))
        else:
            source.skip(line, "no time or duration")
    if run.rows or run.found.indicators:
        yield run.reading()


def _key(field: re.Match[str]) -> str:
    return field[1].strip().lower().replace(" ", "_")


def _when(row: re.Match[str]) -> str:
    """siege's local time without a zone, when the request ended."""
    said = row.groupdict()
    return said.get("end") or said["stamp"] or ""


def _sample(row: re.Match[str]) -> Request | None:
    took, status = number(row["took"]), int(row["status"])
    if took is None or took >= 1e9:
        return None
    end_ns = took_ns = round(took * 1e9)
    if when := _when(row):
        try:
            end = datetime.fromisoformat(when).replace(tzinfo=UTC)
        except ValueError:
            return None
        end_ns = round(end.timestamp()) * 10**9
    ok = status < 400
    return Request(
        " ".join(row["url"].split()),
        end_ns - took_ns,
        end_ns,
        ok,
        "" if ok else f"status {status}",
        status,
        min(int(row["size"]), 2**62),
    )
