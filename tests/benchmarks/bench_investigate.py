"""A brush over a million samples must feel immediate."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg

from perflib.analysis.series import TimeIndex
from perflib.plots.linked import Timeline, Views
from tests import fabricate
from tests.benchmarks.table import Row

SAMPLES = 1_000_000
ROUNDS = 15


def measure() -> Iterator[Row]:
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(0, 600, SAMPLES))
    values = rng.lognormal(-5, 0.8, SAMPLES)
    labels = pd.Series(rng.choice([f"GET /kind/{n}" for n in range(8)], SAMPLES), dtype="category")
    began = time.perf_counter()
    index = TimeIndex(times, values, labels)
    indexed = time.perf_counter() - began
    run, _ = fabricate.run_of("api_gateway")
    began = time.perf_counter()
    timeline = Timeline(run, index, times, times[:100])
    FigureCanvasAgg(timeline.figure).draw()
    drawn = time.perf_counter() - began
    views = Views(index, "response_time")
    canvas = FigureCanvasAgg(views.figure)
    canvas.draw()
    spent = [_brush(views, index, canvas, rng) for _ in range(ROUNDS)]
    note = f"{SAMPLES:,} samples; index {indexed:.2f} s, timeline {drawn:.2f} s once"
    yield Row(measure="redraw after a brush", values=spent, at_most=200, unit="ms", note=note)


def _brush(
    views: Views, index: TimeIndex, canvas: FigureCanvasAgg, rng: np.random.Generator
) -> float:
    since, until = np.sort(rng.uniform(0, 600, 2))
    began = time.perf_counter()
    views.update(float(since), float(until))
    index.slowest(index.between(float(since), float(until)).rows)
    canvas.draw()
    return 1000 * (time.perf_counter() - began)
