"""The course of one indicator over a target's runs: where it moved, by how much, and what else did.

Change points are looked for among runs of the newest run's environment, bad ones left out;
runs of other environments stay visible but are not judged with them.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from perflib.analysis.changes import ChangePoint, Drift, Study, study
from perflib.desk import HEADLINES, open_store
from perflib.environment import differences
from perflib.errors import StoreError, nearest
from perflib.model import Metric, Objective, find_metric
from perflib.objectives import parse_objective
from perflib.store import Store
from perflib.units import format_quantity
from perflib.wording import clean, words

DEFAULT_STATISTIC = "p95"
TOLERANCE = 0.03
"""A smaller shift does not matter."""


class Shift(NamedTuple):
    """A change point with the runs on its sides and what else changed between them."""

    change: ChangePoint
    before_run: str
    after_run: str
    at: pd.Timestamp
    commits: str
    environment: list[str]

    @property
    def text(self) -> str:
        """The shift in words: `+23 % [18, 29]`."""
        ends = f"[{100 * self.change.low:.2g}, {100 * self.change.high:.2g}]"
        return f"{100 * self.change.change:+.2g} % {ends}".replace("-", "−")


class Course:
    """One indicator of one target over its runs, oldest first."""

    def __init__(
        self,
        target: str,
        metric: str,
        statistic: str,
        label: str,
        points: pd.DataFrame,
        store: Store,
    ) -> None:
        self.target = target
        self.metric: Metric = find_metric(metric)
        self.statistic = statistic
        self.label = label
        self.points = points.reset_index(drop=True)
        self.store = store

    @cached_property
    def judged(self) -> pd.DataFrame:
        """The runs that are compared with each other."""
        key = self.points["environment_key"].iloc[-1]
        same = self.points["environment_key"] == key
        rows: pd.DataFrame = self.points[same & ~self.points["bad"]]
        return rows.reset_index(drop=True)

    @cached_property
    def study(self) -> Study:
        """Change points and drift of the judged runs; `index` counts rows of `judged`."""
        times = self.judged["started_at"].astype("int64").to_numpy() / 1e9
        half = (self.judged["high"] - self.judged["low"]).to_numpy(dtype=np.float64) / 3.92
        known = np.isfinite(half) & (half > 0)
        return study(self.judged["value"], times=times, spread=half if known.any() else None)

    @property
    def drift(self) -> Drift | None:
        """Slow movement that is not steps."""
        return self.study.drift

    @cached_property
    def shifts(self) -> list[Shift]:
        """The change points that matter, with what else changed between the runs on their sides."""
        return [self._shift(c) for c in self.study.changes if abs(c.change) >= TOLERANCE]

    def _shift(self, change: ChangePoint) -> Shift:
        before, after = self.judged.iloc[change.index - 1], self.judged.iloc[change.index]
        commits = [str(row["git_commit"] or "")[:10] or "?" for row in (before, after)]
        one, two = (self.store.load(str(row["run_id"])).environment for row in (before, after))
        same = commits[0] == commits[1]
        return Shift(
            change,
            str(before["run_id"]),
            str(after["run_id"]),
            after["started_at"],
            f"{commits[0]}, the same" if same else f"{commits[0]} → {commits[1]}",
            differences(one, two),
        )

    @property
    def state(self) -> str:
        """Where the indicator went at its last shift, in the words of a trend."""
        if len(self.judged) < 2:
            return "no data"
        if not self.shifts:
            return "unchanged" if len(self.judged) >= 7 else "inconclusive"
        last = self.shifts[-1].change
        if last.status != "confirmed" or self.metric.better == "none":
            return "inconclusive"
        better = (last.change < 0) == (self.metric.better == "lower")
        return "improved" if better else "regressed"

    @property
    def name(self) -> str:
        """The indicator as people say it: `p95 of query time`."""
        statistic = "" if self.statistic == "value" else f"{self.statistic} of "
        label = f" of {clean(self.label, 24)}" if self.label else ""
        return f"{statistic}{words(self.metric.name)}{label}"

    @property
    def finding(self) -> str:
        """What the history amounts to, in one sentence."""
        runs, sentence = len(self.judged), self.name
        if runs < 2:
            return f"{sentence}: one run is no history yet"
        if not self.shifts:
            value = format_quantity(float(self.judged["value"].median()), self.metric.unit)
            return f"{sentence} did not shift in {runs} runs: about {value}"
        last = self.shifts[-1]
        sure = "" if last.change.status == "confirmed" else ", provisionally"
        return f"{sentence} {self._verb} by {last.text} on {last.at:%d %b %H:%M}{sure}"

    @property
    def _verb(self) -> str:
        return self.state if self.state in ("improved", "regressed") else "shifted"

    @cached_property
    def objective(self) -> Objective | None:
        """What the newest run promised of this indicator."""
        run = self.store.load(str(self.points["run_id"].iloc[-1]))
        wanted = (self.metric.name, self.statistic, self.label)
        for promise in map(parse_objective, run.objectives):
            if (promise.metric, promise.statistic, promise.label) == wanted:
                return promise
        return None


def open_course(
    target: str,
    metric: str = "",
    statistic: str = "",
    label: str = "",
    data: str | Path = "data",
) -> Course:
    """The course of one indicator; without a metric, of what the target is first asked about."""
    store = open_store(data)
    points = store.points(target)
    if not len(points):
        raise StoreError(
            f"no history of `{target}`",
            expected=f"recorded runs in {data}",
            next_step=f"record some with `perflib run {target}`, or set data to `data/sample`",
        )
    metric = metric or _headline(store, target, points)
    there = points[points["metric"] == metric]
    if not len(there):
        raise StoreError(
            f"no metric `{metric}` in the history of `{target}`",
            expected=nearest(metric, sorted(set(points["metric"]))),
            next_step="choose one of the metrics named here",
        )
    statistics = set(there["statistic"])
    statistic = statistic or (DEFAULT_STATISTIC if DEFAULT_STATISTIC in statistics else "value")
    chosen = there[(there["statistic"] == statistic) & (there["label"] == label)]
    if not len(chosen):
        raise StoreError(
            f"no {statistic} of `{metric}` under label `{label}`",
            expected=f"one of {', '.join(sorted(statistics))}; "
            f"labels {', '.join(sorted(set(there['label'])))[:200]}",
            next_step="choose a statistic and label that were recorded",
        )
    return Course(target, metric, statistic, label, chosen, store)


def _headline(store: Store, target: str, points: pd.DataFrame) -> str:
    newest = store.latest(target)
    kind = store.load(newest).kind if newest else ""
    there = set(points["metric"])
    return next((n for n in HEADLINES.get(kind, ()) if n in there), str(points["metric"].iloc[0]))


def by_label(course: Course) -> list[Course]:
    """The same indicator of each label, those with most runs first, at most twelve."""
    points = course.store.points(course.target, course.metric.name, course.statistic)
    sizes = points[points["label"] != ""].groupby("label").size().sort_values(ascending=False)
    return [
        Course(
            course.target,
            course.metric.name,
            course.statistic,
            str(label),
            points[points["label"] == label],
            course.store,
        )
        for label in sorted(sizes.index[:12])
    ]


def indicators(target: str, data: str | Path = "data") -> list[Course]:
    """The course of every promised indicator of `target`."""
    store = open_store(data)
    newest = store.latest(target)
    run = store.load(newest) if newest else None
    found = []
    for promise in map(parse_objective, run.objectives if run else ()):
        points = store.points(target, promise.metric, promise.statistic, promise.label)
        if len(points):
            found.append(
                Course(target, promise.metric, promise.statistic, promise.label, points, store)
            )
    return found
