"""Values without spikes, and weights where noise differs, before anything is explained.

Compiled leaves: nothing compiled elsewhere calls them, because the compiler's cache knows a
function by its own file only.
"""

from __future__ import annotations

from math import exp, log

import numpy as np

from perflib.analysis.compiled import compiled
from perflib.stats.values import Floats

NEIGHBOURS = 7
"""Results of a running median: a spike of three has no say in it."""
SPIKE, CLIP = 3.5, 2.8
"""In standard deviations from the nearest local level: beyond is a spike, or is pulled in to."""
BLOCK, LARGE = 20, 4.0
"""Differences whose median, so many times, bounds each: a step says little of the noise."""
FEWEST, NOISE_PRICE = 22, 10.0
"""Differences of the shortest stretch of equal noise; log likelihood (× 2), beyond 2 log n, that
another stretch must bring."""
EXTREME = 50.0
"""How much more or less than the usual a result may weigh."""
RELATIVE_PRICE = 9.0
"""Log likelihood (× 2) by which noise must be likelier in proportion to the level."""


@compiled
def insert(room: Floats, size: int, value: float) -> None:
    """Put a value among the first `size` sorted ones."""
    place = size
    while place and room[place - 1] > value:
        room[place] = room[place - 1]
        place -= 1
    room[place] = value


@compiled
def drop(room: Floats, size: int, value: float) -> None:
    """Take a value from the first `size` sorted ones."""
    place = 0
    while room[place] != value:
        place += 1
    for later in range(place, size - 1):
        room[later] = room[later + 1]


@compiled
def median(values: Floats, start: int, stop: int, room: Floats) -> float:
    """The median of a few values, which are left sorted in `room`."""
    size = stop - start
    for i in range(size):
        insert(room, i, values[start + i])
    return float(room[size // 2] + room[(size - 1) // 2]) / 2


@compiled
def levels(y: Floats) -> tuple[Floats, Floats]:
    """Running medians that end at, and that begin at, each result.

    At an end three results must all have left the other side's level, or three of four.
    """
    n, k, room = len(y), NEIGHBOURS, np.empty(NEIGHBOURS)
    left, right = np.empty(n), np.empty(n)
    for t in range(n):
        if t >= k:
            drop(room, k, y[t - k])
        insert(room, min(t, k - 1), y[t])
        if t >= k - 1:
            left[t] = right[t - k + 1] = room[k // 2]
    for t in range(k - 1):
        left[t] = median(y, 0, max(t + 1, 3), room)
        right[n - 1 - t] = median(y, n - max(t + 1, 3), n, room)
    for t in range(4):
        few = max(t + 1, 3)
        median(y, 0, few, room)
        left[t] = min(max(right[t], room[few - 3]), room[2])
        median(y, n - few, n, room)
        right[n - 1 - t] = min(max(left[n - 1 - t], room[few - 3]), room[2])
    return left, right


@compiled
def clean(y: Floats, root: Floats, left: Floats, right: Floats, sd: float) -> Floats:
    """`y` with spikes set to the nearer local level and large noise pulled in.

    Between the levels before and after a place nothing is touched, so a step stays whole.
    """
    out = np.empty_like(y)
    for t in range(len(y)):
        low, high, unit = min(left[t], right[t]), max(left[t], right[t]), sd / root[t]
        if y[t] < low - SPIKE * unit:
            out[t] = low
        elif y[t] > high + SPIKE * unit:
            out[t] = high
        else:
            out[t] = min(max(y[t], low - CLIP * unit), high + CLIP * unit)
    return out


@compiled
def proportional(y: Floats, origin: float, left: Floats, right: Floats) -> bool:
    """Whether noise is clearly likelier in proportion to the level of `y` + `origin`.

    Deviations from local levels, or from their logarithms, are taken as exponential in size.
    """
    n = len(y)
    if (y.min() + origin) * (y.max() + origin) <= 0:
        return False
    plain = ratio = scale = 0.0
    for t in range(n):
        near = left[t] if abs(y[t] - left[t]) < abs(y[t] - right[t]) else right[t]
        log_value = log(abs(y[t] + origin))
        plain += abs(y[t] - near)
        ratio += abs(log_value - log(abs(near + origin)))
        scale += log_value
    return ratio > 0 and 2 * (n * log(plain / ratio) - scale) > RELATIVE_PRICE


@compiled
def part_of_noise(size: Floats, start: int, stop: int, grain: float) -> tuple[int, float]:
    """Where the mean size of differences changes most, and how that compares with chance.

    The likelihood ratio (× 2) of two exponential distributions, less where sizes vary more,
    beyond what it is among all places. Where nothing differed, `grain` could have.
    """
    total, square, n = grain, 0.0, stop - start
    for t in range(start, stop):
        total += size[t]
        square += size[t] ** 2
    best, place, left, left_square = 0.0, -1, grain, 0.0
    for t in range(start, stop - FEWEST):
        left += size[t]
        left_square += size[t] ** 2
        a, b = t + 1 - start, stop - t - 1
        if a < FEWEST:
            continue
        one, two = left / a, (total - left + grain) / b
        spread = (left_square / one**2 + (square - left_square) / two**2) / n - 1
        gain = 2 * (n * log(total / n) - a * log(one) - b * log(two)) / max(spread, 0.5)
        if gain > best:
            best, place = gain, t + 1
    return place, best - 2 * log(len(size))


@compiled
def local_root(y: Floats, weight: Floats) -> tuple[Floats, float]:
    """Weights of stretches whose noise differs from the window's, `weight` where it is usual.

    And the chance that noise which is the same everywhere has such stretches.
    """
    n, room, doubt = len(y), np.empty(BLOCK), 0.0
    size = np.abs(y[1:] - y[:-1]) * np.sqrt(weight[1:] * weight[:-1])
    for start in range(0, n - 1, BLOCK):
        stop = min(start + BLOCK, n - 1)
        cap = LARGE * median(size, start, stop, room)
        for t in range(start, stop if cap > 0 else start):
            size[t] = min(size[t], cap)
    if not size.any():
        return weight, doubt
    grain = size[size > 0].min()
    edges, at = [0, n - 1], 0
    while at < len(edges) - 1:
        place, gain = part_of_noise(size, edges[at], edges[at + 1], grain)
        if gain < NOISE_PRICE:
            at += 1
        else:
            edges.insert(at + 1, place)
            doubt = max(doubt, exp(-gain / 2))
    if len(edges) == 2:
        return weight, doubt
    root = np.empty(n)
    for k in range(len(edges) - 1):
        part = size[edges[k] : edges[k + 1]]
        root[edges[k] : edges[k + 1]] = (part.sum() + grain) / len(part)
    root[n - 1] = root[n - 2]
    usual = np.median(root)
    for t in range(n):
        root[t] = weight[t] * usual / min(max(root[t], usual / EXTREME), usual * EXTREME)
    return root, doubt


@compiled
def legendre(axis: Floats, degree: int) -> Floats:
    """Legendre's polynomials 1 … degree, by Bonnet's recursion."""
    out = np.empty((degree, len(axis)))
    for t in range(len(axis)):
        last, this = 1.0, axis[t]
        for j in range(degree):
            out[j, t] = this
            last, this = this, ((2 * j + 3) * axis[t] * this - (j + 1) * last) / (j + 2)
    return out
