"""A change point has a life: what was said of it before is kept, and what is taken back is said.

The history keeps each shift under the first run after it, from `provisional` to `confirmed`
or `retracted`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pandas as pd

from perflib.analysis.tracks import SeriesKey, Shift, Trend
from perflib.analysis.triage import NEAR
from perflib.store import Store


class Kept(NamedTuple):
    """What the history holds of a shift."""

    status: str
    detail: dict[str, Any]


def remember(store: Store, found: Sequence[Trend]) -> list[dict[str, Any]]:
    """Keep the shifts of `found` that count; returns what is new, confirmed or taken back.

    One that was kept and is not found any more, within a few runs of its place, is retracted.
    """
    known = _by_series(store.changes())
    news = [row for one in found for row in _news(one, known.get(one.key, {}))]
    if news:
        store.keep_changes(news)
    return news


def _by_series(kept: pd.DataFrame) -> dict[SeriesKey, dict[str, Kept]]:
    """For each series its kept shifts by their run."""
    known: dict[SeriesKey, dict[str, Kept]] = {}
    for row in kept.to_dict("records"):
        key = SeriesKey(*(str(row[name]) for name in SeriesKey._fields))
        known.setdefault(key, {})[str(row["run_id"])] = Kept(row["status"], row["detail"])
    return known


def _news(one: Trend, known: dict[str, Kept]) -> Iterator[dict[str, Any]]:
    counting = [shift for shift in one.shifts if shift.counts]
    places = {str(run_id): at for at, run_id in enumerate(one.run_ids)}
    matched = _matched(counting, known, places)
    for shift in counting:
        run_id = matched.get(shift.point.index)
        if run_id is None or known[run_id].status != shift.point.status:
            kept = Kept(shift.point.status, _detail(shift))
            yield _row(one.key, run_id or shift.run_after, kept)
    for run_id, kept in known.items():
        if run_id not in matched.values() and kept.status != "retracted" and run_id in places:
            yield _row(one.key, run_id, kept._replace(status="retracted"))


def _matched(
    counting: Sequence[Shift], known: dict[str, Kept], places: dict[str, int]
) -> dict[int, str]:
    """The run under which each shift is kept, by its index: each run once, nearest pairs first."""
    indices = [shift.point.index for shift in counting]
    there = [run_id for run_id in known if run_id in places]
    found: dict[int, str] = {}
    for far, index, run_id in sorted((abs(places[r] - i), i, r) for i in indices for r in there):
        if far <= NEAR and index not in found and run_id not in found.values():
            found[index] = run_id
    return found


def _detail(shift: Shift) -> dict[str, Any]:
    told = {"run_before": shift.run_before, "adjusted_p": shift.adjusted_p}
    return msgspec.structs.asdict(shift.point) | told


def _row(key: SeriesKey, run_id: str, kept: Kept) -> dict[str, Any]:
    return {**key._asdict(), "run_id": run_id, "status": kept.status, "detail": kept.detail}
