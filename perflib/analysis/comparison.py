"""Two sets of runs, compared with the run as the unit and the environments first.

A change is called only when it is significant after correction for everything that was
looked at, and larger than what matters; `unchanged` needs an interval inside the tolerance.
Runs of one and the same target differ by more than their samples tell: of neighbours in a
steady history every second one would be a change. So one run a side is compared by how earlier
runs differ, and without such a history calls neither. Bare numbers are taken at their word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

from perflib import stats
from perflib.analysis.sides import Key, Member, shared_keys, side
from perflib.analysis.usual import earlier
from perflib.environment import differences, environment_key, load_settings
from perflib.errors import ValuesError, require
from perflib.model import Caveat, Estimate, find_metric
from perflib.stats import Contrast
from perflib.stats.shift import thinned
from perflib.stats.values import Floats
from perflib.store import OPEN_IT, Store
from perflib.wording import listed

TOLERANCE = 0.03
"""A smaller relative change does not matter, unless said otherwise."""
ONE_RUN = "one run a side"
UNKNOWN_SPREAD = f"{ONE_RUN}: how much runs differ by themselves is not known"


class State(StrEnum):
    """Where a metric went."""

    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no data"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One statistic of one metric under one label (empty: the whole run), a against b.

    `a` and `b` are the medians over the runs of a side in base units. `contrast` is None
    where nothing allows an interval. `shift` (Hodges–Lehmann, base units), `delta` (Cliff)
    and `rank_p` compare whole distributions and are NaN without samples or several runs.
    """

    metric: str
    label: str
    statistic: str
    unit: str
    a: float
    b: float
    contrast: Contrast | None
    adjusted_p: float
    state: State
    reason: str
    shift: float
    delta: float
    rank_p: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All changes, after what differs in the environments; without them when not comparable."""

    runs_a: tuple[str, ...]
    runs_b: tuple[str, ...]
    differences: tuple[str, ...]
    comparable: bool
    changes: tuple[Change, ...]
    caveats: tuple[Caveat, ...]
    level: float
    tolerance: float

    def find(self, metric: str, statistic: str = "mean", label: str = "") -> Change | None:
        """The change of one statistic, or None."""
        key = (metric, statistic, label)
        return next((c for c in self.changes if (c.metric, c.statistic, c.label) == key), None)

    def frame(self) -> pd.DataFrame:
        """A row a change: its fields, and `ratio`, `low`, `high`, `p_value`, `kind`."""
        rows = []
        for change in self.changes:
            row = {k: v for k, v in asdict(change).items() if k != "contrast"}
            rows.append(row | _flat(change.contrast))
        return pd.DataFrame(rows)


def _flat(contrast: Contrast | None) -> dict[str, Any]:
    names = ("value", "low", "high", "p_value", "kind")
    found = [getattr(contrast, name, math.nan) for name in names]
    return dict(zip(("ratio", *names[1:]), found, strict=True))


def compare(
    a: Any,
    b: Any,
    *,
    store: Store | None = None,
    level: float = 0.95,
    tolerance: float = TOLERANCE,
    anyway: bool = False,
) -> Comparison:
    """How `b` differs from `a`; each a run, or a set of runs (see `perflib.analysis.sides.side`).

    Runs are random effects on their logarithms (`perflib.stats.ratio_interval`); p-values
    are adjusted over all metrics, statistics and labels (Benjamini–Hochberg). Runs of
    different machines or loads give no changes unless `anyway`.
    """
    tolerated(tolerance)
    level = stats.fraction(level)
    require(store, Store | None, "store", OPEN_IT)
    one, two = side(a, store), side(b, store)
    found = list(_differences(one + two))
    comparable = not any(blocks for blocks, _ in found)
    changes: list[Change] = []
    if comparable or anyway:
        others = earlier(store, one + two) if len(one) + len(two) == 2 else {}
        recorded = any(member.run.id for member in one + two)
        changes = _judged([*_changes(one, two, level, others)], level, tolerance, recorded)
    return Comparison(
        runs_a=tuple(member.run.id for member in one),
        runs_b=tuple(member.run.id for member in two),
        differences=tuple(text for _, text in found),
        comparable=comparable,
        changes=tuple(changes),
        caveats=tuple(_warnings(one, two, changes)),
        level=level,
        tolerance=tolerance,
    )


def tolerated(tolerance: float) -> float:
    """`tolerance` itself if it is a relative change; nothing is larger than what is no number."""
    if not isinstance(tolerance, int | float | np.number) or not 0 <= tolerance < math.inf:
        raise ValuesError(
            f"a tolerance of {tolerance}", expected="a relative change from 0 on, such as 0.03"
        )
    return tolerance


def _tells(key: Key) -> bool:
    """Extremes have no interval; lateness is the load generator's and not the target's."""
    return key.statistic not in ("min", "max") and key.metric != "lateness"


def _differences(members: Sequence[Member]) -> Iterator[tuple[bool, str]]:
    """What differs between the first run and the others: whether it forbids comparing, and what."""
    seen: set[str] = set()
    first = members[0].run
    for other in (member.run for member in members[1:]):
        machine = environment_key(first.environment) != environment_key(other.environment)
        named = [(machine, text) for text in differences(first.environment, other.environment)]
        names = load_settings(first.target)
        for blocks, text in (*named, *_load_differences(first.workload, other.workload, names)):
            if text not in seen:
                seen.add(text)
                yield blocks, text


def _load_differences(
    a: Mapping[str, Any], b: Mapping[str, Any], names: Set[str], under: str = "workload"
) -> Iterator[tuple[bool, str]]:
    for name in sorted(a.keys() | b.keys()):
        old, new = a.get(name), b.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _load_differences(old, new, names, f"{under} {name}")
        elif old != new:
            yield name in names, f"{under} {name}: {_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    text = "–" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _warnings(
    one: Sequence[Member], two: Sequence[Member], changes: Sequence[Change]
) -> Iterator[Caveat]:
    yield from _doubts([*one, *two])
    labels = [{key.label for key in member.estimates} for member in (*one, *two)]
    if apart := sorted(labels[0].union(*labels) - labels[0].intersection(*labels)):
        message = f"not compared, as not every run has it: {listed(apart)}"
        yield Caveat(code="labels", message=message)
    if len(one) + len(two) == 2:
        known = any(c.contrast is not None and c.contrast.between is not None for c in changes)
        told = f"{ONE_RUN}: how earlier runs differ from each other makes the intervals"
        step = "compare several runs a side"
        yield Caveat(code="one run", message=told if known else UNKNOWN_SPREAD, next_step=step)


def _doubts(members: Sequence[Member]) -> Iterator[Caveat]:
    for run in (member.run for member in members):
        if run.status != "complete":
            yield Caveat(code="incomplete", message=f"run {run.id} is {run.status}", voids=("*",))
        yield from (caveat for caveat in run.caveats if caveat.voids)


def _changes(
    one: Sequence[Member],
    two: Sequence[Member],
    level: float,
    others: Mapping[Key, list[list[float]]],
) -> Iterator[Change]:
    doubts = [*_doubts([*one, *two])]
    several = len(one) > 1 and len(two) > 1
    pooled: dict[tuple[str, str], _Ranks] = {}
    for key in shared_keys((one, two), _tells):
        a, b = ([member.estimates[key] for member in side] for side in (one, two))
        contrast = _contrast(a, b, level, others.get(key, []))
        doubt = next((c.message for c in doubts if c.forbids(key.metric)), "")
        if several:
            ranks = _ranks([e.value for e in a], [e.value for e in b])
        else:
            names = (key.metric, key.label)
            ranks = pooled[names] = pooled.get(names) or _pooled(names, one, two)
        yield Change(
            metric=key.metric,
            label=key.label,
            statistic=key.statistic,
            unit=a[0].unit,
            a=float(np.median([e.value for e in a])),
            b=float(np.median([e.value for e in b])),
            contrast=contrast,
            adjusted_p=math.nan if contrast is None or doubt else contrast.p_value,
            state=State.INCONCLUSIVE,
            reason=doubt,
            shift=ranks.shift,
            delta=ranks.delta,
            rank_p=ranks.p_value,
        )


def _contrast(
    a: Sequence[Estimate], b: Sequence[Estimate], level: float, others: list[list[float]]
) -> Contrast | None:
    """A ratio, or a difference where a value is not positive; None where one run a side tells none.

    Errors come from the estimates' intervals; when one has none, the spread of the runs
    alone counts. `others` are values of earlier runs, in stretches without a change.
    """
    positive = all(v > 0 for v in chain((e.value for e in (*a, *b)), *others))
    usual = stats.usual_spread(others, "ratio" if positive else "difference")
    errors: list[list[float | None]]
    errors = [[_error(e, positive) for e in side] for side in (a, b)]
    if any(error is None for side in errors for error in side):
        if len(a) + len(b) == 2 and usual is None:
            return None
        errors = [[0.0] * len(a), [0.0] * len(b)]
    error_a, error_b = ([error or 0.0 for error in side] for side in errors)
    interval = stats.ratio_interval if positive else stats.difference_interval
    return interval([e.value for e in a], [e.value for e in b], error_a, error_b, level, usual)


def _error(estimate: Estimate, relative: bool) -> float | None:
    """The standard error behind an interval; None when there is none (one value a run)."""
    low, high = estimate.low, estimate.high
    if low is None or high is None or low == high:
        return None
    if relative and low <= 0:
        low, high = 1.0, 1.0 + (high - low) / estimate.value
    width = math.log(high / low) if relative else high - low
    return width / 2 / float(ndtri((1 + estimate.level) / 2))


class _Ranks(NamedTuple):
    shift: float
    delta: float
    p_value: float


def _ranks(a: ArrayLike, b: ArrayLike) -> _Ranks:
    return _Ranks(stats.hodges_lehmann(a, b), stats.cliffs_delta(a, b), stats.rank_test(a, b))


def _pooled(names: tuple[str, str], one: Sequence[Member], two: Sequence[Member]) -> _Ranks:
    """Over samples where a side has one run; the test counts them for what they are worth."""
    pools = [[m.samples[names] for m in side if names in m.samples] for side in (one, two)]
    if not all(pools):
        return _Ranks(math.nan, math.nan, math.nan)
    a, b = (np.sort(np.concatenate(pool)) for pool in pools)
    key = Key(*names, "mean")
    worth = [_worth(pool, side[0].estimates[key]) for pool, side in ((a, one), (b, two))]
    p_value = stats.rank_test(thinned(a, worth[0]), thinned(b, worth[1]))
    return _ranks(a, b)._replace(p_value=p_value)


def _worth(pool: Floats, estimate: Estimate) -> int:
    """How many independent samples give a mean the error that its interval has."""
    error = _error(estimate, relative=False)
    worth = float(np.var(pool)) / error**2 if error else len(pool)
    return int(min(max(worth, 4), len(pool), 2000))


def _judged(
    changes: Sequence[Change], level: float, tolerance: float, recorded: bool
) -> list[Change]:
    adjusted = stats.benjamini_hochberg([change.adjusted_p for change in changes])
    return [
        _state(replace(change, adjusted_p=float(p)), level, tolerance, recorded)
        for change, p in zip(changes, adjusted, strict=True)
    ]


def _state(change: Change, level: float, tolerance: float, recorded: bool) -> Change:
    contrast = change.contrast
    if contrast is None or math.isnan(change.adjusted_p):
        reason = change.reason or "one value a run: at least two runs a side are needed"
        return replace(change, reason=reason)
    if contrast.between is None and recorded:
        return replace(change, reason=UNKNOWN_SPREAD)
    neutral = 1.0 if contrast.kind == "ratio" else 0.0
    scale = 1.0 if contrast.kind == "ratio" else max(abs(change.a), abs(change.b))
    room = tolerance * scale
    matters = abs(contrast.value - neutral) > room
    if change.adjusted_p <= 1 - level and matters:
        return _directed(change, contrast.value > neutral)
    if abs(contrast.low - neutral) <= room and abs(contrast.high - neutral) <= room:
        return replace(change, state=State.UNCHANGED, reason="the interval is within tolerance")
    significant = change.adjusted_p <= 1 - level
    reason = "significant, but within tolerance" if significant else "the interval is too wide"
    return replace(change, reason=reason)


def _directed(change: Change, larger: bool) -> Change:
    better = find_metric(change.metric).better
    if better == "none":
        return replace(change, reason="it shifted, but neither direction is better")
    improved = larger == (better == "higher")
    state = State.IMPROVED if improved else State.REGRESSED
    return replace(change, state=state, reason="significant and past tolerance")
