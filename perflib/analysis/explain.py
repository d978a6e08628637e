"""What happened in one window of a history, in the unit of its values or on a scale of ratios."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from perflib.analysis.cleaning import clean, legendre, levels, local_root, proportional
from perflib.analysis.segments import (
    Moments,
    Noise,
    Places,
    descend,
    first_noise,
    freedom_of,
    looks_of,
    moments,
    propose,
    regress,
    residuals,
    settle_on,
    spare,
)
from perflib.stats.values import Floats

ROUNDS = 6
"""How often noise may be looked at again with the levels that the last look brought."""
HOPELESS = 5.0
"""How much dearer than without it drift may be at first and still be tried further."""
DOUBT = 0.3
"""How much smaller than estimated phi may be when places are proposed."""
DEGREES, PLACES = 3, 10.0
"""Kinds of drift that are tried; places of a counter-step that makes one, by its looks."""
CUTS = np.arange(3, 9)
"""Tenths of the results that a robust mean may take as they are."""
BETTER = 0.85
"""Variance of a robust mean, relative to the mean's, that makes it worth having."""
HAIR = 2.0
"""Log likelihood (× 2) beyond its need from which a step stands: with less the next result may
take it back, and alarms are to be rare."""
NOWHERE = np.empty(0, np.int64)


class Model(NamedTuple):
    """One explanation of values: where they step, how they drift, what noise is left."""

    places: Places
    noise: Noise
    price: float
    drift: Floats
    """Shape (degree, n)."""
    known: Moments


class Relative(NamedTuple):
    """Relative changes with their 95 % intervals."""

    change: Floats
    low: Floats
    high: Floats


class Course(NamedTuple):
    """What a drift does from the first to the last result."""

    moved: Relative
    degree: int
    chance: float
    """That an unchanged window drifts so."""


class Fit(NamedTuple):
    """Steps in order, one entry each, and the drift."""

    places: Places
    before: Floats
    """The level just before, drift included."""
    after: Floats
    moved: Relative
    stands: NDArray[np.bool_]
    """Whether a step is strong enough by itself."""
    chance: Floats
    """That an unchanged window shows such a step anywhere."""
    drift: Course | None


class Seen(NamedTuple):
    """Values in units of their first standard deviation, from the middle one."""

    y: Floats
    root: Floats
    left: Floats
    right: Floats
    """Local levels that end at, and that begin at, each result."""
    middle: float
    unit: float
    floor: float
    """The least variance to assume."""


def explain(values: Floats, spread: Floats | None, axis: Floats) -> Fit | None:
    """What happened in one window of at least seven values, or None when nothing did.

    `spread` is how uncertain each value is, `axis` where each result lies between -1 and 1.
    Where noise is in proportion to the level, logarithms are explained.
    """
    seen, sign = _see(values, spread), 0.0
    if seen is None:
        return None
    if proportional(seen.y, seen.middle / seen.unit, seen.left, seen.right):
        sign = float(np.sign(seen.middle))
        size = np.abs(values)
        seen = _see(np.log(size), None if spread is None else spread / size)
        if seen is None:
            return None
    model, doubt = search(seen, axis)
    if not len(model.places) and not len(model.drift):
        return None
    return _fit(model, doubt, seen, sign)


def _see(values: Floats, spread: Floats | None) -> Seen | None:
    unit, floor = _unit(values)
    if unit == 0:
        return None
    middle = middle_of(values)
    y = (values - middle) / unit
    return Seen(y, _roots(spread, len(y)), *levels(y), middle, unit, floor)


def _fit(model: Model, doubt: float, seen: Seen, sign: float) -> Fit:
    """The model in the unit of the values, or of `sign` × exp(values)."""
    phi, variance, unit = model.noise[0], max(model.noise[1], seen.floor), seen.unit
    table = regress(model.known, phi, model.places)
    n, p, k = len(seen.y), 1 + len(model.drift), len(model.places)
    inverse, theta = table[:-1, :-1] * variance, table[:-1, -1]
    # each row adds up the level just before a step
    rows = np.zeros((k, p + k))
    rows[:, 0] = 1
    rows[:, 1:p] = model.drift[:, model.places].T
    rows[:, p:] = np.tri(k, k, -1)
    told = [spare(model.known, model.places, i, model.noise) for i in range(k)]
    looks = np.array([looks_of(model.places, i, n)[0] for i in range(k)])
    jump, before = theta[p:] * unit, seen.middle + unit * (rows @ theta)
    covariance = _covariance(rows, inverse, p) * unit**2
    drift = _course(model, table, variance, float(looks.sum()), seen, sign != 0) if p > 1 else None
    return Fit(
        places=model.places,
        before=sign * np.exp(before) if sign else before,
        after=sign * np.exp(before + jump) if sign else before + jump,
        moved=relative(jump, before, covariance, n - p - k - 1.0, sign != 0),
        stands=np.array([got >= wanted + HAIR for got, wanted, _ in told], dtype=bool),
        chance=np.minimum(doubt + looks * np.exp([-sure / 2 for _, _, sure in told]), 1.0),
        drift=drift,
    )


def _course(
    model: Model, table: Floats, variance: float, looks: float, seen: Seen, logs: bool
) -> Course:
    """What the drift does; `looks` is in how many ways all steps could have been chosen."""
    slow, p, unit = model.drift, 1 + len(model.drift), seen.unit
    theta, way = table[:p, -1], slow[:, -1] - slow[:, 0]
    course, error = float(theta[1:] @ way), float(way @ table[1:p, 1:p] @ way) * variance
    # noise that remembers says little about what is slow
    nu = freedom_of(max(len(seen.y) - p - len(model.places), 1), model.noise[0])
    ways = DEGREES * (1 + PLACES * looks)
    chance = ways * 2 * float(stdtr(nu, -abs(course) / max(error, 1e-300) ** 0.5))
    start = seen.middle + unit * (theta[:1] + theta[1:] @ slow[:, :1])
    covariance = np.array([[error * unit**2, 0.0, 0.0]])
    moved = relative(np.array([course * unit]), start, covariance, nu, logs)
    return Course(moved, p - 1, min(1.0, chance))


def relative(
    jump: Floats, before: Floats, covariance: Floats, freedom: float, logs: bool
) -> Relative:
    """Relative changes, endless where the level before is zero; `logs` are exact without it."""
    of_jump, of_before, both = covariance.T
    t = stdtrit(freedom, 0.975)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if logs:
            half = t * np.sqrt(np.maximum(of_jump, 0.0))
            return Relative(np.expm1(jump), np.expm1(jump - half), np.expm1(jump + half))
        ratio = jump / before
        variance = (of_jump - 2 * ratio * both + ratio**2 * of_before) / before**2
        half = t * np.sqrt(np.maximum(variance, 0.0))
        low, high = ratio - half, ratio + half
    known = np.isfinite(ratio)
    return Relative(ratio, np.where(known, low, -np.inf), np.where(known, high, np.inf))


def _covariance(rows: Floats, inverse: Floats, p: int) -> Floats:
    before = rows @ inverse
    both = before[:, p:].diagonal()
    return np.column_stack([inverse[p:, p:].diagonal(), (before * rows).sum(axis=1), both])


def middle_of(values: Floats) -> float:
    """The median, the upper one of two."""
    half = len(values) // 2
    return float(np.partition(values, half)[half])


def soften(y: Floats, fit: Floats, values: Floats, root: Floats) -> Floats | None:
    """Pseudo-values of Huber's M-estimate that suits the noise around `fit` best.

    Their mean is the estimate's first step, and has its variance, E psi² / (E psi')² (Huber
    1964). None when no cut is clearly better than the mean of `values`.
    """
    n, rest = len(y), (y - fit) * root
    centre, error = middle_of(rest), (values - fit) * root
    size = np.sort(np.abs(rest - centre))
    last = CUTS * n // 10
    cuts, inside = size[last], (last + 1) / n
    spread = ((size * size).cumsum()[last] + (n - 1 - last) * cuts * cuts) / inside**2
    best = int(spread.argmin())
    if cuts[best] == 0 or spread[best] >= BETTER * float(error @ error):
        return None
    psi = np.clip(rest - centre, -cuts[best], cuts[best])
    return np.asarray(fit + (centre + psi / inside[best]) / root)


def _unit(values: Floats) -> tuple[float, float]:
    """A first standard deviation from differences, and the least variance to assume in it.

    The larger of what their median and their 80 % quantile say: noise that has two levels
    fools the median. Values that hardly ever differ are known to their resolution only.
    """
    d = np.abs(np.diff(values))
    half, most = len(d) // 2, int(0.8 * len(d))
    ordered = np.partition(d, (half, most))
    unit = max(ordered[half] / 0.9539, ordered[most] / 1.8124)
    if unit > 0:
        return float(unit), 1e-12
    return (float(d[d > 0].min()), 0.01) if d.any() else (0.0, 0.0)


def _roots(spread: Floats | None, n: int) -> Floats:
    """Square roots of the weights: a run noisier than 2.3 × the usual weighs less, none more."""
    if spread is None:
        return np.ones(n)
    known = np.where(np.isfinite(spread) & (spread > 0), spread, np.nan)
    if np.isnan(known).all():
        return np.ones(n)
    usual = 2.3 * float(np.nanmedian(known))
    return np.asarray(np.nan_to_num(np.minimum(1.0, usual / known), nan=1.0), dtype=np.float64)


def search(seen: Seen, axis: Floats) -> tuple[Model, float]:
    """The cheapest explanation, of values that are cleaned with what it says of their noise.

    And the chance that the noise is not as it was taken.
    """
    y, root, left, right = seen[:4]
    values = clean(y, root, left, right, 1.0)
    root, doubt = local_root(values, root)
    values = clean(y, root, left, right, first_noise(values, root)[0] ** 0.5)
    model = steps_and_drift(values, root, axis)
    for _ in range(ROUNDS):
        table = regress(model.known, model.noise[0], model.places)
        fit = values - residuals(values, root, model.drift, model.places, table) / root
        softer = soften(y, fit, values, root)
        if softer is None:
            break
        values, places = softer, model.places
        model = steps_and_drift(values, root, axis)
        if np.array_equal(model.places, places):
            break
    return model, doubt


def steps_and_drift(values: Floats, root: Floats, axis: Floats) -> Model:
    """The cheapest explanation of cleaned values."""
    without = np.empty((0, len(values)))
    known = moments(values, root, without)
    best = attempt(values, root, values, Model(NOWHERE, (0.0,) * 4, inf, without, known))
    for degree in (1, 3, 5):
        slow = legendre(axis, degree)
        drifting = Model(best.places, best.noise, inf, slow, moments(values, root, slow))
        if best.price == inf or not promising(drifting, best):
            break
        other = attempt(values, root, values, drifting)
        if other.price < best.price + HOPELESS:
            table = regress(other.known, other.noise[0], other.places)
            other = attempt(values, root, values - table[1:-1, -1][:degree] @ slow, other)
        if other.price < best.price:
            best = other
        elif degree > 1 or len(best.places) < 2:
            break  # stairs may be a bent drift, a single step is not
    return best


def promising(drifting: Model, best: Model) -> bool:
    """Whether drift may pay beside some of the steps found without it."""
    _, _, skew, kurtosis = best.noise
    return descend(drifting.known, best.places, skew, kurtosis)[1] < best.price + HOPELESS


def white_variance(y: Floats, root: Floats) -> float:
    """Variance from the median difference, without memory: many steps do not raise it."""
    size = np.abs(np.diff(y)) * np.sqrt(root[1:] * root[:-1])
    return (middle_of(size) / 0.9539) ** 2


def attempt(y: Floats, root: Floats, shown: Floats, best: Model) -> Model:
    """The cheapest of `best` and its like with other places, proposed on `shown`."""
    variance, phi = first_noise(shown, root)
    if variance <= 0:
        return best
    low = max(phi - DOUBT, 0.0)
    white = max(white_variance(shown, root), variance * (1 - phi) / 4)
    for memory in (False, True):
        if memory and phi <= 0.1:
            break
        unit = variance * (1 - phi) / (1 - low) if memory else white
        proposed = propose(shown, root, unit, low if memory else 0.0)
        found = settle_on(y, root, best.drift, best.known, proposed)
        if found[2] < best.price:
            best = Model(*found, best.drift, best.known)
    return best
