"""Scratch state of the kernels; see `explain`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

# knobs
NAMES = ["BETA", "LOW", "CLIP", "DPBETA", "DRIFT", "SUB", "BIAS", "TAIL", "DOF", "ZT", "HUB"]
K0 = np.array([6.0, 2.4, 3.5, 3.0, 9.0, 0.3, 2.0, 1.0, 1.0, 3.8, 2.8])
BETA, LOW, CLIP, DPBETA, DRIFT, SUB, BIAS, TAIL, DOF, ZT, HUB = range(11)
jit = njit(cache=True)


@jit
def median5(a, b, c, d, e):
    if a > b:
        a, b = b, a
    if c > d:
        c, d = d, c
    if a < c:
        a = c
    if d < b:
        b = d
    return max(min(a, b), min(max(a, b), e))  # a,b middle two of four


@jit
def levels(y):
    n = len(y)
    left = np.empty(n)
    right = np.empty(n)
    for t in range(4, n):
        m = median5(y[t - 4], y[t - 3], y[t - 2], y[t - 1], y[t])
        left[t] = m
        right[t - 4] = m
    first = np.sort(y[:4])
    last = np.sort(y[n - 4 :])
    left[3] = (first[1] + first[2]) / 2
    right[n - 4] = (last[1] + last[2]) / 2
    a = np.sort(y[:3])[1]
    b = np.sort(y[n - 3 :])[1]
    for i in range(3):
        left[i] = a
        right[n - 1 - i] = b
    return left, right


@jit
def clean(y, a, left, right, s, k):
    n = len(y)
    c = np.empty(n)
    for t in range(n):
        lo = min(left[t], right[t])
        hi = max(left[t], right[t])
        w = s / a[t]
        v = y[t]
        if v < lo - k[CLIP] * w:
            v = lo
        elif v > hi + k[CLIP] * w:
            v = hi
        else:
            v = min(max(v, lo - k[HUB] * w), hi + k[HUB] * w)
        c[t] = v
    return c


@jit
def diffvar(c, a, lag):
    n = len(c) - lag
    m = 0.0
    for t in range(n):
        d = c[t + lag] - c[t]
        m += d * d * a[t] * a[t + lag]
    m /= n
    for _ in range(2):
        s = 0.0
        for t in range(n):
            d = c[t + lag] - c[t]
            s += min(d * d * a[t] * a[t + lag], 7 * m)
        m = 1.03 * s / n
    return m


@jit
def moments(c, a):
    v1 = diffvar(c, a, 1)
    v2 = diffvar(c, a, 2)
    if v1 <= 0:
        return 0.0, 0.0
    phi = min(max(v2 / v1 - 1, 0.0), 0.9)
    return v1 / 2 / (1 - phi), phi


@jit
def infl(phi, h):
    if phi <= 0:
        return 1.0
    return (1 + phi) / (1 - phi) - 2 * phi * (1 - phi**h) / (h * (1 - phi) ** 2)


@jit
def candidates(c, a, var, phi, k):
    n = len(c)
    W = np.zeros(n + 1)
    S = np.zeros(n + 1)
    for t in range(n):
        W[t + 1] = W[t] + a[t] * a[t]
        S[t + 1] = S[t] + a[t] * a[t] * c[t]
    mark = np.zeros(n + 1, np.bool_)
    h = 3
    while 2 * h <= n:
        low = k[LOW] * np.sqrt(var * infl(phi, h))
        m = n - 2 * h + 1
        z = np.empty(m)
        for i in range(m):
            t = i + h
            wl = W[t] - W[i]
            wr = W[t + h] - W[t]
            z[i] = abs((S[t + h] - S[t]) / wr - (S[t] - S[i]) / wl) * np.sqrt(wl * wr / (wl + wr))
        for b in range(0, m, h):
            e = min(b + h, m)
            j = b
            for i in range(b, e):
                if z[i] > z[j]:
                    j = i
            if z[j] > low and (j == 0 or z[j] >= z[j - 1]) and (j == m - 1 or z[j] >= z[j + 1]):
                mark[j + h] = True
        h = max(h + 1, int(h * 1.5))
    for i in range(3, 11):
        if i <= n - 3:
            mark[i] = True
            mark[n - i] = True
    mark[:3] = False
    mark[n - 2 :] = False
    return np.flatnonzero(mark), W, S


@jit
def best_steps(cand, W, S, n, lrv, beta):
    m = len(cand) + 2
    b = np.zeros(m, np.int64)
    b[1 : m - 1] = cand
    b[m - 1] = n
    F = np.full(m, np.inf)
    F[0] = 0.0
    P = np.zeros(m, np.int64)
    for j in range(1, m):
        for i in range(j):
            L = b[j] - b[i]
            if L < 3:
                break
            d = S[b[j]] - S[b[i]]
            v = F[i] - d * d / (W[b[j]] - W[b[i]]) / lrv + beta + 2 * np.log(n / L)
            if v < F[j]:
                F[j] = v
                P[j] = i
    K = 0
    j = m - 1
    while P[j] > 0:
        j = P[j]
        K += 1
    out = np.empty(K, np.int64)
    j = m - 1
    for i in range(K - 1, -1, -1):
        j = P[j]
        out[i] = b[j]
    return out


@jit
def whiten(c, a, B, phi):
    """columns: level, drift.., c ; whitened"""
    n = len(c)
    p = 1 + B.shape[0]
    W = np.empty((p + 1, n))
    q = np.sqrt(1 - phi * phi)
    W[0, 0] = q * a[0]
    W[p, 0] = q * a[0] * c[0]
    for t in range(1, n):
        W[0, t] = a[t] - phi * a[t - 1]
        W[p, t] = a[t] * c[t] - phi * a[t - 1] * c[t - 1]
    for j in range(1, p):
        b = B[j - 1]
        W[j, 0] = q * a[0] * b[0]
        for t in range(1, n):
            W[j, t] = a[t] * b[t] - phi * a[t - 1] * b[t - 1]
    return W


@jit
def regress(c, a, B, phi, tau):
    """GLS: theta, unscaled covariance, rss"""
    W = whiten(c, a, B, phi)
    p = W.shape[0] - 1
    n = len(c)
    K = len(tau)
    q = p + K
    G = np.empty((q, q))
    r = np.empty(q)
    for i in range(p):
        for j in range(i + 1):
            s = 0.0
            for t in range(n):
                s += W[i, t] * W[j, t]
            G[i, j] = s
            G[j, i] = s
        s = 0.0
        for t in range(n):
            s += W[i, t] * W[p, t]
        r[i] = s
    acc = np.zeros(p + 1)
    t = n - 1
    for k in range(K - 1, -1, -1):
        x = tau[k]
        while t > x:
            for j in range(p + 1):
                acc[j] += W[0, t] * W[j, t]
            t -= 1
        for j in range(p + 1):
            v = a[x] * W[j, x] + acc[j]
            if j < p:
                G[p + k, j] = v
                G[j, p + k] = v
            else:
                r[p + k] = v
        G[p + k, p + k] = a[x] * a[x] + acc[0]
        for j in range(k):
            v = W[0, x] * a[x] + acc[0]
            G[p + k, p + j] = v
            G[p + j, p + k] = v
    V = np.linalg.inv(G)
    th = V @ r
    yy = 0.0
    for t in range(n):
        yy += W[p, t] * W[p, t]
    return th, V, yy - th @ r


@jit
def threshold2(n, n1, n2, phi, sk, ku, k):
    z2 = k[BETA] + 2 * np.log(n / n1 + n / n2)
    nu = n / (1 + 2 * (1 + phi) / (1 - phi)) * k[DOF]
    z = np.sqrt(nu * (np.exp(z2 / nu) - 1))
    h = min(n1, n2)
    x = k[ZT]
    z += k[TAIL] * (sk * (x * x - 1) / 6 / np.sqrt(h) + ku * (x**3 - 3 * x) / 24 / h)
    return z * z


@jit
def eliminate(th, V, rss, tau, p, n, phi, ve, sk, ku, k):
    tau = tau.copy()
    while True:
        K = len(tau)
        worst = 0.0
        w = -1
        for i in range(K):
            n1 = tau[i] - (tau[i - 1] if i else 0)
            n2 = (tau[i + 1] if i < K - 1 else n) - tau[i]
            x = th[p + i] ** 2 / (ve * V[p + i, p + i]) - threshold2(n, n1, n2, phi, sk, ku, k)
            if x < worst:
                worst = x
                w = i
        if w < 0:
            return tau, th, V, rss
        c = p + w
        v = V[:, c].copy()
        d = v[c]
        keep = np.ones(len(th), np.bool_)
        keep[c] = False
        rss += th[c] ** 2 / d
        th = (th - v * th[c] / d)[keep]
        m = len(keep) - 1
        V2 = np.empty((m, m))
        ii = 0
        for i in range(m + 1):
            if i == c:
                continue
            jj = 0
            for j in range(m + 1):
                if j == c:
                    continue
                V2[ii, jj] = V[i, j] - v[i] * v[j] / d
                jj += 1
            ii += 1
        V = V2
        kk = np.ones(K, np.bool_)
        kk[w] = False
        tau = tau[kk]


@jit
def residuals(c, a, B, tau, th):
    n = len(c)
    p = 1 + B.shape[0]
    r = np.empty(n)
    lev = th[0]
    j = 0
    for t in range(n):
        while j < len(tau) and tau[j] == t:
            lev += th[p + j]
            j += 1
        x = c[t] - lev
        for i in range(p - 1):
            x -= th[1 + i] * B[i, t]
        r[t] = x * a[t]
    return r


@jit
def noise(r, m, k):
    """phi, innovation variance, skew, excess kurtosis of the whitened residuals"""
    n = len(r)
    s = 0.0
    x = 0.0
    for t in range(n):
        s += r[t] * r[t]
    for t in range(1, n):
        x += r[t] * r[t - 1]
    if s <= 0:
        return 0.0, 0.0, 0.0, 0.0
    rho = x / s
    rho += k[BIAS] * (1 + 3 * max(rho, 0.0)) * m / n
    phi = min(max(rho, 0.0), 0.9)
    m2 = 0.0
    m3 = 0.0
    m4 = 0.0
    for t in range(1, n):
        w = r[t] - phi * r[t - 1]
        w2 = w * w
        m2 += w2
        m3 += w2 * w
        m4 += w2 * w2
    ve = m2 / max(n - 1 - m, 1)
    m2 /= n - 1
    m3 /= n - 1
    m4 /= n - 1
    if m2 <= 0:
        return 0.0, 0.0, 0.0, 0.0
    return phi, ve, max(abs(m3) / m2**1.5 - 0.2, 0.0), max(m4 / m2**2 - 3, 0.0)


@jit
def refine(c, a, B, tau, th, phi):
    n = len(c)
    p = 1 + B.shape[0]
    K = len(tau)
    out = tau.copy()
    lev = th[0]
    d = c.copy()
    for i in range(p - 1):
        d -= th[1 + i] * B[i]
    for k in range(K):
        m1 = lev
        m2 = lev + th[p + k]
        lev = m2
        lo = max((out[k - 1] if k else 0) + 3, tau[k] - 40)
        hi = min((tau[k + 1] if k < K - 1 else n) - 3, tau[k] + 40)
        # cost(x+1)-cost(x): x joins the left level
        best = 0.0
        cost = 0.0
        arg = lo
        for x in range(lo, hi):
            l = a[x - 1] * (d[x - 1] - m1)
            wx = a[x] * (d[x] - m2) - phi * l
            w1 = a[x] * (d[x] - m1) - phi * l
            w2 = a[x + 1] * (d[x + 1] - m2) - phi * a[x] * (d[x] - m2)
            wn = a[x + 1] * (d[x + 1] - m2) - phi * a[x] * (d[x] - m1)
            cost += w1 * w1 + wn * wn - wx * wx - w2 * w2
            if cost < best:
                best = cost
                arg = x + 1
        if hi >= lo:
            out[k] = arg
    return out


@jit
def solve(c, a, B, tau, k):
    n = len(c)
    p = 1 + B.shape[0]
    floor = 1e-300
    th, V, rss = regress(c, a, B, 0.0, tau)
    r = residuals(c, a, B, tau, th)
    phi, ve, sk, ku = noise(r, p + len(tau), k)
    for i in range(4):
        th, V, rss = regress(c, a, B, phi, tau)
        if ve <= 0:
            break
        new, th, V, rss = eliminate(th, V, rss, tau, p, n, phi, ve, sk, ku, k)
        r = residuals(c, a, B, new, th)
        phi, ve, sk, ku = noise(r, p + len(new), k)
        moved = refine(c, a, B, new, th, phi)
        same = len(moved) == len(tau)
        if same:
            for j in range(len(tau)):
                same = same and moved[j] == tau[j]
        tau = moved
        if same and i:
            break
    return tau, phi, ve, sk, ku


@jit
def price(c, a, B, tau, phi, ve, k):
    n = len(c)
    th, V, rss = regress(c, a, B, phi, tau)
    s = rss / ve + k[DRIFT] * B.shape[0]
    K = len(tau)
    for i in range(K):
        n1 = tau[i] - (tau[i - 1] if i else 0)
        n2 = (tau[i + 1] if i < K - 1 else n) - tau[i]
        s += threshold2(n, n1, n2, phi, 0.0, 0.0, k)
    return s


@jit
def propose(c, a, var, phi, k):
    low = max(phi - k[SUB], 0.0)
    v = var * (1 - phi) / (1 - low)
    cand, W, S = candidates(c, a, v, low, k)
    return best_steps(cand, W, S, len(c), v * infl(low, 50), k[DPBETA])


@jit
def legendre(u, p):
    n = len(u)
    B = np.empty((p, n))
    for t in range(n):
        a = 1.0
        b = u[t]
        for j in range(p):
            B[j, t] = b
            a, b = b, ((2 * j + 3) * u[t] * b - (j + 1) * a) / (j + 2)
    return B


@jit
def analyse(y, a, u, s, k):
    n = len(y)
    left, right = levels(y)
    c = clean(y, a, left, right, s, k)
    var, phi = moments(c, a)
    c = clean(y, a, left, right, np.sqrt(var), k)
    var, phi = moments(c, a)
    B = np.empty((0, n))
    if var <= 0:
        return np.empty(0, np.int64), c, B, phi, var
    start = propose(c, a, var, phi, k)
    tau, phi, ve, sk, ku = solve(c, a, B, start, k)
    for p in (1, 3, 5):
        Bn = legendre(u, p)
        t1, f1, v1, _, _ = solve(c, a, Bn, start, k)
        th, V, rss = regress(c, a, Bn, f1, t1)
        d = c.copy()
        for i in range(p):
            d -= th[1 + i] * Bn[i]
        t1, f1, v1, _, _ = solve(c, a, Bn, propose(d, a, v1 / (1 - f1 * f1), f1, k), k)
        if v1 <= 0:
            break
        if price(c, a, Bn, t1, f1, v1, k) < price(c, a, B, tau, f1, v1, k):
            tau, phi, ve, B = t1, f1, v1, Bn
        elif p > 1:
            break
    return tau, c, B, phi, ve


@jit
def describe(c, a, B, tau, phi, ve, k):
    n = len(c)
    p = 1 + B.shape[0]
    K = len(tau)
    th, V, rss = regress(c, a, B, phi, tau)
    out = np.empty((K, 6))
    x = np.zeros(p + K)
    nu = n / (1 + 2 * (1 + phi) / (1 - phi))
    for i in range(K):
        t = tau[i]
        n1 = t - (tau[i - 1] if i else 0)
        n2 = (tau[i + 1] if i < K - 1 else n) - t
        x[0] = 1
        for j in range(p - 1):
            x[1 + j] = B[j, t]
        before = 0.0
        for j in range(p + i):
            before += x[j] * th[j]
        vb = 0.0
        cb = 0.0
        for j in range(p + i):
            cb += x[j] * V[j, p + i]
            for l in range(p + i):
                vb += x[j] * x[l] * V[j, l]
        jump = th[p + i]
        out[i, 0] = jump
        out[i, 1] = before
        out[i, 2] = ve * V[p + i, p + i]
        out[i, 3] = ve * cb
        out[i, 4] = ve * vb
        z2 = jump * jump / (ve * V[p + i, p + i])
        out[i, 5] = z2
        x[p + i] = 1
    return out


class Fit(NamedTuple):
    places: np.ndarray
    steps: np.ndarray
    freedom: float


def spread0(y):
    d = np.abs(np.diff(y))
    i, j = len(d) // 2, int(0.8 * len(d))
    q = np.partition(d, (i, j))
    return max(q[i] / 0.9539, q[j] / 1.8124)


def explain(y, a, u):
    mid = np.median(y)
    y = y - mid
    s = spread0(y) or float(y.std())
    if s == 0:
        return None
    tau, c, B, phi, ve = analyse(y, a, u, s, K0)
    if not len(tau):
        return Fit(tau, np.empty((0, 6)), 1.0)
    n = len(y)
    d = describe(c, a, B, tau, phi, ve, K0)
    e = np.concatenate(([0], tau, [n]))
    l = np.diff(e)
    jump, before, vj, cb, vb, z2 = d.T
    before = before + mid
    r = jump / before
    sd = np.sqrt(vj - 2 * r * cb + r * r * vb) / np.abs(before)
    looks = n / l[:-1] + n / l[1:]
    nu = n / (1 + 2 * (1 + phi) / (1 - phi))
    return Fit(
        tau,
        np.column_stack(
            [jump, before, sd, nu * np.log1p(z2 / nu), K0[BETA] + 2 * np.log(looks), looks]
        ),
        n - 1 - len(tau),
    )
