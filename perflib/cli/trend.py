"""`perflib trend`: where each target stands, since when, and what may be behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.markup import escape
from rich.table import Table

from perflib.cli.choose import CONFIG, DATA, TOLERANCE, open_store
from perflib.cli.compare import exit_code_of
from perflib.cli.show import console, print_damaged
from perflib.cli.signs import SIGNS, marked
from perflib.errors import nearest
from perflib.spark import CALM
from perflib.wording import shown

if TYPE_CHECKING:
    from perflib.analysis import Shift, Trend
    from perflib.store import Store

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 24


@click.command()
@click.argument("targets", nargs=-1)
@CONFIG
@DATA
@click.option("--metric", help="This metric instead of what is promised.")
@click.option("--statistic", help="Such as p95, mean or value.")
@click.option("--label", help="One kind of request or query.")
@TOLERANCE
@click.option("--json", "as_json", is_flag=True, help="States and shifts as JSON.")
def trend(
    targets: tuple[str, ...],
    file: Path,
    data: Path | None,
    metric: str | None,
    statistic: str | None,
    label: str | None,
    tolerance: float,
    as_json: bool,
) -> int:
    """Where TARGETS (all when none is named) stand against their own history.

    Named TARGETS are shown with all their shifts, newest first, and what changed beside each.

    Exit code 1 when anything regressed, 3 when nothing can be told, else 0.
    """
    from perflib import analysis

    store = open_store(file, data)
    found = analysis.follow(
        store, targets, metric=metric, statistic=statistic, label=label, tolerance=tolerance
    )
    if as_json:
        click.echo(_json(found))
    else:
        _print(found, store, whole=bool(targets))
        print_damaged(store.damaged)
        _print_missing(store, set(targets) - {one.key.target for one in found})
    return exit_code_of(found)


def _print(found: list[Trend], store: Store, *, whole: bool) -> None:
    """States and shifts; of the `whole` history, or only those that the states speak of."""
    from perflib.analysis.gating import together

    if not found:
        console.print(
            "– no data: no run has this\n  next: `perflib run`, or `perflib history list`"
        )
        return
    order = [*SIGNS]
    found = sorted(found, key=lambda one: (order.index(one.state), one.key))
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("state", "target", "", "now", "runs", ""):
        table.add_column(name, no_wrap=name != "", overflow="fold")
    for one in found:
        cells = (one.key.target, one.name, shown(one.level, one.unit))
        count = str(len(one.values))
        table.add_row(marked(one.state), *map(escape, cells), count, sparkline(one))
    console.print(table)
    for one in found:
        for shift in reversed(one.shifts):
            if shift.counts and (whole or shift.run_after == one.since or shift.decisions):
                _print_shift(one, shift, store)
    for line in together(one for one in found if one.state.value == "inconclusive"):
        console.print(f"[yellow]?[/] {escape(line)}")


def _print_missing(store: Store, names: set[str]) -> None:
    """Which of the named targets have nothing to show, and what a mistyped one may mean."""
    known = sorted(set(store.runs()["target"])) if names else []
    for name in sorted(names) if known else []:
        meant = "" if name in known else f"; expected {nearest(name, known)}"
        console.print(escape(f"– no data: no run of {name} has this{meant}"), soft_wrap=True)


def _print_shift(one: Trend, shift: Shift, store: Store) -> None:
    from perflib.analysis import causes
    from perflib.analysis.standing import told

    title = f"{one.key.target} {one.name} {told(shift, one.unit)} ({shift.point.status})"
    console.print(f"\n[bold]{escape(title)}[/]")
    for decision in shift.decisions:
        console.print(escape(f"  {decision.action}: {decision.reason}"))
    behind = causes(store, shift.run_before, shift.run_after)
    for line in behind.leads():
        console.print(escape(f"  {line}"))


def sparkline(one: Trend, width: int = _WIDTH) -> str:
    """The last results as bars, where little change looks like little."""
    values = one.values[-width:]
    low, high = float(values.min()), float(values.max())
    span = max(high - low, CALM * max(abs(low), abs(high)))
    scale, floor = (len(_BARS) - 1) / span if span else 0.0, (low + high - span) / 2
    return "".join(_BARS[round((value - floor) * scale)] for value in values)


def _json(found: list[Trend]) -> str:
    return msgspec.json.format(msgspec.json.encode([_row(one) for one in found])).decode()


def _row(one: Trend) -> dict[str, Any]:
    return one.key._asdict() | {
        "load_key": one.load_key,
        "state": one.state.value,
        "reason": one.reason,
        "since": one.since,
        "unit": one.unit,
        "level": one.level,
        "runs": len(one.values),
        "drift": None if one.drift is None else msgspec.to_builtins(one.drift),
        "shifts": [
            msgspec.to_builtins(shift.point)
            | {
                "run_before": shift.run_before,
                "run_after": shift.run_after,
                "adjusted_p": shift.adjusted_p,
                "counts": shift.counts,
                "closed": shift.closed,
                "decisions": [msgspec.to_builtins(decision) for decision in shift.decisions],
            }
            for shift in one.shifts
        ],
    }
