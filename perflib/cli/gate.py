"""`perflib gate`: one exit code and one line for a pipeline, and files for those who read more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from perflib import config
from perflib.cli.choose import CONFIG, DATA, TOLERANCE, open_store
from perflib.cli.show import console, exit_code
from perflib.cli.signs import marked
from perflib.files import write_out
from perflib.model import Outcome

if TYPE_CHECKING:
    from perflib.analysis import Gate


@click.command()
@click.argument("targets", nargs=-1)
@CONFIG
@DATA
@TOLERANCE
@click.option("--junit", type=Path, help="Write JUnit XML to this file.")
@click.option("--markdown", type=Path, help="Write GitHub-flavoured Markdown to this file.")
@click.option("--json", "json_file", type=Path, help="Write JSON to this file.")
@click.option("--badge", type=Path, help="Write an SVG badge to this file.")
def gate(
    targets: tuple[str, ...],
    file: Path,
    data: Path | None,
    tolerance: float,
    junit: Path | None,
    markdown: Path | None,
    json_file: Path | None,
    badge: Path | None,
) -> int:
    """Judge the newest run of TARGETS and their trends.

    Without TARGETS all that were measured or are configured; a configured target that never
    ran is unknown. With --data only what that folder holds.

    Exit codes: 0 all met, 1 any missed or regressed, 2 usage, 3 unknown. In a GitHub workflow
    the summary of the job is written as well.
    """
    from perflib import analysis
    from perflib.report import faces

    configured = [] if targets or data else [*config.load_if_there(file).targets]
    store = open_store(file, data)
    found = analysis.gate(store, targets, configured=configured, tolerance=tolerance)
    _print(found)
    writers: list[tuple[Path | None, Callable[[Gate], str]]] = [
        (junit, faces.to_junit),
        (markdown, faces.to_markdown),
        (json_file, faces.to_json),
        (badge, faces.to_badge),
    ]
    for path, face in writers:
        if path is not None:
            write_out(path, face(found).encode())
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as page:
            page.write(faces.to_markdown(found))
    return exit_code([found.outcome])


def _print(found: Gate) -> None:
    def say(text: str) -> None:
        # a line stays one where a pipeline searches it
        console.print(text.replace("\n", " "), soft_wrap=True)

    say(f"{marked(found.outcome)} {escape(found.finding.partition(': ')[2])}")
    for check in found.checks:
        if check.outcome is not Outcome.MET:
            say(escape(f"  {check.outcome}: {check.target}, {check.name}: {check.reason}"))
            say(f"    [dim]next: {escape(check.next_step)}[/]")
    for note in found.notes:
        say(f"  [dim]{escape(note)}[/]")
