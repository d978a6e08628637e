"""What is said of a history: where it stands, when it moved, and what else moved then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perflib.cards.card import Block, Card, Cell, Code, Number, Spark, State, Table
from perflib.units import format_quantity
from perflib.wording import against, words

if TYPE_CHECKING:
    from perflib.course import Course, Shift


def verdict(course: Course) -> Card:
    """Improved, unchanged, regressed or not to be told; by how much, since when, what to do."""
    newest = course.points.iloc[-1]
    value = format_quantity(float(newest["value"]), course.metric.unit)
    far = against(float(newest["value"]), course.objective)
    blocks: list[Block] = [f"Now: {value}{f', {far}' if far else ''} (run {newest['run_id']})."]
    if course.drift is not None:
        drift = course.drift
        blocks.append(
            f"Besides shifts it drifts: {100 * drift.change:+.2g} % "
            f"[{100 * drift.low:.2g}, {100 * drift.high:.2g}] over the last runs."
        )
    blocks.append(f"What to do: {_next(course)}")
    return Card(course.finding, course.state, blocks)


def _next(course: Course) -> str:
    if not course.shifts:
        return "nothing; keep measuring under the same load and environment"
    last = course.shifts[-1]
    if course.state == "regressed":
        return (
            f"compare {last.before_run} with {last.after_run}; with many commits between them, "
            f"`perflib bisect {course.target}` finds the one"
        )
    if course.state == "improved":
        return "keep what changed; make the new level the baseline"
    return "measure a few more runs before acting on it"


def shifts(course: Course) -> Card:
    """Every change point: size, interval, and what else changed between the runs on its sides."""
    if not course.shifts:
        return Card(f"No shift in {len(course.judged)} comparable runs.", "unchanged")
    rows = [_shift_row(course, shift) for shift in reversed(course.shifts)]
    headings = ["first run after", "change [95 %]", "level", "sure", "commits", "environment"]
    many = "shift" if len(rows) == 1 else "shifts"
    return Card(f"{len(rows)} {many}, newest first", blocks=[Table(headings, rows)])


def _shift_row(course: Course, shift: Shift) -> list[Cell]:
    change, unit = shift.change, course.metric.unit
    level = f"{format_quantity(change.before, unit)} → {format_quantity(change.after, unit)}"
    return [
        Code(shift.after_run),
        Number(shift.text, change.change),
        level,
        (change.status, f"p {change.p_value:.2g}"),
        shift.commits,
        "; ".join(shift.environment[:6]) or "the same",
    ]


def indicators(courses: Sequence[Course]) -> Card:
    """Each promised indicator: state, last shift, and its line."""
    rows: list[list[Cell]] = []
    for course in courses:
        values = [float(v) for v in course.points["value"].tail(40)]
        last = course.shifts[-1].text if course.shifts else "none"
        when = f"{course.shifts[-1].at:%d %b %H:%M}" if course.shifts else "–"
        now = format_quantity(values[-1], course.metric.unit)
        text = f"{len(values)} runs, now {now}"
        rows.append(
            [
                State(course.state),
                f"{course.statistic} {words(course.metric.name)}".removeprefix("value "),
                Number(now, values[-1]),
                Spark(values, text, None, course.state),
                last,
                when,
            ]
        )
    if not rows:
        return Card("Nothing is promised of this target.", "no data")
    regressed = sum(course.state == "regressed" for course in courses)
    told = f"{regressed} of {len(rows)} promised indicators regressed"
    headings = ["", "indicator", "now", "last runs", "last shift", "when"]
    return Card(
        told if regressed else "No promised indicator regressed", blocks=[Table(headings, rows)]
    )


def next_steps(course: Course) -> Card:
    """What to do about the last shift."""
    state = course.state if course.shifts else "unchanged"
    step = _next(course)
    return Card(step[0].upper() + step[1:], state)


def method(course: Course) -> Card:
    """Which runs were judged, and how shifts are found."""
    points, judged = course.points, course.judged
    others = len(points) - len(judged)
    rows: list[list[Cell]] = [
        ["runs", f"{len(points)}, from {points['run_id'].iloc[0]} to {points['run_id'].iloc[-1]}"],
        ["judged", f"{len(judged)} of the newest environment; {others} bad or of another one"],
        ["shifts", "change points of levels, with slow drift and autocorrelation allowed for"],
        ["interval", "95 % of the relative change; noisy runs weigh less"],
        ["unit", course.metric.unit],
    ]
    return Card(
        "One point a run, never an average of percentiles", blocks=[Table(["what", "how"], rows)]
    )
