"""One window of a history explained at once: levels that step, slow drift, noise with memory.

    y[t] = level + drift(t) + sum of steps up to t + e[t],   e[t] = phi e[t-1] + innovation

Neither steps alone nor drift alone nor memory alone is believed first. Places are proposed
generously by least squares on cleaned values, from two-sided means over many widths (Eichinger
and Kirch 2018) and optimal partitioning (Jackson et al. 2005). From there the weakest step goes
out of the model, one after the other, and the model with the cheapest penalised likelihood is
kept (steps in AR(1) noise: Chakar et al. 2017; and in drift: Romano et al. 2022); each model
has the memory that suits it best. Fits are generalised least squares (Prais and Winsten 1954)
by the sweep operator (Goodnight 1979). The price of a step grows for short segments (Dümbgen
and Spokoiny 2001: there are more places for them to be), with Cornish and Fisher's terms
because short means of skewed or heavy-tailed noise are not normal.

Everything here is compiled, and in one file because the compiler's cache knows a function by
its file only. `root` is the square root of each result's weight; `perflib.analysis.explain`
is the way in.
"""

from __future__ import annotations

from math import exp, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from perflib.analysis.compiled import compiled
from perflib.stats.values import Floats

LARGEST_PHI = 0.9
LAGS = 10
SELECTION = 2.0
"""How much more a chosen place of a step takes from autocorrelation than a given one would."""

Places = NDArray[np.int64]
Moments = tuple[Floats, Floats, Floats, Floats, Floats]
"""Rows, their products at lags 0 and 1, and both with the level summed to the window's end."""
Noise = tuple[float, float, float, float]
"""phi, variance, skewness and excess kurtosis of the innovations."""

SHORTEST = 3
"""Results of the shortest segment."""
STRICTNESS, MANY, AHEAD = 5.0, 200, 4
"""Log likelihood (× 2) that a step must bring beyond log n and the price of its choice. Results
come one by one and each may give an alarm, so those to come count: n is taken `AHEAD` times
up to `MANY`."""
NORMALITY = 1.2
"""Weight of the terms for noise that is not normal, at 3.8 standard errors."""
REACH = 40
"""Results that a place may move in one refinement."""
RECENT, LEEWAY = 10, 3.0
"""A step among the last results may be this much (× 2 log likelihood) weaker: provisional."""
GENEROUS = 3.0
"""Log likelihood (× 2) that a step must bring to be proposed."""
NOTICED = 2.4
"""Standard errors that make a candidate."""
DRIFT_PRICE = 12.0
"""Log likelihood (× 2) that each degree of drift must bring."""
BUSY, SELDOM = 6.0, 60
"""A step with k others among n results (at least `SELDOM`) is BUSY log(1 + k SELDOM / n) (× 2 log
likelihood) cheaper: what steps often, steps again, as in Pólya's urn."""
MEMORY, PERSISTENCE = 8.0, 6.0
"""What memory costs (× 2 log likelihood): at phi 1 where there are steps beside it; everywhere,
steeply, since what wanders is more often many steps."""


@compiled
def difference_variance(y: Floats, root: Floats, lag: int) -> float:
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
def first_noise(y: Floats, root: Floats) -> tuple[float, float]:
    """Variance and lag-1 autocorrelation from differences at lags 1 and 2.

    For AR(1) noise their mean squares are 2 v (1 - phi) and 2 v (1 - phi²) (Chakar et al. 2017).
    """
    one, two = difference_variance(y, root, 1), difference_variance(y, root, 2)
    if one <= 0:
        return 0.0, 0.0
    phi = min(max(two / one - 1, 0.0), LARGEST_PHI)
    return one / 2 / (1 - phi), phi


@compiled
def inflation(phi: float, size: int) -> float:
    """Variance of a mean of `size` AR(1) results over that of independent ones."""
    if phi <= 0:
        return 1.0
    return (1 + phi) / (1 - phi) - 2 * phi * (1 - phi**size) / (size * (1 - phi) ** 2)


@compiled
def left_noise(rest: Floats, used: int) -> tuple[float, float, float, float]:
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
def sweep(table: Floats, k: int) -> None:
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
def moments(y: Floats, root: Floats, drift: Floats) -> Moments:
    """Cross products of (level, drift.., y) at lags 0 and 1, and their sums to the window's end.

    Whitening with AR(1) is quadratic in phi, so from these any phi and any steps are regressed
    without another look at the values.
    """
    n, p = len(y), 1 + len(drift)
    rows = np.empty((p + 1, n))
    for t in range(n):
        rows[0, t], rows[p, t] = root[t], y[t] * root[t]
        for j in range(1, p):
            rows[j, t] = drift[j - 1, t] * root[t]
    square, cross = np.zeros((p + 1, p + 1)), np.zeros((p + 1, p + 1))
    for i in range(p + 1):
        for j in range(i + 1):
            now, late = rows[i, 0] * rows[j, 0], 0.0
            for t in range(1, n):
                now += rows[i, t] * rows[j, t]
                late += rows[i, t] * rows[j, t - 1] + rows[i, t - 1] * rows[j, t]
            square[i, j] = square[j, i] = now
            cross[i, j] = cross[j, i] = late
    zero, one = np.zeros((p + 1, n + 1)), np.zeros((p + 1, n + 1))
    for j in range(p + 1):
        for t in range(n - 1, 0, -1):
            zero[j, t] = zero[j, t + 1] + rows[0, t] * rows[j, t]
            one[j, t] = one[j, t + 1] + rows[0, t] * rows[j, t - 1] + rows[0, t - 1] * rows[j, t]
        zero[j, 0] = zero[j, 1] + rows[0, 0] * rows[j, 0]
    return rows, square, cross, zero, one


@compiled
def regress(known: Moments, phi: float, places: Places) -> Floats:
    """Swept products of (level, drift.., steps.., y): inverse | coefficients | squares left."""
    rows, square, cross, zero, one = known
    p, k, n = len(rows) - 1, len(places), rows.shape[1]
    q = p + k
    table = np.empty((q + 1, q + 1))
    for i in range(p + 1):
        for j in range(i + 1):
            row, column = (i if i < p else q), (j if j < p else q)
            # the first row weighs 1 - phi squared, the last is not remembered by anything
            twice = square[i, j] - rows[i, 0] * rows[j, 0] - rows[i, n - 1] * rows[j, n - 1]
            total = square[i, j] - phi * cross[i, j] + phi * phi * twice
            table[row, column] = table[column, row] = total
    for s in range(k):
        t = places[s]
        for j in range(p + 1):
            other = j if j < p else q
            after = zero[j, t + 1] - phi * one[j, t + 1]
            after += phi * phi * (zero[j, t] - rows[0, n - 1] * rows[j, n - 1])
            value = rows[0, t] * (rows[j, t] - phi * rows[j, t - 1]) + after
            table[p + s, other] = table[other, p + s] = value
            if j == 0:
                white = rows[0, t] * (rows[0, t] - phi * rows[0, t - 1])
                for r in range(s):
                    table[p + s, p + r] = table[p + r, p + s] = white + after
                table[p + s, p + s] = rows[0, t] ** 2 + after
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
def need(n: int, looks: float) -> float:
    """Log likelihood (× 2) that a step must bring: the price of its choice."""
    return STRICTNESS + log(max(n, min(AHEAD * n, MANY))) + 2 * log(looks)


@compiled
def surplus(shorter: int, skew: float, kurtosis: float) -> float:
    """Standard errors that a step in noise that is not normal must bring more."""
    third, fourth = (3.8**2 - 1) / 6 / sqrt(shorter), (3.8**3 - 3 * 3.8) / 24 / shorter
    return NORMALITY * (skew * third + kurtosis * fourth)


@compiled
def without(places: Places, i: int) -> Places:
    """All places but one."""
    rest = places[1:].copy()
    for s in range(i):
        rest[s] = places[s]
    return rest


@compiled
def likeliest(known: Moments, places: Places, dear: float) -> tuple[float, float]:
    """Minus twice the profile log likelihood with the memory that suits best, and that phi.

    `dear` is a price of memory that grows steeply.
    """
    best, suits, n = inf, 0.0, known[0].shape[1]
    for tenth in range(10):
        phi = tenth / 10
        left = regress(known, phi, places)[-1, -1]
        cost = n * log(max(left, 1e-300)) - log(1 - phi * phi) + dear * phi**3 / (1 - phi)
        if cost < best:
            best, suits = cost, phi
    return best, suits


@compiled
def price(known: Moments, places: Places, skew: float, kurtosis: float) -> tuple[float, float]:
    """The cost of a model: likelihood, steps, drift and memory beside steps; and its phi."""
    n, degree = known[0].shape[1], len(known[0]) - 2
    cost, phi = likeliest(known, places, PERSISTENCE)
    dear = DRIFT_PRICE * degree
    for i in range(len(places)):
        looks, shorter = looks_of(places, i, n)
        dear += (sqrt(need(n, looks)) + surplus(shorter, skew, kurtosis)) ** 2
        dear -= BUSY * log(1 + i * SELDOM / max(n, SELDOM))
    if len(places):
        dear += MEMORY * phi
        if n - places[-1] <= RECENT:
            dear -= LEEWAY
    return cost + dear * n / max(n - 2 - degree - len(places), 1), phi


@compiled
def descend(
    known: Moments, places: Places, skew: float, kurtosis: float
) -> tuple[Places, float, float]:
    """The cheapest model among those left as the weakest step goes, one after the other."""
    n, p = known[0].shape[1], len(known[0]) - 1
    best, cheapest, suits = places, inf, 0.0
    while True:
        cost, phi = price(known, places, skew, kurtosis)
        if cost < cheapest:
            best, cheapest, suits = places, cost, phi
        if not len(places):
            return best, cheapest, suits
        table = regress(known, phi, places)
        variance = table[-1, -1] / n
        worst, weakest = inf, 0
        for i in range(len(places)):
            looks, _ = looks_of(places, i, n)
            excess = table[p + i, -1] ** 2 / (variance * table[p + i, p + i]) - 2 * log(looks)
            if excess < worst:
                worst, weakest = excess, i
        places = without(places, weakest)


@compiled
def spare(known: Moments, places: Places, i: int, noise: Noise) -> tuple[float, float, float]:
    """What step `i` brings (log likelihood × 2, as in normal noise), needs, and surely brings.

    The last counts as many degrees of freedom as there are independent results.
    """
    n, nu = known[0].shape[1], known[0].shape[1] - 1.0 - len(known[0]) - len(places)
    looks, shorter = looks_of(places, i, n)
    less = likeliest(known, without(places, i), 0.0)[0]
    having, phi = likeliest(known, places, 0.0)
    size = sqrt(nu * (exp(max(less - having, 0.0) / n) - 1))
    square = max(size - surplus(shorter, noise[2], noise[3]), 0.0) ** 2
    alone = MEMORY * phi if len(places) == 1 else 0.0
    phi = max(phi, noise[0])
    few = nu * (1 - phi) / (1 + phi)
    got, sure = nu * log(1 + square / nu), few * log(1 + square / few)
    return max(got - alone, 0.0), need(n, looks), sure


@compiled
def residuals(y: Floats, root: Floats, drift: Floats, places: Places, table: Floats) -> Floats:
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
def refine(
    y: Floats, root: Floats, drift: Floats, places: Places, table: Floats, phi: float
) -> Places:
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
def candidates(
    y: Floats, root: Floats, variance: float, phi: float
) -> tuple[Places, Floats, Floats]:
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
def propose(y: Floats, root: Floats, variance: float, phi: float) -> Places:
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
def settle_on(
    y: Floats, root: Floats, drift: Floats, known: Moments, places: Places
) -> tuple[Places, Noise, float]:
    """From proposed places to those of the cheapest model, its noise and its price."""
    used = 1 + len(drift) + len(places)
    table = regress(known, 0.0, places)
    noise = left_noise(residuals(y, root, drift, places, table), used)
    cost = inf
    for _ in range(4):
        kept, cheaper, phi = descend(known, places, noise[2], noise[3])
        if not cheaper < cost:
            break
        chosen, cost, suits = kept, cheaper, phi
        places = refine(y, root, drift, kept, regress(known, phi, kept), phi)
    table = regress(known, suits, chosen)
    noise = left_noise(residuals(y, root, drift, chosen, table), 1 + len(drift) + len(chosen))
    return chosen, noise, cost
