"""siege's own log, a run a row: its columns and their units are fixed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, instant, last_digit, number
from perflib.formats.tables import header, rows

TOOL = "siege"
_FIELDS = {
    "Trans": ("requests", "value", "req"),
    "Elap Time": ("duration", "value", "s"),
    "Resp Time": ("service_time", "mean", "s"),
    "Trans Rate": ("throughput", "value", "req/s"),
    "Concurrent": ("concurrency", "value", "1"),
    "Failed": ("failures", "value", "req"),
}


def recognise(source: Source) -> bool:
    """The columns of `siege.log`."""
    return {"Date & Time", *_FIELDS} <= set(header(source)[0])


def read(source: Source) -> Iterator[Reading]:
    """One run a row; notes that the user had written between them are skipped."""
    for line, row in rows(source):
        # siege writes local time without a zone
        if not (started := instant(row["Date & Time"])):
            source.skip(line, "no date and time")
            continue
        found = Found()
        done, failed = number(row["OKAY"]) if "OKAY" in row else None, number(row["Failed"])
        more: dict[str, Any] = {"n": number(row["Trans"])}
        for name, (metric, statistic, unit) in _FIELDS.items():
            # without any answer siege prints zeros for its times
            if metric != "service_time" or more["n"]:
                step = last_digit(row[name]) if unit == "s" else 0.0
                more |= {"source_name": name, "resolution": step}
                found.add(metric, statistic, row[name], unit, **more)
        total = (more["n"] or 0.0) + (failed or 0.0)
        if done is not None and failed is not None:
            # a 4xx is a transaction for siege 4, but no successful one
            found.add_share(max(failed, total - done), total)
        yield Reading(tool=TOOL, started_at=started, indicators=found.indicators)
