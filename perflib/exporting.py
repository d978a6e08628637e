"""Nobody is locked in: runs leave in formats that other tools read."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence

import pandas as pd
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.openmetrics.exposition import generate_latest

from perflib.analysis.gating import Gate, promises
from perflib.model import Estimate, Run, to_json
from perflib.report import faces
from perflib.store import Store

Export = Callable[[Store, Sequence[Run]], bytes]
_WORD = re.compile(r"[^a-zA-Z0-9_]")
_SUFFIXES = {"s": "_seconds", "B": "_bytes", "B/s": "_bytes_per_second", "req/s": "_per_second"}


def _json(_store: Store, runs: Sequence[Run]) -> bytes:
    """Our own records: one run as `run.json`, several as a list."""
    if len(runs) == 1:
        return to_json(runs[0])
    return b"[" + b",\n".join(to_json(run) for run in runs) + b"]"


def _samples(store: Store, runs: Sequence[Run]) -> pd.DataFrame:
    frames = [store.samples(run.id).assign(run_id=run.id, target=run.target) for run in runs]
    return pd.concat(frames, ignore_index=True)


def _parquet(store: Store, runs: Sequence[Run]) -> bytes:
    """Every sample with its run, times in seconds from the run's start."""
    buffer = io.BytesIO()
    _samples(store, runs).to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _csv(store: Store, runs: Sequence[Run]) -> bytes:
    """The same samples as CSV."""
    return _samples(store, runs).to_csv(index=False).encode()


def _openmetrics(_store: Store, runs: Sequence[Run]) -> bytes:
    """Every estimate as a gauge, labelled with run, target, label and statistic."""
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    labels = ("run", "target", "label", "statistic")
    for run in runs:
        for estimate in run.estimates:
            name = f"perflib_{_WORD.sub('_', estimate.metric)}{_SUFFIXES.get(estimate.unit, '')}"
            if name not in gauges:
                gauges[name] = Gauge(name, f"{estimate.metric} of a run", labels, registry=registry)
            values = (run.id, run.target, estimate.label, estimate.statistic)
            gauges[name].labels(*values).set(estimate.value)
    page: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return page


def _otava(_store: Store, runs: Sequence[Run]) -> bytes:
    """A run a row, a whole-run estimate a column: what Otava's CSV importer reads."""
    rows = [
        {"time": run.started_at, "commit": run.environment.git_commit}
        | {f"{e.metric}_{e.statistic}": e.value for e in run.estimates if not e.label}
        for run in runs
    ]
    return pd.DataFrame(rows).to_csv(index=False).encode()


def _pytest_benchmark(_store: Store, runs: Sequence[Run]) -> bytes:
    """Times as pytest-benchmark's JSON, a benchmark for each run, metric and label."""
    entries = [entry for run in runs for entry in _benchmarks(run)]
    first = runs[0]
    document = {
        "machine_info": {"cpu": first.environment.cpu, "system": first.environment.system},
        "commit_info": {"id": first.environment.git_commit, "dirty": first.environment.git_dirty},
        "benchmarks": entries,
        "datetime": first.started_at,
        "version": "perflib",
    }
    return json.dumps(document, indent=1).encode()


def _benchmarks(run: Run) -> list[dict[str, object]]:
    names = {"mean": "mean", "p50": "median", "min": "min", "max": "max", "stdev": "stddev"}
    grouped: dict[tuple[str, str], list[Estimate]] = {}
    for estimate in run.estimates:
        if estimate.unit == "s":
            grouped.setdefault((estimate.metric, estimate.label), []).append(estimate)
    return [
        {
            "name": f"{metric}[{label}]" if label else metric,
            "fullname": f"{run.target}::{metric}{f'[{label}]' if label else ''}",
            "stats": {names[e.statistic]: e.value for e in each if e.statistic in names}
            | {"rounds": max(e.n for e in each)},
        }
        for (metric, label), each in grouped.items()
    ]


def _junit(_store: Store, runs: Sequence[Run]) -> bytes:
    """Verdicts as JUnit XML: missed is a failure, unknown an error."""
    checks = tuple(check for run in runs for check in promises(run))
    return faces.to_junit(Gate(checks=checks, notes=())).encode()


EXPORTS: dict[str, Export] = {
    "json": _json,
    "parquet": _parquet,
    "csv": _csv,
    "junit": _junit,
    "openmetrics": _openmetrics,
    "otava": _otava,
    "pytest-benchmark": _pytest_benchmark,
}


def export(store: Store, run_ids: Sequence[str], kind: str) -> bytes:
    """The runs called `run_ids` in format `kind`, one of `EXPORTS`."""
    return EXPORTS[kind](store, [store.load(run_id) for run_id in run_ids])
