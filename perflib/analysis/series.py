"""Samples over time, cut so that a picture of a million of them keeps its extremes.

Pure arrays in, arrays out; times and values in base units, times sorted where it says so.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from perflib.stats.values import Floats


_STEPS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


def bin_edges(until_s: float, about: int = 60) -> Floats:
    """Edges from 0 past `until_s` in round steps, about as many as asked; at least one bin."""
    width = next((step for step in _STEPS_S if until_s / step <= about * 1.5), until_s / about)
    return np.arange(0, max(until_s, width) + width, width)


def rate(times: Floats, edges: Floats) -> Floats:
    """Events a second in each bin of `edges`; events outside are not counted."""
    return np.histogram(times, edges)[0] / np.diff(edges)


def in_flight(starts: Floats, ends: Floats, at: Floats) -> Floats:
    """How many intervals are open at each moment of `at` (any order of starts and ends)."""
    begun = np.searchsorted(np.sort(starts), at, side="right")
    return (begun - np.searchsorted(np.sort(ends), at, side="right")).astype(np.float64)


def quantiles_over(
    times: Floats, values: Floats, edges: Floats, levels: tuple[float, ...]
) -> Floats:
    """Quantiles of `values` in each bin, shape (levels, bins); nan in bins with under 5 values."""
    bins = np.digitize(times, edges) - 1
    order = np.argsort(bins, kind="stable")
    cuts = np.searchsorted(bins[order], np.arange(len(edges)))
    out = np.full((len(levels), len(edges) - 1), np.nan)
    for index, (first, last) in enumerate(pairwise(cuts)):
        if last - first >= 5:
            out[:, index] = np.quantile(values[order[first:last]], levels)
    return out


def log_edges(values: Floats, count: int = 60) -> Floats:
    """`count` + 1 edges in equal ratios that hold every positive value."""
    positive = values[values > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (1e-3, 1.0)
    high = max(high, low * 1.5) * 1.0001
    return np.geomspace(low * 0.9999, high, count + 1)


def heat(times: Floats, values: Floats, time_edges: Floats, value_edges: Floats) -> Floats:
    """Counts, shape (value bins, time bins); `value_edges` in equal ratios (`log_edges`)."""
    columns, rows = len(time_edges) - 1, len(value_edges) - 1
    across = np.digitize(times, time_edges) - 1
    up = log_bins(values, value_edges)
    inside = (across >= 0) & (across < columns) & (values > 0)
    flat = up[inside] * columns + across[inside]
    return np.bincount(flat, minlength=rows * columns).reshape(rows, columns).astype(np.float64)


def log_bins(values: Floats, edges: Floats) -> NDArray[np.int64]:
    """The bin of each value in edges of equal ratios, clipped to the first and last bin."""
    count = len(edges) - 1
    low, high = np.log(edges[0]), np.log(edges[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        place = (np.log(values) - low) * (count / (high - low))
    place = np.clip(np.nan_to_num(place, nan=0.0, neginf=0.0), 0, count - 1)
    bins: NDArray[np.int64] = place.astype(np.int64)
    return bins


def envelope(times: Floats, values: Floats, columns: int) -> tuple[Floats, Floats]:
    """First, lowest, highest and last point of each of `columns` slices of sorted `times`.

    Drawn as a line it covers the same pixels as all points would, extremes included
    (Jugel et al., "M4", VLDB 2014). Fewer than 4 × `columns` points come back unchanged.
    """
    if len(times) <= 4 * columns:
        return times, values
    marks = np.linspace(times[0], times[-1], columns + 1)[:-1]
    first = np.unique(np.searchsorted(times, marks))
    last = np.append(first[1:], len(times)) - 1
    low, high = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
    middle = (times[first] + times[last]) / 2
    x = np.stack([times[first], middle, middle, times[last]], axis=1).ravel()
    y = np.stack([values[first], low, high, values[last]], axis=1).ravel()
    return x, y


class Brush(NamedTuple):
    """What lies between two moments: its samples' slice and histograms by label."""

    rows: slice
    counts: NDArray[np.int64]
    """Shape (labels, value bins)."""

    def quantiles(self, edges: Floats, level: float) -> Floats:
        """The quantile of each label, to the width of a bin; nan for a label without samples."""
        below = np.cumsum(self.counts, axis=1)
        whole = below[:, -1:]
        place = (below < level * whole).sum(axis=1)
        found = np.sqrt(edges[:-1] * edges[1:])[np.minimum(place, len(edges) - 2)]
        return np.where(whole[:, 0] > 0, found, np.nan)


def _few(labels: pd.Series[Any], most: int) -> tuple[NDArray[np.int64], list[str]]:
    """A code a row and the names of the `most` most frequent labels; the rest become one."""
    codes, names = pd.factorize(labels)
    usual = np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")
    place = np.full(len(names), most - 1, dtype=np.int64)
    kept = usual if len(names) <= most else usual[: most - 1]
    place[kept] = np.arange(len(kept))
    rest = [] if len(kept) == len(names) else [f"{len(names) - len(kept)} others"]
    return place[codes], [str(names[i]) for i in kept] + rest


class TimeIndex:
    """Samples sorted by time with cumulative histograms, so that a brush costs no pass over them.

    `between` answers from `steps` cumulative rows; only the two edge steps round to the
    nearest step (duration / steps).
    """

    def __init__(
        self,
        times: Floats,
        values: Floats,
        labels: pd.Series[Any],
        *,
        steps: int = 2000,
        bins: int = 80,
        most: int = 12,
    ) -> None:
        order = np.argsort(times, kind="stable")
        self.order = order
        self.times, self.values = times[order], values[order]
        self.codes, self.names = _few(labels, most)
        self.codes = self.codes[order]
        self.edges = log_edges(self.values, bins)
        until = float(self.times[-1]) if len(self.times) else 1.0
        self.marks = np.linspace(0, until * (1 + 1e-9) + 1e-9, steps + 1)
        self._cut = np.searchsorted(self.times, self.marks)
        self._total = self._cumulate(steps, bins)

    def _cumulate(self, steps: int, bins: int) -> NDArray[np.int64]:
        step = np.clip(np.searchsorted(self.marks, self.times, side="right") - 1, 0, steps - 1)
        labels = max(len(self.names), 1)
        flat = (step * labels + self.codes) * bins + log_bins(self.values, self.edges)
        counts = np.bincount(flat, minlength=steps * labels * bins).reshape(steps, labels, bins)
        start = np.zeros((1, labels, bins), dtype=counts.dtype)
        return np.concatenate([start, np.cumsum(counts, axis=0, dtype=np.int64)])

    def between(self, since_s: float, until_s: float) -> Brush:
        """What lies between the two moments, rounded to the nearest step."""
        width = self.marks[1]
        low, high = (round(min(max(t / width, 0), len(self.marks) - 1)) for t in (since_s, until_s))
        high = max(high, low)
        return Brush(slice(self._cut[low], self._cut[high]), self._total[high] - self._total[low])

    def heat(self, since_s: float, until_s: float, columns: int = 100) -> Floats:
        """Counts between the two moments, shape (value bins, `columns`)."""
        width, last = self.marks[1], len(self.marks) - 1
        edges = np.linspace(since_s, until_s, columns + 1) / width
        rows = self._total[np.clip(np.round(edges), 0, last).astype(np.int64)].sum(axis=1)
        found: Floats = np.diff(rows, axis=0).T.astype(np.float64)
        return found

    def slowest(self, rows: slice, count: int = 10) -> NDArray[np.int64]:
        """Positions (in time order) of the `count` largest values of the slice, largest first."""
        part = self.values[rows]
        count = min(count, len(part))
        top = np.argpartition(part, len(part) - count)[len(part) - count :] if count else part[:0]
        top = top.astype(np.int64)
        return top[np.argsort(-part[top], kind="stable")] + int(rows.start or 0)
