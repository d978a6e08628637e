"""How much a target's runs differ by themselves, which one run a side cannot show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perflib.analysis.changes import change_points
from perflib.analysis.sides import Key, Member
from perflib.environment import environment_key, load_key
from perflib.stats.values import Floats
from perflib.store import Store

MOST = 20
"""The newest runs count: what was usual long ago may be no more."""


def fit(points: pd.DataFrame) -> NDArray[np.bool_]:
    """Which points are of runs to judge by: whole ones that nobody called bad."""
    return np.asarray(~points["bad"] & (points["status"] == "complete"), dtype=bool)


def earlier(store: Store | None, members: Sequence[Member]) -> dict[Key, list[list[float]]]:
    """The values of other runs like `members`, by time and before the newest of them.

    In stretches without a change point. Empty for numbers, for different targets, machines or
    loads, and without a store.
    """
    runs = [member.run for member in members]
    where = {(r.target, environment_key(r.environment), load_key(r)) for r in runs}
    if store is None or len(where) > 1 or not runs[0].target:
        return {}
    ((target, machine, load),) = where
    points = store.points(target)
    newest = pd.to_datetime(max(run.started_at for run in runs), utc=True)
    alike = (points["environment_key"] == machine) & (points["load_key"] == load)
    before = alike & (points["started_at"] < newest)
    points = points[before & fit(points) & ~points["run_id"].isin([run.id for run in runs])]
    by = points.groupby(["metric", "label", "statistic"], sort=False, observed=True)["value"]
    found = ((cast("tuple[str, str, str]", key), values) for key, values in by)
    return {Key(*key): _stretches(values.to_numpy()[-MOST:]) for key, values in found}


def _stretches(values: Floats) -> list[list[float]]:
    places = [change.index for change in change_points(values, least=0)]
    return [stretch.tolist() for stretch in np.split(values, places)]
