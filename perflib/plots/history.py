"""A history run by run: levels, the shifts between them, and what was promised."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from perflib.model import Outcome, Verdict
from perflib.plots.house import (
    BLUE,
    FAINT,
    GREY,
    INK,
    ORANGE,
    RED,
    Drawing,
    in_house_style,
    missing,
    sheet,
)
from perflib.plots.marks import band, bound_line, note, share_unit, state_of, unit_axis
from perflib.wording import clean, distinct, many, percent_change, promised, words

if TYPE_CHECKING:
    from perflib.course import Course
    from perflib.desk import Desk

LONG = pd.Timedelta(days=300)
"""A history beyond which a day and month may be of any year."""
WIDE = 20.0
"""How many times the middle value the largest is before the scale is logarithmic."""


@in_house_style
def trend(course: Course) -> Drawing:
    """Every run with its interval, the levels between shifts, and the promise."""
    points = course.points
    if len(points) < 2:
        return missing(course.finding)
    first, last = points["run_id"].iloc[0], points["run_id"].iloc[-1]
    figure, (axes,) = sheet(
        course.finding,
        f"{course.name} by run (UTC), with 95 % intervals; thick: the level{_marks(course)}"
        + (", log scale" if _wide(course) else ""),
        f"{len(points)} runs of {course.trend.key.target}: {first} to {last}",
        height_in=3.0,
    )
    _runs(axes, course, size=5)
    _levels(axes, course, words_too=True)
    _promise(axes, course)
    _run_axis(axes, points)
    _value_axis(axes, course, count=5)
    return figure


def _wide(course: Course) -> bool:
    """Whether some values lie so far beyond the others that these would lie flat beside them."""
    value = course.points["value"].to_numpy(dtype=float)
    return bool(value.min() > 0 and value.max() > WIDE * np.median(value))


def _value_axis(axes: Axes, course: Course, count: int) -> None:
    unit, wide = share_unit(course.metric.unit), _wide(course)
    unit_axis(axes.yaxis, unit, axes.get_ylim()[1], log=wide, count=count)


def _marks(course: Course) -> str:
    """What the marks of runs that are not judged mean."""
    bad = course.points["bad"].to_numpy(dtype=bool)
    judged = course.points["run_id"].isin(course.trend.run_ids).to_numpy()
    told = "; ✗: called bad" if bad.any() else ""
    return f"{told}; □: not whole, or another machine or load" if (~judged & ~bad).any() else told


def _runs(axes: Axes, course: Course, size: float) -> None:
    points = course.points
    place = np.arange(len(points))
    crowd = min(1.0, (60 / len(points)) ** 0.5)
    size *= crowd
    judged = points["run_id"].isin(course.trend.run_ids).to_numpy()
    value, low, high = (points[c].to_numpy(dtype=float) for c in ("value", "low", "high"))
    known = np.isfinite(low) & np.isfinite(high)
    axes.vlines(place[known], low[known], high[known], color=FAINT, linewidth=1.2 * crowd, zorder=2)
    axes.plot(place[judged], value[judged], "o", color=BLUE, markersize=size, zorder=4)
    bad = points["bad"].to_numpy(dtype=bool)
    other = ~judged & ~bad
    axes.plot(place[other], value[other], "s", color=GREY, markerfacecolor="white", markersize=size)
    axes.plot(place[bad], value[bad], "x", color=RED, markersize=size + 1)
    top = float(np.nanmax(np.where(known, high, value)))
    limit = course.objective.high if course.objective else None
    if limit is not None and (limit < 4 * top or top == 0):
        top = max(top, limit)
    least = float(np.nanmin(np.where(known, low, value)))
    if _wide(course):
        axes.set(yscale="log", ylim=(float(value.min()) / 1.4, top * 1.4))
        return
    floor = 0.0 if least < 0.5 * top else least - 0.4 * (top - least)
    if least < 0:
        floor = least - 0.14 * (top - least)
    axes.set_ylim(floor, top + 0.14 * ((top - floor) or top or 1.0))


def _levels(axes: Axes, course: Course, *, words_too: bool) -> None:
    place = course.points.reset_index().set_index("run_id")["index"]
    rows = [int(place[run]) for run in course.trend.run_ids]
    values = course.trend.values
    drift = course.trend.drift
    drifts = [drift.start] if drift else []
    cuts = sorted({0, *(shift.point.index for shift in course.shifts), *drifts, len(rows)})
    for start, stop in pairwise(cuts):
        level = float(np.median(values[start:stop]))
        ends = [rows[start] - 0.4, rows[stop - 1] + 0.4]
        heights = [level, level]
        if drift and (start, stop) == (drift.start, len(rows)):
            begin = level / (1 + drift.change / 2)  # half of the way is behind in the middle
            heights = [begin, begin * (1 + drift.change)]
        axes.plot(ends, heights, color=ORANGE, linewidth=2.2, alpha=0.9, zorder=5)
    for shift in course.shifts:
        at = rows[shift.point.index] - 0.5
        axes.axvline(at, color=INK, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
        if words_too:
            corner = ("data", "axes fraction")
            note(
                axes, percent_change(shift.point), (at, 1), coords=corner, shift=(3, -6), halo=True
            )


def _promise(axes: Axes, course: Course) -> None:
    objective = course.objective
    if objective is None:
        return
    if objective.low is not None and objective.high is not None:
        band(axes, objective.low, objective.high, promised(objective))
        return
    if objective.limit is not None:
        bound_line(axes, objective.limit, promised(objective))


def _run_axis(axes: Axes, points: pd.DataFrame) -> None:
    """Days where they begin, months in a long history, moments of an only day."""
    started = points["started_at"]
    long = started.iloc[-1] - started.iloc[0] > LONG
    days = started.dt.strftime("%b %Y" if long else "%d %b").to_numpy()
    new = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    if len(new) == 1:
        days = started.dt.strftime("%d %b %H:%M").to_numpy()
        new = np.unique(np.linspace(0, len(points) - 1, 5).round().astype(int))
    elif len(new) > 9:
        new = new[np.linspace(0, len(new) - 1, 9).round().astype(int)]
    axes.set_xticks(new, days[new])
    axes.set_xlim(-0.8, len(points) - 0.2)


def _what_moved(moved: list[Course], labels: int) -> str:
    """How many labels moved, and which of them most."""
    shifts = [(course, course.moved) for course in moved if course.moved]
    if not shifts:
        return "No label moved"
    most, shift = max(shifts, key=lambda pair: abs(float(pair[1].change)))
    told = f"`{clean(most.trend.key.label, 32)}` by {percent_change(shift)}"
    return f"{many(len(moved), 'label')} of {labels} moved{', most' if moved[1:] else ':'} {told}"


@in_house_style
def multiples(courses: Sequence[Course]) -> Drawing:
    """The same indicator of each label, each on its own scale."""
    shown = [course for course in courses if len(course.points) > 1][:12]
    if not shown:
        return missing("No label has a history yet")
    columns, key = 3, shown[0].trend.key
    rows = -(-len(shown) // columns)
    moved = [course for course in shown if course.moved]
    figure, axes = sheet(
        _what_moved(moved, len(shown)),
        f"{key.statistic} of {words(key.metric)} by run, each on its own scale"
        + (", log where values lie far apart" if any(map(_wide, shown)) else ""),
        f"{key.target}, {len(shown[0].points)} runs to {shown[0].points['run_id'].iloc[-1]}",
        height_in=1.25 * rows,
        rows=rows,
        columns=columns,
        gap_in=0.62,
    )
    names = distinct([course.trend.key.label for course in shown])
    for part, course, name in zip(axes, shown, names, strict=False):
        _runs(part, course, size=2.6)
        _levels(part, course, words_too=False)
        sign, color, _ = state_of(course.state)
        told = percent_change(course.moved) if course.moved else course.state
        corner = {"coords": "axes fraction", "size": 8}
        note(part, name, (0, 1), shift=(0, 18), color=GREY, **corner)  # type: ignore[arg-type]
        note(part, f"{sign} {told}", (0, 1), shift=(0, 7), color=color, **corner)  # type: ignore[arg-type]
        _value_axis(part, course, count=3)
        part.set_xticks([])
        part.tick_params(labelsize=7.5)
    for part in axes[len(shown) :]:
        part.set_axis_off()
    return figure


@in_house_style
def overview(desks: Sequence[Desk]) -> Drawing:
    """Every promise of every target over its last runs, each on its own scale."""
    shown = [(desk, v) for desk in desks for v in desk.verdicts if len(desk.past(v.objective)) > 1]
    if not shown:
        return missing("No promise has a history yet: one run is no line")
    shown.sort(key=lambda promise: promise[1].outcome.rank)
    shown, columns = shown[:15], 3
    rows = -(-len(shown) // columns)
    every = [verdict.outcome for desk in desks for verdict in desk.verdicts]
    rest = f"; {len(shown)} of {len(every)} promises" if len(shown) < len(every) else ""
    figure, axes = sheet(
        f"{every.count(Outcome.MISSED)} of {many(len(every), 'promise')} are missed now",
        f"the last runs, oldest left; dashed: the bound; the mark: its state now{rest}",
        f"newest run of each of {len(desks)} targets, up to {max(d.run.id for d in desks)}",
        height_in=1.2 * rows,
        rows=rows,
        columns=columns,
        gap_in=0.62,
    )
    for part, (desk, verdict) in zip(axes, shown, strict=False):
        _small(part, desk, verdict)
    for part in axes[len(shown) :]:
        part.set_axis_off()
    return figure


def _small(axes: Axes, desk: Desk, verdict: Verdict) -> None:
    objective, values = verdict.objective, desk.past(verdict.objective)
    sign, color, marker = state_of(verdict.outcome)
    place = np.arange(len(values))
    axes.plot(place, values, color=FAINT, linewidth=1.2)
    last = axes.plot(place[-1:], values[-1:], marker=marker, color=color, markersize=7, zorder=5)
    last[0].set_clip_on(False)
    for limit in objective.bounds:
        axes.axhline(limit, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    top, least = max(*values, *objective.bounds), min(*values, *objective.bounds)
    room = 0.12 * ((top - least) or abs(top) or 1.0)
    axes.set_ylim(max(least - room, 0) if least >= 0 else least - room, top + room)
    unit_axis(axes.yaxis, share_unit(objective.unit), top, count=3)
    axes.set_xlim(-0.5, len(values) - 0.2)
    axes.set_xticks([])
    axes.tick_params(labelsize=7.5)
    corner = {"coords": "axes fraction", "size": 8}
    note(axes, clean(desk.run.target, 26), (0, 1), shift=(0, 18), color=GREY, **corner)  # type: ignore[arg-type]
    text = f"{sign} {clean(objective.text, 32)}"
    note(axes, text, (0, 1), shift=(0, 7), color=color, **corner)  # type: ignore[arg-type]
