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
from perflib.stats.ratio import Contrast, Spread, difference_interval, ratio_interval, usual_spread
from perflib.stats.shift import (
    benjamini_hochberg,
    cliffs_delta,
    hodges_lehmann,
    median_error,
    rank_test,
)

__all__ = [
    "Contrast",
    "Interval",
    "LongRun",
    "Spread",
    "benjamini_hochberg",
    "cliffs_delta",
    "counted_share_interval",
    "difference_interval",
    "fraction",
    "hodges_lehmann",
    "long_run",
    "mean_interval",
    "median_error",
    "needed_samples",
    "percentile_interval",
    "percentiles",
    "rank_test",
    "rate_interval",
    "ratio_interval",
    "share_interval",
    "too_few",
    "usual_spread",
]
