"""`perflib history`: what is recorded, and a broom that shows what it would sweep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from perflib.cli import show
from perflib.cli.choose import CONFIG, DATA, RUNS_HELP, open_store
from perflib.cli.signs import tick
from perflib.errors import ExitCode, PerflibError, nearest
from perflib.model import Run, to_json
from perflib.selection import pick_runs
from perflib.units import format_quantity, parse_quantity
from perflib.wording import many, shown

if TYPE_CHECKING:
    import pandas as pd

    from perflib.store import Store

SHOWN = ("mean", "p50", "p95", "p99", "max")


class _ListFirst(click.Group):
    """Without a command, and with a target or an option instead of one, `list` is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` before arguments that name no command."""
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["list", *args])


@click.group(cls=_ListFirst)
def history() -> None:
    """List, show and prune what is recorded; without a command, list."""


def _store(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options that say where the store is, and the store."""

    @CONFIG
    @DATA
    @wraps(command)
    def opened(file: Path, data: Path | None, **rest: Any) -> Any:
        return command(open_store(file, data), **rest)

    return opened


@history.command("list")
@click.argument("target", required=False)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@click.option("--since", type=click.DateTime(), help="Not before this time (UTC).")
@click.option("--until", type=click.DateTime(), help="Before this time (UTC).")
@click.option("--status", type=click.Choice(["complete", "interrupted", "failed"]))
@click.option("--commit", default="", help="Runs at this git commit, or the beginning of one.")
@click.option("--json", "as_json", is_flag=True, help="Every column as JSON.")
@_store
def list_runs(
    store: Store,
    target: str | None,
    limit: int,
    since: datetime | None,
    until: datetime | None,
    status: str | None,
    commit: str,
    as_json: bool,
) -> None:
    """The newest runs (of TARGET), newest last, with a sign for each promise."""
    from perflib.recovery import leavings

    found = store.runs(target, status=status, since=_utc(since), until=_utc(until))
    found = found[found["git_commit"].str.startswith(commit)].tail(limit)
    if as_json:
        click.echo(found.to_json(orient="records", date_format="iso", indent=1))
        return
    if found.empty:
        show.console.print(escape(_nothing_like(store, target)), soft_wrap=True)
    else:
        show.console.print(_runs_table(found, store.verdicts(target)))
    show.print_damaged([*store.damaged, *leavings(store)])


def _nothing_like(store: Store, target: str | None) -> str:
    known = sorted(set(store.runs()["target"]))
    if not known:
        return "nothing is recorded here; measure with `perflib run`"
    meant = f": expected {nearest(target, known)}" if target and target not in known else ""
    return f"no run is like this{meant}; `perflib history list` shows the newest of all"


@history.command("show", epilog=RUNS_HELP)
@click.argument("run")
@click.option("--labels", is_flag=True, help="Each label as well.")
@click.option("--json", "as_json", is_flag=True, help="The whole record as JSON.")
@_store
def show_run(store: Store, run: str, labels: bool, as_json: bool) -> None:
    """One run: where it took place, what was measured, what was judged."""
    known = {*store.runs()["run_id"]}
    damaged = [error for error in store.damaged if Path(error.file or "").parent.name == run]
    if damaged and run not in known:
        raise damaged[0]
    for run_id in pick_runs(store, run):
        found = store.load(run_id)
        if as_json:
            click.echo(to_json(found))
        else:
            _print_run(found, store, labels)


@history.command()
@click.argument("target", required=False)
@click.option("--older-than", default="90 d", show_default=True, help="Age of what may go.")
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Newest runs of each target that stay.",
)
@click.option(
    "--everywhere",
    is_flag=True,
    help="Also runs of a shared history that have no folder here; one whose folder is left on "
    "another machine comes back.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_store
def prune(store: Store, dry_run: bool, yes: bool, older_than: str, **which: Any) -> int:
    """Remove old runs (of TARGET) with their samples; baselines always stay.

    What another machine recorded in a shared history is pruned there.
    """
    age = _age(older_than)
    old = store.prune(age, **which)
    doomed, elsewhere = old[old["goes"]], old[~old["goes"]]
    if not doomed.empty:
        show.console.print(_runs_table(doomed, store.verdicts(which["target"])))
    if not elsewhere.empty:
        show.console.print(
            f"as old, but recorded elsewhere: {many(len(elsewhere), 'run')}, such as "
            f"{elsewhere['run_id'].iloc[-1]}\n  next: prune them there; where no folder of them is "
            "left, add `--everywhere`",
            soft_wrap=True,
        )
    if dry_run or doomed.empty:
        show.console.print(f"{many(len(doomed), 'run')} would go")
        return ExitCode.MET
    if not yes and not _agreed(f"Remove these {many(len(doomed), 'run')} for good?"):
        raise PerflibError(
            "nothing was removed",
            expected="a yes to the question",
            next_step="repeat with `--yes`, or with `--dry-run` to look only",
        )
    store.prune(age, **which, dry_run=False)
    show.console.print(f"gone: {many(len(doomed), 'run')}")
    return ExitCode.MET


def _agreed(question: str) -> bool:
    """The answer, from a terminal or a pipe; where nobody can answer it is no."""
    if sys.stdin is None:  # closed by the caller
        return False
    try:
        return click.confirm(question)
    except click.Abort:
        if sys.stdin.isatty():  # Ctrl-C
            raise
        click.echo()
        return False


def _age(text: str) -> timedelta:
    """The age `text` tells, of which there was a day."""
    age_s = parse_quantity(text, "s")
    if not 0 <= age_s <= datetime.now(UTC).timestamp():
        raise PerflibError(
            f"`--older-than '{text}'`",
            expected="an age that reaches back to 1970 at most",
            next_step="write it as `--older-than '90 d'`",
        )
    return timedelta(seconds=age_s)


@history.command()
@_store
def reindex(store: Store) -> None:
    """Make the history database again from the folders of runs; decisions are kept."""
    show.console.print(f"in the history: {many(store.reindex(), 'run')}")
    show.print_damaged(store.damaged)


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)


def _runs_table(runs: pd.DataFrame, verdicts: pd.DataFrame) -> Table:
    signs = verdicts["outcome"].map(tick).groupby(verdicts["run_id"]).agg("".join)
    wide = show.console.width >= 100
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("run", "promises", "lasted", "status", "commit", *(["started (UTC)"] * wide)):
        table.add_column(name, no_wrap=True, overflow="ignore")
    for row in runs.to_dict("records"):
        cells = (
            escape(row["run_id"]),
            signs.get(row["run_id"], "–"),
            format_quantity(row["duration_s"], "s"),
            "[red]bad[/]" if row["bad"] else row["status"],
            escape(row["git_commit"][:8]) + ("+" if row["git_dirty"] else ""),
            f"{row['started_at']:%Y-%m-%d %H:%M}",
        )
        table.add_row(*(cells if wide else cells[:-1]))
    return table


def _print_run(run: Run, store: Store, labels: bool) -> None:
    place, settings = run.environment, dict(_plain_settings(run.workload))
    facts = {
        "target": f"{run.target} ({run.kind})",
        "started": f"{run.started_at}, {run.status}, lasted {format_quantity(run.duration_s, 's')}",
        "machine": f"{place.cpu}, {place.cores} cores, {place.kernel}",
        "commit": place.git_commit + (" and changes" if place.git_dirty else ""),
        "load": ", ".join(f"{name} {value}" for name, value in settings.items()),
        "errors": ", ".join(f"{kind} × {count}" for kind, count in run.errors.items()),
        "folder": str(store.folder(run.id)) if store.folder(run.id).exists() else "",
    }
    show.console.print(f"[bold]{escape(run.id)}[/]")
    for name, value in facts.items():
        if value:
            show.console.print(f"  [dim]{name:8}[/] {escape(value)}", soft_wrap=True)
    if run.verdicts or run.caveats:
        show.print_runs([run])
    if run.estimates:
        show.console.print(_estimates_table(run, labels))


def _plain_settings(workload: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The settings that fit a line; the whole workload is in the JSON."""
    for name, value in workload.items():
        if name == "scenario" and isinstance(value, dict):
            yield from _plain_settings(value)
        elif isinstance(value, str | int | float) and 0 < len(str(value)) < 60:
            yield name, value


def _estimates_table(run: Run, labels: bool) -> Table:
    """A row a metric, a column a statistic; a single number stands under `mean`."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for estimate in run.estimates:
        if labels or not estimate.label:
            cells = rows.setdefault((estimate.metric, estimate.label), {"n": f"{estimate.n:,}"})
            cells[estimate.statistic] = shown(estimate.value, estimate.unit)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("metric", *SHOWN, "n"):
        table.add_column(name, justify="left" if name == "metric" else "right", overflow="fold")
    for (metric, label), cells in rows.items():
        cells.setdefault("mean", cells.get("value", ""))
        name = f"  {label}" if label else metric
        table.add_row(escape(name), *(cells.get(column, "") for column in (*SHOWN, "n")))
    return table
