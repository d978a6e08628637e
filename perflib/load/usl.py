"""The universal scalability law: how throughput grows with concurrency, and where it turns.

Gunther, N. J. (2007), *Guerrilla Capacity Planning*: X(N) = λN / (1 + σ(N − 1) + κN(N − 1)),
with σ the share of work that waits for others (contention) and κ the cost of agreeing
(coherency). Concurrency is taken from Little's law, N = X R, so open arrivals serve as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LEAST_STEPS = 4
LEAST_SLOPE = 0.1


def usl(concurrency: Any, rate: float, contention: float, coherency: float) -> Any:
    """Throughput at `concurrency`; `rate` is that of a single request at a time."""
    n = concurrency
    return rate * n / (1 + contention * (n - 1) + coherency * n * (n - 1))


def _slope(n: Any, contention: float, coherency: float) -> Any:
    """By how many per cent throughput grows when concurrency `n` grows by one."""
    cost = contention * (n - 1) + coherency * n * (n - 1)
    return 1 - n * (contention + coherency * (2 * n - 1)) / (1 + cost)


def peak_of(contention: float, coherency: float) -> float | None:
    """The concurrency from which on throughput falls; None when it never does."""
    if coherency <= 0 or contention >= 1:
        return None
    # the quotient's root would overflow where the fit leaves next to no coherency
    return float(np.sqrt(1 - contention) / np.sqrt(coherency))


def fit_usl(
    throughput: npt.ArrayLike, response_s: npt.ArrayLike, level: float = 0.95
) -> dict[str, Any] | None:
    """The law's parameters with their intervals at `level` from steps of load; None below four.

    Least squares on relative errors, parameters not negative; intervals by the linearised
    covariance and Student's t, cut off at zero. The rate of a step is known and its response time
    is not, so a second fit weighs each step by what an error of its concurrency does to throughput
    (effective variance: Orear, 1982, *Am. J. Phys.* 50).
    """
    from scipy.optimize import curve_fit
    from scipy.stats import t

    x = np.asarray(throughput, dtype=np.float64)
    n = x * np.asarray(response_s, dtype=np.float64)
    if len(x) < LEAST_STEPS or np.ptp(n) == 0:
        return None
    start, sigma = (float(np.max(x / n)), 0.05, 0.0001), x
    bounds = (0, [np.inf, 10.0, 10.0])
    try:
        for _ in range(2):
            found, covariance = curve_fit(
                usl, n, x, p0=start, sigma=sigma, bounds=bounds, maxfev=5000
            )
            sigma = x * np.maximum(np.abs(_slope(n, *found[1:])), LEAST_SLOPE)
    except RuntimeError:
        return None
    half = t.ppf((1 + level) / 2, len(x) - 3) * np.sqrt(np.diag(covariance))
    names = ("rate", "contention", "coherency")
    result: dict[str, Any] = {
        name: {"value": float(v), "low": max(float(v - h), 0.0), "high": float(v + h)}
        for name, v, h in zip(names, found, half, strict=True)
    }
    result["peak_concurrency"] = peak = peak_of(*found[1:])
    result["peak_throughput"] = None if peak is None else float(usl(peak, *found))
    return result
