"""`perflib import` and `perflib formats`: results of other tools become runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from perflib import config
from perflib.cli.choose import CONFIG
from perflib.cli.show import console, exit_code, verdict_table
from perflib.errors import BesideError, ExitCode, FormatError
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
@CONFIG
def import_results(
    paths: tuple[str, ...], format_name: str | None, target: str, strict: bool, file: Path
) -> int:
    """Store the result files in PATHS (files, folders, globs, - for standard input) as runs."""
    from perflib.formats.loading import by_run
    from perflib.importing import import_source, known_imports
    from perflib.store import Store

    settings = config.load_if_there(file)
    promised = settings.targets.get(target)
    objectives = [objective.text for objective in promised.objectives] if promised else []
    store = Store(settings.data, settings.history)
    known = known_imports(store)
    runs: list[Run] = []
    refused: list[FormatError] = []
    for source in by_run(_found(paths, strict, settings.data.resolve(), refused)):
        made = import_source(
            source,
            store,
            format_name=format_name,
            target=target,
            objectives=objectives,
            known=known,
        )
        _show(source, made, runs, refused)
    click.echo(f"{many(len(runs), 'run')}, {many(len(refused), 'file')} refused")
    if refused or not runs:
        return ExitCode.USAGE
    if not objectives:
        return ExitCode.MET
    console.print(verdict_table(runs))
    return exit_code(verdict.outcome for run in runs for verdict in run.verdicts)


def _found(
    paths: tuple[str, ...], strict: bool, own: Path, refused: list[FormatError]
) -> Iterator[Source]:
    """The files behind `paths`; those that name none are `refused`.

    A search through folders leaves out what perflib keeps itself.
    """
    from perflib.formats.loading import sources

    for given in paths:
        try:
            for source in sources([given], strict=strict):
                meant = Path(given).resolve().is_relative_to(own)
                if meant or own not in source.path.resolve().parents:
                    yield source
        except FormatError as error:
            _refuse(error, refused)


def _refuse(error: FormatError, refused: list[FormatError]) -> None:
    refused.append(error)
    click.echo(f"refused: {error}", err=True)


def _show(
    source: Source, made: Iterator[tuple[Run, bool]], runs: list[Run], refused: list[FormatError]
) -> None:
    """Add what was made of `source` to `runs`, or its error to `refused`, and tell it."""
    parts = f" ({len(source.parts)} files)" if len(source.parts) > 1 else ""
    try:
        for run, is_new in made:
            runs.append(run)
            state = "" if is_new else " (known already)"
            click.echo(f"{source.path}{parts}: {run.source['tool']} → {run.id}{state}")
            for caveat in run.caveats:
                click.echo(f"  {caveat.message}; {caveat.next_step}".removesuffix("; "), err=True)
    except BesideError as error:
        click.echo(f"passed over: {error}", err=True)
    except FormatError as error:
        _refuse(error, refused)
    for line, reason in source.skipped[:3]:
        place = f"{source.path}:{line}" if line else source.path
        click.echo(f"  {place}: skipped: {reason}", err=True)
    if source.skipped_rows > 3:
        click.echo(f"  {source.path}: {source.skipped_rows} rows skipped in all", err=True)


@click.command("formats")
def formats() -> None:
    """List the formats that `perflib import` reads."""
    width = max(map(len, FORMATS))
    for name in FORMATS:
        summary = (reader(name).__doc__ or "").split("\n\n")[0].replace("\n", " ")
        click.echo(f"{name:{width}}  {summary}")
