"""One answer for a pipeline: do the newest runs keep their promises, did anything get slower?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from perflib.analysis.comparison import TOLERANCE, State
from perflib.analysis.following import follow
from perflib.analysis.memory import remember
from perflib.analysis.tracks import Trend
from perflib.environment import environment_key, this_machine
from perflib.errors import StoreError, nearest, require, require_names
from perflib.model import CAPACITY, Environment, Outcome, Run, worst
from perflib.store import OPEN_IT, Store
from perflib.store.folder import was_made_for
from perflib.wording import clean, listed, many

_AHEAD = timedelta(days=1)
"""How far a run may begin in the future: no time zone explains more."""
_IMPORTED = environment_key(Environment())
"""What an imported result tells of its machine."""
_OUTCOMES = {
    State.REGRESSED: Outcome.MISSED,
    State.IMPROVED: Outcome.MET,
    State.UNCHANGED: Outcome.MET,
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One promise or one trend of a target, and the run that it is about."""

    target: str
    kind: Literal["promise", "trend"]
    name: str
    outcome: Outcome
    reason: str
    next_step: str
    run_id: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """All checks, the missed ones first; `notes` are trends and runs that cannot be told."""

    checks: tuple[Check, ...]
    notes: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """Missed when any check is, else unknown when any is or there is none."""
        return worst(check.outcome for check in self.checks)

    @property
    def finding(self) -> str:
        """One line that says it all."""
        if not self.checks:
            return "unknown: no run to judge"
        if self.outcome is Outcome.MET:
            return f"met: all {len(self.checks)} checks"
        first = self.checks[0]
        counts = {o: sum(c.outcome is o for c in self.checks) for o in Outcome}
        numbers = ", ".join(f"{n} {outcome.value}" for outcome, n in counts.items() if n)
        return f"{first.outcome.value}: {first.target}, {first.name}: {first.reason} ({numbers})"


def gate(
    store: Store,
    targets: Sequence[str] = (),
    *,
    configured: Collection[str] = (),
    tolerance: float = TOLERANCE,
    machine: str = "",
) -> Gate:
    """The promises of the newest run of each of `targets`, and their trends.

    Of runs of several machines those of `machine` (an `environment_key`; this one's without)
    and imported ones count; a target that has none is judged by the others', and a note says so.

    Without `targets` those of all that were measured or are `configured`; one without a run is
    unknown. A bad run is passed over, and a capacity search that is not named. All trends are
    looked at together, so that their number raises no false alarms; shifts that are new,
    confirmed or taken back are kept.
    """
    require(store, Store, "store", OPEN_IT)
    require_names(targets)
    recorded = store.runs()
    good = recorded[~recorded["bad"]]
    own = good["environment_key"].isin([machine or this_machine(), _IMPORTED])
    counting = good[own | ~good["target"].isin(good.loc[own, "target"])]
    runs = counting.drop_duplicates("target", keep="last").set_index("target")
    checks: list[Check] = []
    measured = {name for name in runs.index if not name.endswith(CAPACITY)}
    names = dict.fromkeys(targets or sorted({*configured, *measured}))
    for name in names:
        if name in runs.index:
            checks += _of_newest(store, name, runs.loc[name])
        else:
            bad, asked = name in {*recorded["target"]}, bool(targets)
            unmeasured = _unmeasured(name, [*runs.index], bad=bad, asked=asked)
            checks += [*_unread(name, "", store.damaged)] or [unmeasured]
    if not names:  # a report without a case would pass for a success
        step = "measure first: `perflib run`, or name the folder: `--data`"
        checks.append(_unknown("all targets", "the newest run", "no run to judge", step))
    chosen = None if len(counting) == len(good) else {*counting["run_id"]}
    found = follow(store, targets, tolerance=tolerance, run_ids=chosen)
    with suppress(StoreError):  # a history that cannot be written is judged all the same
        remember(store, found)
    told = [(one, _trend(one)) for one in found]
    checks += [check for _, check in told if check is not None]
    judged = {check.target for check in checks}
    if targets or not checks:
        checks += [_unpromised(n, str(runs.loc[n, "run_id"])) for n in names if n not in judged]
    notes = together([one for one, check in told if check is None])
    notes += _elsewhere(store, good[good["target"].isin(names)], own)
    notes += [f"{error.file}: {error.found}" for error in store.damaged]
    if configured and not targets:
        renamed = {check.target for check in checks if check.outcome is not Outcome.MET}
        notes += [_unconfigured(name) for name in sorted(renamed.difference(configured))]
    checks.sort(key=lambda check: check.outcome.rank)
    return Gate(checks=tuple(checks), notes=tuple(notes))


def _of_newest(store: Store, name: str, run: pd.Series[Any]) -> Iterator[Check]:
    """The promises of the newest run, and why it may not be told or not be the newest."""
    newest = str(run["run_id"])
    try:
        yield from promises(store.load(newest))
    except StoreError as error:  # damaged since it was recorded
        yield _unknown(name, "the newest run", error.found, error.next_step, newest)
    yield from _unread(name, newest, store.damaged)
    if run["started_at"] > datetime.now(UTC) + _AHEAD:
        why = "it begins in the future, so later runs are taken for older ones"
        step = f"correct that clock, then `perflib triage bad {newest} --reason 'a wrong clock'`"
        yield _unknown(name, "the newest run", why, step, newest)


def _elsewhere(store: Store, good: pd.DataFrame, own: pd.Series[bool]) -> Iterator[str]:
    """Whose runs are judged where none is of this machine, and which newer ones are not judged."""
    newest = good.drop_duplicates("target", keep="last")
    newest = newest[~own[newest.index]].sort_values("target")
    passed_over = newest["target"].isin(good.loc[own[good.index], "target"])
    if passed_over.any():
        names = listed(newest.loc[passed_over, "target"].tolist())
        yield f"another machine measured {names} later: judge that there"
    for _, taken in newest[~passed_over].groupby("environment_key"):
        with suppress(StoreError):  # a damaged record is told as such
            place = store.load(str(taken["run_id"].iloc[-1])).environment
            what = f"another machine, {clean(place.cpu, 60)} with {many(place.cores, 'core')}"
            yield f"no run of this machine: judged is that of {what}: {listed([*taken['target']])}"


def _unmeasured(name: str, known: Sequence[str], *, bad: bool, asked: bool) -> Check:
    """A target that has no run to judge, or only `bad` ones: unknown, not passed over."""
    why = "all its runs are marked bad" if bad else "it never ran"
    step = f"measure it with `perflib run {name}`"
    if known:
        step += f", or name {nearest(name, known) if asked else 'the targets that are meant'}"
    return _unknown(name, "a run to judge", why, step)


def _unread(name: str, newest: str, damaged: Iterable[StoreError]) -> Iterator[Check]:
    """A later run of the target whose record is damaged: what it would say is unknown."""
    for error in damaged:
        run_id = Path(error.file or "").parent.name
        if was_made_for(run_id, name) and run_id > newest:
            yield _unknown(name, "the newest run", error.found, error.next_step, run_id)


def _unconfigured(name: str) -> str:
    """Why a target that was renamed or given up is still in the way, and how to part from it."""
    return f"{name} is no longer configured: name the targets that are meant, or mark its runs bad"


def _unpromised(name: str, run_id: str) -> Check:
    """A target of which nothing can be said: unknown as well."""
    why = "nothing was promised, and no trend can be told yet"
    step = f"give {name} `objectives`, or measure it again"
    return _unknown(name, "a promise to judge", why, step, run_id)


def _unknown(target: str, name: str, reason: str, next_step: str, run_id: str = "") -> Check:
    return Check(
        target=target,
        kind="promise",
        name=name,
        outcome=Outcome.UNKNOWN,
        reason=reason,
        next_step=next_step,
        run_id=run_id,
    )


def together(found: Iterable[Trend]) -> list[str]:
    """A line for each reason, with the first series that has it and how many more there are."""
    by_reason: dict[str, list[Trend]] = {}
    for one in found:
        by_reason.setdefault(one.reason, []).append(one)
    lines = []
    for reason, alike in by_reason.items():
        more = f" and {len(alike) - 1} more" if len(alike) > 1 else ""
        lines.append(f"{alike[0].key.target}, {alike[0].name}{more}: {reason}")
    return lines


def promises(run: Run) -> Iterator[Check]:
    """A check for each verdict of `run`."""
    for verdict in run.verdicts:
        yield Check(
            target=run.target,
            kind="promise",
            name=verdict.objective.text,
            outcome=verdict.outcome,
            reason=verdict.reason,
            next_step=verdict.next_step,
            run_id=run.id,
        )


def _trend(one: Trend) -> Check | None:
    """A check of a trend that can be told; what may have got worse is unknown."""
    doubtful = any(shift.worse for shift in one.shifts if shift.run_after == one.since)
    outcome = _OUTCOMES.get(one.state, Outcome.UNKNOWN if doubtful else None)
    if outcome is None:
        return None
    steps = {
        Outcome.MISSED: f"find the commit with `{one.bisect}`, or decide with `perflib triage`",
        Outcome.UNKNOWN: "run again: the next results confirm or retract it",
        Outcome.MET: "nothing to do",
    }
    return Check(
        target=one.key.target,
        kind="trend",
        name=f"trend of {one.name}",
        outcome=outcome,
        reason=f"{one.state}: {one.reason}",
        next_step=steps[outcome],
        run_id=one.since or str(one.run_ids[-1]),
    )
