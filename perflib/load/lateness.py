"""How late a process ran, told by pulses: as an arrival at a random time would have met it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

PULSE_S = 0.02
LATE_SHARE = 0.01


def lateness_p99(late_s: Iterable[float]) -> float | None:
    """The lateness (s) that is exceeded for 1 % of the time; None without pulses.

    `late_s` is what each sleep of `PULSE_S` took too long. Their own quantile would hide a stall,
    which delays one pulse however long it lasts. A stall of L is more than x late for L − x, so
    x solves Σ max(L − x, 0) = c for that share of the time: the greatest of
    (sum of the k longest − c) / k over all k.
    """
    longest = sorted((max(late, 0.0) for late in late_s), reverse=True)
    over_s = LATE_SHARE * (len(longest) * PULSE_S + sum(longest))
    sums = enumerate(accumulate(longest), 1)
    return max((max((total - over_s) / k, 0.0) for k, total in sums), default=None)
