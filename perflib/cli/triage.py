"""`perflib triage`: what people decide about shifts and runs, kept where everybody sees it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Column, Table

from perflib.cli.choose import CONFIG, DATA, open_store
from perflib.cli.show import console
from perflib.errors import ExitCode, PerflibError
from perflib.selection import pick_runs
from perflib.wording import many

if TYPE_CHECKING:
    from perflib.analysis.triage import Decision


@click.command()
@click.argument("action", required=False, default="list")
@click.argument("run", required=False)
@click.option("--reason", default="", help="Why; needed for every decision.")
@click.option("--metric", default="", help="Only this metric of the run's target.")
@click.option("--label", default="", help="Only this kind of request or query.")
@click.option("--author", default="", envvar="PERFLIB_AUTHOR", help="Who decides.")
@click.option("--write", "written", type=Path, help="Write all decisions to this YAML file.")
@click.option("--read", "given", type=Path, help="Bring the decisions of this YAML file in.")
@CONFIG
@DATA
def triage(  # noqa: PLR0913, PLR0917 (click hands over each option)
    action: str,
    run: str | None,
    reason: str,
    metric: str,
    label: str,
    author: str,
    written: Path | None,
    given: Path | None,
    file: Path,
    data: Path | None,
) -> int:
    """Decide about a shift or a run; without arguments, list the decisions.

    \b
    ACTION is one of
      acknowledge  the shift at RUN is known; it raises no alarm any more
      explain      a remark on the shift at RUN; the alarm stays
      baseline     RUN begins a new normal; shifts up to it are settled
      bad          RUN is left out of every judgement
      undo         take decision number RUN back; it stays visible
      list         all decisions, of target RUN if named
    """
    from perflib.analysis import triage as decisions

    store = open_store(file, data)
    if given is not None:
        new = many(decisions.read_file(store, given), "new or corrected decision")
        console.print(escape(f"{new} from {given}"), soft_wrap=True)
    if action == "undo":
        number = _number(run)
        store.undo_triage(number)
        console.print(f"decision {number} is taken back")
    elif action != "list":
        decisions.require_action(action)
        runs = pick_runs(store, run) if run else []
        if len(runs) != 1:
            raise PerflibError(
                f"`perflib triage {action}` is about one run, not {len(runs)}",
                next_step=f"name it: `perflib triage {action} RUN --reason …`",
            )
        found = decisions.decide(
            store, action, runs[0], reason, metric=metric, label=label, author=author
        )
        console.print(f"decision {found.number}: {found.action} {found.run_id}")
    elif given is None and written is None:
        _print_list(decisions.read(store, run, undone=True))
    if written is not None:
        kept = many(decisions.write_file(store, written), "decision")
        console.print(escape(f"{kept} in {written}"), soft_wrap=True)
    return ExitCode.MET


def _number(text: str | None) -> int:
    if text is None or not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise PerflibError(
            f"`{text or ''}` is no decision",
            expected="its number",
            next_step="list the decisions with `perflib triage`",
        )
    return int(text)


def _print_list(found: list[Decision]) -> None:
    if not found:
        console.print("no decisions yet\n  next: `perflib trend` shows what to decide about")
        return
    action = Column("action", no_wrap=True)
    table = Table("nr", action, "run", "about", "reason", "when", box=None, pad_edge=False)
    for decision in found:
        about = " ".join(filter(None, (decision.target, decision.metric, decision.label)))
        style = "dim strike" if decision.undone else ""
        when = f"{decision.created_at} {decision.author}".strip()
        what = f"{decision.action}, taken back" if decision.undone else decision.action
        cells = (what, decision.run_id, about, decision.reason, when)
        table.add_row(str(decision.number), *map(escape, cells), style=style)
    console.print(table)
