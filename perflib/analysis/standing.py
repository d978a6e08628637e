"""Where each series of a history stands now: one word, its reason, and the shifts behind it.

A shift counts when it is significant among all series that were looked at together
(Benjamini–Hochberg) and larger than what matters; what does not count parts no levels.
A regression stays one until a later level makes it good or a person decides otherwise.
Another machine or load is another series.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from perflib import stats
from perflib.analysis.changes import FEWEST, LEAST, Drift
from perflib.analysis.comparison import TOLERANCE, State, tolerated
from perflib.analysis.tracks import SeriesKey, Shift, Trend, between, tracks, worse
from perflib.analysis.triage import Decisions
from perflib.errors import ValuesError, require
from perflib.model import find_metric
from perflib.stats.values import Floats, number
from perflib.units import format_number
from perflib.wording import many, shown

RATE = 0.05
"""The share of false shifts among the reported ones, over all series together."""
SEEN = 20
"""So many results before make it rare, two in 231, that the newest two lie apart by chance."""
VISIBLE = 0.10
"""A series too noisy to show a step of this size is inconclusive, not unchanged."""
_OF_RUN, _OF_VALUE = ("run_id", "started_at", "status", "bad"), ("unit", "value", "low", "high")
_NEEDED = (*_OF_RUN, *SeriesKey._fields, "load_key", *_OF_VALUE)


def trend(points: pd.DataFrame, **options: Any) -> Trend:
    """The trend of the one series in `points`; of the newest machine and load if there are several.

    `options` as for `trends`. Corrects for this one series only: many series belong into
    one call of `trends`.
    """
    found = [one for one in trends(points, **options) if one.current]
    if len(found) == 1:
        return found[0]
    if found:
        names = sorted({f"{t.key.metric} {t.key.statistic} {t.key.label}".strip() for t in found})
        raise ValuesError(
            f"{len(found)} series: {', '.join(names[:5])}",
            expected="one series",
            next_step="name metric, statistic and label, or use `trends`",
        )
    nothing, none = np.empty(0), SeriesKey("", "", "", "", "")
    return Trend(
        key=none,
        load_key="",
        unit="1",
        run_ids=nothing,
        times_s=nothing,
        values=nothing,
        low=nothing,
        high=nothing,
        reason="no run has this",
    )


def trends(
    points: pd.DataFrame,
    *,
    tolerance: float = TOLERANCE,
    rate: float = RATE,
    decisions: Decisions | None = None,
) -> list[Trend]:
    """The trend of every series in `points` (`Store.points`): target, metric, label, machine, load.

    `tolerance` is the relative change that matters, `rate` the share of false shifts
    allowed over all current series together, `decisions` what people decided.
    """
    require(points, pd.DataFrame, "points", "read them with `store.points(target)`")
    if lacking := [name for name in _NEEDED if name not in points]:
        raise ValuesError(
            f"the points have no column `{lacking[0]}`", expected="the frame of `store.points`"
        )
    rate = number(rate, "rate", 0, 1)
    decisions = decisions or Decisions()
    made = [*tracks(points, decisions, min(LEAST, tolerated(tolerance) / 2))]
    p_values = [[_drift_p(one), *(s.adjusted_p for s in one.shifts)] for one in made]
    adjusted = np.array([p for own in p_values for p in own], dtype=np.float64)
    current = np.repeat([one.current for one in made], [len(own) for own in p_values]) > 0
    for family in (current, ~current):  # what another machine showed is not looked at together
        adjusted[family] = stats.benjamini_hochberg(adjusted[family])
    each = iter(adjusted.tolist())
    return [_stand(one, each, tolerance, rate, decisions) for one in made]


def _drift_p(one: Trend) -> float:
    """A drift's p-value; a series without one is a test that found nothing."""
    return 1.0 if one.drift is None else one.drift.p_value


def _stand(
    one: Trend, adjusted: Iterator[float], tolerance: float, rate: float, decisions: Decisions
) -> Trend:
    """`one` with its shifts weighed and its state; a drift that may be chance is left out."""
    one = one if next(adjusted) <= rate else replace(one, drift=None)
    start = decisions.baseline(one)
    shifts = []
    for shift in one.shifts:
        p, at = next(adjusted), shift.point.index
        counts = p <= rate and abs(shift.point.change) > tolerance
        told = decisions.about(one, at)
        closed = at <= start or any(decision.closes for decision in told)
        shifts.append(replace(shift, adjusted_p=p, counts=counts, decisions=told, closed=closed))
    weighed = _levelled(replace(one, shifts=tuple(shifts)), tolerance)
    known = one.drift is not None and any(
        decision.action == "acknowledge" for decision in decisions.about(one, one.drift.start)
    )
    return replace(weighed, **_state(weighed, None if known else one.drift, tolerance)._asdict())


def _levelled(one: Trend, tolerance: float) -> Trend:
    """`one` with the shifts that count told from level to level, where they count then as well.

    The model has a level for each shift that it sees; what lies on both sides of a shift that
    does not count is one level.
    """
    counting = [shift for shift in one.shifts if shift.counts]
    edges = [0, *(shift.point.index for shift in counting), len(one.values)]
    parted = [shift.point.index for shift in one.shifts if not shift.counts]
    told = {
        shift.point.index: _retold(shift, one, start, stop, tolerance)
        for shift, start, stop in zip(counting, edges, edges[2:], strict=False)
        if any(start < at < stop for at in parted)
    }
    one = replace(one, shifts=tuple(told.get(s.point.index, s) for s in one.shifts))
    return one if all(shift.counts for shift in told.values()) else _levelled(one, tolerance)


def _retold(shift: Shift, one: Trend, start: int, stop: int, tolerance: float) -> Shift:
    """`shift` between the level since `start` and that up to `stop`."""
    point = between(one.values[start:stop], shift.point, shift.point.index - start)
    endless = math.isinf(point.change)
    counts = abs(point.change) > tolerance and (endless or not point.low <= 0 <= point.high)
    return replace(shift, point=point, counts=counts, worse=worse(point, one.key.metric))


class _Stand(NamedTuple):
    """A state, its reason, and the first run that it speaks of."""

    state: State
    reason: str
    since: str = ""


def _state(one: Trend, drift: Drift | None, tolerance: float) -> _Stand:
    if len(one.values) < FEWEST:
        count = many(len(one.values), "result")
        text = f"{count}; a change is told from {FEWEST} of one machine and load"
        return _Stand(State.INCONCLUSIVE, text)
    live = [shift for shift in one.shifts if shift.counts and not shift.closed]
    return (
        _shifted(live, one, tolerance)
        or _drifting(drift, one, tolerance)
        or _apart(one, tolerance)
        or _quiet(max(visible(one.values), *_passed_over(one)))
    )


def _shifted(live: Sequence[Shift], one: Trend, tolerance: float) -> _Stand | None:
    """What the live shifts say: the last one that is worse and not made good goes first."""
    if not live:
        return None
    worse = [shift for shift in live if shift.worse and not _made_good(shift, one, tolerance)]
    shift = worse[-1] if worse else live[-1]
    text = told(shift, one.unit)
    if shift.worse is None:
        text = f"{text}; neither direction is better"
        return _Stand(State.INCONCLUSIVE, text, shift.run_after)
    if not worse and not _best(live, one, tolerance):
        return None
    if shift.point.status == "provisional":
        return _Stand(State.INCONCLUSIVE, f"provisional: {text}", shift.run_after)
    return _Stand(State.REGRESSED if worse else State.IMPROVED, text, shift.run_after)


def _apart(one: Trend, tolerance: float) -> _Stand | None:
    """Two results are too few for a level, but what lies apart from all others is not unchanged."""
    before, newest = np.split(one.values[one.start :], [-2])
    if len(before) < SEEN:
        return None
    centre = float(np.median(before))
    beyond = tolerance * abs(centre)
    above = newest.min() > max(before.max(), centre + beyond)
    if not above and not newest.max() < min(before.min(), centre - beyond):
        return None
    text = f"the newest two results lie {'above' if above else 'below'} all {len(before)} before"
    return _Stand(State.INCONCLUSIVE, f"{text}; the next ones tell whether they stand")


def _passed_over(one: Trend) -> list[float]:
    """The sizes of shifts that do not count: steps as large were seen, and may be real."""
    return [0.0, *(abs(shift.point.change) for shift in one.shifts if not shift.counts)]


def _quiet(seen: float) -> _Stand:
    texts = {0.0: "no step of any size", math.inf: "too uneven around zero to tell a step"}
    text = texts.get(seen) or f"no step of {format_number(100 * seen, 2)} % or more"
    return _Stand(State.UNCHANGED if seen <= VISIBLE else State.INCONCLUSIVE, text)


def _made_good(shift: Shift, one: Trend, tolerance: float) -> bool:
    """Whether the level now is back at, or past, the level before the shift."""
    before, now = shift.point.before, one.level
    room = tolerance * abs(before)
    up = shift.point.after > shift.point.before
    return now <= before + room if up else now >= before - room


def _best(live: Sequence[Shift], one: Trend, tolerance: float) -> bool:
    """Whether the level now is better than before each shift: no mere return from a worse one."""
    sign = 1 if find_metric(one.key.metric).better == "lower" else -1
    levels = [shift.point.before for shift in live]
    return all(sign * (level - one.level) > tolerance * abs(level) for level in levels)


def _drifting(drift: Drift | None, one: Trend, tolerance: float) -> _Stand | None:
    """A drift past the tolerance with its whole interval is a change as well."""
    better = find_metric(one.key.metric).better
    if drift is None or better == "none" or not max(drift.low, -drift.high) > tolerance:
        return None
    worse = (drift.change > 0) == (better == "lower")
    run = str(one.run_ids[drift.start])
    text = f"drifts: {_percent(drift.change, drift.low, drift.high)} since run {run}"
    return _Stand(State.REGRESSED if worse else State.IMPROVED, text, run)


def told(shift: Shift, unit: str) -> str:
    """A shift in words: its size with the interval, the levels, and since when."""
    point = shift.point
    was, now = (shown(value, unit) for value in (point.before, point.after))
    size = _percent(point.change, point.low, point.high) + ", " if point.before else ""
    return f"{size}{was} → {now} since run {shift.run_after}"


def _percent(value: float, low: float, high: float) -> str:
    numbers = (f"{100 * number:+.1f}".replace("-", "−") for number in (value, low, high))
    return "{} % ({} to {})".format(*numbers)


def visible(values: Sequence[float] | Floats) -> float:
    """About the relative step in the middle of `values` that would more likely be seen than not.

    Eleven standard errors of a single result over √n: two halves and a threshold of 5.5. By
    simulation it takes twice as much on 16 results and four times on nine; then every second
    such step is seen on nine, two in three on 12 and three in four on 40. The standard
    deviation comes from differences of neighbours, which steps hardly touch.
    """
    array = np.asarray(values, dtype=np.float64)
    centre = abs(float(np.median(array)))
    noise = float(np.median(np.abs(np.diff(array)))) / 0.6745 / math.sqrt(2)
    if noise == 0:
        return 0.0
    errors = 11 * (1 + (16 / len(array)) ** 2)
    return errors * noise / math.sqrt(len(array)) / centre if centre else math.inf
