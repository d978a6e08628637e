"""Where a run becomes steady, and whether it does: a slow start must not be averaged away.

Where: MSER-5 (White, K. P., 1997, *An effective truncation heuristic for bias reduction in
simulation output*, Simulation 69(6)): cut where the standard error of what remains is smallest,
in the first half at most. Whether: Geweke's comparison (1992, *Evaluating the accuracy of
sampling-based approaches*, Bayesian Statistics 4) of an early with a late part of the remainder,
by Welch's test on batch means, since MSER alone calls one steady series in ten unsteady.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BATCH = 5
LEAST_BATCHES = 6
EARLY, LATE = 0.3, 0.5
SURE = 0.001


class Steady(NamedTuple):
    """`cut` values come before the steady part; `reached` is None when there are too few."""

    cut: int
    reached: bool | None
    drift: float = 0.0


def steady_from(values: npt.ArrayLike, least_drift: float, batch: int = BATCH) -> Steady:
    """The truncation point of a series of equally spaced values, and whether it is steady then.

    A difference between its early and late part counts from `least_drift` on. With fewer than
    six batches nothing can be said.
    """
    series = np.asarray(values, dtype=np.float64)
    count = len(series) // batch
    if count < LEAST_BATCHES:
        return Steady(0, None)
    means = series[: count * batch].reshape(count, batch).mean(axis=1)
    cut = int(np.argmin([np.var(means[c:]) / (count - c) for c in range(count // 2 + 1)]))
    rest = means[cut:]
    early, late = rest[: max(int(EARLY * len(rest)), 2)], rest[-max(int(LATE * len(rest)), 2) :]
    drift = float(late.mean() - early.mean())
    moved = abs(drift) > least_drift and _differ(early, late)
    return Steady(cut * batch, not moved, drift)


def _differ(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
    """Welch's test at `SURE`."""
    from scipy.stats import t

    parts = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    error = parts.sum()
    if error == 0:
        return bool(a.mean() != b.mean())
    freedom = error**2 / (parts**2 / (np.array([len(a), len(b)]) - 1)).sum()
    return bool(2 * t.sf(abs(b.mean() - a.mean()) / np.sqrt(error), freedom) < SURE)
