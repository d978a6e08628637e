"""An interval comes with every number, and "need ≥ n samples" instead of a false answer.

Percentiles use order statistics, so they hold for any distribution; means, shares and
rates respect that neighbouring samples resemble each other (`perflib.stats.longrun`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrik, betaincinv, gammaincinv, ndtri

from perflib.errors import ValuesError
from perflib.model import Caveat, Estimate
from perflib.stats.longrun import long_run
from perflib.stats.values import Floats, number, numbers

LONGER = "measure longer or at a higher rate"
RATE_BINS = 1024
"""Time bins in which a rate is counted."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its confidence interval; a side that `n` does not allow is None."""

    value: float
    low: float | None
    high: float | None
    n: int
    level: float
    method: str
    caveats: tuple[Caveat, ...] = ()

    def of(
        self, metric: str, statistic: str, unit: str, label: str = "", resolution: float = 0.0
    ) -> Estimate:
        """What it tells of a metric whose values are known to steps of `resolution`."""
        return Estimate(
            metric=metric,
            statistic=statistic,
            value=self.value,
            unit=unit,
            n=self.n,
            low=None if self.low is None else self.low - resolution,
            high=None if self.high is None else self.high + resolution,
            level=self.level,
            label=label,
            method=self.method,
            resolution=resolution,
            caveats=self.caveats,
        )

    @property
    def warning(self) -> str:
        """All caveats as one sentence; empty when there are none."""
        return "; ".join(caveat.message for caveat in self.caveats)


def fraction(q: float) -> float:
    """`q` as a fraction: 0 < q < 1 is one already, 1 ≤ q < 100 is a percentage (95 → 0.95)."""
    if isinstance(q, int | float | np.number):
        if 0 < q < 1:
            return float(q)
        if 1 <= q < 100:
            return float(q) / 100
    raise ValuesError(
        f"{q} is no percentile", expected="a fraction in (0, 1) or a percentage in [1, 100)"
    )


def finite(values: ArrayLike, name: str = "values") -> tuple[Floats, tuple[Caveat, ...]]:
    """`values` as a flat float array without NaN, and a caveat that tells how many there were."""
    array = numbers(values, name)
    missing = np.isnan(array)
    if not missing.any():
        return array, ()
    message = f"{int(missing.sum())} of {len(array)} {name} are NaN and were left out"
    return array[~missing], (Caveat(code="nan", message=message),)


def needed_samples(q: float, level: float = 0.95) -> int:
    """The smallest n for which order statistics enclose the percentile `q` at `level`.

    The sample's whole range encloses it with probability 1 − qⁿ − (1 − q)ⁿ (David &
    Nagaraja 2003, Order Statistics, §7.1).
    """
    q, level = fraction(q), fraction(level)
    n = 1
    while 1 - q**n - (1 - q) ** n < level:
        n = max(n + 1, math.floor(math.log(1 - level) / math.log(max(q, 1 - q))) - 1)
    return n


def percentile_interval(
    values: ArrayLike, q: float, level: float = 0.95, *, inflation: float = 1.0
) -> Interval:
    """The percentile `q` of `values` (any order) with its distribution-free interval.

    `q` and `level`: a number in (0, 1) is a fraction, one in [1, 100) a percentage, so 0.95
    and 95 are the same. Fractional order statistics give the nominal coverage, not merely
    at least it (Hutson 1999, J. Appl. Stat. 26:343). `inflation` ≥ 1 says that n samples
    are worth only n ÷ inflation independent ones (Korn & Graubard 1998, Surv. Methodol.
    24:193). NaN are left out and told; an infinity is a value as any other.
    """
    array, caveats = finite(values)
    return percentiles(np.sort(array), [q], level, inflations=[inflation], caveats=caveats)[0]


def percentiles(
    ordered: Floats,
    qs: Sequence[float],
    level: float = 0.95,
    *,
    inflations: Sequence[float] | None = None,
    caveats: tuple[Caveat, ...] = (),
) -> list[Interval]:
    """`percentile_interval` for several `qs`; an array is sorted and free of NaN already."""
    if not isinstance(ordered, np.ndarray) or ordered.dtype != np.float64 or ordered.ndim != 1:
        ordered, caveats = finite(ordered)
        ordered = np.sort(ordered)
    if not len(ordered):
        raise ValuesError("no values", expected="at least one number that is not NaN")
    if not isinstance(qs, Iterable):
        raise ValuesError(f"qs is {qs!r:.60}", expected="a list of percentiles")
    level, places = fraction(level), [fraction(q) for q in qs]
    worth = numbers([1.0] * len(places) if inflations is None else inflations, "inflations")
    if len(worth) != len(places):
        raise ValuesError(f"{len(worth)} inflations", expected=f"one for each of {len(places)} qs")
    return [
        _percentile(ordered, q, level, number(inflation, "inflation"), caveats)
        for q, inflation in zip(places, worth.tolist(), strict=True)
    ]


def _percentile(
    ordered: Floats, q: float, level: float, inflation: float, caveats: tuple[Caveat, ...]
) -> Interval:
    n = len(ordered)
    effective = n / max(inflation, 1.0)
    low_rank, high_rank = _ranks(effective, q, level)
    stretch = (n + 1) / (effective + 1)
    value = _at_rank(ordered, 1 + (n - 1) * q)
    low = None if low_rank is None else min(_at_rank(ordered, low_rank * stretch), value)
    high = None if high_rank is None else max(_at_rank(ordered, high_rank * stretch), value)
    if low is None or high is None:
        caveats = (*caveats, _short(n, q, level, inflation))
    return Interval(
        value=value,
        low=low,
        high=high,
        n=n,
        level=level,
        method="order statistics (Hutson 1999)",
        caveats=caveats,
    )


def _ranks(n: float, q: float, level: float) -> tuple[float | None, float | None]:
    """Fractional ranks between which the percentile lies; None where the sample ends too early.

    Tails are equal unless the sample's end leaves more than half of the error on one side.
    """
    error = 1 - level
    beyond_low, beyond_high = (1 - q) ** n, q**n
    whole = beyond_low + beyond_high <= error
    low_tail = min(error / 2, error - beyond_high) if whole else error / 2
    high_tail = min(error / 2, error - beyond_low) if whole else error / 2
    low_tail, high_tail = max(low_tail, beyond_low), max(high_tail, beyond_high)
    low = None if beyond_low > error / 2 and not whole else float(bdtrik(low_tail, n, q)) + 1
    high = None if beyond_high > error / 2 and not whole else float(bdtrik(1 - high_tail, n, q)) + 1
    return low, high


def _at_rank(ordered: Floats, rank: float) -> float:
    """The value at a fractional rank (1 is the smallest), linear between order statistics."""
    rank = min(max(rank, 1.0), float(len(ordered)))
    below = int(rank)
    low, high = float(ordered[below - 1]), float(ordered[min(below, len(ordered) - 1)])
    part = rank - below
    return low if part == 0 or low == high else low + part * (high - low)


def too_few(n: int, q: float, level: float = 0.95) -> tuple[Caveat, ...]:
    """A caveat when `n` samples, independent of each other, do not bound the percentile `q`."""
    n, q, level = int(number(n, "n", 0)), fraction(q), fraction(level)
    return () if n >= needed_samples(q, level) else (_short(n, q, level, 1.0),)


def _short(n: int, q: float, level: float, inflation: float) -> Caveat:
    needed = math.ceil(needed_samples(q, level) * max(inflation, 1.0))
    message = f"p{100 * q:g} at {100 * level:g} % needs ≥ {needed} samples, has {n}"
    if inflation >= 2:
        message += f" in bursts, worth {n / inflation:.0f}"
    return Caveat(code="short", message=message, next_step=LONGER)


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean of `values` (in their order in time) with an interval that respects autocorrelation.

    See `perflib.stats.longrun` for the method. Where values are skewed, so is Student's t: the
    interval is shifted by what Edgeworth's expansion says of that (Hall 1983, Ann. Stat. 11:569),
    at most by half of its half. One value has no interval, nor have values whose squares are
    beyond the largest number.
    """
    array, caveats = finite(values)
    level = fraction(level)
    if not len(array):
        raise ValuesError("no values", expected="at least one number that is not NaN")
    n = len(array)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(array.mean())
        spread = long_run(array) if n > 1 and math.isfinite(mean) else None
    if spread is None or not math.isfinite(spread.variance):
        message = "a mean's interval needs ≥ 2 finite samples, whose squares are finite too"
        caveats = (*caveats, Caveat(code="short", message=message, next_step=LONGER))
        return Interval(
            value=mean, low=None, high=None, n=n, level=level, method="mean", caveats=caveats
        )
    limit, error = spread.quantile(level), math.sqrt(spread.variance / n)
    shift = min(max(spread.skew * (2 * limit**2 + 1) / 6, -limit / 2), limit / 2)
    return Interval(
        value=mean,
        low=mean + error * (shift - limit),
        high=mean + error * (shift + limit),
        n=n,
        level=level,
        method="cosine-weighted long-run variance (Lazarus et al. 2018)",
        caveats=caveats,
    )


def share_inflation(flags: NDArray[np.bool_], level: float = 0.95) -> float:
    """How many of the flags (in order of time) are worth one independent flag; at least 1."""
    share = float(flags.mean())
    variance = share * (1 - share)
    if variance <= 0:
        return 1.0
    spread = long_run(flags.astype(np.float64))
    widening = spread.quantile(level) / float(ndtri((1 + level) / 2))
    return min(max(1.0, spread.variance / variance * widening**2), float(len(flags)))


def share_interval(flags: ArrayLike, level: float = 0.95) -> Interval:
    """The share of true `flags` (in order of time): the beta interval over the effective number.

    Clopper & Pearson 1934 with the design effect of Korn & Graubard 1998. No or only true flags
    tell nothing of bursts and are taken as independent: none in n is at most about 3.7 ÷ n.
    """
    caveats: tuple[Caveat, ...] = ()
    if type(flags) is np.ndarray and flags.dtype == bool:  # millions of them are not copied
        array = flags.ravel()
    else:
        known, caveats = finite(flags, "flags")
        array = known.astype(bool)
    if not len(array):
        raise ValuesError("no values", expected="at least one flag")
    level, n = fraction(level), len(array)
    share = float(array.mean())
    low, high = _beta(share, n / share_inflation(array, level), level)
    return Interval(
        value=share,
        low=low,
        high=high,
        n=n,
        level=level,
        method="beta (Korn & Graubard 1998)",
        caveats=caveats,
    )


def counted_share_interval(share: float, n: int, level: float = 0.95) -> Interval:
    """A `share` of `n` outcomes whose order is not known, taken as independent of each other.

    Clopper & Pearson 1934.
    """
    level, share, n = fraction(level), number(share, "share", 0, 1), int(number(n, "n", 1))
    low, high = _beta(share, float(n), level)
    method = "beta (Clopper & Pearson 1934), outcomes taken as independent"
    return Interval(value=share, low=low, high=high, n=n, level=level, method=method)


def _beta(share: float, effective: float, level: float) -> tuple[float, float]:
    hits = share * effective
    low = betaincinv(hits, effective - hits + 1, (1 - level) / 2) if hits > 0 else 0.0
    high = betaincinv(hits + 1, effective - hits, (1 + level) / 2) if hits < effective else 1.0
    return float(low), float(high)


def rate_interval(
    times_s: ArrayLike,
    since_s: float,
    until_s: float,
    level: float = 0.95,
    *,
    weights: ArrayLike | None = None,
) -> Interval:
    """Events (or their `weights`) a second between `since_s` and `until_s`.

    Counts in equal bins of time are a series whose mean has the interval of
    `mean_interval`, and one event more or less; that of fewer than 64 events holds the Poisson
    interval too (Fay & Feuer 1997, Stat. Med. 16:791), which alone is too narrow for events that
    come in bursts. Without any event nobody knows what one would weigh: with `weights` there is
    then no upper end.
    """
    times, caveats = finite(times_s, "times")
    since_s, until_s = number(since_s, "since_s"), number(until_s, "until_s")
    level, duration = fraction(level), until_s - since_s
    if not duration > 0:
        raise ValuesError(f"the window lasts {duration:g} s", expected="a positive duration")
    inside = (times >= since_s) & (times < until_s)
    n = int(inside.sum())
    bins = min(RATE_BINS, max(16, n // 4))
    places = ((times[inside] - since_s) * (bins / duration)).astype(np.intp)
    heavy = None if weights is None else _weights(weights, times_s)[inside]
    counts = np.bincount(np.minimum(places, bins - 1), heavy, bins)
    mean = mean_interval(counts * (bins / duration), level)
    value, low, high = mean.value, mean.low, mean.high
    low = None if low is None else max(low, 0.0)
    method = "counts in time bins, " + mean.method
    if n and low is not None and high is not None:  # where a window begins decides on one event
        low, high = min(low, value - value / n), max(high, value + value / n)
    if n < 64 and low is not None and high is not None:
        least, most = _poisson(np.ones(n) if heavy is None else heavy, level, weights is None)
        low, high = min(low, least / duration), max(high, most / duration)
        high = high if n or weights is None else None
        method = "Poisson (Fay & Feuer 1997), or wider: " + method
    return Interval(
        value=value, low=low, high=high, n=n, level=level, method=method, caveats=caveats
    )


def _weights(weights: ArrayLike, times_s: ArrayLike) -> Floats:
    """The weights of those times that are not NaN."""
    heavy, times = numbers(weights, "weights"), numbers(times_s, "times")
    if len(heavy) != len(times):
        raise ValuesError(f"{len(heavy)} weights", expected=f"one for each of {len(times)} times")
    return heavy[~np.isnan(times)]


def _poisson(weights: Floats, level: float, alike: bool) -> tuple[float, float]:
    """The ends for a sum of Poisson events; where all weigh 1 (`alike`) those of Garwood 1936."""
    total, squares = float(weights.sum()), float((weights**2).sum())
    heaviest = float(weights.max(initial=float(alike)))  # what one more event could weigh
    low = squares / total * gammaincinv(total**2 / squares, (1 - level) / 2) if total > 0 else 0.0
    total, squares = total + heaviest, squares + heaviest**2
    high = squares / total * gammaincinv(total**2 / squares, (1 + level) / 2) if total > 0 else 0.0
    return float(low), float(high)
