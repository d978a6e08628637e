"""`perflib export`: runs in formats that other tools read."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from perflib.cli.choose import CONFIG, DATA, RUNS_HELP, open_store
from perflib.exporting import EXPORTS
from perflib.exporting import export as write
from perflib.files import write_out
from perflib.selection import pick_runs


@click.command("export", epilog=RUNS_HELP)
@click.argument("runs")
@click.option("--to", "kind", type=click.Choice(sorted(EXPORTS)), default="json", show_default=True)
@click.option("--output", "-o", type=Path, help="File to write; standard output without it.")
@CONFIG
@DATA
def export(runs: str, kind: str, output: Path | None, file: Path, data: Path | None) -> None:
    """Write RUNS, a set of runs, in another tool's format."""
    store = open_store(file, data)
    content = write(store, pick_runs(store, runs), kind)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    write_out(output, content)
