"""Samples that follow each other resemble each other: a mean of them is worth fewer than n.

The long-run variance Ω (n times the variance of a mean over a time series) is estimated
from the first B cosine coefficients of the series, which are independent of each other to
first order, so that the mean divided by its error follows Student's t with B degrees of
freedom (Lazarus, Lewis, Stock & Watson 2018, "HAR inference", J. Bus. Econ. Stat. 36:541).
The series is first made nearly white by an AR(1) filter (Andrews & Monahan 1992,
Econometrica 60:953) whose coefficient is freed of its small-sample bias (Marriott & Pope 1954,
Biometrika 41:390). Chosen over plain batch means because those cover 83 % instead of 95 %
on 300 points with autocorrelation 0.9, this one 94 %. Few points are too few for a spectrum:
their variance is that of AR(1) noise, which on 12 points covers 97, 92 and 85 % at
autocorrelation 0, 0.3 and 0.6, where Student's interval covers 95, 86 and 66 %.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.special import stdtrit

from perflib.errors import ValuesError
from perflib.stats.values import Floats, numbers

MOST_BATCHES = 4096
"""Longer series are averaged into this many batches first: no accuracy lost, flat cost."""
ALIKE = 1.5
FEW_BATCHES = 64
"""Batches that are more alike than so many standard errors are joined in pairs, while this many
remain: what is slow hides in single samples under their noise, or decays slower than the AR(1)
filter can tell from them, and shows in means."""
FEWEST = 20
"""Below this only the autocorrelation with the next value can be told, and no spectrum."""


class LongRun(NamedTuple):
    """`variance` Ω of the series (its mean has variance Ω ÷ n), its degrees of freedom, and the
    skewness of the mean.
    """

    variance: float
    freedom: float
    skew: float

    def quantile(self, level: float) -> float:
        """The two-sided Student quantile at `level`."""
        return float(stdtrit(self.freedom, (1 + level) / 2))


def long_run(values: Floats) -> LongRun:
    """The long-run variance of `values` (in their order in time, equally spaced, n ≥ 2)."""
    values = numbers(values)
    if len(values) < 2:
        raise ValuesError(f"{len(values)} values have no variance", expected="at least two")
    size = -(-len(values) // MOST_BATCHES)
    batches = batch_means(values, size) if size > 1 else values
    rho = _autocorrelation(batches)
    while rho > ALIKE / math.sqrt(len(batches)) and len(batches) >= 2 * FEW_BATCHES:
        batches, size = batch_means(batches, 2), 2 * size
        rho = _autocorrelation(batches)
    centred = batches - batches.mean()
    n = len(batches)
    power = float(centred @ centred) / n
    skew = float(((centred / math.sqrt(power)) ** 3).mean()) / math.sqrt(n) if power > 0 else 0.0
    rho += (1 + 4 * rho) / n
    if n < FEWEST:
        rho = min(max(rho, 0.0), 0.8)  # a larger one widens more than it covers
        return LongRun(n * power / (n - 1) * (1 + rho) / (1 - rho), n - 1, skew)
    rho = min(max(rho, -0.5), 0.97)
    white = centred[1:] - rho * centred[:-1]
    count = max(4, int(0.41 * len(white) ** (2 / 3)))
    waves = dct(white, type=2, norm="ortho")[1 : count + 1]
    return LongRun(size * float(waves @ waves) / count / (1 - rho) ** 2, count, skew)


def _autocorrelation(values: Floats) -> float:
    """The correlation of each value with the next; 0 for a constant."""
    centred = values - values.mean()
    power = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / power if power > 0 else 0.0


def batch_means(values: Floats, size: int) -> Floats:
    """Means of consecutive batches of `size`; the incomplete last batch is left out."""
    whole = len(values) // size * size
    means: Floats = np.add.reduceat(values[:whole], np.arange(0, whole, size)) / size
    return means
