"""How long things took: their distribution, their percentiles, their labels, their moments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from perflib.analysis.judgement import limits
from perflib.analysis.series import bin_edges, heat, log_edges, quantiles_over
from perflib.model import Estimate, Objective, Outcome, find_metric
from perflib.plots.house import (
    BLUE,
    FAINT,
    GREY,
    INK,
    MUTED,
    ORANGE,
    RED,
    Drawing,
    in_house_style,
    missing,
    sheet,
    source_line,
)  # fmt: skip
from perflib.plots.marks import (
    bound_line,
    end_labels,
    interval_row,
    note,
    row_names,
    row_text,
    side_of,
    state_of,
    time_axis,
    unit_axis,
    warmup,
)  # fmt: skip
from perflib.samples import began
from perflib.units import format_number, format_quantity
from perflib.wording import (
    against,
    bound,
    count,
    distinct,
    interval_text,
    percent,
    promised,
    words,
)

if TYPE_CHECKING:
    from perflib.desk import Desk

LEVELS = ("p50", "p90", "p95", "p99")
MOST_LABELS = 12
FEW = 100
"""Of fewer values none stands for one in a hundred."""
HEAT = LinearSegmentedColormap.from_list("heat", ["#4b9ad0", "#0072b2", "#08304f"], N=12)
"""A single value, which may be the worst, is seen too."""


@in_house_style
def distribution(desk: Desk, metric: str = "") -> Drawing:
    """Where the values lie, on a log scale, with the middle, the tail and the promise."""
    name = metric or desk.headline
    values = np.asarray(desk.values(name), dtype=np.float64)
    values = values[np.isfinite(values)]
    unit = find_metric(name, "s").unit
    if not (values > 0).any():
        return missing(f"No {words(name)} was measured", desk)
    known = [e for level in LEVELS if (e := desk.estimate(name, level)) is not None]
    marks = {e.statistic: e.value for e in known if math.isfinite(e.value)}
    title = f"Half take under {format_quantity(float(np.median(values)), unit)}, "
    title += (
        f"one in a hundred over {format_quantity(marks['p99'], unit)}"
        if len(values) >= FEW and "p99" in marks
        else f"the slowest of {count(len(values))} took {format_quantity(values.max(), unit)}"
    )
    figure, (axes,) = sheet(
        title, f"{words(name)}: share of {count(len(values))} values in each bin, log scale",
        source_line(desk.run, len(values)), height_in=2.7,
    )  # fmt: skip
    edges = log_edges(values, 90)
    share = np.histogram(values, edges)[0] / len(values)
    axes.stairs(share, edges, fill=True, color=BLUE, alpha=0.30, linewidth=0)
    axes.stairs(share, edges, color=BLUE, linewidth=1.2)
    axes.set_xscale("log")
    top = share.max() * 1.45
    axes.set(yticks=[], ylim=(0, top), xlim=(edges[0], edges[-1] * 1.25))
    unit_axis(axes.xaxis, unit, values.max(), log=True)
    _level_marks(axes, marks, unit, top)
    objective = desk.promise(name)
    if objective is not None:
        for limit in objective.bounds:
            sign = "<" if limit == objective.high else ">"
            text = f"promise: {objective.statistic} {sign} {bound(limit, objective.unit)}"
            bound_line(axes, limit, text, vertical=True)
    return figure


def _level_marks(axes: Axes, marks: dict[str, float], unit: str, top: float) -> None:
    for step, (level, value) in enumerate(marks.items()):
        height = top * (0.93 - 0.085 * step)
        axes.plot([value, value], [0, height], color=INK, linewidth=0.9)
        text = f"{level}  {format_quantity(value, unit)}"
        note(axes, text, (value, height), shift=(4, 0), halo=True)


@in_house_style
def percentiles(desk: Desk, metric: str = "") -> Drawing:
    """Percentiles with their confidence intervals, each beside its own promise."""
    name = metric or desk.headline
    promised_of = {o.statistic: o for o in desk.objectives if o.metric == name and not o.label}
    levels = sorted({*LEVELS, *promised_of}, key=_level)
    found = [e for level in levels if (e := desk.estimate(name, level)) is not None]
    objectives = {e.statistic: o for e in found if (o := promised_of.get(e.statistic))}
    if not any(e.value > 0 for e in found):
        return missing(f"No percentile of {words(name)} can be told on a log scale")
    figure, (axes,) = sheet(
        _percentile_title(found, objectives, desk),
        f"{words(name)}: percentiles with {percent(found[0].level)} intervals, log scale",
        source_line(desk.run, found[0].n), height_in=0.42 * len(found) + 0.25, right_in=2.3,
    )  # fmt: skip
    bounds = [b for o in objectives.values() for b in (o.low, o.high) if b and b > 0]
    ends = [x for e in found for x in (e.value, e.low, e.high) if x and x > 0] + bounds
    axes.set_xscale("log")
    axes.set_xlim(min(ends) / 1.4, max(ends) * (2.4 if bounds else 1.4))
    axes.set_ylim(len(found) - 0.4, -0.7)
    for row, estimate in enumerate(found):
        _interval_row(axes, row, estimate, objectives.get(estimate.statistic), desk)
    axes.set_yticks(range(len(found)), [e.statistic for e in found])
    unit_axis(axes.xaxis, found[0].unit, max(ends), log=True)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    return figure


def _level(statistic: str) -> tuple[float, str]:
    """The place of a percentile among others; the mean and its like stand around them."""
    ends = {"max": 100.0}
    place = float(statistic[1:]) if statistic[1:2].isdigit() else ends.get(statistic, 0.0)
    return place, statistic


def _percentile_title(found: list[Estimate], objectives: dict[str, Objective], desk: Desk) -> str:
    promises = list(objectives.values())
    outcomes = {v.objective.statistic: v.outcome for v in desk.verdicts if v.objective in promises}
    judged = [e for e in found if e.statistic in objectives]
    worst = [e for e in judged if outcomes.get(e.statistic) is Outcome.MISSED]
    first = (worst or judged or [e for e in found if e.statistic == "p95"] or found)[0]
    text = f"{first.statistic} is {format_quantity(first.value, first.unit)}"
    far = against(first.value, objectives.get(first.statistic))
    doubt = ", but not surely" if outcomes.get(first.statistic) is Outcome.UNKNOWN else ""
    return f"{text}, {far}{doubt}" if far else text


def _interval_row(
    axes: Axes, row: int, estimate: Estimate, objective: Objective | None, desk: Desk
) -> None:
    outcome = next((v.outcome for v in desk.verdicts if v.objective == objective), None)
    sign, color, marker = state_of(outcome) if outcome else ("", BLUE, "o")
    interval_row(axes, row, estimate.value, estimate.low, estimate.high, (color, marker))
    row_text(axes, row, f"{interval_text(estimate)}  {sign}", color)
    if objective is not None:
        for limit in objective.bounds:
            axes.plot([limit, limit], [row - 0.34, row + 0.34], color=INK, linewidth=2, zorder=4)
            side = side_of(axes, limit)
            note(axes, promised(objective), (limit, row), shift=(0, 16), ha=side)


@in_house_style
def heatmap(desk: Desk, metric: str = "") -> Drawing:
    """Every value by moment and size: waves, steps and second modes that percentiles hide."""
    name = metric or desk.headline
    rows = desk.samples[desk.samples["ok"]]
    rows = rows[(rows[name] > 0) & (rows[name] < np.inf)] if name in rows else rows[:0]
    times, values = began(rows), rows[name].to_numpy() if len(rows) else np.empty(0)
    if len(values) < 2:
        return missing(f"Too few values of {words(name)} for a heat map", desk)
    edges_t, edges_v = bin_edges(times.max(), 110), log_edges(values, 48)
    coarse = bin_edges(times.max(), 40)
    p50, p99 = quantiles_over(times, values, coarse, (0.5, 0.99))
    figure, (axes,) = sheet(
        _worst_moment(coarse, np.where(coarse[:-1] < desk.run.measured_from_s, np.nan, p99), name),
        f"every {words(name)} over time; darker: more of them; lines: median and p99",
        source_line(desk.run, len(values)),
        height_in=2.9,
        right_in=0.75,
    )
    counts = heat(times, values, edges_t, edges_v)
    shade = np.ma.log(counts)  # of nothing there is none
    axes.pcolormesh(edges_t, edges_v, shade, cmap=HEAT, vmin=0, rasterized=True)
    axes.set_yscale("log")
    unit_axis(axes.yaxis, find_metric(name, "s").unit, values.max(), log=True)
    middle = (coarse[:-1] + coarse[1:]) / 2
    ends = []
    for text, line, color in (("median", p50, INK), ("p99", p99, ORANGE)):
        axes.plot(middle, line, color="white", linewidth=3.2)
        axes.plot(middle, line, color=color, linewidth=1.5)
        ends += [(float(end), text, color) for end in line[~np.isnan(line)][-1:]]
    objective = desk.promise(name)
    if objective is not None and objective.high is not None:
        bound_line(axes, objective.high, f"{objective.statistic} {promised(objective)}")
    axes.set_xlim(0, edges_t[-1])
    end_labels(axes, *ends)
    time_axis(axes)
    warmup(axes, desk.run)
    return figure


def _worst_moment(edges: np.ndarray, p99: np.ndarray, name: str) -> str:
    known = p99[~np.isnan(p99)]
    if not len(known):
        return f"Too few values a moment to tell when {words(name)} was worst"
    worst, usual = int(np.nanargmax(p99)), float(np.median(known))
    factor = p99[worst] / usual
    if factor < 1.5:
        return f"{words(name).capitalize()} is steady: no moment's p99 is over 1.5 times the usual"
    usually = format_quantity(usual, find_metric(name, "s").unit)
    return (
        f"The worst moment is {edges[worst]:g}–{edges[worst + 1]:g} s: "
        f"p99 is {format_number(factor, 2)} times the usual {usually}"
    )


@in_house_style
def by_label(desk: Desk, metric: str = "", statistic: str = "") -> Drawing:
    """Each label's median and promised statistic (else p95) with interval, slowest first."""
    name = metric or desk.headline
    promise = desk.promise(name)
    statistic = statistic or (promise.statistic if promise else "p95")
    found = desk.by_label(name, statistic)
    shown = found[:MOST_LABELS]
    if not any(e.value > 0 for e in shown):
        return missing(f"No label has a {statistic} of {words(name)} for a log scale")
    objective = desk.promise(name, statistic)
    figure, (axes,) = sheet(
        _label_title(shown, objective, statistic),
        f"{words(name)} by label: ○ median, ● {statistic} with {percent(shown[0].level)} interval"
        + (f"; the slowest {MOST_LABELS} of {len(found)}" if len(found) > MOST_LABELS else ""),
        source_line(desk.run, sum(e.n for e in shown)),
        height_in=0.36 * len(shown) + 0.35, left_in=1.9, right_in=2.5,
    )  # fmt: skip
    ends = [objective.high] if objective and objective.high and objective.high > 0 else []
    for row, estimate in enumerate(shown):
        ends += _label_row(
            axes, row, estimate, desk.estimate(name, "p50", estimate.label), objective
        )
    row_names(axes, [e.label for e in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlim(min(ends) / 1.3, max(ends) * 1.3)
    unit_axis(axes.xaxis, shown[0].unit, max(ends), log=True)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x")
    if objective is not None and objective.high is not None:
        bound_line(axes, objective.high, f"{statistic} {promised(objective)}", vertical=True)
    return figure


def _label_title(shown: list[Estimate], objective: Objective | None, statistic: str) -> str:
    slowest = shown[0]
    value = format_quantity(slowest.value, slowest.unit)
    text = f"`{distinct([e.label for e in shown], 44)[0]}` is slowest: {statistic} {value}"
    far = against(slowest.value, objective)
    doubt = ", but not surely" if _over(slowest, objective) is None else ""
    return f"{text}, {far}{doubt}" if far else text


def _over(estimate: Estimate, objective: Objective | None) -> bool | None:
    """Whether the value lies over what is promised of all; None when its interval does not tell."""
    if objective is None or objective.high is None or estimate.value < objective.high:
        return False
    return True if limits(estimate)[0] >= objective.high else None


def _label_row(
    axes: Axes, row: int, tail: Estimate, middle: Estimate | None, objective: Objective | None
) -> list[float]:
    over = _over(tail, objective)
    color, marker = {True: (RED, "X"), False: (BLUE, "o"), None: (GREY, "D")}[over]
    start = middle.value if middle else tail.value
    axes.plot([start, tail.value], [row, row], color=FAINT, linewidth=1.4, zorder=2)
    axes.plot(
        [start], [row], marker="o", color=GREY, markerfacecolor="white", markersize=6, zorder=4
    )
    interval_row(axes, row, tail.value, tail.low, tail.high, (color, marker))
    row_text(
        axes, row, f"{interval_text(tail)}  n {count(tail.n)}", MUTED if over is False else color
    )
    return [x for x in (start, tail.low, tail.high, tail.value) if x and x > 0]
