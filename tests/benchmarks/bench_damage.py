"""Damaged files: whatever a mutation made of one, a reader loads it or refuses it, in time.

`PERFLIB_BENCH_DAMAGED` is the number of mutated inputs a format (100 000 take half an hour of
one core over all formats), `PERFLIB_BENCH_FORMATS` names the formats, all without.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from perflib.errors import FormatError
from perflib.formats.base import Source
from perflib.formats.loading import readings, summarised
from tests.benchmarks.table import Row
from tests.formats.cases import CASES
from tests.formats.mutations import mutated

DAMAGED = int(os.environ.get("PERFLIB_BENCH_DAMAGED", "100000"))
FORMATS = os.environ.get("PERFLIB_BENCH_FORMATS", "").split()
SECONDS = 5.0
# one of so many is read as a file of unknown format is: every reader looks at it
UNFORCED = 50


def measure() -> Iterator[Row]:
    names = FORMATS or sorted({case.format for case in CASES})
    started = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        results = dict(zip(names, pool.map(_findings, names), strict=True))
    minutes = (time.perf_counter() - started) / 60
    found = [finding for findings, _ in results.values() for finding in findings]
    yield Row(
        measure=f"errors not ours in {DAMAGED} damaged files a format",
        values=[len(found)],
        at_most=0,
        note=f"{len(names)} formats, {minutes:.0f} min; {'; '.join(found[:3])}",
    )
    yield Row(
        measure="seconds that one of them took, at most",
        values=[max(slowest for _, slowest in results.values())],
        at_most=SECONDS,
        unit="s",
    )


def _findings(name: str) -> tuple[list[str], float]:
    """Errors that are not ours, and the longest time that a file took (s)."""
    cases = [case for case in CASES if case.format == name]
    found, slowest = list[str](), 0.0
    for seed in range(DAMAGED):
        content = mutated(cases[seed % len(cases)].text.encode(), seed)
        started = time.process_time()
        try:
            forced = name if seed % UNFORCED else None
            for reading in readings(Source(Path("damaged"), content=content), forced):
                summarised(reading)
        except FormatError:
            pass
        except Exception as error:
            found.append(f"{name} {seed}: {error!r}")
        slowest = max(slowest, time.process_time() - started)
    return found, slowest
