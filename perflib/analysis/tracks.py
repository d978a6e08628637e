"""The points of a history as series, each with the raw shifts that a change-point model sees."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from msgspec import structs
from numpy.typing import NDArray

from perflib import stats
from perflib.analysis.changes import ChangePoint, Drift, Study, study
from perflib.analysis.comparison import State
from perflib.analysis.evidence import supported
from perflib.analysis.triage import Decision, Decisions, seconds
from perflib.analysis.usual import fit
from perflib.model import find_metric
from perflib.stats.values import Floats
from perflib.wording import indicator

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
    """One series of runs that are `fit`: its points (base units), its shifts, and where it stands.

    `since` is the first run of the shift that `state` speaks of, or empty; `current` tells
    whether the series is of the machine and the load of the target's newest run.
    """

    key: SeriesKey
    load_key: str
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
    notes: tuple[Decision, ...] = ()

    @property
    def name(self) -> str:
        """The series as people write it: `p95(query_time["by id"])`."""
        return indicator(*self.key[1:4])

    @property
    def bisect(self) -> str:
        """The command that finds the commit behind the shift that `since` speaks of."""
        ends = [f"{s.run_before} {s.run_after}" for s in self.shifts if s.run_after == self.since]
        of = f"--metric {self.key.metric} --statistic {self.key.statistic}"
        return f"perflib bisect {self.key.target} {ends[0] if ends else 'GOOD BAD'} {of}"

    @property
    def start(self) -> int:
        """The place of the last shift that counts."""
        return max((s.point.index for s in self.shifts if s.counts), default=0)

    @property
    def level(self) -> float:
        """The median since the last shift that counts."""
        return float(np.median(self.values[self.start :])) if len(self.values) else math.nan


def tracks(points: pd.DataFrame, decisions: Decisions, least: float) -> Iterator[Trend]:
    """Each series of `points` (`Store.points`), of runs that are `fit`, in the order of appearance.

    Points of different loads or units are different series; relative changes under `least` are
    left out.
    """
    points = points[fit(points) & np.isfinite(points["value"].to_numpy(dtype=float))]
    if not len(points):
        return
    times = seconds(points)
    columns = {name: points[name].to_numpy(dtype=np.float64) for name in ("value", "low", "high")}
    run_ids = points["run_id"].to_numpy(dtype=object)
    codes, keys = _codes(points)
    order = np.lexsort((times, codes))
    ends = np.cumsum(np.bincount(codes, minlength=len(keys)))
    newest = _newest_places(points, times)
    for code, (key, load, unit) in enumerate(keys):
        rows = order[(ends[code - 1] if code else 0) : ends[code]]
        one = Trend(
            key=key,
            load_key=load,
            unit=unit,
            run_ids=run_ids[rows],
            times_s=times[rows],
            values=columns["value"][rows],
            low=columns["low"][rows],
            high=columns["high"][rows],
            current=newest[key.target] == (key.environment_key, load),
        )
        yield _studied(replace(one, notes=decisions.of(key)), decisions.baseline(one), least)


def _codes(points: pd.DataFrame) -> tuple[NDArray[np.int64], list[tuple[SeriesKey, str, str]]]:
    """A number for each row's series, and the series: its key, load and unit."""
    combined = np.zeros(len(points), dtype=np.int64)
    names = [*SeriesKey._fields, "load_key", "unit"]
    for name in names:
        codes, distinct = pd.factorize(points[name])
        combined = combined * len(distinct) + codes
    codes, first = np.unique(combined, return_index=True)
    rank = np.argsort(np.argsort(first))
    place = rank[np.searchsorted(codes, combined)]
    heads = points.iloc[np.sort(first)]
    rows = heads[names].astype(str).itertuples(index=False)
    return place, [(SeriesKey(*key), load, unit) for *key, load, unit in rows]


def _newest_places(points: pd.DataFrame, times: Floats) -> dict[str, tuple[str, str]]:
    """The machine and the load of each target's newest run."""
    latest = points.iloc[np.argsort(times, kind="stable")].drop_duplicates("target", keep="last")
    rows = latest[["target", "environment_key", "load_key"]].astype(str)
    return {target: (machine, load) for target, machine, load in rows.itertuples(index=False)}


def _studied(one: Trend, baseline: int, least: float) -> Trend:
    """`one` with its shifts; a new normal that began in the course of a drift is judged alone."""
    found = _study(one, 0, least)
    drift = found.drift
    if drift is not None and drift.start < baseline:
        drift = _study(one, baseline, least).drift
        drift = drift and structs.replace(drift, start=drift.start + baseline)
    points = [_cleared(point) for point in found.changes]
    places = [point.index for point in points]
    p_values = supported(one.values, places, [point.p_value for point in points])
    shifts = tuple(
        Shift(
            point=point,
            run_before=str(one.run_ids[point.index - 1]),
            run_after=str(one.run_ids[point.index]),
            adjusted_p=p_value,
            counts=False,
            worse=worse(point, one.key.metric),
        )
        for point, p_value in zip(points, p_values, strict=True)
    )
    return replace(one, shifts=shifts, drift=drift)


def worse(point: ChangePoint, metric: str) -> bool | None:
    """Whether the change is for the worse; None where neither direction is better."""
    better = find_metric(metric).better
    return None if better == "none" else (point.after > point.before) == (better == "lower")


def between(values: Floats, point: ChangePoint, place: int) -> ChangePoint:
    """`point` as a change of the median of `values` at `place`, whatever else the model saw there.

    In logarithms where no value forbids it.
    """
    from perflib.analysis.explain import relative

    a, b = np.split(values, [place])
    before, after = float(np.median(a)), float(np.median(b))
    logs = bool((values > 0).all())
    jump = math.log(after / before) if logs else after - before
    errors = [stats.median_error(np.log(side) if logs else side) ** 2 for side in (a, b)]
    covariance = np.array([[sum(errors), errors[0], -errors[0]]])
    moved = relative(np.array([jump]), np.array([before]), covariance, len(values) - 2, logs)
    change, low, high = (float(part.item()) for part in moved)
    told = structs.replace(point, before=before, after=after, change=change, low=low, high=high)
    return _cleared(told)


def _cleared(point: ChangePoint) -> ChangePoint:
    """What a fit leaves of a level of zero is zero, from which any change is endless."""
    least = 1e-9 * max(abs(point.before), abs(point.after))
    before, after = (0.0 if abs(x) < least else x for x in (point.before, point.after))
    cleared = structs.replace(point, before=before, after=after)
    endless = math.copysign(math.inf, after)
    return (
        cleared
        if before
        else structs.replace(cleared, change=endless, low=-math.inf, high=math.inf)
    )


def _study(one: Trend, start: int, least: float) -> Study:
    spread = (np.abs(one.high - one.low) / (2 * _Z))[start:]  # a tool may name the ends either way
    known = spread if np.isfinite(spread).any() else None
    return study(one.values[start:], times=one.times_s[start:], spread=known, least=least)
