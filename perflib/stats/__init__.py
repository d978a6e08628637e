"""Arrays in, numbers out: every statistic here is distribution-free or says what it assumes."""

from perflib.stats.intervals import (
    Interval,
    counted_share_interval,
    fraction,
    mean_interval,
    needed_samples,
    percentile_interval,
    percentiles,
    rate_interval,
    share_interval,
    too_few,
)
from perflib.stats.longrun import LongRun, long_run
from perflib.stats.ratio import Contrast, difference_interval, ratio_interval
from perflib.stats.shift import benjamini_hochberg, cliffs_delta, hodges_lehmann, rank_test

__all__ = [
    "Contrast",
    "Interval",
    "LongRun",
    "benjamini_hochberg",
    "cliffs_delta",
    "counted_share_interval",
    "difference_interval",
    "fraction",
    "hodges_lehmann",
    "long_run",
    "mean_interval",
    "needed_samples",
    "percentile_interval",
    "percentiles",
    "rank_test",
    "rate_interval",
    "ratio_interval",
    "share_interval",
    "too_few",
]
