"""`perflib review`: the settings that bear on performance, and what a change of them would gain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from perflib import config
from perflib.cli.choose import CONFIG
from perflib.cli.show import console
from perflib.desk import newest_good, no_samples
from perflib.errors import ExitCode, PerflibError, StoreError
from perflib.review import UNREADABLE, Finding, Setting, findings, ranked, read_settings
from perflib.store import Store

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@click.argument("folder", default="configs", type=click.Path(path_type=Path))
@click.option("--report", is_flag=True, help="The optimisation report, with the latest runs.")
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@CONFIG
def review(folder: Path, report: bool, markdown: bool, file: Path) -> int:
    """Tabulate the settings below FOLDER and hold them against each other.

    With --report the latest run of each target is asked as well. Exit code 2: a file could
    not be read.
    """
    settings = config.load(file) if file.exists() or file != config.DEFAULT else None
    written, problems = read_settings(folder)
    if not written and not problems:
        raise PerflibError(
            "no settings",
            expected="YAML, TOML, INI, JSON or env files",
            file=folder,
            next_step="name the folder or the file of your settings",
        )
    found = findings(configs=folder, queries=_queries(settings))
    if report and settings:
        found = ranked(found + _of_runs(settings, folder))
    if not report:
        _settings_table([one for one in written if one.topic], markdown)
    if markdown:
        click.echo(as_markdown(found))
    else:
        _print(found)
    unread = any(one.code == UNREADABLE for one in found)
    return ExitCode.USAGE if unread else ExitCode.MET


def _queries(settings: config.Config | None) -> dict[str, str]:
    """The statements of all database targets, by name."""
    return {
        name: query.sql
        for target in (settings.targets.values() if settings else ())
        for name, query in getattr(target, "queries", {}).items()
    }


def _of_runs(settings: config.Config, folder: Path) -> list[Finding]:
    store = Store(settings.data, settings.history)
    result: list[Finding] = []
    for target in settings.targets.values():
        run_id = newest_good(store, target.name)
        if run_id is None:
            continue
        configs = Path(target.configs) if target.configs else folder
        if not configs.is_dir():
            raise PerflibError(f"`{target.name}`: no such folder", file=configs)
        result += findings(store.load(run_id), _samples(store, run_id), configs)
    return result


def _samples(store: Store, run_id: str) -> pd.DataFrame:
    """Those of the run; none where they are not kept, for its record tells something too."""
    try:
        return store.samples(run_id)
    except StoreError:
        return no_samples()


def _settings_table(settings: list[Setting], markdown: bool) -> None:
    if markdown:
        click.echo("| setting | value | topic | place |\n|---|---|---|---|")
        for one in settings:
            click.echo(f"| {one.key} | {one.shown} | {one.topic} | {one.file}:{one.line} |")
        click.echo()
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("place", no_wrap=True, overflow="fold")
    for name in ("topic", "setting", "value"):
        table.add_column(name, overflow="fold")
    for one in sorted(settings, key=lambda one: (one.topic, str(one.file), one.line)):
        table.add_row(f"{one.file}:{one.line}", one.topic, one.key, one.shown)
    console.print(table)
    console.print()


def _print(found: list[Finding]) -> None:
    if not found:
        console.print("[green]✓[/] nothing was found that a change would gain")
    for number, one in enumerate(found, 1):
        console.print(f"[bold]{number}. {one.code}[/]  {one.place}", highlight=False)
        for name, text in _lines(one):
            console.print(f"   [dim]{name}[/] {text}", highlight=False)


def _lines(one: Finding) -> list[tuple[str, str]]:
    lines = [
        ("found   ", f"{one.target}: {one.message}" if one.target else one.message),
        ("evidence", one.evidence),
        ("gain    ", one.gain),
        ("next    ", one.next_step),
    ]
    return [(name, text) for name, text in lines if text]


def as_markdown(found: list[Finding]) -> str:
    """The optimisation report as Markdown, what gains most first."""
    parts = ["# Optimisation report", ""]
    if not found:
        parts.append("Nothing was found that a change would gain.")
    for number, one in enumerate(found, 1):
        parts += [f"## {number}. {one.code}", ""]
        parts += [f"- **{name.strip()}**: {text}" for name, text in _lines(one)]
        parts += [f"- **setting**: `{one.setting}`"] if one.setting else []
        parts += [f"- **place**: `{one.place}`"] if one.place else []
        parts.append("")
    return "\n".join(parts)
