"""Which series of a history deserve attention: what was promised, else the plain means."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from perflib.analysis.comparison import TOLERANCE
from perflib.analysis.standing import trends
from perflib.analysis.tracks import Trend
from perflib.analysis.triage import Decisions
from perflib.errors import require, require_names
from perflib.model import CAPACITY
from perflib.store import OPEN_IT, Store

UNPROMISED = ("mean", "value")
"""Statistics that are followed where a target promises nothing."""
_PLACE = ["target", "metric", "statistic", "label"]


def follow(
    store: Store,
    targets: Sequence[str] = (),
    *,
    metric: str | None = None,
    statistic: str | None = None,
    label: str | None = None,
    tolerance: float = TOLERANCE,
    run_ids: Collection[str] | None = None,
) -> list[Trend]:
    """The trends of `targets` (all without), each at its machine and load of now, taken together.

    With `run_ids` as if there were no other runs.

    Capacity searches, whose rates are their own choice, are followed only by their name.

    Followed are the series that the newest run of a target makes promises about, or what
    `metric`, `statistic` and `label` choose; without a promise every mean and single value.
    """
    require(store, Store, "store", OPEN_IT)
    require_names(targets)
    only = targets[0] if len(targets) == 1 else None
    points = store.points(only, metric, statistic, label)
    if targets:
        points = points[points["target"].isin([*targets])]
    else:
        points = points[~points["target"].str.endswith(CAPACITY)]
    if run_ids is not None:
        points = points[points["run_id"].isin(run_ids)]
    decisions = Decisions.of_store(store, only)
    if metric is None and statistic is None and label is None:
        points = _promised(points, _judged(store, only, run_ids, decisions.any_bad))
    elif label is None:
        points = points[points["label"] == ""]
    found = trends(points, tolerance=tolerance, decisions=decisions)
    return [one for one in found if one.current]


def _judged(
    store: Store, only: str | None, run_ids: Collection[str] | None, any_bad: bool
) -> pd.DataFrame:
    """The verdicts of each target's newest run that is not bad, of those in `run_ids`."""
    if run_ids is None and not any_bad:
        return store.verdicts(only, newest=True)
    runs = store.runs(only)
    good = runs[~runs["bad"] & (run_ids is None or runs["run_id"].isin(run_ids))]
    newest = good.drop_duplicates("target", keep="last")["run_id"]
    found = store.verdicts(only)
    return found[found["run_id"].isin(newest)]


def _promised(points: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    promised = verdicts[_PLACE].drop_duplicates()
    named = pd.MultiIndex.from_frame(points[_PLACE]).isin(pd.MultiIndex.from_frame(promised))
    free = ~points["target"].isin(promised["target"])
    plain = points["statistic"].isin(UNPROMISED) & (points["label"] == "")
    return points[named | (free & plain)]
