"""`perflib compare A B`: what changed, by how much, how sure; the environments first."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from perflib.cli.choose import CONFIG, DATA, RUNS_HELP, TOLERANCE, open_store
from perflib.cli.show import console
from perflib.cli.signs import marked
from perflib.errors import ExitCode, PerflibError, nearest
from perflib.model import SAMPLES
from perflib.selection import pick_runs
from perflib.units import format_number
from perflib.wording import percent, shown

if TYPE_CHECKING:
    from perflib.analysis import Change, Comparison, Trend

EFFECT = 0.05
"""The relative change whose chance of being seen is told."""


@click.command(epilog=RUNS_HELP)
@click.argument("a")
@click.argument("b")
@CONFIG
@DATA
@click.option("--metric", help="Only this metric.")
@click.option("--labels", is_flag=True, help="Each label as well.")
@TOLERANCE
@click.option("--anyway", is_flag=True, help="Even across machines or loads.")
@click.option("--json", "as_json", is_flag=True, help="Every change as JSON.")
def compare(
    a: str,
    b: str,
    file: Path,
    data: Path | None,
    metric: str | None,
    labels: bool,
    tolerance: float,
    anyway: bool,
    as_json: bool,
) -> int:
    """How runs B differ from runs A; one run a side is compared by how earlier runs differ.

    Exit code 1 when anything regressed, 3 when the runs cannot be compared or nothing can
    be told, else 0.
    """
    from perflib import analysis

    store = open_store(file, data)
    sides = pick_runs(store, a), pick_runs(store, b)
    if both := sorted({*sides[0]} & {*sides[1]}):
        raise PerflibError(
            f"{both[0]} is on both sides",
            expected="two sets of runs that share none",
            next_step=f"compare with an earlier one, such as `{a.partition('@')[0]}@-2`",
        )
    for run_id in {*sides[0], *sides[1]}:
        if (store.folder(run_id) / SAMPLES).exists():
            store.samples(run_id)  # told when damaged; without any, the estimates are compared
    found = analysis.compare(*sides, store=store, tolerance=tolerance, anyway=anyway)
    measured = sorted({change.metric for change in found.changes})
    if metric is not None and measured and metric not in measured:
        raise PerflibError(
            f"no metric `{metric}` on both sides", expected=nearest(metric, measured)
        )
    shown = [
        change
        for change in found.changes
        if (metric is None or change.metric == metric) and (labels or not change.label)
    ]
    if as_json:
        click.echo(found.frame().to_json(orient="records", indent=1))
    else:
        _print(found, shown)
    return exit_code_of(shown)


def exit_code_of(found: Iterable[Change | Trend]) -> ExitCode:
    """Regressed beats what can be told; nothing that can be told is unknown."""
    states = {one.state.value for one in found}
    if "regressed" in states:
        return ExitCode.MISSED
    return ExitCode.MET if states & {"improved", "unchanged"} else ExitCode.UNKNOWN


def _print(found: Comparison, changes: list[Change]) -> None:
    console.print(f"A {', '.join(found.runs_a)}\nB {', '.join(found.runs_b)}")
    for difference in found.differences:
        console.print(f"[yellow]![/] differs: {escape(difference)}")
    if not found.comparable:
        console.print("[yellow]![/] not comparable: another machine or another load")
    for caveat in found.caveats:
        console.print(f"[yellow]![/] {escape(caveat.message)}")
        if caveat.next_step:
            console.print(f"  next: {escape(caveat.next_step)}")
    if not found.changes:
        console.print("  next: compare runs of one machine and one load, or add `--anyway`")
        return
    console.print(_table(found, changes))
    _print_power(changes)


def _table(found: Comparison, changes: list[Change]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    wide = console.width >= 100
    contrast = f"B ÷ A ({percent(found.level)})"
    for name in ["state", "", "A", "B", contrast, *(["adj. p", "shift", "δ"] if wide else [])]:
        least = 0 if name else 18
        table.add_column(name, no_wrap=name not in ("", contrast), min_width=least, overflow="fold")
    for change in changes:
        label = f' "{change.label}"' if change.label else ""
        statistic = "" if change.statistic == "value" else f"{change.statistic} "
        cells = [
            marked(change.state),
            escape(f"{statistic}{change.metric}{label}"),
            shown(change.a, change.unit),
            shown(change.b, change.unit),
            _interval(change),
            "–" if math.isnan(change.adjusted_p) else f"{change.adjusted_p:.3f}",
            shown(change.shift, change.unit),
            "–" if math.isnan(change.delta) else f"{change.delta:+.2f}",
        ]
        table.add_row(*(cells if wide else cells[:-3]))
    return table


def _interval(change: Change) -> str:
    contrast = change.contrast
    if contrast is None:
        return "–"
    numbers = (contrast.value, contrast.low, contrast.high)
    if contrast.kind == "difference":
        value, low, high = (shown(number, change.unit) for number in numbers)
        return f"B − A = {value} \\[{low}, {high}]"
    value, low, high = (format_number(number) for number in numbers)
    return f"{value} \\[{low}–{high}]"


def _print_power(changes: list[Change]) -> None:
    """What the comparison could have seen, for the statistic that says the most.

    One run a side sees nothing for sure, and its caveat says so.
    """
    ratios = [(c, c.contrast) for c in changes if c.contrast and c.contrast.kind == "ratio"]
    told = [(change, contrast) for change, contrast in ratios if contrast.between is not None]
    told = [pair for pair in told if pair[0].statistic in ("mean", "value")] or told
    for change, contrast in told[:3]:
        seen = percent(contrast.power(EFFECT))
        text = f"a {percent(EFFECT)} change of {change.metric} would have been seen with {seen}"
        needed = contrast.runs_to_see(EFFECT)
        if needed is not None and needed > min(contrast.runs):
            text += f"; {needed - min(contrast.runs)} more runs a side would make it 80 %"
        console.print(f"[dim]{escape(text)}[/]")
