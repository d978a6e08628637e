"""`perflib isolation`: no forbidden reference and no undeclared host in the performance tests."""

from __future__ import annotations

from pathlib import Path

import click

from perflib import config
from perflib.cli.choose import CONFIG
from perflib.errors import ExitCode, PerflibError
from perflib.review import Hit, isolate
from perflib.yamlfile import read_yaml


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@CONFIG
@click.option("--forbid", multiple=True, metavar="WORD", help="Beside the configured words.")
def isolation(paths: tuple[Path, ...], file: Path, forbid: tuple[str, ...]) -> int:
    """Search PATHS (those of the configuration when none is named) for forbidden references.

    Exit codes: 0 clean, 1 a reference was found.
    """
    for word in forbid:
        if not word.strip("-_. "):  # an unset variable would forbid nothing, and nobody would know
            raise PerflibError(
                f"`--forbid '{word}'` is no word", next_step="name one, or leave it out"
            )
    settings = config.load(file)
    places = list(paths or settings.isolation.paths)
    for place in places:
        if not place.exists():
            step = (
                "correct the path" if paths else f"name it as `isolation: {{paths: …}}` in {file}"
            )
            raise PerflibError("no such file or folder", file=place, next_step=step)
    targets = [host for target in settings.targets.values() for host in target.hosts()]
    forbidden = [*settings.isolation.forbidden, *forbid]
    hits = isolate(
        places, forbidden, [*settings.isolation.allowed_hosts, *targets], declared_lines(file)
    )
    for hit in hits:
        _print(hit)
    counted = sum(hit.counts for hit in hits)
    click.echo(
        f"{counted} forbidden references, {len(hits) - counted} notes; "
        f"looked for {', '.join(forbidden) or 'no words'} in {', '.join(map(str, places))}"
    )
    return ExitCode.MISSED if counted else ExitCode.MET


def declared_lines(file: Path) -> list[tuple[Path, int]]:
    """The lines of the configuration that declare the forbidden words."""
    document = read_yaml(file)
    return [
        (file, line)
        for path, line in document.lines.items()
        if path[:2] == ("isolation", "forbidden")
    ]


def _print(hit: Hit) -> None:
    click.secho(f"{hit.file}:{hit.line}: ", nl=False, bold=hit.counts)
    click.secho(f"{hit.kind}: ", nl=False, fg="red" if hit.counts else "cyan")
    click.echo(hit.message)
