"""Arrays in, numbers out: every statistic here is distribution-free or says what it assumes."""

from perflib.stats.intervals import (
    Interval,
    fraction,
    mean_interval,
    needed_samples,
    percentile_interval,
    percentiles,
    rate_interval,
    share_interval,
)
from perflib.stats.longrun import LongRun, long_run

__all__ = [
    "Interval",
    "LongRun",
    "fraction",
    "long_run",
    "mean_interval",
    "needed_samples",
    "percentile_interval",
    "percentiles",
    "rate_interval",
    "share_interval",
]
