"""`perflib import` and `perflib formats`: results of other tools become runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from perflib import config
from perflib.cli.show import console, exit_code, verdict_table
from perflib.errors import ExitCode, FormatError
from perflib.formats import FORMATS, reader
from perflib.wording import many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perflib.formats.base import Source
    from perflib.model import Run


@click.command("import")
@click.argument("paths", nargs=-1, required=True)
@click.option("--format", "format_name", help="Force a format; see `perflib formats`.")
@click.option("--target", default="", help="Target of the runs; its promises are judged.")
@click.option("--strict", is_flag=True, help="Make the first broken row an error.")
@click.option("--config", "file", type=Path, default=config.DEFAULT, show_default=True)
def import_results(
    paths: tuple[str, ...], format_name: str | None, target: str, strict: bool, file: Path
) -> int:
    """Store the result files in PATHS (files, folders, globs, - for standard input) as runs."""
    from perflib.formats.loading import sources
    from perflib.importing import import_source, known_imports
    from perflib.store import Store

    settings = config.load_if_there(file)
    promised = settings.targets.get(target)
    objectives = [objective.text for objective in promised.objectives] if promised else []
    store = Store(settings.data, settings.history)
    known, runs, refused = known_imports(store), list["Run"](), 0
    own = settings.data.resolve()
    for given in paths:
        try:
            found = [one for one in sources([given], strict=strict) if _named(one, given, own)]
        except FormatError as error:
            found, refused = [], refused + 1
            click.echo(f"refused: {error}", err=True)
        for source in found:
            made = import_source(
                source,
                store,
                format_name=format_name,
                target=target,
                objectives=objectives,
                known=known,
            )
            refused += not _shown(source, made, runs)
    click.echo(f"{many(len(runs), 'run')}, {many(refused, 'file')} refused")
    if refused:
        return ExitCode.USAGE
    if not objectives:
        return ExitCode.MET
    console.print(verdict_table(runs))
    return exit_code(verdict.outcome for run in runs for verdict in run.verdicts)


def _named(source: Source, given: str, own: Path) -> bool:
    """Whether it is meant: a search through folders leaves out what perflib keeps itself."""
    return own not in source.path.resolve().parents or Path(given).resolve().is_relative_to(own)


def _shown(source: Source, made: Iterator[tuple[Run, bool]], runs: list[Run]) -> bool:
    """Add what was made of `source` to `runs` and tell it; False when it was refused."""
    good = True
    try:
        for run, is_new in made:
            runs.append(run)
            state = "" if is_new else " (known already)"
            click.echo(f"{source.path}: {run.source['tool']} → {run.id}{state}")
    except FormatError as error:
        good = False
        click.echo(f"refused: {error}", err=True)
    for line, reason in source.skipped[:3]:
        click.echo(f"  {source.path}:{line}: skipped: {reason}", err=True)
    if source.skipped_rows > 3:
        click.echo(f"  {source.path}: {source.skipped_rows} rows skipped in all", err=True)
    return good


@click.command("formats")
def formats() -> None:
    """List the formats that `perflib import` reads."""
    width = max(map(len, FORMATS))
    for name in FORMATS:
        summary = (reader(name).__doc__ or "").split("\n\n")[0].replace("\n", " ")
        click.echo(f"{name:{width}}  {summary}")
