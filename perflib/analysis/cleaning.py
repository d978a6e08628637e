"""Values without spikes, and weights where noise differs, before anything is explained.

Compiled leaves: nothing compiled elsewhere calls them, because the compiler's cache knows a
function by its own file only.
"""

from __future__ import annotations

from math import exp, log

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
compiled = njit(cache=True, error_model="numpy")

NEIGHBOURS = 7
"""Results of a running median: a spike of three has no say in it."""
SPIKE, CLIP = 3.5, 2.8
"""In standard deviations from the nearest local level: beyond is a spike, or is pulled in to."""
BLOCK, SAME_NOISE = 25, 0.3
"""Results of a block of equal noise; log variance ratios that count as equal."""


@compiled
def median(values: Array, start: int, stop: int, room: Array) -> float:
    """The median of a few values, sorted by insertion into `room`."""
    size = stop - start
    for i in range(size):
        value, place = values[start + i], i
        while place and room[place - 1] > value:
            room[place] = room[place - 1]
            place -= 1
        room[place] = value
    return float(room[size // 2] + room[(size - 1) // 2]) / 2


@compiled
def levels(y: Array) -> tuple[Array, Array]:
    """Running medians that end at, and that begin at, each result.

    At an end three results must all have left the other side's level, or three of four.
    """
    n, room = len(y), np.empty(NEIGHBOURS)
    left, right = np.empty(n), np.empty(n)
    for t in range(n):
        left[t] = median(y, max(0, t - NEIGHBOURS + 1), max(t + 1, 3), room)
        right[t] = median(y, min(t, n - 3), min(t + NEIGHBOURS, n), room)
    for t in range(4):
        few = max(t + 1, 3)
        median(y, 0, few, room)
        left[t] = min(max(right[t], room[few - 3]), room[2])
        median(y, n - few, n, room)
        right[n - 1 - t] = min(max(left[n - 1 - t], room[few - 3]), room[2])
    return left, right


@compiled
def clean(y: Array, root: Array, left: Array, right: Array, sd: float) -> Array:
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
def local_root(y: Array) -> Array:
    """Weights of places where noise differs from the window's: 1 where it is about the same."""
    n = len(y)
    count = max(n // BLOCK, 1)
    steps = np.abs(y[1:] - y[:-1])
    size = np.empty(count)
    for b in range(count):
        near = steps[max(b - 1, 0) * (n - 1) // count : min(b + 2, count) * (n - 1) // count].copy()
        near.sort()
        cap, total = 5 * near[len(near) // 2], 0.0
        for d in near:
            total += min(d, cap) if cap > 0 else d
        size[b] = 2 * log(max(total / len(near), 1e-300))
    ordered = size.copy()
    ordered.sort()
    usual, root = (ordered[count // 2] + ordered[(count - 1) // 2]) / 2, np.ones(n)
    for b in range(count):
        off = size[b] - usual
        off = max(off - SAME_NOISE, 0.0) if off > 0 else min(off + SAME_NOISE, 0.0)
        root[b * (n - 1) // count :] = exp(-off / 2)
    return root


@compiled
def legendre(axis: Array, degree: int) -> Array:
    """Legendre's polynomials 1 … degree, by Bonnet's recursion."""
    out = np.empty((degree, len(axis)))
    for t in range(len(axis)):
        last, this = 1.0, axis[t]
        for j in range(degree):
            out[j, t] = this
            last, this = this, ((2 * j + 3) * axis[t] * this - (j + 1) * last) / (j + 2)
    return out
