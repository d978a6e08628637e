"""Two sets of runs differ by a ratio, and the run is the unit: its samples share one fate.

A statistic of a run is, on the log scale, the set's own value + a random effect of the run +
sampling error (Kalibera & Jones 2013, "Rigorous benchmarking in reasonable time", ISMM).
The effect's variance is that of Paule & Mandel (1982); the ratio's interval is Student's
over weighted residuals (Knapp & Hartung 2003, Stat. Med. 22:2693), each set with its own
spread where both have three runs (Welch 1947), one common spread where not: unless two runs
lie farther apart than the many of the other set, whose spread then says nothing of theirs (with
two runs of a spread three times that of eight others it covers 90 % instead of 70 %). One run a
side shows no effect of a run; earlier runs can (`usual_spread`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, stdtr, stdtrit

from perflib.errors import ValuesError
from perflib.stats.intervals import fraction
from perflib.stats.values import Floats, number, numbers

Kind = Literal["ratio", "difference"]
FEWEST = 6
"""Differences of runs in a history that tell how they differ."""
_MANY = 1e6
"""Degrees of freedom of an error that is taken as known."""


class Spread(NamedTuple):
    """How runs differ by themselves: a standard deviation (of logarithms for ratios)."""

    error: float
    freedom: float


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """How the set b lies to a: `value` is b ÷ a (`ratio`) or b − a (`difference`).

    `error` and `between` are standard deviations on the scale of the model: logarithms for
    a ratio. `between` is the spread of runs beyond their samples, None where one run a side
    shows none.
    """

    kind: Kind
    value: float
    low: float
    high: float
    level: float
    p_value: float
    error: float
    freedom: float
    between: float | None
    runs: tuple[int, int]
    method: str

    def power(self, change: float) -> float:
        """About the probability that a true `change` would be significant (ratio: 0.05 is 5 %).

        Few runs tell their own spread badly, see `_size`: where 27 of 100 are seen, 30 are told.
        """
        if self.error <= 0:
            return 1.0
        return self._power(self._size(change) / self.error, self.freedom)

    def runs_to_see(self, change: float, power: float = 0.8) -> int | None:
        """Runs a side with which `change` would be seen with `power`; None if one run tells none.

        Assumes that further runs spread as these do.
        """
        power = number(power, "power", 0, 1)
        if self.between is None:
            return None
        one = self.error**2 / (1 / self.runs[0] + 1 / self.runs[1])
        target = self._size(change)
        for runs in range(2, 10_000):
            error = math.sqrt(2 * one / runs)
            if error <= 0 or self._power(target / error, 2 * runs - 2) >= power:
                return runs
        return 10_000

    def _power(self, distance: float, freedom: float) -> float:
        """The chance that |t| passes its limit around `distance` errors (noncentral t)."""
        limit = float(stdtrit(freedom, (1 + self.level) / 2))
        # far away, where nothing is left below, it gives nan
        below, beyond = np.nan_to_num(nctdtr(freedom, distance, [limit, -limit]))
        return float(1 - below + beyond)

    def _size(self, change: float) -> float:
        """A change on the scale of the model, as large as it is to a spread known from few runs.

        An estimated error makes it too many errors on average (Hedges 1981, J. Educ. Stat.
        6:107); √(f ÷ (f + 2)) is near to his correction and exists for one degree of freedom.
        """
        relative = self.kind == "ratio"
        change = number(change, "change", *([math.nextafter(-1.0, 0.0)] if relative else []))
        size = abs(math.log1p(change)) if relative else abs(change)
        return size * math.sqrt(self.freedom / (self.freedom + 2))


def usual_spread(stretches: Sequence[Sequence[float]], kind: Kind = "ratio") -> Spread | None:
    """How much one run differs from the next, in stretches of a history without a change.

    From successive differences (von Neumann et al. 1941, Ann. Math. Stat. 12:153), which a
    drift hardly moves. None for fewer than `FEWEST` of them.
    """
    if not isinstance(stretches, Iterable) or str(kind) not in get_args(Kind):
        raise ValuesError("no stretches", expected="lists of numbers, of kind ratio or difference")
    arrays = [np.log(positive(one)) if kind == "ratio" else numbers(one) for one in stretches]
    differences = np.concatenate([np.diff(one) for one in arrays]) if arrays else np.empty(0)
    if len(differences) < FEWEST:
        return None
    return Spread(math.sqrt(float((differences**2).mean()) / 2), 2 * len(differences) / 3)


def ratio_interval(
    a: Sequence[float],
    b: Sequence[float],
    errors_a: Sequence[float] | None = None,
    errors_b: Sequence[float] | None = None,
    level: float = 0.95,
    usual: Spread | None = None,
) -> Contrast:
    """The ratio of the sets `b` ÷ `a` of positive values, one value a run.

    `errors_a`, `errors_b`: the sampling standard error of each value relative to it (0 or
    absent: unknown, then it is a part of the spread of the runs). One run on each side is
    compared by its sampling error alone, and then needs one; with `usual`, by how runs usually
    differ where that is more.
    """
    logs = (np.log(positive(a)), np.log(positive(b)))
    return _contrast("ratio", *logs, errors_a, errors_b, level, usual)


def difference_interval(
    a: Sequence[float],
    b: Sequence[float],
    errors_a: Sequence[float] | None = None,
    errors_b: Sequence[float] | None = None,
    level: float = 0.95,
    usual: Spread | None = None,
) -> Contrast:
    """As `ratio_interval`, for the difference `b` − `a` of values that may be 0 or negative.

    Errors are in the unit of the values.
    """
    values = (numbers(a), numbers(b))
    return _contrast("difference", *values, errors_a, errors_b, level, usual)


def _contrast(
    kind: Kind,
    a: Floats,
    b: Floats,
    errors_a: Sequence[float] | None,
    errors_b: Sequence[float] | None,
    level: float,
    usual: Spread | None,
) -> Contrast:
    if not isinstance(usual, Spread | None):
        raise ValuesError("no usual spread", expected="what `usual_spread` gives")
    values = np.concatenate([a, b])
    given = zip((a, b), (errors_a, errors_b), strict=True)
    errors = np.concatenate(
        [np.zeros(len(one)) if known is None else numbers(known, "errors") for one, known in given]
    )
    if not len(a) or not len(b) or len(errors) != len(values):
        raise ValuesError("a set without runs", expected="one error a run, one run a side at least")
    if not np.isfinite(values).all() or not np.isfinite(errors).all():
        raise ValuesError("values that are not finite", expected="finite values and errors")
    if len(values) == 2 and usual is None and not (errors > 0).all():
        raise ValuesError(
            "one run a side without errors", expected="the error of each, or more runs"
        )
    model = _single(values, errors, usual) if len(values) == 2 else _sets(values, errors**2, len(a))
    return _as_contrast(kind, model, (len(a), len(b)), fraction(level))


class _Model(NamedTuple):
    shift: float
    error: float
    freedom: float
    between: float | None
    method: str


def positive(values: Sequence[float]) -> Floats:
    """`values` as an array with a logarithm, or refused."""
    array = numbers(values)
    if not (array > 0).all() or not np.isfinite(array).all():
        raise ValuesError("a ratio of values that are not positive", expected="finite values > 0")
    return array


def _single(values: Floats, errors: Floats, usual: Spread | None) -> _Model:
    shift = float(values[1] - values[0])
    if usual is None:
        error = float(np.hypot(*errors))
        return _Model(shift, error, _MANY, None, "sampling error of one run a side")
    error = float(np.hypot(*np.maximum(errors, usual.error)))
    between = math.sqrt(max(usual.error**2 - float(np.mean(errors**2)), 0.0))
    return _Model(shift, error, usual.freedom, between, "how earlier runs differ from the next")


def _sets(values: Floats, variances: Floats, count_a: int) -> _Model:
    in_b = np.arange(len(values)) >= count_a
    between = _between(values, variances, in_b)
    weights, residuals, centres = _fit(values, variances + between, in_b)
    counts = (count_a, len(values) - count_a)
    sides = [(int(side.sum()), weights[side], residuals[side]) for side in (~in_b, in_b)]
    # each as its weights tell it; a single run tells no spread
    own = [float((w * r**2).sum()) / max(n - 1, 1) for n, w, r in sides]
    few, many = np.argsort(counts, kind="stable")
    if min(counts) >= 3 or (2 == min(counts) < max(counts) and own[few] > own[many]):
        spreads = [spread / float(w.sum()) for spread, (_, w, _) in zip(own, sides, strict=True)]
        total = sum(spreads)
        degrees = sum(v**2 / (count - 1) for v, count in zip(spreads, counts, strict=True))
        freedom = total**2 / degrees if degrees > 0 else float(sum(counts) - 2)
        method = "random effects of runs, Knapp–Hartung with Welch's freedom"
    else:
        freedom = float(sum(counts) - 2)
        total = float((weights * residuals**2).sum() / freedom)
        total *= sum(1 / float(w.sum()) for _, w, _ in sides)
        method = "random effects of runs, Knapp–Hartung with a common spread"
    shift = centres[1] - centres[0]
    return _Model(shift, math.sqrt(total), freedom, math.sqrt(between), method)


def _fit(
    values: Floats, variances: Floats, in_b: NDArray[np.bool_]
) -> tuple[Floats, Floats, tuple[float, float]]:
    """Weights, residuals and the weighted centres of both sets."""
    weights = 1 / variances if (variances > 0).all() else np.ones_like(values)
    centres = [float(np.average(values[side], weights=weights[side])) for side in (~in_b, in_b)]
    return weights, values - np.where(in_b, centres[1], centres[0]), (centres[0], centres[1])


def _between(values: Floats, variances: Floats, in_b: NDArray[np.bool_]) -> float:
    """The variance between runs for which weighted residuals are as large as expected."""
    freedom = len(values) - 2
    tiny = 1e-18 * max(1.0, float(np.max(np.abs(values))) ** 2)

    def excess(between: float) -> float:
        weights, residuals, _ = _fit(values, variances + between + tiny, in_b)
        return float((weights * residuals**2).sum()) - freedom

    low, high = 0.0, float(10 * np.var(values)) + tiny
    if excess(low) <= 0:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


def _as_contrast(kind: Kind, model: _Model, runs: tuple[int, int], level: float) -> Contrast:
    half = float(stdtrit(model.freedom, (1 + level) / 2)) * model.error
    if model.error > 0:
        p_value = float(2 * stdtr(model.freedom, -abs(model.shift) / model.error))
    else:
        p_value = 1.0 if model.shift == 0 else 0.0
    ends = (model.shift, model.shift - half, model.shift + half)
    value, low, high = (math.exp(end) for end in ends) if kind == "ratio" else ends
    return Contrast(
        kind=kind,
        value=value,
        low=low,
        high=high,
        level=level,
        p_value=p_value,
        error=model.error,
        freedom=model.freedom,
        between=model.between,
        runs=runs,
        method=model.method,
    )
