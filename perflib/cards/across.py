"""What is said of all targets together: one page that tells which to open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perflib.analysis import overall
from perflib.cards.card import Card, Cell, Code, Number, Spark, State, Table
from perflib.model import Objective, Outcome, Verdict, worst
from perflib.units import format_quantity
from perflib.wording import interval_text, listed, many, percent, shown

if TYPE_CHECKING:
    from perflib.desk import Desk


def overview(desks: Sequence[Desk], never_ran: Sequence[str] = ()) -> Card:
    """Every promise of every target: its state, its value, its past, and since when.

    `never_ran` are targets that should have a run: unknown like those that cannot be judged.
    """
    if not desks:
        return Card("No run is recorded yet.", "unknown", ["Record one with `perflib run`."])
    states = [overall(desk.verdicts) for desk in desks]
    every = [(desk, verdict) for desk in desks for verdict in desk.verdicts]
    every.sort(key=lambda promise: promise[1].outcome.rank)
    rows = [_promise_row(desk, verdict) for desk, verdict in every]
    headings = ["state", "promise", "measured [95 %]", "last runs", "since"]
    finding = _overview_finding(desks, states)
    if never_ran:
        finding += f"; {listed(never_ran)} never ran"
        states.append(Outcome.UNKNOWN)
    return Card(finding, str(worst(states)), [Table(headings, rows)])


_SAID = {
    Outcome.MISSED: ("misses a promise", "miss a promise"),
    Outcome.UNKNOWN: ("cannot be judged", "cannot be judged"),
    Outcome.MET: ("keeps every promise", "keep every promise"),
}


def _overview_finding(desks: Sequence[Desk], states: Sequence[Outcome]) -> str:
    parts = []
    for state, (one, several) in _SAID.items():
        names = [desk.run.target for desk, s in zip(desks, states, strict=True) if s is state]
        if names:
            parts.append(f"{listed(names)} {one if len(names) == 1 else several}")
    return "; ".join(parts)


def _promise_row(desk: Desk, verdict: Verdict) -> list[Cell]:
    estimate, objective = verdict.estimate, verdict.objective
    values = desk.past(objective)
    ends = f"from {_said(values, 0, objective)} to {_said(values, -1, objective)}"
    text = f"{many(len(values), 'run')}, {ends}"
    return [
        State(str(verdict.outcome)),
        (desk.run.target, Code(objective.text)),
        Number(interval_text(estimate) if estimate else "–", estimate.value if estimate else None),
        Spark(values, text, objective.limit, str(verdict.outcome)),
        desk.since(verdict),
    ]


def _said(values: Sequence[float], at: int, objective: Objective) -> str:
    return shown(values[at], objective.unit) if len(values) else "–"


def changed(desks: Sequence[Desk]) -> Card:
    """What is otherwise than in the run before: outcomes first, then values."""
    rows: list[list[Cell]] = []
    for desk in desks:
        for verdict in desk.verdicts:
            before = desk.before(verdict)
            if before is not None and before != verdict.outcome:
                values = desk.past(verdict.objective)
                text = " → ".join(shown(v, verdict.objective.unit) for v in values[-2:])
                rows.append(
                    [
                        desk.run.target,
                        Code(verdict.objective.text),
                        State(before),
                        State(str(verdict.outcome)),
                        text,
                    ]
                )
    if not rows:
        return Card("No promise changed its state since the run before.")
    headings = ["target", "promise", "before", "now", "value before → now"]
    return Card(f"{many(len(rows), 'promise')} changed state", blocks=[Table(headings, rows)])


def latest(desks: Sequence[Desk]) -> Card:
    """The run that each target is judged by."""
    rows: list[list[Cell]] = [
        [
            desk.run.target,
            Code(desk.run.id),
            desk.run.started_at[:16].replace("T", " "),
            Number(format_quantity(desk.run.duration_s, "s"), desk.run.duration_s),
            desk.run.environment.git_commit[:12] or "–",
            (desk.run.status, desk.damage) if desk.damage else desk.run.status,
        ]
        for desk in desks
    ]
    headings = ["target", "run", "started (UTC)", "took", "commit", "status"]
    return Card("Each target by its newest run", blocks=[Table(headings, rows)])


def next_steps(desks: Sequence[Desk]) -> Card:
    """For each target that does not keep every promise: the promise, and its first suspect."""
    rows: list[list[Cell]] = []
    for desk in desks:
        open_ones = [v for v in desk.verdicts if v.outcome is not Outcome.MET]
        first = desk.suspects[0] if desk.suspects else None
        lead = f"{first.title} ({percent(first.weight)})" if first else "–"
        rows += [
            [State(str(v.outcome)), (desk.run.target, Code(v.objective.text)), v.next_step, lead]
            for v in open_ones
        ]
    if not rows:
        return Card("Nothing: every target keeps every promise.", "met")
    rows.sort(key=lambda row: row[0] != State("missed"))
    headings = ["state", "promise", "next step", "first suspect of the run"]
    return Card("Missed promises first", blocks=[Table(headings, rows)])
