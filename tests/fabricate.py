"""Runs that nobody measured, for tests: seeded samples of each kind in a real store."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from perflib import analysis
from perflib.model import RECORD, Counts, Environment, GeneratorHealth, Run, to_json
from perflib.samples import read_samples, schema, write_table
from perflib.store import Store

OBJECTIVES = {
    "api_gateway": [
        "throughput > 1000 req/s",
        "p95(response_time) < 50 ms",
        "p99(response_time) < 100 ms",
        "error_rate < 1 %",
    ],
    "blockchain": [
        "mean(block_time) = 10 s ± 20 %",
        "p95(consensus_latency) < 30 s",
        "p95(anchoring_time) < 5 s",
    ],
    "session_processing": ["p95(processing_time) < 100 ms"],
    "database": ["p95(query_time) < 10 ms"],
}
KINDS = {
    "api_gateway": "http",
    "blockchain": "blocks",
    "session_processing": "chunks",
    "database": "sql",
}
PLAN = """Limit  (cost=8.44..8.45 rows=1 width=64) (actual time=6.020..6.021 rows=20 loops=1)
  ->  Sort  (cost=8.44..8.45 rows=1 width=64) (actual time=6.018..6.019 rows=20 loops=1)
        Sort Key: created_at DESC
        ->  Seq Scan on sessions  (cost=0.00..8.43 rows=1 width=64) (actual time=0.03..5.1 rows=412)
              Filter: (user_id = '17'::bigint)
Execution Time: 6.240 ms"""


def http(rng: np.random.Generator, slow: float, n: int = 3000) -> tuple[pd.DataFrame, dict]:
    labels = ["GET /health", "GET /chain/info", "POST /auth/login", "GET /sessions"]
    chosen = rng.choice(len(labels), n, p=[0.3, 0.3, 0.1, 0.3])
    intended = np.arange(n) / n * 23.0
    centre = np.array([0.002, 0.004, 0.028, 0.006])[chosen] * slow
    service = rng.lognormal(np.log(centre), 0.45)
    service[(intended > 14) & (intended < 14.6)] += 0.06
    lateness = rng.exponential(2e-4, n)
    failed = rng.random(n) < 0.002
    error = np.where(failed, rng.choice(["status 503", "timeout"], n), "")
    frame = pd.DataFrame(
        {
            "label": np.array(labels)[chosen],
            "intended_start": intended,
            "start": intended + lateness,
            "end": intended + lateness + service,
            "ok": ~failed,
            "error": error,
            "status": np.where(failed, 503, 200),
            "size": rng.integers(80, 4000, n),
        }
    )
    return frame, {"facts": {"connections": 32.0}}


def blocks(rng: np.random.Generator, slow: float, n: int = 36) -> tuple[pd.DataFrame, dict]:
    interval = rng.normal(10 * slow, 0.12, n)
    interval[n // 3] *= 2
    stamp = np.cumsum(interval)
    lag = rng.gamma(4, 0.06, n)
    rows: list[dict[str, Any]] = [
        {
            "label": "block",
            "start": stamp[i] - 1.2,
            "end": stamp[i] + lag[i],
            "block_time": interval[i] if i else np.nan,
            "arrival_interval": interval[i] + lag[i] - lag[i - 1] if i else np.nan,
            "consensus_latency": rng.gamma(9, 0.05) * slow,
            "validation_time": rng.gamma(6, 0.002) * slow,
            "block_transactions": float(rng.poisson(14)),
        }
        for i in range(n)
    ]
    anchors = rng.gamma(7, 0.25, 3 * n) * slow
    starts = np.sort(rng.uniform(1, stamp[-1], 3 * n))
    rows += [
        {"label": "anchor", "start": s, "end": s + a, "anchoring_time": a}
        for s, a in zip(starts, anchors, strict=True)
    ]
    proposers = ["validator-1", "validator-2", "validator-3", "validator-4"]
    observed = [
        {
            "height": 4100 + i,
            "timestamp": 1.7638e9 + stamp[i],
            "arrived_s": stamp[i] + lag[i],
            "proposer": proposers[i % 4],
            "transactions": int(rows[i]["block_transactions"]),
        }
        for i in range(n)
    ]
    return _filled(pd.DataFrame(rows)), {"details": {"blocks": observed}, "arrival": "watch"}


def chunks(rng: np.random.Generator, slow: float, n: int = 600) -> tuple[pd.DataFrame, dict]:
    sizes = {"16 KiB": 2**14, "64 KiB": 2**16, "512 KiB": 2**19, "4 MiB": 2**22, "8 MiB": 2**23}
    label = rng.choice(list(sizes), n, p=[0.3, 0.3, 0.2, 0.1, 0.1])
    size = np.array([sizes[name] for name in label], dtype=float)
    noise = rng.lognormal(0, 0.18, (4, n))
    compress = size / 180e6 * noise[0] * slow
    encrypt, hashing = size / 1.4e9 * noise[1], size / 900e6 * noise[2]
    store = 4e-4 + size / 500e6 * noise[3]
    total = compress + encrypt + hashing + store + 1.5e-3 + size / 1.1e9
    start = np.sort(rng.uniform(0, 23, n))
    frame = pd.DataFrame(
        {
            "label": label,
            "start": start,
            "end": start + total,
            "processing_time": total,
            "compress_time": compress,
            "encrypt_time": encrypt,
            "hash_time": hashing,
            "store_time": store,
            "chunk_size": size,
            "stored_size": size / rng.normal(2.6, 0.08, n),
        }
    )
    facts = {
        "peak_memory": 148e6,
        "compression_ratio": 2.6,
        "data_rate": float(size.sum() / 20),
        "efficiency": 61e6,
    }
    return _filled(frame), {"facts": facts}


def sql(rng: np.random.Generator, slow: float, n: int = 2500) -> tuple[pd.DataFrame, dict]:
    names = ["session_by_id", "sessions_of_user", "latest_blocks", "chunk_totals"]
    chosen = rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
    query = rng.lognormal(np.log(np.array([4e-4, 9e-4, 6e-4, 4.2e-3]))[chosen], 0.4) * slow
    wait = rng.exponential(2e-4, n)
    start = np.sort(rng.uniform(0, 23, n))
    frame = pd.DataFrame(
        {
            "label": np.array(names)[chosen],
            "start": start,
            "end": start + wait + query,
            "query_time": query,
            "pool_wait": wait,
            "result_rows": np.array([1.0, 20.0, 10.0, 1.0])[chosen],
        }
    )
    opened = rng.uniform(0, 20, 20)
    connect = pd.DataFrame({"label": "connect", "start": opened})
    connect["connection_time"] = rng.gamma(8, 4e-4, 20)
    connect["end"] = connect["start"] + connect["connection_time"]
    asked = "SELECT * FROM sessions WHERE user_id = :user ORDER BY created_at DESC LIMIT 20"
    plans = [{"query": "chunk_totals", "sql": asked, "p95_query_time": 8.1e-3, "text": PLAN}]
    return _filled(pd.concat([frame, connect])), {"details": {"plans": plans}}


MAKERS: dict[str, Callable[..., tuple[pd.DataFrame, dict]]] = {
    "api_gateway": http,
    "blockchain": blocks,
    "session_processing": chunks,
    "database": sql,
}


def _filled(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.sort_values("start", ignore_index=True)
    for name, value in {"ok": True, "error": "", "status": 0, "size": 0}.items():
        if name not in frame:
            frame[name] = value
    return frame


def run_of(target: str, run_id: str = "", *, seed: int = 1, slow: float = 1.0, **given: Any):
    """A Run of `target` and its raw samples (seconds)."""
    rng = np.random.default_rng(seed)
    frame, more = MAKERS[target](rng, slow)
    long = float(frame["end"].max()) + 0.5
    run = Run(
        id=run_id or f"20261123T180000Z-{target}-{seed:04x}",
        target=target,
        kind=KINDS[target],
        started_at="2026-11-23T18:00:00Z",
        duration_s=long,
        arrival="open" if target == "api_gateway" else "closed",
        measured_from_s=0.0 if target == "blockchain" else 3.0,
        measured_until_s=None,
        seed=seed,
        workload={"scenario": "light", "users": 32, "run_time": 20.0, "warmup": 3.0},
        objectives=OBJECTIVES[target],
        environment=Environment(
            cpu="Made-up CPU",
            cores=2,
            memory_bytes=8 * 2**30,
            python="3.11.9",
            git_commit="ab12" * 10,
        ),
        generator=GeneratorHealth(
            processes=1,
            cpu_share=0.41,
            loop_lateness_p99_s=0.0021,
            late_starts=0.001,
            lateness_p99_s=0.0011,
            open_files_limit=65536,
            ceiling=5200.0,
        ),
        counts=Counts(recorded=len(frame), engine=len(frame), target=len(frame)),
        errors={str(k): int(v) for k, v in frame.loc[~frame["ok"], "error"].value_counts().items()},
    )
    for name, value in {**more, **given}.items():
        setattr(run, name, value)
    return run, frame


def write_samples(frame: pd.DataFrame, path: Path) -> None:
    """`frame` (seconds) as the Parquet file of a run."""
    core = {f.name for f in schema()}
    names = tuple(name for name in frame.columns if name not in core)
    columns = {}
    for field in schema(names):
        if field.name not in frame:
            columns[field.name] = pa.nulls(len(frame), field.type)
        elif field.name in ("intended_start", "start", "end"):
            columns[field.name] = pa.array((frame[field.name] * 1e9).round().astype("int64"))
        else:
            values = pa.array(frame[field.name].to_numpy())
            if pa.types.is_dictionary(field.type):
                values = values.cast(pa.string()).dictionary_encode()
            columns[field.name] = values.cast(field.type)
    write_table(pa.table(columns, schema=schema(names)), path)


def recorded(target: str, folder: Path, **given: Any):
    """A Run and its samples as they come back from disk."""
    run, frame = run_of(target, **given)
    folder.mkdir(parents=True, exist_ok=True)
    write_samples(frame, folder / "samples.parquet")
    return run, read_samples(folder / "samples.parquet")


def commit(store: Store, target: str, moment: int = 0, **given: Any) -> Run:
    """A judged run of `target` in `store`; `moment` counts hours since the first."""
    at = datetime(2026, 11, 23, 8, tzinfo=UTC) + timedelta(hours=moment)
    seed = given.pop("seed", moment + 1)
    run_id = f"{at:%Y%m%dT%H%M%SZ}-{target}-{seed:04x}"
    run, staging_samples = run_of(target, run_id, seed=seed, **given)
    run.started_at = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    _, staging = store.begin(target, at)
    write_samples(staging_samples, staging / "samples.parquet")
    run.estimates = analysis.estimates(run, read_samples(staging / "samples.parquet"))
    run.verdicts = analysis.judge(run, run.estimates)
    store.commit(run, staging)
    return run


def keep(store: Store, runs: Sequence[Run]) -> list[str]:
    """Runs without samples as if their folders had been moved here; quicker than recording each."""
    for run in runs:
        store.folder(run.id).mkdir(parents=True)
        (store.folder(run.id) / RECORD).write_bytes(to_json(run))
    store.reindex([run.id for run in runs])
    return [run.id for run in runs]


def history(store: Store, target: str, runs: int = 24, shift_at: int = 15, factor: float = 1.4):
    """`runs` small runs of `target` an hour apart, slower by `factor` from run `shift_at` on."""
    for moment in range(runs):
        slow = (factor if moment >= shift_at else 1.0) * (1 + 0.02 * math.sin(7 * moment))
        commit_id = ("ab12" if moment < shift_at else "cd34") * 10
        environment = Environment(cpu="Made-up CPU", cores=2, python="3.11.9", git_commit=commit_id)
        commit(store, target, moment, slow=slow, environment=environment)


def service_metrics(long_s: float = 23.0) -> pd.DataFrame:
    """What a monitored service said of itself, once a second."""
    times = np.arange(0, long_s, 1.0)
    series = {
        "process_cpu_seconds_total": np.cumsum(0.55 + 0.3 * np.sin(times / 3)),
        "gateway_connections": 20 + 8 * np.sin(times / 5),
        "gateway_queue_depth": np.where((times > 13) & (times < 16), 40.0, 2.0 + times % 3),
    }
    return pd.concat(
        pd.DataFrame({"time_s": times, "name": name, "labels": "{}", "value": values})
        for name, values in series.items()
    )
