"""What is said of one set of runs against another: environments first, then what moved."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from perflib.cards.card import Block, Card, Cell, Code, Number, State, Table
from perflib.units import format_number
from perflib.wording import caution, count, named, percent, shown, signed, words

if TYPE_CHECKING:
    from perflib.analysis import Change, Comparison


def differences(comparison: Comparison) -> Card:
    """What differs in machine, load and software: read this before any ratio."""
    runs = f"{len(comparison.runs_a)} against {len(comparison.runs_b)} runs"
    told = [caution(c) for c in comparison.caveats[:8]]
    if not comparison.differences:
        return Card(f"Same machine, same load: {runs}", blocks=told)
    rows: list[list[Cell]] = [[text] for text in comparison.differences]
    table: list[Block] = [Table(["what differs"], rows), *told]
    if comparison.comparable:
        return Card(f"Comparable, with differences to bear in mind: {runs}", blocks=table)
    step = "Nothing is compared: measure both on the same machine under the same load."
    return Card("Not comparable: the machine or the load differs", "no data", [step, *table])


_PLACE = {"regressed": 0, "improved": 1, "inconclusive": 2, "unchanged": 3, "no data": 4}


def verdict(comparison: Comparison, metric: str = "") -> Card:
    """How the metric first asked about moved, and every figure of the whole run that did."""
    found = sorted(comparison.changes, key=lambda c: (_PLACE[str(c.state)], c.metric))
    whole = [c for c in found if not c.label]
    if not whole:
        return Card("Nothing can be compared", "no data", list(comparison.differences)[:3])
    first = comparison.find(metric, "p95") or whole[0]
    shown = [c for c in whole if c.statistic in ("p95", "value") or _PLACE[str(c.state)] < 2]
    counts = Counter(str(c.state) for c in whole)
    parts = ", ".join(f"{counts[state]} {state}" for state in _PLACE if state in counts)
    rows = [_change_row(change) for change in shown[:20]]
    table = Table(["state", "metric", "a", "b", "b to a [95 %]", "why"], rows)
    told = f"Of {len(whole)} figures of the whole run: {parts}."
    return Card(_finding(first), str(first.state), [told, table])


def _finding(change: Change) -> str:
    name, contrast = named(change.metric, change.statistic), change.contrast
    if contrast is None or contrast.kind != "ratio":
        return f"{name} cannot be compared: {change.reason}"
    low, value, high = (
        signed(100 * (x - 1)) for x in (contrast.low, contrast.value, contrast.high)
    )
    hedge = {"inconclusive": "; it may be chance", "unchanged": "; no difference that matters"}
    return f"b is at {value} % in {name} [{low}, {high}]{hedge.get(str(change.state), '')}"


def by_label(comparison: Comparison) -> Card:
    """The labels that moved."""
    moved = [c for c in comparison.changes if c.label and c.state in ("regressed", "improved")]
    if not moved:
        return Card("No single label moved for sure.")
    rows = [[Code(c.label), *_change_row(c)] for c in moved[:40]]
    headings = ["label", "state", "metric", "a", "b", "b to a [95 %]", "why"]
    return Card(f"{len(moved)} figures of single labels moved", blocks=[Table(headings, rows)])


def _change_row(change: Change) -> list[Cell]:
    contrast = change.contrast
    return [
        State(str(change.state)),
        words(change.metric) + ("" if change.statistic == "value" else f" {change.statistic}"),
        Number(shown(change.a, change.unit), change.a),
        Number(shown(change.b, change.unit), change.b),
        Number(_told(change), contrast.value if contrast else None),
        change.reason,
    ]


def _told(change: Change) -> str:
    """A ratio with its interval; a difference, where there is none, says so."""
    contrast = change.contrast
    if contrast is None:
        return "–"
    told = (contrast.value, contrast.low, contrast.high)
    if contrast.kind == "difference" and change.unit == "1":
        value, low, high = (signed(100 * x) for x in told)
        return f"{value} points [{low}, {high}]"
    value, low, high = map(format_number, told)
    return f"{value}{f' {change.unit}' if contrast.kind == 'difference' else ''} [{low}, {high}]"


def next_steps(comparison: Comparison) -> Card:
    """What to do about it."""
    if not comparison.comparable:
        return Card("Measure both sides on one machine under one load, then compare again.")
    worse = [c for c in comparison.changes if str(c.state) == "regressed"]
    unsure = [c for c in comparison.changes if str(c.state) == "inconclusive" and not c.label]
    if worse:
        by_label = [c for c in worse if c.label]
        where = f", above all in `{by_label[0].label}`" if by_label else ""
        text = f"Find what made {words(worse[0].metric)} worse{where}"
        differ = [f"First look at what differs: {', '.join(comparison.differences[:3])}."]
        step = "Open `investigate` on both runs, or let `perflib bisect` find the commit."
        return Card(text, "regressed", [*(differ if comparison.differences else []), step])
    better = [c for c in comparison.changes if str(c.state) == "improved" and not c.label]
    if better:
        hedge = f"; {count(len(unsure))} cannot be told yet" if unsure else ""
        return Card(f"Keep what changed: no figure got worse for sure{hedge}", "improved")
    if unsure:
        return Card(
            "Measure more runs of each side: some figures cannot be told yet.", "inconclusive"
        )
    return Card("Nothing: no figure got worse.", "unchanged")


def method(comparison: Comparison) -> Card:
    """Which runs stood against which, and by what rules."""
    methods = sorted({c.contrast.method for c in comparison.changes if c.contrast is not None})
    rows: list[list[Cell]] = [
        ["a", Code(", ".join(comparison.runs_a))],
        ["b", Code(", ".join(comparison.runs_b))],
        ["interval", f"{percent(comparison.level)}; {'; '.join(methods[:3])}"],
        ["what matters", f"changes beyond ±{100 * comparison.tolerance:g} %"],
        ["many figures", "p-values adjusted over all figures looked at (Benjamini–Hochberg)"],
    ]
    return Card("The run is the unit, not the request", blocks=[Table(["what", "how"], rows)])
