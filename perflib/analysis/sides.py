"""What can be compared: recorded runs, runs with their samples, or bare numbers.

A side of a comparison is a set of runs. Numbers count as the service times of one run,
several arrays as several runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from perflib.analysis.estimate import Column, describe, estimates, sample_columns
from perflib.errors import StoreError, ValuesError
from perflib.model import Estimate, Run
from perflib.stats.intervals import finite
from perflib.stats.shift import thinned
from perflib.stats.values import Floats
from perflib.store import Store

KEPT_POINTS = 4096
"""So many quantiles of a run's samples take part in rank statistics."""
NUMBERS = "service_time"
"""Bare numbers count as service times in seconds."""


class Key(NamedTuple):
    """What is compared."""

    metric: str
    label: str
    statistic: str


@dataclass(frozen=True)
class Member:
    """One run of a side: its estimates, and its samples as sorted quantiles where it has them."""

    run: Run
    estimates: Mapping[Key, Estimate]
    samples: Mapping[tuple[str, str], Floats] = field(default_factory=dict)


def side(given: Any, store: Store | None = None) -> list[Member]:
    """`given` as a set of runs: a run id, a `Run`, a (`Run`, samples) pair, numbers, or several."""
    if isinstance(given, str | Run) or _is_pair(given):
        return [_member(given, store)]
    if not isinstance(given, Iterable):
        raise ValuesError(f"`{given}` is no run", expected="runs, run ids or numbers to compare")
    items = given if isinstance(given, np.ndarray) else list(given)
    if len(items) and _is_numbers(items[0]) and np.ndim(items[0]) == 0:
        return [_numbers(items)]
    members = [_numbers(item) if _is_numbers(item) else _member(item, store) for item in items]
    if not members:
        raise ValuesError("a side without runs", expected="at least one run to compare")
    known = [member.run.id for member in members if member.run.id]
    if twice := next((one for one in known if known.count(one) > 1), None):
        raise ValuesError(
            f"run {twice} is twice on one side",
            expected="each run once: copies of one do not tell how runs differ",
            next_step="leave the copy out",
        )
    return members


def _is_pair(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], Run)


def _is_numbers(given: Any) -> bool:
    return not isinstance(given, str | Run) and not _is_pair(given)


def _member(given: str | Run | tuple[Run, pd.DataFrame], store: Store | None) -> Member:
    if isinstance(given, str):
        if store is None:
            raise ValuesError(f"run id {given} without a store", expected="`store=Store(...)`")
        given = store.load(given)
    if isinstance(given, Run):
        run, samples = given, None if store is None else _samples(store, given.id)
    else:
        run, samples = given
    found = run.estimates
    if samples is not None and not found:
        found = estimates(run, samples)
    return Member(run, _by_key(found), {} if samples is None else _sorted(run, samples))


def _samples(store: Store, run_id: str) -> pd.DataFrame | None:
    """The samples of a run; a committed or imported run may have none."""
    try:
        return store.samples(run_id)
    except StoreError:
        return None


def _sorted(run: Run, samples: pd.DataFrame) -> dict[tuple[str, str], Floats]:
    return {
        (column.metric, column.label): _kept(column.values)
        for column in sample_columns(run, samples)
    }


def _numbers(values: Iterable[float]) -> Member:
    array, _ = finite(list(values) if not isinstance(values, np.ndarray) else values)
    if not len(array):
        raise ValuesError("a run without values", expected="at least one number")
    run = Run(id="", target="", kind="", started_at="", duration_s=0.0)
    found = describe(Column(NUMBERS, "", array, 0))
    return Member(run, _by_key(found), {(NUMBERS, ""): _kept(array)})


def _kept(values: Floats) -> Floats:
    """The quantiles of what estimates are made of: infinities are left out of both."""
    return thinned(np.sort(values[np.isfinite(values)]), KEPT_POINTS)


def _by_key(found: Iterable[Estimate]) -> dict[Key, Estimate]:
    return {Key(e.metric, e.label, e.statistic): e for e in found}


def shared_keys(sides: Sequence[Sequence[Member]], accept: Callable[[Key], bool]) -> list[Key]:
    """The accepted keys that every member has, in one unit, in the order of the first."""
    first, *others = (member.estimates for one in sides for member in one)
    return [
        key
        for key, mine in first.items()
        if accept(key) and all(key in other and other[key].unit == mine.unit for other in others)
    ]
