"""What lies on the table when a run is looked into: the run, its samples, its judgement, its past.

A notebook opens a desk and shows it; everything here comes from `store`, `analysis` and
`review`, computed when first asked for.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from perflib import analysis, review
from perflib.analysis.suspects import Suspect, suspects
from perflib.environment import environment_key, load_key
from perflib.errors import StoreError, nearest, require, require_names
from perflib.model import CAPACITY, HISTORY, SAMPLES, Estimate, Objective, Run, Verdict
from perflib.objectives import parse_objective
from perflib.samples import TIMES, measured, schema
from perflib.selection import pick_runs
from perflib.store import Store
from perflib.wording import many

if TYPE_CHECKING:
    from collections.abc import Sequence

ASKED_FIRST = {
    "http": ("response_time", "service_time"),
    "blocks": ("block_time", "arrival_interval"),
    "chunks": ("processing_time",),
    "sql": ("query_time",),
}
"""The metric that a kind of target is first asked about; a later one stands in where it lacks."""


class Desk:
    """One run and everything that judges or explains it. Values in base units.

    `damage` tells why a run that has samples is looked at without them.
    """

    def __init__(
        self,
        run: Run,
        samples: pd.DataFrame,
        *,
        metrics: pd.DataFrame | None = None,
        store: Store | None = None,
        configs: Path | None = None,
        damage: str = "",
    ) -> None:
        self.run = run
        self.samples = samples
        self.metrics = metrics
        self.store = store
        self.configs = configs
        self.damage = damage

    @cached_property
    def measured(self) -> pd.DataFrame:
        """The samples inside the measured window, failed ones too."""
        return measured(self.samples, self.run.measured_from_s, self.run.measured_until_s)

    @property
    def only_summary(self) -> bool:
        """Whether the run made samples that are not here, as in a committed or imported history."""
        made = self.run.counts.recorded > 0 or bool(self.run.source)
        return made and not len(self.samples)

    @cached_property
    def objectives(self) -> list[Objective]:
        """The promises the run was made under."""
        return [parse_objective(text) for text in self.run.objectives]

    @cached_property
    def estimates(self) -> list[Estimate]:
        """What was recorded with the run, else computed from its samples."""
        return self.run.estimates or analysis.estimates(self.run, self.samples)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What was recorded with the run, else judged now."""
        return self.run.verdicts or analysis.judge(self.run, self.estimates)

    @cached_property
    def _judged(self) -> pd.DataFrame:
        if self.store is None:
            return pd.DataFrame(columns=["run_id", "objective", "outcome", "bad", "started_at"])
        rows = self.store.verdicts(self.run.target)
        return rows[(rows["run_id"] <= self.run.id) & ~rows["bad"]]

    def since(self, verdict: Verdict) -> tuple[str, str]:
        """Since when this outcome has held: (`23 Nov 14:00 UTC`, `3 runs; met before`)."""
        rows = self._judged[self._judged["objective"] == verdict.objective.text]
        outcomes = rows["outcome"].astype(str).to_numpy()
        other = (outcomes != str(verdict.outcome)).nonzero()[0]
        first = int(other[-1]) + 1 if len(other) else 0
        if first >= len(rows):
            return "this run", "the first"
        runs = len(rows) - first
        lasted = "this run" if runs == 1 else many(runs, "run")
        before = f"; {outcomes[first - 1]} before" if first else ""
        return f"{rows['started_at'].iloc[first]:%d %b %H:%M} UTC", f"{lasted}{before}"

    @cached_property
    def decisions(self) -> list[str]:
        """What people decided about the run, oldest first: `bad: the disk was full`."""
        if self.store is None:
            return []
        rows = self.store.triage(self.run.target)
        rows = rows[rows["run_id"] == self.run.id]
        return [f"{action}: {why}" for action, why in rows[["action", "reason"]].to_numpy()]

    def past(self, objective: Objective, most: int = 30) -> list[float]:
        """The promised indicator over the last runs that nobody called bad, oldest first.

        Of this run's machine and load, as in its trend.
        """
        points = self.points
        if not len(points):
            return []
        same = (
            (points["metric"] == objective.metric)
            & (points["statistic"] == objective.statistic)
            & (points["label"] == objective.label)
            & (points["environment_key"] == environment_key(self.run.environment))
            & (points["load_key"] == load_key(self.run))
            & ~points["bad"]
        )
        return [float(value) for value in points.loc[same, "value"].tail(most)]

    def before(self, verdict: Verdict) -> str | None:
        """The outcome of the same promise in the run before, or None."""
        rows = self._judged[self._judged["objective"] == verdict.objective.text]
        earlier = rows[rows["run_id"] < self.run.id]["outcome"]
        return None if not len(earlier) else str(earlier.iloc[-1])

    @cached_property
    def capacity_run(self) -> Run | None:
        """The newest capacity search of the target that counts, this run itself if it is one."""
        if "capacity" in self.run.details:
            return self.run
        newest = newest_good(self.store, self.run.target + CAPACITY) if self.store else None
        return self.store.load(newest) if self.store and newest else None

    @cached_property
    def suspects(self) -> list[Suspect]:
        """What most likely costs the time, strongest first."""
        return suspects(self.run, self.measured, self.metrics, self.findings)

    @cached_property
    def findings(self) -> list[review.Finding]:
        """Findings of the review of the settings and of the run, by what they would gain."""
        found = review.findings(self.run, self.samples, self.configs)
        return found if self.configs is None else [_nearby(f, self.configs) for f in found]

    @cached_property
    def headline(self) -> str:
        """The name of the metric that this kind of target is first asked about."""
        wanted = (*ASKED_FIRST.get(self.run.kind, ()), "response_time", "service_time")
        there = {name for name in wanted if name in self.samples}
        known = {name for name in there if self.samples[name].notna().any()}
        known = known or {estimate.metric for estimate in self.estimates}  # of a summary
        return next((name for name in wanted if name in known), "service_time")

    def values(self, metric: str) -> pd.Series[float]:
        """A metric's values over measured samples without error."""
        rows = self.measured[self.measured["ok"]]
        return rows[metric].dropna() if metric in rows else pd.Series(dtype="float64")

    def estimate(self, metric: str, statistic: str, label: str = "") -> Estimate | None:
        """The estimate of this statistic, or None."""
        key = metric, statistic, label
        return next((found for found in self.estimates if found.key == key), None)

    def by_label(self, metric: str, statistic: str) -> list[Estimate]:
        """This statistic of each label, largest first."""
        found = [
            e for e in self.estimates if e.label and (e.metric, e.statistic) == (metric, statistic)
        ]
        return sorted(found, key=lambda e: -e.value)

    def promise(self, metric: str, statistic: str | None = None) -> Objective | None:
        """The objective on this metric for the whole run (and statistic), or None."""
        for objective in self.objectives:
            same = objective.metric == metric and not objective.label
            if same and statistic in (None, objective.statistic):
                return objective
        return None

    @cached_property
    def points(self) -> pd.DataFrame:
        """The target's history up to this run: a row a run, metric, statistic and label."""
        if self.store is None:
            return pd.DataFrame()
        points = self.store.points(self.run.target)
        return points[points["run_id"] <= self.run.id] if len(points) else points


def open_desk(
    target: str = "",
    run_id: str = "latest",
    data: str | Path = "data",
    configs: str | Path = "configs",
    *,
    damaged: bool = False,
) -> Desk:
    """The desk of one run: `run_id` is a run id, or `latest` of `target` that nobody called bad.

    Samples that cannot be read raise `StoreError`; with `damaged` the run is shown by what was
    recorded of it, and says so.

    A relative `data` or `configs` is looked for here and in the folders above, so that a
    notebook works from where JupyterLab opens it.
    """
    store = open_store(data)
    chosen = newest_good(store, target) if run_id == "latest" else run_id
    if chosen is None:
        raise no_run(store, target, data)
    run = store.load(chosen)
    if target and run.target != target:
        raise StoreError(
            f"run {chosen} is of `{run.target}`",
            expected=f"a run of `{target}`",
            next_step="give the run's own target, or `latest`",
        )
    samples, damage = no_samples(), ""
    try:
        if (store.folder(chosen) / SAMPLES).exists():
            samples = store.samples(chosen)
    except StoreError as error:
        if not damaged:
            raise
        damage = error.found
    return Desk(
        run,
        samples,
        metrics=store.metrics(chosen),
        store=store,
        configs=_own_configs(find_folder(configs), run.target),
        damage=damage,
    )


def _own_configs(folder: Path | None, target: str) -> Path | None:
    """The target's folder below `folder` (`api-gateway` for `api_gateway`), else `folder`."""
    own = None if folder is None else folder / target.replace("_", "-")
    return own if own is not None and own.is_dir() else folder


def _nearby(finding: review.Finding, configs: Path) -> review.Finding:
    """The finding with its file told from the settings folder on, not from the disk's root."""
    file = Path(finding.file)
    if not finding.file or configs not in file.parents:
        return finding
    return replace(finding, file=str(configs.name / file.relative_to(configs)))


def no_samples() -> pd.DataFrame:
    """The frame of a run that came without samples, such as an imported summary."""
    frame: pd.DataFrame = schema().empty_table().to_pandas()
    return frame.astype(dict.fromkeys(TIMES, "float64")).assign(service_time=[])


def open_all(targets: Sequence[str] = (), data: str | Path = "data") -> list[Desk]:
    """The desk of each target's latest run that nobody called bad.

    Without names every target has its desk, but no capacity search.
    """
    require_names(targets)
    latest = dict(_good(open_store(data).runs())[["target", "run_id"]].to_numpy().tolist())
    every = [name for name in sorted(latest) if not name.endswith(CAPACITY)]
    names = [name for name in targets or every if name in latest]
    return [open_desk(name, latest[name], data, damaged=True) for name in names]


def open_comparison(
    target: str, before: str = "previous", after: str = "latest", data: str | Path = "data"
) -> tuple[analysis.Comparison, str]:
    """One set of runs against another, and the metric that the target is first asked about.

    Each side is named as for `perflib compare`, the target left out before an `@`; `latest` is
    the newest run, `previous` the one before it, those that somebody called bad left out.
    """
    store = open_store(data)
    newest = _good(store.runs(target))["run_id"].tolist()[-2:]
    if not newest:
        raise no_run(store, target, data)
    if len(newest) < 2 and {before, after} & {"latest", "previous"}:
        raise StoreError(
            f"one run of `{target}`",
            expected="at least two to compare",
            next_step=f"record another with `perflib run {target}`, or set data to `data/sample`",
        )
    names = {"latest": newest[-1:], "previous": newest[:1]}
    sides = [
        names.get(side) or pick_runs(store, target + side if side.startswith("@") else side)
        for side in (before, after)
    ]
    comparison = analysis.compare(*sides, store=store)
    run = store.load(sides[1][0])
    there = {change.metric for change in comparison.changes}
    wanted = (*ASKED_FIRST.get(run.kind, ()), *sorted(there))
    return comparison, next((name for name in wanted if name in there), "")


def newest_good(store: Store, target: str) -> str | None:
    """The id of the newest run of `target` that nobody called bad, or None."""
    return next(iter(_good(store.runs(target))["run_id"][::-1]), None)


def no_run(store: Store, target: str, data: str | Path) -> StoreError:
    """Why there is no run of `target`: no such folder, none in it, or only of other names."""
    if find_folder(data) is None:
        return StoreError(
            f"no folder `{data}` in {Path.cwd()} or above it",
            expected="the folder of recorded runs",
            next_step="start in the project's folder, or set data to the whole path",
        )
    known = sorted(set(store.runs()["target"]))
    return StoreError(
        f"no run of `{target}` that counts" if target in known else f"no run of `{target}`",
        expected=nearest(target, known) if known else f"a recorded run in {data}",
        next_step=f"record one with `perflib run {target}`, or set data to `data/sample`",
    )


def _good(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[~runs["bad"].to_numpy(dtype=bool)]


def open_store(data: str | Path = "data") -> Store:
    """The store in folder `data`, looked for here and in the folders above.

    Its history is the shared one that `PERFLIB_HISTORY` names, as in the configuration.
    """
    folder = find_folder(data) or Path(data)
    return Store.open(folder, os.environ.get(HISTORY) or None)


def find_folder(folder: str | Path) -> Path | None:
    """`folder` itself, or of that name in this or a folder above; None when there is none."""
    require(folder, str | Path, "a folder")
    path = Path(folder).expanduser()
    if path.is_absolute():
        return path if path.is_dir() else None
    here = Path.cwd()
    return next((p / path for p in (here, *here.parents) if (p / path).is_dir()), None)
