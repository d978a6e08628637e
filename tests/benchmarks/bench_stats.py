"""Do the 95 % intervals hold, are unchanged targets left in peace, and is it fast?

Fresh seeds each time. Coverages are shares of simulated data sets whose interval holds the
truth; the truth is known by arithmetic.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.special import ndtri

from perflib import analysis, stats
from perflib.model import Estimate, Run
from perflib.store import Store
from tests.benchmarks.table import Row

ROUNDS = 2000
LEVELS = {"at_least": 0.93, "at_most": 0.97}


def measure() -> Iterator[Row]:
    rng = np.random.default_rng()
    for q in (0.50, 0.95, 0.99):
        yield _coverage(f"coverage of p{100 * q:g}", lambda q=q: _percentile(rng, q), "n 400–4000")
    for phi in (0.5, 0.8):
        name = f"coverage of the mean, autocorrelation {phi}"
        yield _coverage(name, lambda phi=phi: _mean(rng, phi), "n 200–4000")
    yield _coverage("coverage of the ratio", lambda: _ratio(rng), "3–10 runs a side")
    yield _coverage("coverage of the ratio, one run a side", lambda: _pair(rng), "n 300–3000")
    yield _false_comparisons(rng)
    yield _false_discoveries(rng)
    yield _million(rng)
    yield from _history(rng)


def _coverage(name: str, one: Callable[[], bool], note: str) -> Row:
    shares = [sum(one() for _ in range(ROUNDS)) / ROUNDS for _ in range(3)]
    return Row(measure=name, values=shares, **LEVELS, note=note)


def _percentile(rng: np.random.Generator, q: float) -> bool:
    """Lognormal latencies, independent."""
    found = stats.percentile_interval(rng.lognormal(0, 0.7, rng.integers(400, 4000)), q)
    return found.low <= math.exp(0.7 * ndtri(q)) <= found.high


def _mean(rng: np.random.Generator, phi: float) -> bool:
    found = stats.mean_interval(_autocorrelated(rng, int(rng.integers(200, 4000)), phi))
    return found.low <= 0 <= found.high


def _autocorrelated(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    return lfilter([1], [1, -phi], rng.normal(size=n + 200))[200:]


def _ratio(rng: np.random.Generator) -> bool:
    """Runs that differ by 3 % beyond the error of their own samples, up to 3 % as well."""
    a, b = rng.integers(3, 11, 2)
    errors = [rng.uniform(0.002, 0.03, k) for k in (a, b)]
    sides = [
        np.exp(rng.normal(centre, np.hypot(0.03, error)))
        for centre, error in zip((0.0, 0.1), errors, strict=True)
    ]
    found = stats.ratio_interval(*sides, *map(list, errors))
    return found.low <= math.exp(0.1) <= found.high


def _pair(rng: np.random.Generator) -> bool:
    sides = [
        factor * np.exp(0.2 * _autocorrelated(rng, int(rng.integers(300, 3000)), 0.5))
        for factor in (1.0, 1.1)
    ]
    change = analysis.compare(*sides).find("service_time")
    return change.contrast.low <= 1.1 <= change.contrast.high


def _false_comparisons(rng: np.random.Generator) -> Row:
    """Any change called among 30 metrics and labels of unchanged runs, four a side."""
    called = 0
    rounds = 300
    for _ in range(rounds):
        p_values = []
        for _ in range(30):
            a, b = (np.exp(rng.normal(0, 0.03, 4)) for _ in range(2))
            p_values.append(stats.ratio_interval(a, b).p_value)
        called += bool((stats.benjamini_hochberg(p_values) <= 0.05).any())
    name = "any of 30 unchanged statistics called changed"
    return Row(measure=name, values=[called / rounds], at_most=0.05 + 2 * 0.0126)


NOISES: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "gaussian": lambda rng, shape: rng.normal(0, 0.02, shape),
    "outliers": lambda rng, shape: (
        rng.normal(0, 0.02, shape) + (rng.random(shape) < 0.03) * rng.exponential(0.2, shape)
    ),
    "heavy tails": lambda rng, shape: 0.02 * rng.standard_t(3, shape) / math.sqrt(3),
    "autocorrelated": lambda rng, shape: (
        0.02 * math.sqrt(1 - 0.36) * lfilter([1], [1, -0.6], rng.normal(size=shape), axis=1)
    ),
    "two levels": lambda rng, shape: (
        rng.normal(0, 0.01, shape) + 0.02 * np.where(rng.random(shape) < 0.5, -1, 1)
    ),
}


def _false_discoveries(rng: np.random.Generator) -> Row:
    """The share of worlds, 200 unchanged targets × 5 metrics, with any regressed or improved."""
    worlds, alarms = 20, {}
    for kind, noise in NOISES.items():
        alarms[kind] = 0
        for _ in range(worlds):
            found = analysis.trends(_points(np.exp(noise(rng, (1000, 200))), targets=200))
            alarms[kind] += any(one.state in ("regressed", "improved") for one in found)
    share = sum(alarms.values()) / worlds / len(alarms)
    note = ", ".join(f"{kind} {count} of {worlds}" for kind, count in alarms.items())
    name = "any false discovery over 200 unchanged targets × 5 metrics"
    return Row(measure=name, values=[share], at_most=0.05, note=note)


METRICS = ("query_time", "processing_time", "response_time", "throughput", "error_rate")


def _points(values: np.ndarray, targets: int) -> pd.DataFrame:
    series, n = values.shape
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(n), unit="h")
    names = [(f"t{i}", metric) for i in range(targets) for metric in METRICS[: series // targets]]
    return pd.DataFrame(
        {
            "run_id": np.tile([f"run{i:05d}" for i in range(n)], series),
            "started_at": np.tile(times, series),
            "bad": False,
            "target": np.repeat([name for name, _ in names], n),
            "metric": np.repeat([metric for _, metric in names], n),
            "statistic": "value",
            "label": "",
            "environment_key": "m",
            "load_key": "",
            "status": "complete",
            "unit": "s",
            "value": values.ravel(),
            "low": np.nan,
            "high": np.nan,
        }
    )


def _million(rng: np.random.Generator) -> Row:
    n = 1_000_000
    intended = np.sort(rng.uniform(0, 60, n))
    end = intended + rng.lognormal(-4, 0.5, n)
    labels = rng.choice(["a", "b", "c", "d", "e"], n)
    frame = pd.DataFrame(
        {
            "label": pd.Categorical(labels),
            "intended_start": intended,
            "start": intended,
            "end": end,
            "ok": rng.random(n) > 0.001,
            "service_time": end - intended,
            "response_time": end - intended,
        }
    )
    run = _run("20260101T000000Z-api-0001", "api", "2026-01-01T00:00:00Z", ())
    run.measured_from_s, run.measured_until_s, run.arrival = 2.0, 60.0, "open"
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        analysis.estimates(run, frame)
        seconds.append(time.perf_counter() - start)
    name = "all estimates of 1 000 000 samples, 5 labels"
    return Row(measure=name, values=seconds, at_most=0.5, unit="s")


def _run(run_id: str, target: str, started_at: str, values: tuple[float, ...]) -> Run:
    estimates = [
        Estimate(metric=metric, statistic="value", value=float(value), unit="s", n=100)
        for metric, value in zip(METRICS, values, strict=False)
    ]
    return Run(
        id=run_id,
        target=target,
        kind="http",
        started_at=started_at,
        duration_s=60,
        estimates=estimates,
    )


TREND = """
import json, resource, sys, time
start = time.perf_counter()
from perflib import analysis
from perflib.store import Store
found = analysis.follow(Store(sys.argv[1]))
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps([time.perf_counter() - start, peak / 1e9, len(found)]))
"""


def _history(rng: np.random.Generator) -> Iterator[Row]:
    """The command's work in a process of its own, imports included."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        store.import_records(_records(rng, targets=200, runs=500))
        found = []
        for _ in range(3):
            command = [sys.executable, "-c", TREND, folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
    note = f"{found[0][2]} series, history of {size:.0f} MB"
    seconds, memory, _ = zip(*found, strict=True)
    name = "trend of 200 targets × 5 metrics × 500 runs"
    yield Row(measure=name, values=[*seconds], at_most=5, unit="s", note=note)
    yield Row(measure=f"memory of the {name}", values=[*memory], at_most=1, unit="GB")


def _records(rng: np.random.Generator, targets: int, runs: int) -> Iterator[bytes]:
    import msgspec

    encoder = msgspec.json.Encoder()
    for run in range(runs):
        moment = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(hours=run)
        for target in range(targets):
            name = f"t{target}"
            run_id = f"{moment:%Y%m%dT%H%M%S}Z-{name}-{run:04x}"
            values = tuple(rng.lognormal(0, 0.02, len(METRICS)))
            yield encoder.encode(_run(run_id, name, moment.isoformat(), values))
