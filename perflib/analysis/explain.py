"""What happened in one window of a history, in the unit of its values."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np

from perflib.analysis.cleaning import clean, legendre, levels, local_root
from perflib.analysis.segments import (
    Array,
    Noise,
    Places,
    first_noise,
    freedom_of,
    looks_of,
    price,
    propose,
    regress,
    settle_on,
    spare,
    threshold,
    white_variance,
)

HOPELESS = 5.0
"""How much dearer than without it drift may be at first and still be tried further."""

DOUBT = 0.3
"""How much smaller than estimated phi may be when places are proposed."""


class Fit(NamedTuple):
    """Steps in order, one entry each, and the drift."""

    places: Places
    jump: Array
    before: Array
    """The level just before, drift included."""
    covariance: Array
    """Columns: variance of the jump, of the level before, and their covariance."""
    strength: Array
    """Squared standard errors of the jump, as those of normal noise."""
    needed: Array
    """The strength that a confirmed step has."""
    looks: Array
    """In how many ways a step with such neighbours could have been chosen."""
    drift: Array
    """What the drift adds at the first and the last result."""
    drift_variance: float
    """Of the difference of both."""
    degree: int
    """Of the drift; 0 is none."""
    freedom: float
    """Degrees of freedom of the noise."""
    slow_freedom: float
    """The same for what is slow: noise that remembers says little about it."""


def explain(values: Array, root: Array, axis: Array) -> Fit | None:
    """What happened in one window of at least seven values, or None when they are all equal.

    `root` holds square roots of weights, `axis` where each result lies between -1 and 1.
    """
    middle, unit, floor = float(np.median(values)), *_unit(values)
    if unit == 0:
        return None
    y = (values - middle) / unit
    places, noise, drift, root, y = search(y, root, axis)
    phi, variance = noise[0], max(noise[1], floor)
    table = regress(y, root, drift, phi, places)
    n, p, k = len(y), 1 + len(drift), len(places)
    inverse, theta = table[:-1, :-1] * variance, table[:-1, -1]
    levels_ = np.zeros((k, p + k))
    levels_[:, 0] = 1
    levels_[:, 1:p] = drift[:, places].T
    levels_[:, p:] = np.tri(k, k, -1)
    jump, jumps = theta[p:], inverse[p:, p:].diagonal()
    covariance = np.column_stack(
        [
            jumps,
            np.einsum("ij,jk,ik->i", levels_, inverse, levels_),
            np.einsum("ij,ji->i", levels_, inverse[:, p:]),
        ]
    )
    nu = freedom_of(n, phi)
    chosen = [looks_of(places, i, n) for i in range(k)]
    looks = np.array([ways for ways, _ in chosen])
    needed = np.array([threshold(n, w, h, nu, noise[2], noise[3]) for w, h in chosen])
    normal = np.array([threshold(n, w, h, nu, 0.0, 0.0) for w, h in chosen])
    excess = np.maximum(np.sqrt(jump**2 / jumps) - np.sqrt(needed) + np.sqrt(normal), 0.0)
    strength, wanted = nu * np.log1p(excess**2 / nu), nu * np.log1p(normal / nu)
    for i in range(k):
        other, enough = spare(y, root, drift, places, i, noise)
        if other - enough > strength[i] - wanted[i]:
            strength[i], wanted[i] = other, enough
    ends = drift[:, [0, -1]]
    course = ends[:, 1] - ends[:, 0]
    return Fit(
        places=places,
        jump=jump * unit,
        before=middle + unit * (levels_ @ theta),
        covariance=covariance * unit**2,
        strength=strength,
        needed=wanted,
        looks=looks,
        drift=unit * (theta[1:p] @ ends) + np.array([middle + unit * theta[0]] * 2),
        drift_variance=float(course @ inverse[1:p, 1:p] @ course) * unit**2,
        degree=p - 1,
        freedom=n - p - k - 1.0,
        slow_freedom=freedom_of(max(n - p - k, 1), phi),
    )


def _unit(values: Array) -> tuple[float, float]:
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


def search(y: Array, root: Array, axis: Array) -> tuple[Places, Noise, Array, Array, Array]:
    """The cheapest explanation: places, noise, drift; and the weights and values it is of."""
    left, right = levels(y)
    values = clean(y, root, left, right, 1.0)
    root = root * local_root(values)
    values = clean(y, root, left, right, first_noise(values, root)[0] ** 0.5)
    drift, nowhere = np.empty((0, len(y))), np.empty(0, np.int64)
    best = attempt(values, root, drift, values, (nowhere, (0.0, 0.0, 0.0, 0.0), inf))
    for degree in (1, 3, 5):
        if best[2] == inf:
            break
        slow, shown = legendre(axis, degree), values.copy()
        other = attempt(values, root, slow, values, (best[0], best[1], inf))
        if other[2] < best[2] + HOPELESS:
            table = regress(values, root, slow, other[1][0], other[0])
            for j in range(degree):
                shown -= table[1 + j, -1] * slow[j]
            other = attempt(values, root, slow, shown, other)
        if other[2] < best[2]:
            best, drift = other, slow
        elif degree > 1 or len(best[0]) < 2:
            break  # stairs may be a bent drift, a single step is not
    return best[0], best[1], drift, root, values


def attempt(
    y: Array, root: Array, drift: Array, shown: Array, best: tuple[Places, Noise, float]
) -> tuple[Places, Noise, float]:
    """The cheapest of `best` and the solutions from places proposed on `shown`."""
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
        places, noise = settle_on(y, root, drift, proposed)
        cost = price(y, root, drift, places, noise[0])
        if cost < best[2]:
            best = (places, noise, cost)
    return best
