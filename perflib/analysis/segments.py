"""One window of a history explained at once: levels that step, slow drift, noise with memory.

    y[t] = level + drift(t) + sum of steps up to t + e[t],   e[t] = phi e[t-1] + innovation

Neither steps alone nor drift alone nor memory alone is believed first. Places are proposed
generously by least squares on cleaned values, from two-sided means over many widths (Eichinger
and Kirch 2018) and optimal partitioning (Jackson et al. 2005). A regression with all of them,
drift and AR(1) noise together then drops what does not stand: generalised least squares (Prais
and Winsten 1954) by the sweep operator (Goodnight 1979), which also takes a step out again. A
step needs a gain that grows for short segments (Dümbgen and Spokoiny 2001: there are more
places for them to be), as a quantile of Student's t because the noise is estimated, plus
Cornish and Fisher's terms because short means of skewed or heavy-tailed noise are not normal.
Solutions that started from independent and from remembering noise, with and without drift,
are compared by penalised likelihood (steps in AR(1) noise: Chakar et al. 2017; and in drift:
Romano et al. 2022).

A short series cannot afford an estimate of its memory: there a step also stands by its
likelihood ratio, each side of which has the memory that suits it best.

Everything here is compiled, and in one file because the compiler's cache knows a function by
its file only. `root` is the square root of each result's weight; `perflib.analysis.explain`
is the way in.
"""

from __future__ import annotations

from math import exp, inf, log, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
compiled = njit(cache=True, error_model="numpy")

LARGEST_PHI = 0.9
LAGS = 10
SELECTION = 2.0
"""How much more a chosen place of a step takes from autocorrelation than a given one would."""

Places = NDArray[np.int64]
Noise = tuple[float, float, float, float]
"""phi, variance, skewness and excess kurtosis of the innovations."""

SHORTEST = 3
"""Results of the shortest segment."""
STRICTNESS, MANY = 2.4, 200
"""Log likelihood (× 2) that a step must bring beyond log n (n at least `MANY`: results come one
by one and each may give an alarm) and the price of its choice."""
NORMALITY = 2.5
"""Weight of the terms for noise that is not normal, at 3.8 standard errors."""
REACH = 40
"""Results that a place may move in one refinement."""
RECENT, LEEWAY = 10, 3.0
"""A step among the last results may be this much (× 2 log likelihood) weaker: provisional."""
GENEROUS = 3.0
"""Log likelihood (× 2) that a step must bring to be proposed."""
NOTICED = 2.4
"""Standard errors that make a candidate."""
DRIFT_PRICE = 7.0
"""Log likelihood (× 2) that each degree of drift must bring."""
BRIEF = 100
"""Up to so many results a step may also stand by its likelihood ratio."""
MEMORY, LENGTH, FIRST = 5.0, 4.0, 13
"""What such a step needs more (× 2 log likelihood): in noise of phi 1, in e × `FIRST` results."""


@compiled
def difference_variance(y: Array, root: Array, lag: int) -> float:
    """Mean square of differences at `lag`; squares beyond 7 × the mean (steps) are cut there."""
    n, mean = len(y) - lag, inf
    for _ in range(3):
        total = 0.0
        for t in range(n):
            d = y[t + lag] - y[t]
            total += min(d * d * root[t] * root[t + lag], 7 * mean)
        mean = total / n * (1.0 if mean == inf else 1.03)
    return mean


@compiled
def first_noise(y: Array, root: Array) -> tuple[float, float]:
    """Variance and lag-1 autocorrelation from differences at lags 1 and 2.

    For AR(1) noise their mean squares are 2 v (1 - phi) and 2 v (1 - phi²) (Chakar et al. 2017).
    """
    one, two = difference_variance(y, root, 1), difference_variance(y, root, 2)
    if one <= 0:
        return 0.0, 0.0
    phi = min(max(two / one - 1, 0.0), LARGEST_PHI)
    return one / 2 / (1 - phi), phi


@compiled
def white_variance(y: Array, root: Array) -> float:
    """Variance from the median difference, without memory: many steps do not raise it."""
    n = len(y) - 1
    d = np.empty(n)
    for t in range(n):
        d[t] = abs(y[t + 1] - y[t]) * sqrt(root[t] * root[t + 1])
    d.sort()
    return float((d[n // 2] / 0.9539) ** 2)


@compiled
def inflation(phi: float, size: int) -> float:
    """Variance of a mean of `size` AR(1) results over that of independent ones."""
    if phi <= 0:
        return 1.0
    return (1 + phi) / (1 - phi) - 2 * phi * (1 - phi**size) / (size * (1 - phi) ** 2)


@compiled
def left_noise(rest: Array, used: int) -> tuple[float, float, float, float]:
    """phi, variance, skewness and excess kurtosis of the innovations behind residuals.

    `used` coefficients were fitted: each lowers autocorrelations (Kendall 1954). The variance
    grows with what ten more lags add (Newey and West 1987); both moments are those of values
    within 2.5 standard deviations, less what chance gives, and at most 1.
    """
    n, square, cross = len(rest), 0.0, 0.0
    for t in range(n):
        square += rest[t] * rest[t]
        if t:
            cross += rest[t] * rest[t - 1]
    if square <= 0:
        return 0.0, 0.0, 0.0, 0.0
    rho = cross / square
    phi = min(max(rho + SELECTION * (1 + 3 * max(rho, 0.0)) * used / n, 0.0), LARGEST_PHI)
    e = rest[1:] - phi * rest[:-1]
    total = (e * e).sum()
    if total <= 0:
        return phi, 0.0, 0.0, 0.0
    longer, lags = total, min(LAGS, n // 6)
    for lag in range(1, lags + 1):
        longer += 2 * (1 - lag / (lags + 1)) * (np.dot(e[lag:], e[:-lag]) + total * used / n)
    variance = max(total, longer) / max(n - 1 - used, 1)
    cap = 2.5 * sqrt(total / (n - 1))
    m2 = m3 = m4 = 0.0
    for v in e:
        c = min(max(v, -cap), cap)
        m2, m3, m4 = m2 + c**2, m3 + c**3, m4 + c**4
    m2, m3, m4 = m2 / (n - 1), m3 / (n - 1), m4 / (n - 1)
    skew = min(max(abs(m3) / m2**1.5 - 0.2, 0.0), 1.0)
    return phi, variance, skew, min(max(m4 / m2**2 - 3, 0.0), 1.0)


@compiled
def sweep(table: Array, k: int) -> None:
    """Take regressor `k` into the fit, or out of it again."""
    pivot, size = table[k, k], len(table)
    for j in range(size):
        table[k, j] /= pivot
    for i in range(size):
        factor = table[i, k]
        if i != k and factor != 0.0:
            for j in range(size):
                table[i, j] -= factor * table[k, j]
            table[i, k] = -factor / pivot
    table[k, k] = 1 / pivot


@compiled
def whiten(y: Array, root: Array, drift: Array, phi: float) -> Array:
    """Rows (level, drift.., y), each result less what it remembers of the one before."""
    n, p = len(y), 1 + len(drift)
    rows = np.empty((p + 1, n))
    for t in range(n):
        rows[0, t], rows[p, t] = root[t], y[t] * root[t]
        for j in range(1, p):
            rows[j, t] = drift[j - 1, t] * root[t]
    for j in range(p + 1):
        for t in range(n - 1, 0, -1):
            rows[j, t] -= phi * rows[j, t - 1]
        rows[j, 0] *= sqrt(1 - phi * phi)
    return rows


@compiled
def regress(y: Array, root: Array, drift: Array, phi: float, places: Places) -> Array:
    """Swept cross products of (level, drift.., steps.., y): inverse | coefficients | squares left.

    Whitening with AR(1) turns a step into 1 at its place and 1 - phi after it, so every cross
    product with it is a sum to the end of the window.
    """
    white = whiten(y, root, drift, phi)
    p, k = len(white) - 1, len(places)
    q = p + k
    table = np.empty((q + 1, q + 1))
    for i in range(p + 1):
        for j in range(i + 1):
            row, column, total = (i if i < p else q), (j if j < p else q), 0.0
            for t in range(len(y)):
                total += white[i, t] * white[j, t]
            table[row, column] = table[column, row] = total
    after, t = np.zeros(p + 1), len(y) - 1
    for s in range(k - 1, -1, -1):
        place = places[s]
        while t > place:
            for j in range(p + 1):
                after[j] += white[0, t] * white[j, t]
            t -= 1
        for j in range(p + 1):
            other = j if j < p else q
            table[p + s, other] = table[other, p + s] = root[place] * white[j, place] + after[j]
        table[p + s, p : p + s] = table[p : p + s, p + s] = white[0, place] * root[place] + after[0]
        table[p + s, p + s] = root[place] ** 2 + after[0]
    for i in range(q):
        if table[i, i] > 0:
            sweep(table, i)
    return table


@compiled
def freedom_of(n: int, phi: float) -> float:
    """Degrees of freedom of a long-run variance: 2 / ν = 2 / n + 4 (1 + phi) / (n (1 - phi))."""
    return n / (1 + 2 * (1 + phi) / (1 - phi))


@compiled
def looks_of(places: Places, i: int, n: int) -> tuple[float, int]:
    """The ways to choose a step between its neighbours, and the shorter side."""
    before = places[i] - (places[i - 1] if i else 0)
    after = (places[i + 1] if i < len(places) - 1 else n) - places[i]
    return n / before + n / after, min(before, after)


@compiled
def threshold(n: int, looks: float, shorter: int, nu: float, skew: float, kurtosis: float) -> float:
    """Squared standard errors that a step needs."""
    z = sqrt(nu * (exp((STRICTNESS + log(max(n, MANY)) + 2 * log(looks)) / nu) - 1))
    third, fourth = (3.8**2 - 1) / 6 / sqrt(shorter), (3.8**3 - 3 * 3.8) / 24 / shorter
    return (z + NORMALITY * (skew * third + kurtosis * fourth)) ** 2


@compiled
def without(places: Places, i: int) -> Places:
    """All places but one."""
    rest = places[1:].copy()
    for s in range(i):
        rest[s] = places[s]
    return rest


@compiled
def likeliest(y: Array, root: Array, drift: Array, places: Places) -> tuple[float, float]:
    """Minus twice the profile log likelihood with the memory that suits best, and that phi."""
    best, suits = inf, 0.0
    for tenth in range(10):
        phi = tenth / 10
        left = regress(y, root, drift, phi, places)[-1, -1]
        cost = len(y) * log(max(left, 1e-300)) - log(1 - phi * phi)
        if cost < best:
            best, suits = cost, phi
    return best, suits


@compiled
def spare(
    y: Array, root: Array, drift: Array, places: Places, i: int, noise: Noise
) -> tuple[float, float]:
    """Likelihood ratio (× 2) of step `i` as that of normal noise, and what it needs.

    In a short series memory cannot be told from a step by its estimate: the correction of the
    bias is as large as it. Here the fits with and without the step each have the memory that
    suits them. Degrees of freedom stand for results; memory beside the step has a price, and
    so has a longer series, in which memory wanders farther.
    """
    n, nu = len(y), len(y) - 2.0 - len(drift) - len(places)
    looks, shorter = looks_of(places, i, n)
    if n > BRIEF or nu < 2:
        return -inf, inf
    less = likeliest(y, root, drift, without(places, i))[0]
    having, phi = likeliest(y, root, drift, places)
    normal = threshold(n, looks, shorter, nu, 0.0, 0.0)
    more = sqrt(threshold(n, looks, shorter, nu, noise[2], noise[3])) - sqrt(normal)
    size = sqrt(nu * (exp((less - having) / n) - 1))
    dear = MEMORY * phi + LENGTH * log(n / FIRST)
    got = nu * log(1 + max(size - more, 0.0) ** 2 / nu) - dear
    return got, nu * log(1 + normal / nu)


@compiled
def eliminate(y: Array, root: Array, drift: Array, places: Places, noise: Noise) -> Places:
    """Take out the weakest step until every one stands."""
    phi, variance, skew, kurtosis = noise
    n, p = len(y), 1 + len(drift)
    table = regress(y, root, drift, phi, places)
    nu, index, q = freedom_of(n, phi), np.arange(p, p + len(places)), p + len(places)
    while len(places):
        worst, weakest = 0.0, -1
        for i in range(len(places)):
            looks, shorter = looks_of(places, i, n)
            need = threshold(n, looks, shorter, nu, skew, kurtosis)
            leeway = LEEWAY if i == len(places) - 1 and n - places[i] <= RECENT else 0.0
            k = index[i]
            excess = table[k, q] ** 2 / (variance * table[k, k]) - (need - leeway)
            if excess < worst:
                got, wanted = spare(y, root, drift, places, i, noise)
                if got < wanted - leeway:
                    worst, weakest = excess, i
        if weakest < 0:
            break
        sweep(table, index[weakest])
        places, index = without(places, weakest), without(index, weakest)
    return places


@compiled
def residuals(y: Array, root: Array, drift: Array, places: Places, table: Array) -> Array:
    """What the fit leaves, in units of equal noise."""
    p, q, s = 1 + len(drift), len(table) - 1, 0
    rest, level = np.empty_like(y), table[0, q]
    for t in range(len(y)):
        if s < len(places) and places[s] == t:
            level += table[p + s, q]
            s += 1
        rest[t] = y[t] - level
        for j in range(1, p):
            rest[t] -= table[j, q] * drift[j - 1, t]
        rest[t] *= root[t]
    return rest


@compiled
def refine(y: Array, root: Array, drift: Array, places: Places, table: Array, phi: float) -> Places:
    """Each step at its likeliest place while the levels are held."""
    n, p, q = len(y), 1 + len(drift), len(table) - 1
    moved, d, level = places.copy(), y.copy(), table[0, q]
    for j in range(1, p):
        d -= table[j, q] * drift[j - 1]
    for s in range(len(places)):
        old, new = level, level + table[p + s, q]
        level = new
        first = max((moved[s - 1] if s else 0) + SHORTEST, places[s] - REACH)
        last = min((places[s + 1] if s < len(places) - 1 else n) - SHORTEST, places[s] + REACH)
        best, cost, moved[s] = 0.0, 0.0, first
        for t in range(first, last):
            here_old, here_new = root[t] * (d[t] - old), root[t] * (d[t] - new)
            before, after = root[t - 1] * (d[t - 1] - old), root[t + 1] * (d[t + 1] - new)
            cost += (here_old - phi * before) ** 2 + (after - phi * here_old) ** 2
            cost -= (here_new - phi * before) ** 2 + (after - phi * here_new) ** 2
            if cost < best:
                best, moved[s] = cost, t + 1
    return moved


@compiled
def candidates(y: Array, root: Array, variance: float, phi: float) -> tuple[Places, Array, Array]:
    """Places where means of equal width before and after differ, and running sums of weights."""
    n = len(y)
    weight, total = np.zeros(n + 1), np.zeros(n + 1)
    for t in range(n):
        weight[t + 1] = weight[t] + root[t] ** 2
        total[t + 1] = total[t] + root[t] ** 2 * y[t]
    marked = np.zeros(n + 1, np.bool_)
    width = SHORTEST
    while 2 * width <= n:
        noticed = NOTICED**2 * variance * inflation(phi, width)
        gain = np.zeros(n + 1)
        for t in range(width, n - width + 1):
            before, after = weight[t] - weight[t - width], weight[t + width] - weight[t]
            gap = (total[t + width] - total[t]) / after - (total[t] - total[t - width]) / before
            gain[t] = gap * gap * before * after / (before + after)
        for start in range(width, n - width + 1, width):
            best = start
            for t in range(start, min(start + width, n - width + 1)):
                if gain[t] > gain[best]:
                    best = t
            top = gain[best] >= gain[best - 1] and (best == n or gain[best] >= gain[best + 1])
            if gain[best] > noticed and top:
                marked[best] = True
        width = max(width + 1, int(width * 1.5))
    for t in range(SHORTEST, min(11, n - SHORTEST + 1)):
        marked[t] = marked[n - t] = True
    return np.flatnonzero(marked), weight, total


@compiled
def propose(y: Array, root: Array, variance: float, phi: float) -> Places:
    """The partition of the candidates with the least squares plus a generous penalty."""
    places, weight, total = candidates(y, root, variance, phi)
    n, m = len(y), len(places) + 2
    edge = np.zeros(m, np.int64)
    for i in range(m - 2):
        edge[i + 1] = places[i]
    edge[m - 1] = n
    unit = variance * inflation(phi, 50)
    cost, last = np.full(m, inf), np.zeros(m, np.int64)
    cost[0] = 0.0
    for j in range(1, m):
        for i in range(j):
            size = edge[j] - edge[i]
            if size < SHORTEST:
                break
            sum_y = total[edge[j]] - total[edge[i]]
            fit = sum_y * sum_y / (weight[edge[j]] - weight[edge[i]]) / unit
            price = cost[i] - fit + GENEROUS + 2 * log(n / size)
            if price < cost[j]:
                cost[j], last[j] = price, i
    j, first = last[m - 1], m
    chosen = np.empty(m, np.int64)
    while j > 0:
        first -= 1
        chosen[first] = edge[j]
        j = last[j]
    return chosen[first:].copy()


@compiled
def settle_on(y: Array, root: Array, drift: Array, places: Places) -> tuple[Places, Noise]:
    """From proposed places to those that stand, with the noise that they leave."""
    p = 1 + len(drift)
    table = regress(y, root, drift, 0.0, places)
    noise = left_noise(residuals(y, root, drift, places, table), p + len(places))
    for turn in range(4):
        if noise[1] <= 0:
            break
        eliminated = eliminate(y, root, drift, places, noise)
        table = regress(y, root, drift, noise[0], eliminated)
        noise = left_noise(residuals(y, root, drift, eliminated, table), p + len(eliminated))
        moved = refine(y, root, drift, eliminated, table, noise[0])
        same = len(moved) == len(places)
        for s in range(len(moved)):
            same = same and moved[s] == places[s]
        places = moved
        if same and turn:
            break
    return places, noise


@compiled
def price(y: Array, root: Array, drift: Array, places: Places, phi: float) -> float:
    """Minus twice the profile log likelihood, plus what steps and drift have to bring."""
    n, used = len(y), 2 + len(drift) + len(places)
    dear, nu = DRIFT_PRICE * len(drift), max(n - used, 1)
    for i in range(len(places)):
        need = STRICTNESS + log(max(n, MANY)) + 2 * log(looks_of(places, i, n)[0])
        dear += need * (1 + need / 2 / freedom_of(n, phi) * min(n / BRIEF, 1.0) ** 2)
    if n <= BRIEF:
        return likeliest(y, root, drift, places)[0] + dear * n / nu
    left = regress(y, root, drift, phi, places)[-1, -1]
    return n * log(max(left, 1e-300)) - log(1 - phi * phi) + dear * n / nu
