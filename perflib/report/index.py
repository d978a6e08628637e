"""The index is the front door: every target's state first, then every run, all links relative."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflib import files
from perflib.model import BAD
from perflib.report.assets import environment
from perflib.report.cache import Made
from perflib.report.feed import feed
from perflib.report.plan import Summary, by_target, newest
from perflib.report.redact import certain
from perflib.report.rows import Link, finding, measured, row_of
from perflib.report.safe import shortened
from perflib.spark import Line, line
from perflib.wording import SIGNS, listed, shown

SPARK_RUNS = 40
"""How many of the newest runs a sparkline shows."""


@dataclass(frozen=True)
class Spark:
    """The course of one promised value over the runs, in an SVG of 120 × 32 and in words."""

    line: Line
    told: str


@dataclass(frozen=True)
class Card:
    """A target as the index shows it: by the newest `run` that counts.

    `passed_over` tells of newer ones that people marked as bad; `trend` is a state and its finding.
    """

    name: str
    state: str
    run: Summary
    passed_over: str
    finding: str
    verdicts: Sequence[tuple[str, str, str]]
    spark: Spark | None
    trend: tuple[str, str]
    count: int
    links: Sequence[Link]


def write_index(
    out: Path,
    pages: Mapping[str, Made],
    runs: Sequence[Summary],
    records: str,
    elsewhere: Iterable[str] = (),
    never_ran: Sequence[str] = (),
) -> None:
    """Write `index.html` and `feed.xml` into `out`, from where `records` leads to the runs.

    `elsewhere` are targets that others recorded runs of, `never_ran` configured ones without
    any. Pages of runs and targets that are gone are not told.
    """
    own, ids = {run.target for run in runs}, {run.id for run in runs}
    there = own.union(elsewhere)
    pages = {
        stem: made
        for stem, made in sorted(pages.items())
        if (made.run_id in ids if made.run_id else there.intersection(made.targets))
    }
    by_run = {made.run_id: stem for stem, made in pages.items() if made.run_id}
    rows = [row_of(out / records, records, run, by_run.get(run.id, "")) for run in reversed(runs)]
    links = [(made, Link(f"{stem}.html", made.title or stem)) for stem, made in pages.items()]
    told: dict[str, Any] = {
        "title": "Performance reports",
        "cards": _cards(pages, runs, by_run),
        "rows": rows,
        "signs": SIGNS,
        "never_ran": listed(never_ran) if never_ran else "",
        "others": [
            link
            for made, link in links
            if not made.run_id and (len(made.targets) != 1 or own.isdisjoint(made.targets))
        ],
        "broken": [link for made, link in links if made.failed],
    }
    page = environment().get_template("index.html.jinja").render(told)
    files.write(out / "index.html", shortened(certain(page)).encode())
    files.write(out / "feed.xml", feed(rows))


def _cards(
    pages: Mapping[str, Made], runs: Sequence[Summary], by_run: Mapping[str, str]
) -> list[Card]:
    cards = []
    for name, own in sorted(by_target(runs).items()):
        run = newest(own)
        links = [Link(f"{by_run[run.id]}.html", "Report")] if run.id in by_run else []
        links += [
            Link(f"{stem}.html", made.notebook.replace("_", " ").capitalize())
            for stem, made in pages.items()
            if made.targets == [name] and not made.run_id
        ]
        lines = [
            (str(verdict.outcome), verdict.objective.text, measured(verdict))
            for verdict in run.verdicts
            if not run.bad
        ]
        told = run.state, run, _passed_over(own, run), finding(run), lines
        spark = sparkline([one for one in own if not one.bad][-SPARK_RUNS:])
        trend = _trend(pages.values(), name, len(own))
        cards.append(Card(name, *told, spark, trend, len(own), links))
    order = ("missed", "unknown", BAD, "met")
    return sorted(cards, key=lambda card: order.index(card.state))


def _passed_over(own: Sequence[Summary], run: Summary) -> str:
    """That a newer run than `run` is marked as bad, and why; empty when `run` is the newest."""
    newer = own[own.index(run) + 1 :]
    if not newer:
        return ""
    last = newer[-1]
    which = "A newer run" if len(newer) == 1 else f"{len(newer)} newer runs, the last"
    return f"{which} of {last.when} UTC, marked as bad: {last.bad}"


def _trend(pages: Iterable[Made], target: str, runs: int) -> tuple[str, str]:
    """What the page of the target's history says: its notebook computed it, the index does not."""
    of_target = (made for made in pages if made.targets == [target] and not made.run_id)
    found = next((made for made in of_target if made.state in SIGNS), None)
    nothing = "no page of its history yet" if runs > 1 else "one run is no history yet"
    return (found.state, found.finding) if found else ("no data", nothing)


def sparkline(runs: Sequence[Summary]) -> Spark | None:
    """The value that decides the newest verdict, over `runs`; None with fewer than two values."""
    newest = next((run.verdicts for run in reversed(runs) if run.verdicts), None)
    if newest is None:
        return None
    first = min(newest, key=lambda verdict: verdict.outcome.rank)
    values = [
        verdict.estimate.value
        for run in runs
        for verdict in run.verdicts
        if verdict.objective.text == first.objective.text and verdict.estimate is not None
    ]
    drawn = line(values, first.objective.limit, 120, 32)
    if drawn is None:
        return None
    ends = [shown(value, first.objective.unit) for value in (values[0], values[-1])]
    return Spark(drawn, f"{first.objective.text}: {len(values)} runs, from {ends[0]} to {ends[1]}")
