"""Linked views of one run: a timeline to brush, and views of what lies inside the brush.

The artists are made once; a brush changes their data and draws one small figure again. All
numbers come from a `TimeIndex`, so the cost hardly depends on how many samples there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter

from perflib.analysis.scraped import Track
from perflib.analysis.series import TimeIndex, envelope, rate
from perflib.model import Run, find_metric
from perflib.plots.house import (
    BLUE,
    FAINT,
    GREY,
    INK,
    ORANGE,
    RED,
    SERIES,
    WIDTH_IN,
    Drawing,
    in_house_style,
)
from perflib.plots.latency import HEAT
from perflib.plots.marks import note, row_names, time_axis, unit_axis, warmup
from perflib.samples import began
from perflib.units import format_quantity
from perflib.wording import clean, count, words

COLUMNS = 700
"""Slices of the timeline; each keeps its first, lowest, highest and last value."""


def _figure(height_in: float) -> Drawing:
    return Drawing(figsize=(WIDTH_IN, height_in), dpi=96)


class Timeline:
    """Latency, completions and the service's metrics over the whole run, on one time axis."""

    @in_house_style
    def __init__(
        self,
        run: Run,
        index: TimeIndex,
        ends: Any,
        failed: Any,
        tracks: Sequence[Track] = (),
    ) -> None:
        rows = 2 + min(len(tracks), 2)
        self.figure = _figure(1.0 + 0.85 * rows)
        margins = {"left": 0.09, "right": 0.98, "top": 0.93, "bottom": 0.12, "hspace": 0.3}
        self.axes = list(
            self.figure.subplots(rows, 1, sharex=True, gridspec_kw=margins, squeeze=False).flat
        )
        top, through = self.axes[0], self.axes[1]
        x, y = envelope(index.times, index.values, COLUMNS)
        top.plot(x, y, color=BLUE, linewidth=0.7)
        largest = float(index.values.max()) if len(index.values) else 1.0
        if largest > 0:
            top.set_yscale("log")
        unit_axis(top.yaxis, "s", largest, log=largest > 0, count=3)
        edges = np.linspace(0, max(float(np.max(ends, initial=1.0)), 1e-9), 201)
        through.stairs(rate(ends, edges), edges, color=INK, fill=True, alpha=0.25)
        through.stairs(rate(failed, edges), edges, color=RED, fill=True)
        for place, (part, track) in enumerate(zip(self.axes[2:], tracks, strict=False)):
            part.plot(*envelope(track.times, track.values, COLUMNS), color=SERIES[place + 1])
            self._name(part, track.name, SERIES[place + 1])
            largest = float(np.nanmax(np.append(track.values, 0.0)))
            unit_axis(part.yaxis, track.unit, largest, count=3)
        self._name(top, "every value, extremes kept: drag to look inside", BLUE)
        self._name(through, "completed a second, failed in red", INK)
        through.locator_params(axis="y", nbins=3)
        top.set_xlim(0, edges[-1])
        for part in self.axes:
            warmup(part, run, label=False)
        time_axis(self.axes[-1])
        self.spans = [part.axvspan(0, edges[-1], color=ORANGE, alpha=0.16) for part in self.axes]

    @staticmethod
    def _name(axes: Any, text: str, color: str) -> None:
        note(
            axes, clean(text, 70), (0, 1), coords="axes fraction", shift=(2, 6), color=color, size=8
        )

    def mark(self, since_s: float, until_s: float, *, shown: bool = True) -> None:
        """Shade the brush on every axis."""
        for span in self.spans:
            span.set_visible(shown)
            span.set_x(since_s)
            span.set_width(until_s - since_s)


class Views:
    """Distribution, heat map and labels of what lies inside the brush."""

    @in_house_style
    def __init__(self, index: TimeIndex, metric: str) -> None:
        self.index, self.metric = index, metric
        self.unit = find_metric(metric, "s").unit
        self.figure = _figure(3.6)
        margins = {"left": 0.03, "right": 0.98, "top": 0.84, "bottom": 0.1, "wspace": 0.5}
        left, middle, right = self.figure.subplots(
            1, 3, gridspec_kw={**margins, "width_ratios": [1, 1.1, 1]}
        )
        self.axes = (left, middle, right)
        self._title = self.figure.text(0.014, 0.975, "", size=11.5, weight="bold", va="top")
        bins = len(index.edges) - 1
        self._centre = np.sqrt(index.edges[:-1] * index.edges[1:])
        self._bars = left.fill_between(
            self._centre, np.zeros(bins), step="mid", color=BLUE, alpha=0.4
        )
        self._whole = left.plot(self._centre, np.zeros(bins), color=FAINT, linewidth=1)[0]
        self._levels = [left.axvline(self._centre[0], color=INK, linewidth=1) for _ in range(2)]
        left.set(xscale="log", yticks=[], xlim=(index.edges[0], index.edges[-1]), ylim=(0, 1))
        unit_axis(left.xaxis, self.unit, float(index.edges[-1]), log=True, count=3)
        left.tick_params(axis="x", labelsize=7.5)
        self._image = middle.imshow(
            np.zeros((bins, 100)), aspect="auto", origin="lower", cmap=HEAT, interpolation="nearest"
        )
        middle.grid(visible=False)
        middle.yaxis.set_major_formatter(
            FuncFormatter(lambda v, _: format_quantity(10**v, self.unit, 1))
        )
        middle.locator_params(axis="y", nbins=5)
        middle.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.4g} s"))
        middle.locator_params(axis="x", nbins=3)
        middle.tick_params(labelsize=7.5)
        self._rows(right, middle.get_position().x1)
        for axes, text in zip(
            self.axes,
            ("distribution; grey: whole run", "heat map", "median ○ and p95 ● by label"),
            strict=True,
        ):
            note(axes, text, (0, 1), coords="axes fraction", shift=(0, 7), color=GREY, size=8)
        self.update(0.0, float(index.marks[-1]))

    def _rows(self, axes: Any, after: float) -> None:
        number = len(self.index.names)
        place = np.arange(number)
        self._spans = axes.hlines(
            place, self._centre[0], self._centre[0], color=FAINT, linewidth=1.4
        )
        self._middle = axes.plot(
            [self._centre[0]] * number, place, "o", color=GREY, markerfacecolor="white"
        )[0]
        self._tail = axes.plot([self._centre[0]] * number, place, "o", color=BLUE)[0]
        axes.set(xscale="log", xlim=(self.index.edges[0], self.index.edges[-1]))
        row_names(axes, self.index.names, after=after, size=7.5)
        axes.set_ylim(number - 0.4, -0.6)
        unit_axis(axes.xaxis, self.unit, float(self.index.edges[-1]), log=True, count=3)
        axes.tick_params(labelsize=7.5)
        axes.grid(visible=False)

    @in_house_style
    def update(self, since_s: float, until_s: float, label: str = "") -> str:
        """Show what lies between the two moments (of one label if given); returns the finding."""
        index = self.index
        brush = index.between(since_s, until_s)
        chosen = slice(None) if label not in index.names else [index.names.index(label)]
        counts = brush.counts[chosen].sum(axis=0)
        whole = index.between(0, float(index.marks[-1])).counts[chosen].sum(axis=0)
        self._distribution(counts, whole)
        self._image.set_data(np.ma.log(index.heat(since_s, until_s)))
        low, high = np.log10(index.edges[[0, -1]])
        self._image.set_extent((since_s, max(until_s, since_s + 1e-9), low, high))
        self._image.autoscale()
        p50, p95 = (brush.quantiles(index.edges, level) for level in (0.5, 0.95))
        self._middle.set_xdata(p50)
        self._tail.set_xdata(p95)
        rows = np.arange(len(p50))
        self._spans.set_segments([[(a, y), (b, y)] for a, b, y in zip(p50, p95, rows, strict=True)])
        finding = self._finding(brush, label, int(counts.sum()), since_s, until_s)
        self._title.set_text(finding)
        return finding

    def _distribution(self, counts: Any, whole: Any) -> None:
        top = max(int(counts.max(initial=0)), 1)
        self._bars.set_data(self._centre, np.zeros(len(counts)), 0.95 * counts / top)
        self._whole.set_ydata(0.95 * whole / max(int(whole.max(initial=0)), 1))
        below = np.cumsum(counts)
        for line, level in zip(self._levels, (0.5, 0.95), strict=True):
            at = self._centre[min(int(np.searchsorted(below, level * below[-1])), len(counts) - 1)]
            line.set_xdata([at, at])

    def _finding(self, brush: Any, label: str, number: int, since_s: float, until_s: float) -> str:
        where = f"{since_s:.3g}–{until_s:.3g} s" + (f", {clean(label, 20)}" if label else "")
        if not number:
            return f"{where}: no sample"
        part = self.index.values[brush.rows]
        if label in self.index.names:
            part = part[self.index.codes[brush.rows] == self.index.names.index(label)]
        place = min(int(0.95 * len(part)), len(part) - 1)
        p95 = float(np.partition(part, place)[place])
        value = format_quantity(p95, self.unit)
        return f"{where}: p95 of {words(self.metric)} is {value} over {count(number)} samples"


def indexed(samples: pd.DataFrame, metric: str) -> TimeIndex:
    """The index of a metric over the samples that have it."""
    rows = samples[np.isfinite(samples[metric])] if metric in samples else samples[:0]
    values = np.asarray(rows.get(metric, []), dtype=np.float64)
    return TimeIndex(began(rows), values, rows["label"])
