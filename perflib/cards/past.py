"""What is said of a history: where it stands, when it moved, and what else moved then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perflib.cards.card import Block, Card, Cell, Code, Number, Spark, State, Table
from perflib.wording import against, many, percent_change, shown

if TYPE_CHECKING:
    from perflib.analysis import Shift
    from perflib.course import Course


def verdict(course: Course) -> Card:
    """Improved, unchanged, regressed or not to be told; by how much, since when, what to do."""
    newest, trend = course.counted.iloc[-1], course.trend
    value = shown(float(newest["value"]), trend.unit)
    far = against(float(newest["value"]), course.objective)
    blocks: list[Block] = [
        f"Why: {trend.reason}.",
        f"Now: {value}{f', {far}' if far else ''} (run {newest['run_id']}).",
    ]
    if trend.drift is not None and course.moved is not trend.drift:
        blocks.append(f"Besides, it drifts: {percent_change(trend.drift)} over the last runs.")
    blocks += [f"Decided about {n.run_id}: {n.action}: {n.reason}." for n in trend.notes[-5:]]
    blocks.append(f"What to do: {_next(course)}")
    return Card(course.finding, course.state, blocks)


def _next(course: Course) -> str:
    last = course.last
    if course.state == "regressed" and last is not None:
        return (
            f"compare {last.run_before} with {last.run_after}; with many commits between them, "
            f"`{course.trend.bisect}` finds the one"
        )
    if course.state == "regressed":
        return (
            "look for what grows from run to run, such as rows, files or caches: `investigate` "
            "shows the first and the newest run"
        )
    if course.state == "improved":
        return "keep what changed; make the new level the baseline with `perflib triage`"
    if course.state == "unchanged":
        return "nothing; keep measuring under the same load and environment"
    sure = last is not None and last.worse is None and last.point.status == "confirmed"
    if sure and course.trend.since:  # a shift is spoken of, and neither direction is better
        return "decide whether the new level is wanted, and tell it with `perflib triage`"
    return "measure a few more runs before acting on it"


def shifts(course: Course) -> Card:
    """Every shift that counts: size, interval, and what else changed between its sides."""
    runs = len(course.trend.values)
    if not course.shifts:
        return Card(f"No shift that counts in {runs} comparable runs.")
    rows = [_shift_row(course, shift) for shift in reversed(course.shifts)]
    headings = ["first run after", "change [95 %]", "level, how sure", "what else changed"]
    return Card(f"{many(len(rows), 'shift')}, newest first", blocks=[Table(headings, rows)])


def _shift_row(course: Course, shift: Shift) -> list[Cell]:
    point, unit, causes = shift.point, course.trend.unit, course.causes(shift)
    level = f"{shown(point.before, unit)} → {shown(point.after, unit)}"
    p = f"p\u00a0{shift.adjusted_p:.2g}" if shift.adjusted_p >= 0.001 else "p\u00a0<\u00a00.001"
    said = [f"{decision.action}: {decision.reason}" for decision in shift.decisions]
    return [
        (Code(shift.run_after), f"{course.at(shift.run_after):%d %b %Y %H:%M} UTC"),
        Number(percent_change(shift.point), point.change),
        (level, f"{point.status}, {p}"),
        (*causes.leads(), *said) or "nothing that was recorded",
    ]


def indicators(courses: Sequence[Course]) -> Card:
    """Each promised indicator: state, last shift, and its line."""
    rows: list[list[Cell]] = []
    for course in courses:
        values = [float(v) for v in course.counted["value"].tail(40)]
        shift = course.last
        last = percent_change(shift.point) if shift else "none"
        when = course.when(shift.run_after) if shift else "–"
        now = shown(values[-1], course.metric.unit)
        text = f"{many(len(values), 'run')}, now {now}"
        rows.append(
            [
                State(course.state),
                course.name,
                Number(now, values[-1]),
                Spark(values, text, None, course.state),
                last,
                when,
            ]
        )
    if not rows:
        return Card("No promised indicator was measured yet.", "no data")
    headings = ["state", "indicator", "now", "last runs", "last shift", "when"]
    worst = min(courses, key=lambda course: _WORST.index(course.state))
    return Card(_standing(courses, worst), worst.state, [Table(headings, rows)])


_WORST = ("regressed", "inconclusive", "improved", "unchanged", "no data")


def _standing(courses: Sequence[Course], worst: Course) -> str:
    """How many indicators are in the worst state, and one of them in words."""
    same = sum(course.state == worst.state for course in courses)
    if worst.state in ("unchanged", "no data") and same > 1:
        return f"All {same} promised indicators: {worst.state}"
    if len(courses) == 1:
        return worst.finding
    return f"{same} of {len(courses)} promised indicators {worst.state}; first, {worst.finding}"


def next_steps(course: Course) -> Card:
    """What to do about the last shift."""
    step = _next(course)
    return Card(step[0].upper() + step[1:], course.state)


def method(course: Course) -> Card:
    """Which runs were judged, and how shifts are found."""
    points, trend = course.points, course.trend
    others = len(points) - len(trend.values)
    rows: list[list[Cell]] = [
        ["runs", f"{len(points)}, from {points['run_id'].iloc[0]} to {points['run_id'].iloc[-1]}"],
        ["judged", f"{len(trend.values)} of the newest machine and load; {others} others or bad"],
        ["shifts", "change points of levels, with slow drift and autocorrelation allowed for"],
        ["what counts", "significant over all series looked at, and past the tolerance"],
        ["interval", "95 % of the relative change; noisy runs weigh less"],
    ]
    title = "One point a run, never an average of percentiles"
    return Card(title, blocks=[Table(["what", "how"], rows)])
