"""The course of one indicator over a target's runs: what `analysis.trends` says, and its causes.

Bad runs and runs of other machines or loads stay visible in `points`; only the trend's own runs
are compared with each other.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pandas as pd

from perflib import analysis
from perflib.analysis.behind import Causes
from perflib.analysis.triage import Decisions
from perflib.desk import ASKED_FIRST, find_folder, newest_good, no_run, open_store
from perflib.errors import StoreError, nearest
from perflib.model import Metric, Objective, find_metric
from perflib.objectives import parse_objective
from perflib.store import Store
from perflib.wording import Relative, clean, named, percent_change, shown

DEFAULT_STATISTIC = "p95"
MOST_LABELS = 12


class Course:
    """One series with all its runs, oldest first."""

    def __init__(self, trend: analysis.Trend, points: pd.DataFrame, store: Store) -> None:
        self.trend = trend
        self.store = store
        key = trend.key
        same = (
            (points["metric"] == key.metric)
            & (points["statistic"] == key.statistic)
            & (points["label"] == key.label)
        )
        self.points: pd.DataFrame = points[same].reset_index(drop=True)
        self.metric: Metric = find_metric(key.metric, trend.unit)

    @cached_property
    def counted(self) -> pd.DataFrame:
        """The points of runs that nobody called bad, or of all where every one is."""
        good = self.points[~self.points["bad"]]
        return good if len(good) else self.points

    @property
    def state(self) -> str:
        """Where the series stands, in one word."""
        return str(self.trend.state)

    @cached_property
    def shifts(self) -> list[analysis.Shift]:
        """The shifts that count, oldest first."""
        return [shift for shift in self.trend.shifts if shift.counts]

    @property
    def last(self) -> analysis.Shift | None:
        """The shift that the state speaks of, else the newest one."""
        spoken = [shift for shift in self.shifts if shift.run_after == self.trend.since]
        found = spoken or self.shifts
        return found[-1] if found else None

    @property
    def moved(self) -> Relative | None:
        """The shift that the state speaks of, else the drift that does, else None."""
        if self.last is not None:
            return self.last.point
        return None if self.state == "unchanged" else self.trend.drift

    def at(self, run_id: str) -> pd.Timestamp:
        """When this run started."""
        rows = self.points.loc[self.points["run_id"] == run_id, "started_at"]
        return pd.Timestamp(rows.iloc[0])

    def when(self, run_id: str) -> str:
        """When this run started, in words; with its year where the history has several."""
        years = self.points["started_at"].dt.year.nunique()
        return f"{self.at(run_id):{'%d %b %H:%M UTC' if years == 1 else '%d %b %Y'}}"

    def causes(self, shift: analysis.Shift) -> Causes:
        """What else changed between the runs on the sides of a shift."""
        git = find_folder(".git")
        repository = git.parent if git else Path()
        return analysis.causes(self.store, shift.run_before, shift.run_after, repository)

    @property
    def name(self) -> str:
        """The indicator as people say it: `p95 of query time`."""
        key = self.trend.key
        label = f" of {clean(key.label, 24)}" if key.label else ""
        return f"{named(key.metric, key.statistic)}{label}"

    @property
    def finding(self) -> str:
        """What the history amounts to, in one sentence."""
        runs = len(self.trend.values)
        if runs < 2:
            return f"{self.name}: one run is no history yet"
        drift = self.trend.drift
        if drift is not None and self.moved is drift:
            return f"{self.name} drifts by {percent_change(drift)} over {runs - drift.start} runs"
        if self.last is None:
            now = shown(self.trend.level, self.trend.unit)
            hedge = "" if self.state == "unchanged" else f"; {self.trend.reason}"
            return f"{self.name} did not shift for sure in {runs} runs: about {now}{hedge}"
        verb = self.state if self.state in ("improved", "regressed") else "shifted"
        when = self.when(self.last.run_after)
        sure = "" if self.last.point.status == "confirmed" else ", provisionally"
        return f"{self.name} {verb} by {percent_change(self.last.point)} on {when}{sure}"

    @cached_property
    def objective(self) -> Objective | None:
        """What the newest run that counts promised of this indicator."""
        run = self.store.load(str(self.counted["run_id"].iloc[-1]))
        key = self.trend.key
        for promise in map(parse_objective, run.objectives):
            if promise.key == key[1:4]:
                return promise
        return None


def _courses(points: pd.DataFrame, store: Store) -> list[Course]:
    """One course for each series of the newest machine and load, judged together."""
    if not len(points):
        return []
    decisions = Decisions.of_store(store, str(points["target"].iloc[0]))
    found = analysis.trends(points, decisions=decisions)
    return [Course(trend, points, store) for trend in found if trend.current]


def open_course(
    target: str,
    metric: str = "",
    statistic: str = "",
    label: str = "",
    data: str | Path = "data",
) -> Course:
    """The course of one indicator; without a metric, of what the target is first asked about.

    Without a statistic it is the promised one of the metric, else p95, else the value.
    """
    store = open_store(data)
    points = store.points(target)
    if not len(points):
        raise no_run(store, target, data)
    newest = newest_good(store, target)
    run = store.load(newest) if newest else None
    metric = metric or _headline(run.kind if run else "", points)
    there = points[points["metric"] == metric]
    if not len(there):
        raise StoreError(
            f"no metric `{metric}` in the history of `{target}`",
            expected=nearest(metric, sorted(set(points["metric"]))),
            next_step="choose one of the metrics named here",
        )
    statistics = set(there["statistic"])
    promised = [
        promise.statistic
        for promise in map(parse_objective, run.objectives if run else ())
        if (promise.metric, promise.label) == (metric, label)
    ]
    usual = (one for one in (*promised, DEFAULT_STATISTIC) if one in statistics)
    statistic = statistic or next(usual, "value")
    chosen = there[(there["statistic"] == statistic) & (there["label"] == label)]
    courses = _courses(chosen, store)
    if not courses:
        raise StoreError(
            f"no {statistic} of `{metric}` under label `{label}`",
            expected=f"one of {', '.join(sorted(statistics))}; "
            f"labels {', '.join(sorted(set(there['label'])))[:200]}",
            next_step="choose a statistic and label that were recorded",
        )
    return courses[0]


def _headline(kind: str, points: pd.DataFrame) -> str:
    there = set(points["metric"])
    return next((n for n in ASKED_FIRST.get(kind, ()) if n in there), str(points["metric"].iloc[0]))


def by_label(course: Course) -> list[Course]:
    """The same indicator of each label, those with most runs first, at most twelve."""
    key = course.trend.key
    points = course.store.points(key.target, key.metric, key.statistic)
    sizes = points[points["label"] != ""].groupby("label", observed=True).size()
    most = sizes.sort_values(ascending=False, kind="stable").index[:MOST_LABELS]
    found = _courses(points[points["label"].isin(most)], course.store)
    return sorted(found, key=lambda one: one.trend.key.label)


def indicators(target: str, data: str | Path = "data") -> list[Course]:
    """The course of every promised indicator of `target`, judged together."""
    store = open_store(data)
    newest = newest_good(store, target)
    promises = map(parse_objective, store.load(newest).objectives if newest else ())
    parts = [store.points(target, *promise.key) for promise in promises]
    parts = [part for part in parts if len(part)]
    return _courses(pd.concat(parts, ignore_index=True), store) if parts else []
