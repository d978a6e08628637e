"""A second witness: a shift must be supported without a model, however heavy the tails.

A change-point model weighs values, so a cluster of outliers can look like a step. The ranks
of the results on both sides cannot be fooled that way, at the price of a few more results;
where results are few, that all of them lie far from the other level says what ranks cannot.
Under heavy tails the second witness decides; otherwise both are heard together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from perflib import stats
from perflib.stats.values import Floats

NEIGHBOURS = 100
"""So many results on each side take part."""
ROOM = 1.0
"""Standard deviations by which a result may pass the normal reach before tails are heavy."""
FEW = 8.0
"""Results at which the usual size is known to about itself only."""
PLACES = 10.0
"""Places are chosen more finely than the independent looks that a scan of one length has."""


def supported(values: Floats, places: Sequence[int], p_values: Sequence[float]) -> list[float]:
    """The model's `p_values` of the shifts at `places` (first results after) and the witness's.

    Their geometric mean times e is a p-value however the two depend (Vovk & Wang 2020,
    Biometrika 107:791); the larger one counts where the tails are heavy.
    """
    edges = [0, *places, len(values)]
    heavy = _heavy(values, edges)
    seen = _witnessed(values, edges)
    return [
        max(model, free) if heavy else max(model, min(1.0, math.e * math.sqrt(model * free)))
        for model, free in zip(p_values, seen, strict=True)
    ]


def _witnessed(values: Floats, edges: Sequence[int]) -> list[float]:
    """For each inner edge a p-value for finding such a shift anywhere in `values`.

    Mann & Whitney over the neighbouring levels or the gap between them, whichever says more,
    times the number of looks that a scan for levels of these lengths takes (as in
    `perflib.analysis.changes`); the logarithm shrinks by the share of independent results,
    which the ranks within levels tell.
    """
    independent = _independent(values, edges)
    found = []
    for before, place, after in zip(edges, edges[1:], edges[2:], strict=False):
        a = values[max(before, place - NEIGHBOURS) : place]
        b = values[place : min(after, place + NEIGHBOURS)]
        looks = PLACES * (len(values) / (place - before) + len(values) / (after - place))
        free = min(1.0, 2 * min(stats.rank_test(a, b), _gap_test(a, b)))
        found.append(min(1.0, looks * free**independent))
    return found


def _gap_test(a: Floats, b: Floats) -> float:
    """The chance that all results of the shorter side lie so far from the other side's level.

    By Chebyshev's inequality for one: no noise of this standard deviation does it oftener.
    """
    few, many = (a, b) if len(a) < len(b) else (b, a)
    level = float(np.median(many))
    gap = float(np.min(np.abs(few - level)))
    sides = sum(float(np.sum((side - np.median(side)) ** 2)) for side in (a, b))
    variance = sides / max(len(a) + len(b) - 2, 1)
    together = bool(np.all(few > level) or np.all(few < level))
    return min(1.0, variance / gap**2) ** len(few) if together else 1.0


def _heavy(values: Floats, edges: Sequence[int]) -> bool:
    """Whether the farthest result lies beyond what n normal ones reach, with room."""
    rest = np.concatenate([values[a:b] - np.median(values[a:b]) for a, b in pairwise(edges)])
    usual = float(np.median(np.abs(rest))) / 0.6745
    reach = math.sqrt(2 * math.log(max(len(rest), 2))) + ROOM
    reach *= 1 + FEW / len(rest)
    return float(np.max(np.abs(rest))) > reach * usual


def _independent(values: Floats, edges: Sequence[int]) -> float:
    """(1 − φ) ÷ (1 + φ) with φ the autocorrelation of ranks within levels, bias removed."""
    parts = [_centred_ranks(values[a:b]) for a, b in pairwise(edges)]
    ranks = np.concatenate(parts)
    power = float(ranks @ ranks)
    if power <= 0:
        return 1.0
    phi = float(ranks[1:] @ ranks[:-1]) / power
    phi = min(max(phi + (1 + 3 * phi) * len(parts) / len(ranks), 0.0), 0.9)
    return (1 - phi) / (1 + phi)


def _centred_ranks(part: Floats) -> Floats:
    """Ranks of a level from −1 to 1, so that long and short levels weigh alike."""
    order = np.argsort(np.argsort(part, kind="stable"), kind="stable")
    return (2 * order + 1) / len(part) - 1.0
