"""How fast the history answers when a team has recorded for years: half a million points."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from perflib.model import Environment, Estimate, Run
from perflib.store import Store, rows
from tests.benchmarks.table import Row
from tests.fabricate import keep

TARGETS, METRICS, RUNS = 200, 5, 500
ROUNDS = 5
HERE = Environment(cpu="a CPU", cores=2, git_commit="ab" * 20)


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        yield Row(
            measure=f"{TARGETS * RUNS} runs with {METRICS} estimates into the history, each",
            values=[seconds(lambda: fill(store)) / (TARGETS * RUNS) * 1e3],
            unit="ms",
        )
        yield Row(
            measure="500 000 points of 1000 series into columns",
            values=[seconds(store.points) for _ in range(ROUNDS)],
            at_most=2.0,
            unit="s",
        )
        yield Row(
            measure="one series of 500 points among them",
            values=[
                seconds(lambda: store.points("t7", "m3", "p95", "")) * 1e3 for _ in range(ROUNDS)
            ],
            unit="ms",
        )
        yield Row(
            measure="one more run recorded, its files on the disk",
            values=[seconds(lambda: commit(store)) * 1e3 for _ in range(ROUNDS)],
            unit="ms",
        )
    yield from imports()


def imports() -> Iterator[Row]:
    """10 000 result files: indexed, then read as one frame."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        keep(store, [run(k % 20, k // 20) for k in range(10_000)])
        yield Row(
            measure="10 000 result files indexed from their folders",
            values=[seconds(lambda: again(Path(folder)))],
            unit="s",
        )
        yield Row(
            measure="10 000 results from the history into one frame",
            values=[seconds(store.points) for _ in range(ROUNDS)],
            at_most=1.0,
            unit="s",
        )


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run(target: int, number: int) -> Run:
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    return Run(
        id=f"{when:%Y%m%dT%H%M%SZ}-t{target}-{number:04x}",
        target=f"t{target}",
        kind="sql",
        started_at=when.isoformat(),
        duration_s=20.0,
        environment=HERE,
        estimates=[
            Estimate(metric=f"m{m}", statistic="p95", value=m + 0.1, unit="s", n=99, low=m, high=m)
            for m in range(METRICS)
        ],
    )


def fill(store: Store) -> None:
    """Straight into the history: 100 000 folders would measure the disk."""
    with store.database.writing() as connection:
        for number in range(RUNS):
            rows.add(connection, [run(target, number) for target in range(TARGETS)])


def commit(store: Store) -> None:
    run_id, staging = store.begin("t1")
    one = run(1, 0)
    one.id = run_id
    store.commit(one, staging)


def again(folder: Path) -> None:
    (folder / "history.sqlite").unlink()
    Store(folder).runs()
