"""Measure until it is clear on which side of the middle a value lies, and not longer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from perflib.stats.ratio import positive
from perflib.stats.values import number

Side = Literal["good", "bad"]


def side_of(
    values: Sequence[float],
    good: Sequence[float],
    bad: Sequence[float],
    *,
    decisions: int,
    looks: int,
    error: float = 0.05,
) -> Side | None:
    """Whether positive `values` belong to `good` or to `bad`; None when more are needed.

    Compared is their geometric mean with the middle of both references, by Student's t
    over the spread of all three. `error` is the chance of any wrong answer in `decisions`
    decisions of at most `looks` looks each (Bonferroni).
    """
    trials = number(decisions, "decisions", 1) * number(looks, "looks", 1)
    error = number(error, "error", 0, 1)
    groups = [np.log(positive(group)) for group in (values, good, bad)]
    freedom = sum(len(group) for group in groups) - len(groups)
    if freedom < 1 or not all(map(len, groups)):
        return None
    own, low, high = (float(group.mean()) for group in groups)
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    # the middle is known as well as the references are
    width = 1 / len(groups[0]) + (1 / len(groups[1]) + 1 / len(groups[2])) / 4
    limit = float(stdtrit(freedom, 1 - error / trials / 2))
    half = limit * math.sqrt(squares / freedom * width)
    distance = (own - (low + high) / 2) * (1 if high > low else -1)
    if abs(distance) <= half:
        return None
    return "bad" if distance > 0 else "good"
