"""A change point is a claim about the past that later results may confirm or take back.

A history is read in windows of at most `WINDOW` results. `explain` reads one window as
levels, slow drift and autocorrelated noise; the changes in the older part of a full window are
then settled and the next window begins behind them. So noise and drift are local, a result
costs the same in a long history as in a short one, and an appended result gives exactly what
a full run gives, because a full run makes the same steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from perflib.errors import PerflibError, ValuesError
from perflib.stats.values import Floats, number, numbers

Status = Literal["provisional", "confirmed", "retracted"]

WINDOW = 800
"""Results that are explained together."""
SETTLED, CONTEXT = 680, 40
"""Changes before `SETTLED` in a full window are final; this much before it stays as context."""
FEWEST = 7
MOST = 1e100
"""Larger numbers measure nothing, and their squares have no place in a float; smaller ones
than its inverse are 0 for the same reason."""
_NO_TIME = float(np.iinfo(np.int64).min)
"""A missing date as a number."""
LEAST = 0.02
"""A smaller relative change is not worth anybody's morning: on a second machine one in nine of
those up to 2 % shows, hardly more than by chance, of those from 20 % nine in ten."""


class ChangePoint(Struct, frozen=True, kw_only=True):
    """The level moved between the results `index - 1` and `index` (in order of time).

    `before` and `after` are the levels at the change in the unit of the values, `change` is
    after / before - 1 with its 95 % interval `low` … `high` (Student's t; delta method). Where
    noise is in proportion to the level, levels are geometric means.
    `p_value` is the chance that an unchanged window as long as this one shows such a change
    anywhere. `provisional` becomes `confirmed` or `retracted` as results arrive.
    """

    index: int
    before: float
    after: float
    change: float
    low: float
    high: float
    p_value: float
    status: Status = "confirmed"
    time: float | None = None


class Drift(Struct, frozen=True, kw_only=True):
    """Slow movement that is not steps, from result `start` to the last.

    `change` is its whole course relative to the level at `start`, with a 95 % interval;
    `degree` is that of the polynomial (1: a straight line). `p_value` is the chance that an
    unchanged window shows such a drift of any degree.
    """

    start: int
    change: float
    low: float
    high: float
    degree: int
    p_value: float


class Study(NamedTuple):
    """What a history says: change points in order, drift of the current window or None."""

    changes: list[ChangePoint]
    drift: Drift | None


class Series(NamedTuple):
    """A history in order of time without missing results; `place` is where each was given."""

    place: NDArray[np.int64]
    values: Floats
    times: Floats | None
    spread: Floats | None

    def part(self, start: int, stop: int | None = None) -> Series:
        """The results `start` … `stop` - 1."""
        cut = slice(start, stop)
        times = None if self.times is None else self.times[cut]
        spread = None if self.spread is None else self.spread[cut]
        return Series(self.place[cut], self.values[cut], times, spread)


class Progress(NamedTuple):
    """How far a history is settled: where the current window starts, and the changes before."""

    start: int = 0
    settled: tuple[ChangePoint, ...] = ()


def change_points(
    values: ArrayLike,
    *,
    times: ArrayLike | None = None,
    spread: ArrayLike | None = None,
    least: float = LEAST,
) -> list[ChangePoint]:
    """The change points of a history, one value a run, in order of time.

    `times` (any unit; an array of dates too) sort the values, equal times keep their order;
    `spread` is the standard deviation or error of each value in its unit: noisy runs weigh less,
    and 0 or nan is not known. A value of nan is a missing result, one under 1e-100 is 0. Relative
    changes under `least` are left out. About one unchanged window of `WINDOW` results in forty
    shows a change; `p_value` is for many series together.
    Raises PerflibError for infinities, a negative spread, lengths that differ and what is not
    a number.
    """
    return study(values, times=times, spread=spread, least=least).changes


def drift(
    values: ArrayLike, *, times: ArrayLike | None = None, spread: ArrayLike | None = None
) -> Drift | None:
    """The slow drift of the last window of a history, or None; arguments as `change_points`."""
    return study(values, times=times, spread=spread).drift


def study(
    values: ArrayLike,
    *,
    times: ArrayLike | None = None,
    spread: ArrayLike | None = None,
    least: float = LEAST,
) -> Study:
    """Change points and drift together; arguments as `change_points`."""
    series = series_of(values, times, spread)
    least = number(least, "least", 0)
    return conclude(series, settle(series, Progress(), least), least)


def settle(series: Series, progress: Progress, least: float) -> Progress:
    """Settle every window that is full; what it settles depends on that window only."""
    while len(series.values) - progress.start >= WINDOW:
        window = series.part(progress.start, progress.start + WINDOW)
        old = [c for c in examine(window, least).changes if c.index < window.place[SETTLED]]
        step = SETTLED - CONTEXT
        if old:
            step = max(step, int(np.searchsorted(window.place, old[-1].index)))
        progress = Progress(progress.start + step, (*progress.settled, *old))
    return progress


def conclude(series: Series, progress: Progress, least: float) -> Study:
    """The settled changes and those of the window that is still open."""
    found = examine(series.part(progress.start), least)
    return Study([*progress.settled, *found.changes], found.drift)


def examine(window: Series, least: float) -> Study:
    """One window explained by itself."""
    n = len(window.values)
    if n < FEWEST:
        return Study([], None)
    from perflib.analysis.explain import explain

    values = np.where(np.abs(window.values) < 1 / MOST, 0.0, window.values)
    fit = explain(values, window.spread, _axis(window.times, n))
    if fit is None:
        return Study([], None)
    moved = fit.moved
    changes = [
        ChangePoint(
            index=int(window.place[place]),
            time=None if window.times is None else float(window.times[place]),
            before=float(fit.before[k]),
            after=float(fit.after[k]),
            change=float(moved.change[k]),
            low=float(moved.low[k]),
            high=float(moved.high[k]),
            p_value=float(fit.chance[k]),
            status="confirmed" if fit.stands[k] else "provisional",
        )
        for k, place in enumerate(fit.places.tolist())
        if abs(moved.change[k]) >= least
    ]
    if fit.drift is None:
        return Study(changes, None)
    course, degree, chance = fit.drift
    drift = Drift(
        start=int(window.place[0]),
        change=course.change.item(),
        low=course.low.item(),
        high=course.high.item(),
        degree=degree,
        p_value=chance,
    )
    return Study(changes, drift)


def series_of(values: ArrayLike, times: ArrayLike | None, spread: ArrayLike | None) -> Series:
    """The input checked, sorted by time (stable) and without missing results."""
    y = _numbers("values", values)
    t = None if times is None else _numbers("times", times, len(y), read=_moments)
    s = None if spread is None else _numbers("spread", spread, len(y))
    if s is not None and (s < 0).any():
        raise PerflibError(
            f"spread: {s[s < 0][0]:g} at place {np.flatnonzero(s < 0)[0]}",
            expected="standard deviations or errors, 0 or nan where none is known",
            next_step="give how far each value may be off, not how it changed",
        )
    if t is not None:
        if not np.isfinite(t).all():
            raise PerflibError(
                "times: not every time is a finite number",
                expected="one number a value, for example seconds since 1970",
                next_step="give the missing times or leave `times` out",
            )
        order = np.argsort(t, kind="stable")
        y, t, s = y[order], t[order], None if s is None else s[order]
    there = np.flatnonzero(~np.isnan(y))
    if len(there) < len(y):
        y, t, s = y[there], None if t is None else t[there], None if s is None else s[there]
    return Series(there, y, t, s)


def _moments(given: ArrayLike, _name: str) -> Floats:
    """Times as numbers; dates count in the unit that they have."""
    array = np.asarray(given, dtype=np.float64)
    return np.where(array == _NO_TIME, np.nan, array)


def _numbers(
    name: str,
    given: ArrayLike,
    length: int | None = None,
    read: Callable[[ArrayLike, str], Floats] = numbers,
) -> Floats:
    try:
        array = read(given, name).reshape(np.shape(given))
    except (TypeError, ValueError, OverflowError, ValuesError):
        raise PerflibError(
            f"{name}: not a list of numbers",
            expected="numbers, nan for a missing result",
            next_step=f"convert {name} to floats first",
        ) from None
    if array.ndim != 1 or (length is not None and len(array) != length):
        raise PerflibError(
            f"{name}: shape {array.shape}",
            expected="one dimension"
            if length is None
            else f"one number for each of {length} values",
            next_step=f"give {name} as a flat list",
        )
    beyond = np.flatnonzero(np.abs(array) > MOST)
    if len(beyond):
        size = array[beyond[0]]
        raise PerflibError(
            f"{name}: {'infinite' if np.isinf(size) else f'{size:g}'} at place {beyond[0]}",
            expected=f"finite numbers up to {MOST:g}, nan for a missing result",
            next_step="mark the run as bad or leave it out",
        )
    return array


def _axis(times: Floats | None, n: int) -> Floats:
    """Where each result lies between -1 and 1; gaps count as at most ten usual ones."""
    if times is None:
        return (np.arange(n) + 0.5) / n * 2 - 1
    gaps = np.diff(times)
    usual = float(np.median(gaps))
    if usual <= 0:
        return _axis(None, n)
    way = np.concatenate(([0.0], np.cumsum(np.minimum(gaps, 10 * usual))))
    return np.asarray(way / way[-1] * 2 - 1, dtype=np.float64)
