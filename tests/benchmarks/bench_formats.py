"""Importing: every sample, files as large as a disk holds, thousands of small ones.

`PERFLIB_BENCH_MB` is the size of the large files (the claim is about 1000).
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from perflib.errors import FormatError
from perflib.formats.base import Source
from perflib.formats.loading import load_results, readings, summarised
from perflib.model import Environment, Estimate, Run
from perflib.store import Store
from tests.benchmarks.table import Row
from tests.fabricate import keep
from tests.formats.test_samples import REFUSED, SAMPLES

MEGABYTES = int(os.environ.get("PERFLIB_BENCH_MB", "1000"))
FILES = (2_500, 10_000)
ROUNDS = 3
LABELS = ("Home", "Login", "Search, all", "Cart", "Pay")


def measure() -> Iterator[Row]:
    yield _samples()
    with tempfile.TemporaryDirectory() as folder:
        yield from _large(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield from _many(Path(folder))


def _samples() -> Row:
    """The numbers in them are checked by `tests/formats/test_samples.py`."""
    measure = "samples loaded or refused for the true reason, of all"
    if not SAMPLES:
        return Row(measure=measure, at_least=1.0, skipped="no samples beside the project")
    good = sum(map(_as_expected, SAMPLES))
    note = f"{good} of {len(SAMPLES)}"
    return Row(measure=measure, values=[good / len(SAMPLES)], at_least=1.0, note=note)


def _as_expected(path: Path) -> bool:
    reason = next((why for part, why in REFUSED.items() if part in path.name), "")
    try:
        found = [summarised(reading) for reading in readings(Source(path))]
    except FormatError as error:
        return bool(reason) and reason in str(error)
    return not reason and all(found)


def _large(folder: Path) -> Iterator[Row]:
    jtl, points = folder / "results.jtl", folder / "points.json"
    rows = {jtl: _write_jtl(jtl), points: _write_points(points)}
    naive: dict[Path, Callable[[], object]] = {
        jtl: lambda: pd.read_csv(jtl),
        points: lambda: _loads(points),
    }
    for path, name, other, least in (
        (jtl, "JTL", "pandas.read_csv", 0.8),
        (points, "k6 NDJSON", "line-wise json.loads", 4.0),
    ):
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(seconds(lambda p=path: load_results(p)))
            theirs.append(seconds(naive[path]))
        yield Row(
            measure=f"{MEGABYTES} MB {name}: rows a second ÷ {other}",
            values=[t / o for t, o in zip(theirs, ours, strict=True)],
            at_least=least,
            note=f"{rows[path] / min(ours):,.0f} rows/s",
        )
        yield Row(
            measure=f"{MEGABYTES} MB {name}: peak memory of a process that loads it",
            values=[_peak_mb(path)],
            at_most=400.0,
            unit="MB",
        )


def _write_jtl(path: Path) -> int:
    chance, rows = random.Random(1), 0
    head = (
        "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,"
        "failureMessage,bytes,sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect\n"
    )
    with path.open("w") as file:
        file.write(head)
        while file.tell() < MEGABYTES * 10**6:
            lines = []
            for _ in range(20_000):
                took, label = int(chance.expovariate(0.01)), chance.choice(LABELS)
                bad = chance.random() < 0.01
                lines.append(
                    f'{1700000000000 + rows},{took},"{label}",{500 if bad else 200},OK,'
                    f"Thread Group 1-{rows % 50},text,{'false' if bad else 'true'},,1592,464,50,50,"
                    f"https://www.example.com/shop/{label[:4]}?page={rows % 97},{took},0,0\n"
                )
                rows += 1
            file.writelines(lines)
    return rows


def _write_points(path: Path) -> int:
    """As k6 writes: nine points a request, one of which is its duration."""
    parts = "blocked connecting tls_handshaking sending waiting receiving failed"
    names = ["http_reqs", "http_req_duration", *(f"http_req_{part}" for part in parts.split())]
    chance, rows, start = random.Random(2), 0, datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w") as file:
        for name in names:
            kind = '{"type":"Metric","data":{"name":"%s","contains":"time"},"metric":"%s"}\n'
            file.write(kind % (name, name))
        while file.tell() < MEGABYTES * 10**6:
            lines = []
            for _ in range(3_000):
                when = (start + timedelta(milliseconds=rows)).isoformat()
                for name in names:
                    lines.append(
                        f'{{"metric":"{name}","type":"Point","data":{{"time":"{when}","value":'
                        f'{chance.expovariate(0.01):.6f},"tags":{{"expected_response":"true","group":'
                        '"","method":"GET","name":"https://example.com/a","proto":"HTTP/1.1",'
                        '"scenario":"default","status":"200","url":"https://example.com/a"}}}\n'
                    )
                    rows += 1
            file.writelines(lines)
    return rows


def _loads(path: Path) -> int:
    with path.open() as file:
        return sum(1 for line in file if json.loads(line))


def _peak_mb(path: Path) -> float:
    # not ru_maxrss, which a child inherits from this process
    code = (
        "import re, sys; from pathlib import Path;"
        "from perflib.formats.loading import load_results; load_results(sys.argv[1]);"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    return float(done.stdout) / 1024


def _many(folder: Path) -> Iterator[Row]:
    count = FILES[-1]
    store = Store(folder)
    keep(store, [_run(number) for number in range(count)])
    paths = sorted((folder / "runs").glob("*/run.json"))
    cold, naive = [], []
    for _ in range(ROUNDS):
        cold.append(seconds(lambda: load_results(paths)))
        naive.append(seconds(lambda: _normalised(paths)))
    indexed = [seconds(Store(folder).points) for _ in range(ROUNDS)]
    yield Row(
        measure=f"{count} of our files in one frame: times faster than json.load + json_normalize",
        values=[n / c for n, c in zip(naive, cold, strict=True)],
        at_least=8.0,
        note=f"{min(cold):.2f} s, the loop {min(naive):.2f} s",
    )
    yield Row(
        measure="the same from the history: times faster than that loop",
        values=[n / i for n, i in zip(naive, indexed, strict=True)],
        at_least=50.0,
        note=f"{min(indexed):.3f} s",
    )
    few = paths[: FILES[0]]
    fewer = min(seconds(lambda: load_results(few)) for _ in range(ROUNDS))
    yield Row(
        measure="growth with the number of files, exponent: files",
        values=[math.log(min(cold) / fewer) / math.log(count / len(few))],
        at_most=1.05,
    )
    with tempfile.TemporaryDirectory() as other:
        keep(Store(other), [_run(number) for number in range(FILES[0])])
        fewer = min(seconds(Store(other).points) for _ in range(ROUNDS))
    yield Row(
        measure="growth with the number of files, exponent: history",
        values=[math.log(min(indexed) / fewer) / math.log(count / FILES[0])],
        at_most=1.05,
    )


def _normalised(paths: list[Path]) -> pd.DataFrame:
    """What one writes without a library: a frame of each file, then one of them all."""
    frames = []
    for path in paths:
        with path.open() as file:
            document = json.load(file)
        frames.append(pd.json_normalize(document, "estimates", ["id", "target", "started_at"]))
    return pd.concat(frames, ignore_index=True)


def _run(number: int) -> Run:
    when = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    return Run(
        id=f"{when:%Y%m%dT%H%M%SZ}-t{number % 20}-{number:04x}",
        target=f"t{number % 20}",
        kind="http",
        started_at=when.isoformat(),
        duration_s=60.0,
        environment=Environment(cpu="a CPU", cores=2, packages={f"p{k}": "1.0" for k in range(30)}),
        estimates=[
            Estimate(
                metric="service_time",
                statistic=f"p{q}",
                value=q / 1e3,
                unit="s",
                n=999,
                low=0.0,
                high=1.0,
            )
            for q in (50, 90, 95, 99)
        ],
    )


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
