"""Two sets of runs as ratios: 1 is no change, and every ratio stands with its interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from perflib.plots.house import FAINT, GREY, Drawing, in_house_style, missing, sheet
from perflib.plots.marks import end_labels, interval_row, note, row_names, row_text, state_of
from perflib.units import format_quantity
from perflib.wording import distinct, percent, signed, words

if TYPE_CHECKING:
    from perflib.analysis import Change, Comparison

TAIL = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}
MOST_ROWS = 14
STEPS = (1, 0.1, 10, 0.5, 2, 0.2, 5, 0.33, 3, 0.67, 1.5, 0.8, 1.25, 0.9, 1.1)
ROOM = 0.12
"""Ratios on an axis in the order in which they are wanted, and the share of it that one needs."""


def _source(comparison: Comparison) -> str:
    sides = (comparison.runs_a, comparison.runs_b)
    a, b = (runs[0] if len(runs) == 1 else f"{len(runs)} runs to {runs[-1]}" for runs in sides)
    return f"a: {a} · b: {b}"


def _percent(ratio: float) -> str:
    return f"{signed(100 * (ratio - 1))} %"


def _told(change: Change) -> str:
    contrast = change.contrast
    if contrast is None:
        return f"{change.state} (no interval)"
    ends = f"[{_percent(contrast.low)}, {_percent(contrast.high)}]".replace(" %", "")
    return f"{state_of(change.state)[0]} {_percent(contrast.value)} {ends}"


def _ratios(changes: list[Change]) -> list[Change]:
    return [c for c in changes if c.contrast is not None and c.contrast.kind == "ratio"]


@in_house_style
def ratios(comparison: Comparison, statistics: tuple[str, ...] = ("p95", "value")) -> Drawing:
    """Every metric of the whole run: b over a with its interval, and what it amounts to."""
    found = [c for c in comparison.changes if not c.label and c.statistic in statistics]
    return _forest(found, comparison, "every metric", _metric_name)


@in_house_style
def labels(comparison: Comparison, metric: str, statistic: str = "p95") -> Drawing:
    """One statistic of one metric by label: b over a with its interval."""
    found = [
        c for c in comparison.changes if c.label and (c.metric, c.statistic) == (metric, statistic)
    ]
    return _forest(found, comparison, f"{statistic} of {words(metric)} by label", _label_name)


def _moved(change: Change) -> bool:
    return change.state in ("regressed", "improved")


def _metric_name(change: Change) -> str:
    return words(change.metric) + ("" if change.statistic == "value" else f", {change.statistic}")


def _label_name(change: Change) -> str:
    return change.label


def _forest(
    changes: list[Change], comparison: Comparison, what: str, name: Callable[[Change], str]
) -> Drawing:
    shown = sorted(_ratios(changes), key=lambda c: -abs(np.log(max(c.contrast.value, 1e-9))))  # type: ignore[union-attr]
    shown = shown[:MOST_ROWS]
    if not shown:
        return missing(f"Nothing to compare: {what} has no ratio with an interval")
    names = distinct(map(name, shown), 44)
    moved = [c for c in shown if _moved(c)]
    first = moved[0] if moved else shown[0]
    title = (
        f"{names[shown.index(first)]}: {_told(first)[2:]}" if moved else "Nothing moved for sure"
    )
    figure, (axes,) = sheet(
        title,
        f"{what}: b ÷ a with {percent(comparison.level)} interval; grey: none that matters",
        _source(comparison),
        height_in=0.36 * len(shown) + 0.3,
        left_in=2.3,
        right_in=2.1,
    )
    ends = [1 - comparison.tolerance, 1 + comparison.tolerance]
    axes.axvspan(ends[0], ends[1], color="#e9edf1", linewidth=0, zorder=0)
    axes.axvline(1, color=GREY, linewidth=1, zorder=1)
    for row, change in enumerate(shown):
        ends += _row(axes, row, change)
    row_names(axes, names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlim(min(ends) / 1.05, max(ends) * 1.05)
    _ratio_axis(axes)
    return figure


def _row(axes: Axes, row: int, change: Change) -> list[float]:
    contrast = change.contrast
    assert contrast is not None
    _, color, marker = state_of(change.state)
    ends = (contrast.low, contrast.value, contrast.high)
    low, value, high = (min(max(end, 0.05), 20.0) for end in ends)
    interval_row(axes, row, value, low, high, (color, marker))
    row_text(axes, row, _told(change), color)
    return [low, high]


def _ratio_axis(axes: Axes) -> None:
    low, high = axes.get_xlim()
    shown: list[float] = []
    for step in STEPS:  # those further from 1 first, as long as the text has room
        apart = [abs(np.log(step / other)) for other in shown]
        if low <= step <= high and min(apart, default=1) > ROOM * np.log(high / low):
            shown.append(step)
    axes.set_xticks(shown)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} ×"))
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")


@in_house_style
def shift(comparison: Comparison, metric: str) -> Drawing:
    """Did everything get slower, or only the tail? The ratio at each percentile."""
    found = _ratios([c for c in comparison.changes if c.metric == metric and not c.label])
    by = {c.statistic: c for c in found if c.statistic in TAIL}
    levels = [s for s in TAIL if s in by]
    if len(levels) < 2:
        return missing(f"Too few percentiles of {words(metric)} to tell where it shifted")
    value, low, high = (
        np.array([getattr(by[s].contrast, end) for s in levels]) for end in ("value", "low", "high")
    )
    figure, (axes,) = sheet(
        _shift_title(levels, value, any(_moved(by[s]) for s in levels)),
        f"{words(metric)}: b ÷ a at each percentile with {percent(comparison.level)} intervals",
        _source(comparison),
        height_in=2.3,
        right_in=0.9,
    )
    place = np.arange(len(levels))
    tolerance = comparison.tolerance
    axes.axhspan(1 - tolerance, 1 + tolerance, color="#e9edf1", linewidth=0, zorder=0)
    axes.axhline(1, color=GREY, linewidth=1)
    axes.plot(place, value, color=FAINT, linewidth=1.4)
    for at, statistic in enumerate(levels):
        change = by[statistic]
        _, color, marker = state_of(change.state)
        top = min(high[at], max(20.0, value[at]))
        axes.plot([at, at], [low[at], top], color=color, linewidth=4.5, alpha=0.35)
        axes.plot([at], [value[at]], marker=marker, color=color, markersize=7, zorder=5)
        b = format_quantity(change.b, change.unit)
        text = f"{_percent(value[at])}\nnow {b}"
        note(axes, text, (at, value[at]), shift=(9, 0), color=color, halo=True)
    axes.set_xticks(place, levels)
    axes.set_xlim(-0.3, len(levels) - 0.4)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:.3g} ×"))
    axes.locator_params(axis="y", nbins=5)
    end_labels(axes, (1.0, "no change", GREY))
    return figure


def _shift_title(levels: list[str], value: np.ndarray, moved: bool) -> str:
    first, last = value[0], value[-1]
    if not moved:
        return "No percentile moved for sure"
    if max(abs(value - 1)) < 0.03:
        return "No percentile moved by 3 % or more"
    if abs(np.log(last / first)) < 0.05:
        return f"All percentiles moved together, by about {_percent(float(np.median(value)))}"
    where = "tail" if abs(last - 1) > abs(first - 1) else "middle"
    pairs = f"{levels[0]} {_percent(first)}, {levels[-1]} {_percent(last)}"
    return f"The {where} moved more: {pairs}"
