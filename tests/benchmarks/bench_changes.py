"""How well and how fast changes are found: fresh seeds, six kinds of noise, real histories.

Noise has a standard deviation of 2 % of the level. A change is found when it is told within
five results of its place. References run where they are installed (`ruptures`; Apache Otava
in a Python of its own, named by the environment variable OTAVA_PYTHON).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from perflib.analysis import History, change_points
from tests.benchmarks.table import Row

HISTORIES = Path(__file__).parents[3] / "shared" / "histories"
N, CV, NEAR, SERIES = 200, 0.02, 5, 100

Rng = np.random.Generator
Detect = Callable[[np.ndarray], Sequence[int]]


def places(values: np.ndarray, spread: np.ndarray | None = None) -> list[int]:
    return [change.index for change in change_points(values, spread=spread)]


# noise of unit variance --------------------------------------------------------------------


def remembering(rng: Rng, n: int, phi: float = 0.5) -> np.ndarray:
    noise = rng.standard_normal(n + 50)
    for t in range(1, len(noise)):
        noise[t] = phi * noise[t - 1] + np.sqrt(1 - phi * phi) * noise[t]
    return noise[50:]


def spiky(rng: Rng, n: int) -> np.ndarray:
    hit = rng.random(n) < 0.03
    return rng.standard_normal(n) + hit * rng.uniform(5, 20, n) * rng.choice([1, 1, 1, -1], n)


def skewed(rng: Rng, n: int) -> np.ndarray:
    noise = rng.lognormal(0, 0.6, n)
    return (noise - np.exp(0.18)) / np.sqrt((np.exp(0.36) - 1) * np.exp(0.36))


NOISE: dict[str, Callable[[Rng, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "heavy tails": lambda rng, n: rng.standard_t(3, n) / np.sqrt(3),
    "spikes": spiky,
    "two levels": lambda rng, n: 1.9 * ((rng.random(n) < 0.3) - 0.3) + rng.normal(0, 0.5, n),
    "skewed": skewed,
    "autocorrelated": remembering,
}

CHANGING: dict[str, Callable[[Rng, int], np.ndarray]] = {
    "noise four times as loud from the middle on": lambda rng, n: (
        rng.standard_normal(n) * np.where(np.arange(n) < n // 2, 0.25, 1.0)
    ),
    "noise of another loudness each ten results": lambda rng, n: (
        rng.standard_normal(n) * np.exp(np.repeat(rng.normal(0, 0.7, n // 10 + 1), 10))[:n]
    ),
    "spikes in each seventh result": lambda rng, n: (
        0.3 * rng.standard_normal(n) + (rng.random(n) < 0.15) * rng.exponential(3, n)
    ),
}


def history(
    rng: Rng, noise: str, *, steps: int, slope: float = 0.0, n: int = N
) -> tuple[np.ndarray, list[int]]:
    """A history of `steps` steps of 3 to 10 %, 20 results apart at least, and their places."""
    while True:
        true = sorted(rng.integers(20, n - 20, steps).tolist())
        if np.all(np.diff(true) >= 20):
            break
    level = 100 * (1 + rng.choice([-1, 1]) * slope * np.arange(n) / n)
    for place in true:
        level[place:] *= 1 + rng.choice([-1, 1]) * rng.uniform(0.03, 0.10)
    return level * (1 + CV * NOISE[noise](rng, n)), true


def hits(found: Sequence[int], true: Sequence[int], near: int = NEAR) -> int:
    left, count = list(found), 0
    for place in true:
        close = [f for f in left if abs(f - place) <= near]
        if close:
            left.remove(min(close, key=lambda f: abs(f - place)))
            count += 1
    return count


# rows --------------------------------------------------------------------------------------


def measure() -> Iterator[Row]:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    rng, note = np.random.default_rng(seed), f"seed {seed}"
    places(history(rng, "normal", steps=1)[0])
    yield Row(measure="F1", values=[f1(rng, places)], at_least=0.97, note=note)
    yield Row(measure="F1 with drift", values=[f1(rng, places, 0.07)], at_least=0.90, note=note)
    alarms = [
        len(places(history(rng, k, steps=0, slope=0.1)[0])) for k in NOISE for _ in range(100)
    ]
    yield Row(measure="alarms / 1000 under drift", values=[np.mean(alarms) / N * 1000], at_most=1)
    for kind in NOISE:
        wrong = [bool(places(history(rng, kind, steps=0)[0])) for _ in range(300)]
        yield Row(measure=f"FWER, {kind}", values=[float(np.mean(wrong))], at_most=0.05, note=note)
    for kind, make in CHANGING.items():
        wrong = [bool(places(100 * (1 + CV * make(rng, N)))) for _ in range(300)]
        yield Row(measure=f"FWER, {kind}", values=[float(np.mean(wrong))], note=note)
    yield kernel_row(rng)
    for size, bound in ((0.05, 4), (0.10, 3)):
        delays, false = zip(*(delay(rng, size) for _ in range(1200)), strict=True)
        step = f"a {size:.0%} step"
        delayed, told = float(np.median(delays)), float(np.mean(false))
        yield Row(measure=f"results to confirm {step}", values=[delayed], at_most=bound, note=note)
        yield Row(measure=f"false points before {step}", values=[told], at_most=0.1, note=note)
    yield Row(measure="coverage of the change's size", values=[coverage(rng)], at_least=0.93)
    yield from real(rng)
    yield from speed(rng)


def f1(rng: Rng, detect: Detect, slope: float = 0.0) -> float:
    right = found = true = 0
    for kind in NOISE:
        for _ in range(SERIES):
            values, steps = history(rng, kind, steps=int(rng.integers(1, 4)), slope=slope)
            told = detect(values)
            right, found, true = right + hits(told, steps), found + len(told), true + len(steps)
    return 2 * right / (found + true)


def kernel_row(rng: Rng) -> Row:
    try:
        from ruptures import KernelCPD
    except ImportError:
        return Row(measure="F1 of KernelCPD", skipped="ruptures is not installed")

    def detect(values: np.ndarray) -> list[int]:
        model = KernelCPD(kernel="rbf", min_size=2).fit(values[:, None])
        return list(model.predict(pen=np.log(len(values)))[:-1])

    return Row(measure="F1 of KernelCPD", values=[f1(rng, detect)])


def delay(rng: Rng, size: float) -> tuple[int, int]:
    """Results after a step until it is confirmed (at most 15), and false points before it."""
    level = np.full(115, 100.0)
    level[100:] *= 1 + size * rng.choice([-1, 1])
    values, stream, false = level * (1 + CV * rng.standard_normal(115)), History(), 0
    for n, value in enumerate(values, start=1):
        stream.append(value)
        sure = [c for c in stream.news if c.status == "confirmed"]
        if n > 100 and any(abs(c.index - 100) <= NEAR for c in sure):
            return n - 100, false
        false += len(sure)
    return 15, false


def coverage(rng: Rng) -> float:
    inside = []
    for make in NOISE.values():
        for _ in range(100):
            size, place = rng.choice([-1, 1]) * rng.uniform(0.03, 0.10), int(rng.integers(40, 160))
            level = np.full(N, 100.0)
            level[place:] *= 1 + size
            found = change_points(level * (1 + CV * make(rng, N)))
            inside += [c.low <= size <= c.high for c in found if abs(c.index - place) <= NEAR]
    return float(np.mean(inside))


def real(rng: Rng) -> Iterator[Row]:
    path = HISTORIES / "numpy_two_machines_part.json"
    if not path.exists():
        yield Row(measure="real histories", skipped=f"no {path.name}")
        return
    pairs = json.loads(path.read_text())
    yield from replicated(pairs)
    windows = [
        (values[start : start + 300], spread[start : start + 300])
        for pair in pairs
        for values, spread in map(measured, pair["machines"].values())
        for start in range(0, len(values) - 299, 100)
    ]
    found_steps, alarms = 0, 0
    for values, spread in windows:
        alarms += len(places(values, spread))
        place, level = int(rng.integers(50, 250)), np.ones(300)
        level[place:] += 0.03 * rng.choice([-1, 1])
        found_steps += hits(places(values * level, spread * level), [place])
    note = f"{alarms / len(windows) / 0.3:.1f} alarms / 1000, true ones included; all windows"
    share = found_steps / len(windows)
    yield Row(measure="3 % step in real windows", values=[share], at_least=0.92, note=note)


def measured(side: dict) -> tuple[np.ndarray, np.ndarray]:
    """One machine's values, and a standard deviation of each from its quartiles."""
    low, high = (np.array(side[name], dtype=float) for name in ("q25", "q75"))
    return np.array(side["value"]), (high - low) / 1.349


def replicated(pairs: list[dict]) -> Iterator[Row]:
    """Alarms on commits that two machines measured, told on the other one within two of them."""
    rows: list[tuple[float, bool, float]] = []
    for pair in pairs:
        sides = list(pair["machines"].values())
        common = [c for c in sides[0]["commit"] if c in set(sides[1]["commit"])]
        found = []
        for side in sides:
            where = {commit: i for i, commit in enumerate(side["commit"])}
            rows_of = [where[commit] for commit in common]
            values, spread = measured(side)
            found.append(change_points(values[rows_of], spread=spread[rows_of]))
        for here, there in (found, found[::-1]):
            near = np.zeros(len(common), bool)
            for change in there:
                near[max(change.index - 2, 0) : change.index + 3] = True
            rows += [(abs(c.change), bool(near[c.index]), float(near.mean())) for c in here]
    size, same, chance = (np.array(column) for column in zip(*rows, strict=True))
    large = size >= 0.05
    note = (
        f"{len(size)} alarms on common commits, {(same - chance).sum():.0f} above chance; share "
        f"of those from 5 % on {same[large].mean():.2f}, below {same[~large].mean():.2f}"
    )
    name = "replicated on another machine"
    yield Row(measure=name, values=[float(same.mean())], at_least=0.67, note=note)


def speed(rng: Rng) -> Iterator[Row]:
    values, _ = history(rng, "normal", steps=10, n=5000)
    rounds = [seconds(lambda: places(values)) for _ in range(7)]
    yield Row(measure="CPU, N = 5000", values=[1e3 * s for s in rounds], unit="ms")
    otava = os.environ.get("OTAVA_PYTHON")
    if otava:
        ratio = [s / otava_seconds(otava, values) for s in rounds[:3]]
        yield Row(measure="CPU, N = 5000, ÷ Otava", values=ratio, at_most=0.05)
    else:
        yield Row(measure="CPU, N = 5000, ÷ Otava", skipped="OTAVA_PYTHON is not set")
    stream = History()
    appends = [seconds(lambda v=v: stream.append(v)) for v in values]
    yield Row(
        measure="append at N = 5000", values=[1e3 * s for s in appends[-500:]], at_most=1, unit="ms"
    )
    differ = float(stream.changes != change_points(values))
    yield Row(measure="append differs from the full run", values=[differ], at_most=0)
    short = [history(rng, "normal", steps=1, n=500)[0] for _ in range(100)]
    total = [seconds(lambda v=v: places(v)) for v in short]
    yield Row(measure="CPU, N = 500", values=[1e3 * s for s in total], at_most=2, unit="ms")


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


OTAVA = """
import json, sys, time
from otava.series import AnalysisOptions, Series
values = json.load(sys.stdin)
start = time.process_time()
series = Series("s", None, list(range(len(values))), {"m": None}, {"m": values}, {})
series.analyze(AnalysisOptions())
print(time.process_time() - start)
"""


def otava_seconds(python: str, values: np.ndarray) -> float:
    text = json.dumps(values.tolist())
    done = subprocess.run(
        [python, "-c", OTAVA], input=text, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])
