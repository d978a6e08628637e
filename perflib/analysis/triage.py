"""What people decided about shifts and runs lasts: in the history, and in a file under git.

A decision names the run it is about and, if it is not about all of a target's series, the
metric and label. Nothing is deleted: what was taken back stays visible as undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd
import yaml
from msgspec import structs
from numpy.typing import NDArray

from perflib.errors import ConfigError, PerflibError, StoreError, nearest
from perflib.files import write_out
from perflib.model import METRICS
from perflib.store import Store
from perflib.yamlfile import read_yaml

Action = Literal["acknowledge", "explain", "baseline", "bad"]
ACTIONS: dict[str, str] = {
    "acknowledge": "the shift at this run is known; it raises no alarm any more",
    "explain": "a remark on the shift at this run; the alarm stays",
    "baseline": "this run begins a new normal; shifts up to it are settled",
    "bad": "this run is left out of every judgement",
}
_WRITTEN = "a list under `triage`, as `perflib triage --write FILE` makes it"
NEAR = 3
"""A shift may move by as many runs as results arrive, and keep its decisions."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One decision; `metric` and `label` empty mean all. `number` is its place in the history."""

    target: str
    action: Action
    run_id: str
    reason: str
    metric: str = ""
    label: str = ""
    author: str = ""
    created_at: str = ""
    undone: bool = False
    number: int | None = None

    @property
    def closes(self) -> bool:
        """Whether a shift with this decision needs no attention any more."""
        return self.action in ("acknowledge", "baseline")

    def covers(self, target: str, metric: str, label: str) -> bool:
        """Whether the decision is about this series."""
        return (
            not self.undone
            and self.target == target
            and self.metric in ("", metric)
            and self.label in ("", label)
        )


class Decisions:
    """Decisions in force, asked by series.

    `runs` (as `Store.runs`) tells where a run lies in a series in which it has no result; it is
    asked when that is needed.
    """

    def __init__(
        self,
        decisions: Iterable[Decision] = (),
        runs: Callable[[], pd.DataFrame] | None = None,
    ) -> None:
        self._runs = runs
        self._by_target: dict[str, list[Decision]] = {}
        for decision in decisions:
            if not decision.undone:
                self._by_target.setdefault(decision.target, []).append(decision)

    @classmethod
    def of_store(cls, store: Store, target: str | None = None) -> Decisions:
        """The decisions that a history holds."""
        return cls(read(store, target), partial(store.runs, target))

    @cached_property
    def _began(self) -> dict[str, tuple[str, str, float]]:
        """The machine, the load and the time of each run."""
        if self._runs is None:
            return {}
        runs = self._runs()
        return {
            run: (machine, load, time)
            for run, machine, load, time in zip(
                *(runs[name] for name in ("run_id", "environment_key", "load_key")),
                seconds(runs),
                strict=True,
            )
        }

    @property
    def any_bad(self) -> bool:
        """Whether a run is marked bad."""
        return any(d.action == "bad" for found in self._by_target.values() for d in found)

    def of(self, key: Any) -> tuple[Decision, ...]:
        """All decisions about the series `key` (target, metric, label)."""
        found = self._by_target.get(key.target, ())
        return tuple(d for d in found if d.covers(key.target, key.metric, key.label))

    def about(self, one: Any, index: int) -> tuple[Decision, ...]:
        """Decisions about a shift at place `index` of the trend `one`."""
        found = [(d, self._place(d, one)) for d in self.of(one.key) if d.action != "bad"]
        return tuple(d for d, at in found if at is not None and abs(at - index) <= NEAR)

    def baseline(self, one: Any) -> int:
        """The place of the newest baseline in the trend `one`; -1 without one."""
        found = [self._place(d, one) for d in self.of(one.key) if d.action == "baseline"]
        return max((at for at in found if at is not None), default=-1)

    def _place(self, decision: Decision, one: Any) -> int | None:
        """Where the run lies, or would lie had it a result or were it not bad.

        None where it was pruned or took place on another machine or under another load.
        """
        if len(found := np.flatnonzero(one.run_ids == decision.run_id)):
            return int(found[0])
        began = self._began.get(decision.run_id)
        if began is None or began[:2] != (one.key.environment_key, one.load_key):
            return None
        return int(np.searchsorted(one.times_s, began[2]))


def seconds(points: pd.DataFrame) -> NDArray[np.float64]:
    """When each run began, in seconds since 1970."""
    micros = points["started_at"].astype("datetime64[us, UTC]").astype("int64")
    return np.asarray(micros.to_numpy() / 1e6, dtype=np.float64)


def read(store: Store, target: str | None = None, *, undone: bool = False) -> list[Decision]:
    """The decisions in the history of `store`, oldest first."""
    rows = store.triage(target, undone=undone).rename(columns={"id": "number"})
    return [msgspec.convert(row, Decision) for row in rows.to_dict("records")]


def require_action(action: str) -> None:
    """Raise `PerflibError` unless `action` is one that decides."""
    if action not in ACTIONS:
        raise PerflibError(f"unknown action `{action}`", expected=nearest(action, [*ACTIONS]))


def decide(
    store: Store,
    action: str,
    run_id: str,
    reason: str,
    *,
    metric: str = "",
    label: str = "",
    author: str = "",
) -> Decision:
    """Keep a decision about run `run_id`; returns it. The reason must be told."""
    require_action(action)
    if not reason.strip():
        raise PerflibError(
            f"`{action}` without a reason",
            expected="a sentence that others understand in a year",
            next_step='add `--reason "…"`',
        )
    target = store.load(run_id).target
    if action == "bad" and (metric or label):
        raise PerflibError(
            "`bad` about a part of a run",
            expected="no metric and no label: the whole run is left out",
            next_step="leave them out, or `acknowledge` the shift of one metric",
        )
    _known(store.points(target), metric=metric, label=label)
    number = store.add_triage(
        target=target,
        action=action,
        reason=reason.strip(),
        metric=metric,
        label=label,
        run_id=run_id,
        author=author,
    )
    return next(d for d in read(store, target) if d.number == number)


def _known(points: pd.DataFrame, **given: str) -> None:
    """A decision about what was never measured would change nothing, and nobody would know."""
    for name, value in given.items():
        known = {*points[name], *(METRICS if name == "metric" else ())}
        if value and value not in known:
            raise PerflibError(
                f"no {name} `{value}` in this target's history",
                expected=nearest(value, sorted(known)),
                next_step="name it as `perflib trend` does, or leave it out for all",
            )


def write_file(store: Store, path: Path) -> int:
    """Write all decisions, undone ones too, to a YAML file to keep under git; returns how many."""
    decisions = [_as_row(decision) for decision in read(store, undone=True)]
    text = yaml.safe_dump({"triage": decisions}, sort_keys=False, allow_unicode=True, width=100)
    write_out(path, text.encode())
    return len(decisions)


def read_file(store: Store, path: Path) -> int:
    """Bring the decisions of a YAML file into the history; returns how many were new or corrected.

    One that is there already is not added again; its reason is that of the file, and one undone
    in the file is undone here.
    """
    return store.merge_decisions(map(structs.asdict, _parse(path)), correct=True)


def _parse(path: Path) -> Sequence[Decision]:
    if not path.exists():
        raise StoreError("no such file", file=path)
    document = read_yaml(path)
    given = document.data
    if (
        not isinstance(given, dict)
        or [*given] != ["triage"]
        or not isinstance(given["triage"], list)
    ):
        raise StoreError("not decisions", expected=_WRITTEN, file=path)
    found, problems = [], []
    for place, row in enumerate(given["triage"]):
        try:
            found.append(_checked(row))
        except ValueError as error:
            told, _, key = str(error).partition(" - at `$.")
            key = key.rstrip("`")
            problem = f"not decisions: {key and f'`{key}`: '}{told}"
            line = document.line(("triage", place, key))
            problems.append(StoreError(problem, expected=_WRITTEN, file=path, line=line))
    if problems:
        raise ConfigError(problems)
    return found


def _checked(row: Any) -> Decision:
    """`row` of a file as a decision, as good as one that was typed; raises ValueError."""
    decision = msgspec.convert(row, Decision)
    if not decision.reason.strip():
        raise ValueError("nothing is told - at `$.reason`")
    try:
        datetime.fromisoformat(decision.created_at or "2026-11-23")
    except ValueError:
        raise ValueError(f"`{decision.created_at}` is no time - at `$.created_at`") from None
    return decision


def _as_row(decision: Decision) -> dict[str, Any]:
    """What is worth writing: everything but the number and what is empty."""
    row = structs.asdict(decision)
    return {name: value for name, value in row.items() if name != "number" and value}
