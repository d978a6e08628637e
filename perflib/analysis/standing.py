"""Where each series of a history stands now: one word, its reason, and the shifts behind it.

A shift counts when it is significant among all series that were looked at together
(Benjamini–Hochberg) and larger than what matters. A regression stays one until a later
level makes it good or a person decides otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perflib import stats
from perflib.analysis.changes import FEWEST, ChangePoint, Drift, study
from perflib.analysis.comparison import TOLERANCE, State
from perflib.analysis.triage import Decision, Decisions
from perflib.errors import ValuesError
from perflib.model import find_metric
from perflib.units import format_number, format_quantity

Floats = NDArray[np.float64]
RATE = 0.05
"""The share of false shifts among the reported ones, over all series together."""
VISIBLE = 0.10
"""A series too noisy to show a step of this size is inconclusive, not unchanged."""
_Z = 1.959964


class SeriesKey(NamedTuple):
    """What a series is of."""

    target: str
    metric: str
    statistic: str
    label: str
    environment_key: str


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A change point in its series. `worse` is None where neither direction is better.

    `counts` tells that it is significant over all series and past the tolerance;
    `decisions` are what people said about it, `closed` that it needs no attention.
    """

    point: ChangePoint
    run_before: str
    run_after: str
    adjusted_p: float
    counts: bool
    worse: bool | None
    decisions: tuple[Decision, ...] = ()
    closed: bool = False


@dataclass(frozen=True, kw_only=True)
class Trend:
    """One series, bad runs left out: its points (base units), its shifts, and where it stands.

    `since` is the first run of the shift that `state` speaks of, or empty; `current` tells
    whether the series belongs to the environment of the target's newest run.
    """

    key: SeriesKey
    unit: str
    run_ids: NDArray[Any]
    times_s: Floats
    values: Floats
    low: Floats
    high: Floats
    shifts: tuple[Shift, ...] = ()
    drift: Drift | None = None
    state: State = State.NO_DATA
    reason: str = ""
    since: str = ""
    current: bool = True
    notes: tuple[Decision, ...] = field(default=())

    @property
    def name(self) -> str:
        """The series as people write it: `p95(query_time["by id"])`."""
        label = f'["{self.key.label}"]' if self.key.label else ""
        metric = f"{self.key.metric}{label}"
        return metric if self.key.statistic == "value" else f"{self.key.statistic}({metric})"

    @property
    def level(self) -> float:
        """The median since the last shift that counts."""
        start = max((s.point.index for s in self.shifts if s.counts), default=0)
        return float(np.median(self.values[start:])) if len(self.values) else math.nan


def trend(points: pd.DataFrame, **options: Any) -> Trend:
    """The trend of the one series in `points`; of the newest environment if there are several.

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
    """The trend of every series in `points` (`Store.points`): a target, metric, label, machine.

    `tolerance` is the relative change that matters, `rate` the share of false shifts
    allowed over all series together, `decisions` what people decided.
    """
    made = [*_series(points, decisions or Decisions())]
    p_values = [s.adjusted_p for one in made for s in one.shifts]
    quiet = [1.0] * sum(not one.shifts for one in made)
    adjusted = iter(stats.benjamini_hochberg([*p_values, *quiet]).tolist())
    return [_stand(one, adjusted, tolerance, rate, decisions or Decisions()) for one in made]


def _series(points: pd.DataFrame, decisions: Decisions) -> Iterator[Trend]:
    """Each series with its raw shifts, in the order of first appearance."""
    good = ~points["bad"].to_numpy(dtype=bool) & np.isfinite(points["value"].to_numpy(dtype=float))
    points = points[good]
    if not len(points):
        return
    times = points["started_at"].astype("datetime64[us, UTC]").astype("int64").to_numpy() / 1e6
    columns = {name: points[name].to_numpy(dtype=np.float64) for name in ("value", "low", "high")}
    run_ids = points["run_id"].to_numpy(dtype=object)
    codes, keys = _codes(points)
    order = np.lexsort((times, codes))
    ends = np.cumsum(np.bincount(codes, minlength=len(keys)))
    newest = _newest_environments(points, times)
    for code, (key, unit) in enumerate(keys):
        rows = order[(ends[code - 1] if code else 0) : ends[code]]
        one = Trend(
            key=key,
            unit=unit,
            run_ids=run_ids[rows],
            times_s=times[rows],
            values=columns["value"][rows],
            low=columns["low"][rows],
            high=columns["high"][rows],
            current=newest[key.target] == key.environment_key,
        )
        yield _studied(replace(one, notes=decisions.of(key)))


def _codes(points: pd.DataFrame) -> tuple[NDArray[np.int64], list[tuple[SeriesKey, str]]]:
    """A number for each row's series, and the series."""
    combined = np.zeros(len(points), dtype=np.int64)
    for name in SeriesKey._fields:
        codes, names = pd.factorize(points[name])
        combined = combined * len(names) + codes
    codes, first = np.unique(combined, return_index=True)
    rank = np.argsort(np.argsort(first))
    place = rank[np.searchsorted(codes, combined)]
    heads = points.iloc[np.sort(first)]
    rows = heads[[*SeriesKey._fields, "unit"]].itertuples(index=False)
    return place, [(SeriesKey(*map(str, row[:5])), str(row[5])) for row in rows]


def _newest_environments(points: pd.DataFrame, times: Floats) -> dict[str, str]:
    latest = points.iloc[np.argsort(times, kind="stable")].drop_duplicates("target", keep="last")
    return dict(zip(latest["target"].map(str), latest["environment_key"].map(str), strict=True))


def _studied(one: Trend) -> Trend:
    spread = (one.high - one.low) / (2 * _Z)
    known = np.isfinite(spread).any()
    found = study(one.values, times=one.times_s, spread=spread if known else None)
    better = find_metric(one.key.metric).better
    shifts = tuple(
        Shift(
            point=point,
            run_before=str(one.run_ids[point.index - 1]),
            run_after=str(one.run_ids[point.index]),
            adjusted_p=point.p_value,
            counts=False,
            worse=None if better == "none" else (point.after > point.before) == (better == "lower"),
        )
        for point in found.changes
    )
    return replace(one, shifts=shifts, drift=found.drift)


def _stand(
    one: Trend, adjusted: Iterator[float], tolerance: float, rate: float, decisions: Decisions
) -> Trend:
    """`one` with its shifts weighed and its state."""
    shifts = []
    for shift in one.shifts:
        p = next(adjusted)
        # from nothing to something is a change beyond any tolerance
        matters = math.isnan(shift.point.change) or abs(shift.point.change) > tolerance
        told = decisions.about(one.key, one.run_ids, shift.point.index)
        shifts.append(
            replace(
                shift,
                adjusted_p=p,
                counts=p <= rate and matters,
                decisions=told,
                closed=any(decision.closes for decision in told),
            )
        )
    start = decisions.baseline(one.key, one.run_ids)
    shifts = [replace(s, closed=s.closed or s.point.index <= start) for s in shifts]
    weighed = replace(one, shifts=tuple(shifts))
    return replace(weighed, **_state(weighed, tolerance)._asdict())


class _Stand(NamedTuple):
    """A state, its reason, and the first run that it speaks of."""

    state: State
    reason: str
    since: str = ""


def _state(one: Trend, tolerance: float) -> _Stand:
    if len(one.values) < FEWEST:
        text = f"{len(one.values)} results; a change is told from {FEWEST}"
        return _Stand(State.INCONCLUSIVE, text)
    live = [shift for shift in one.shifts if shift.counts and not shift.closed]
    return (
        _shifted(live, one, tolerance) or _drifting(one, tolerance) or _quiet(visible(one.values))
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


def _quiet(seen: float) -> _Stand:
    text = f"no step of {format_number(100 * seen, 2)} % or more"
    return _Stand(State.UNCHANGED if seen <= VISIBLE else State.INCONCLUSIVE, text)


def _made_good(shift: Shift, one: Trend, tolerance: float) -> bool:
    """Whether the level now is back at, or past, the level before the shift."""
    point, now = shift.point, one.level
    room = tolerance * abs(point.before)
    return now <= point.before + room if point.after > point.before else now >= point.before - room


def _best(live: Sequence[Shift], one: Trend, tolerance: float) -> bool:
    """Whether the level now is better than before each shift: no mere return from a worse one."""
    sign = 1 if find_metric(one.key.metric).better == "lower" else -1
    return all(
        sign * (shift.point.before - one.level) > tolerance * abs(shift.point.before)
        for shift in live
    )


def _drifting(one: Trend, tolerance: float) -> _Stand | None:
    """A drift past the tolerance with its whole interval is a change as well."""
    drift, better = one.drift, find_metric(one.key.metric).better
    if drift is None or better == "none" or not max(drift.low, -drift.high) > tolerance:
        return None
    worse = (drift.change > 0) == (better == "lower")
    run = str(one.run_ids[drift.start])
    text = f"drifts: {_percent(drift.change, drift.low, drift.high)} since run {run}"
    return _Stand(State.REGRESSED if worse else State.IMPROVED, text, run)


def told(shift: Shift, unit: str) -> str:
    """A shift in words: its size with the interval, the levels, and since when."""
    point = shift.point
    was, now = (format_quantity(value, unit) for value in (point.before, point.after))
    size = "" if math.isnan(point.change) else _percent(point.change, point.low, point.high) + ", "
    return f"{size}{was} → {now} since run {shift.run_after}"


def _percent(value: float, low: float, high: float) -> str:
    numbers = (f"{100 * number:+.1f}".replace("-", "−") for number in (value, low, high))
    return "{} % ({} to {})".format(*numbers)


def visible(values: Sequence[float] | Floats) -> float:
    """About the smallest relative step in the middle of `values` that would have been seen.

    Nine standard errors of a single result over √n: two halves and a threshold of 4.5; the
    standard deviation comes from differences of neighbours, which steps hardly touch.
    """
    array = np.asarray(values, dtype=np.float64)
    centre = abs(float(np.median(array)))
    noise = float(np.median(np.abs(np.diff(array)))) / 0.6745 / math.sqrt(2)
    if noise == 0:
        return 0.0
    return 9 * noise / math.sqrt(len(array)) / centre if centre else math.inf
