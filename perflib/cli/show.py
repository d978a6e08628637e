"""What the terminal shows: live numbers while it runs, then the verdicts, the finding first."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from perflib.cli.signs import marked
from perflib.errors import ExitCode, PerflibError
from perflib.model import Outcome, Run, worst
from perflib.wording import interval_text

PIPED_WIDTH = 160
"""Columns where the output goes to a file or a pipe, so that no value is broken."""


class _Harmless(Console):
    """What a result brought is only ever text: no order to the terminal, no turned direction."""

    def render_str(self, text: str, **options: Any) -> Text:
        """As a console does, with a mark for each sign that cannot be seen."""
        return super().render_str(_UNSEEN.sub("\ufffd", text), **options)


_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
console = _Harmless(
    emoji=False,
    highlight=False,
    width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH,
)


def exit_code(outcomes: Iterable[Outcome]) -> ExitCode:
    """That of the worst of `outcomes`; nothing judged is unknown."""
    return ExitCode[worst(outcomes).name]


def verdict_table(runs: Iterable[Run]) -> Table:
    """One row an objective."""
    table = Table("target", "verdict", "promise", "measured [95 % interval]", box=None)
    for run in runs:
        for verdict in run.verdicts:
            measured = interval_text(verdict.estimate) if verdict.estimate else "–"
            cells = (run.target, marked(verdict.outcome), verdict.objective.text, measured)
            table.add_row(escape(cells[0]), cells[1], escape(cells[2]), escape(cells[3]))
    return table


def print_runs(runs: list[Run]) -> ExitCode:
    """Print verdicts, then why some are not met, then caveats; return the exit code."""
    if any(run.verdicts for run in runs):
        console.print(verdict_table(runs))
    for run in runs:
        if not run.verdicts:
            _note(run.target, "nothing was promised, so nothing was judged", "give it `objectives`")
        for message, next_step in _reasons(run):
            _note(run.target, message, next_step)
    return exit_code(verdict.outcome for run in runs for verdict in run.verdicts)


def _reasons(run: Run) -> Iterable[tuple[str, str]]:
    """What holds verdicts back, then what else is doubtful; each reason once."""
    open_ = [verdict for verdict in run.verdicts if verdict.outcome is not Outcome.MET]
    said = [(verdict.reason, verdict.next_step) for verdict in open_]
    said += [(caveat.message, caveat.next_step) for caveat in run.caveats]
    once: dict[str, tuple[str, str]] = {}
    for reason, next_step in said:
        once.setdefault(reason.partition(" (and ")[0], (reason, next_step))
    return once.values()


def _note(target: str, message: str, next_step: str) -> None:
    step = f"\n  → {next_step}" if next_step else ""
    console.print(f"[yellow]![/] {escape(f'{target}: {message}{step}')}", soft_wrap=True)


def print_damaged(problems: Iterable[PerflibError]) -> None:
    """Tell of runs that could not be read and are therefore not among what was shown."""
    for problem in problems:
        console.print(f"[yellow]![/] {escape(str(problem))}", soft_wrap=True)


@contextmanager
def live_numbers() -> Iterator[_Numbers]:
    """A table that follows the running targets; plain lines where there is no terminal."""
    numbers = _Numbers()
    if not console.is_terminal:
        yield numbers
        return
    with Live(get_renderable=numbers.table, console=console, refresh_per_second=4, transient=True):
        yield numbers


class _Numbers:
    """The latest numbers of each target; callable by any thread."""

    LINE_EVERY_S = 5.0

    def __init__(self) -> None:
        self._rows: dict[str, Mapping[str, str]] = {}
        self._printed: dict[str, float] = {}

    def __call__(self, target: str, numbers: Mapping[str, str]) -> None:
        self._rows[target] = numbers
        if not console.is_terminal:
            self._print(target, numbers)

    def _print(self, target: str, numbers: Mapping[str, str]) -> None:
        now = time.monotonic()
        if now - self._printed.get(target, 0.0) >= self.LINE_EVERY_S:
            self._printed[target] = now
            text = "  ".join(f"{name} {value}" for name, value in numbers.items())
            console.print(escape(f"{target}: {text}"))

    def table(self) -> Table:
        table = Table(box=None, show_header=False)
        for target, numbers in list(self._rows.items()):
            cells = [f"[dim]{escape(name)}[/] {escape(value)}" for name, value in numbers.items()]
            table.add_row(f"[bold]{escape(target)}[/]", *cells)
        return table
