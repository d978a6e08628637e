"""`perflib report`: notebooks become pages; what did not change is not executed again."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import click

from perflib.cli.signs import SIGNS
from perflib.errors import ExitCode, ReportError
from perflib.model import HISTORY
from perflib.report.flow import Page, Reports, render_reports
from perflib.report.parameters import Written
from perflib.report.plan import NOTEBOOKS, Order
from perflib.report.settings import Settings

CONFIGURATION = Path("tests/performance/performance_config.yml")
"""Where `perflib.config` looks; importing it costs what an unchanged report saves."""


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("--config", "file", type=Path, default=None, help="Where `data` is told.")
@click.option(
    "--data", type=Path, default=None, help="Folder of runs; default: the configured one."
)
@click.option("--notebooks", type=Path, default=NOTEBOOKS, show_default=True)
@click.option("--out", type=Path, default=None, help="Folder of the pages; default: DATA/reports.")
@click.option("-p", "--parameter", "values", multiple=True, metavar="NAME=VALUE")
@click.option("--force", is_flag=True, help="Execute again even what did not change.")
@click.option(
    "--workers", type=click.IntRange(0), default=0, help="Notebooks at a time; 0: one a core."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    help="Seconds a notebook.",
)
@click.option("--kernels", is_flag=True, help="Ordinary Jupyter kernels instead of forks.")
@click.option("--dask", default="", metavar="ADDRESS", help="Execute on a Dask cluster.")
@click.option("--pdf", is_flag=True, help="A PDF beside each page, by headless Chromium.")
@click.option("--watch", is_flag=True, help="Stay, and report each new run as it is recorded.")
def report(
    targets: tuple[str, ...],
    file: Path | None,
    data: Path | None,
    values: tuple[str, ...],
    watch: bool,
    **options: object,
) -> int:
    """Execute and render the notebooks of TARGETs: names, run ids or notebooks; all by default.

    Exit codes: 0 all pages are there, 3 a notebook failed (its page shows where).
    """
    root, history = (data, "") if data else configured(file)
    given = dict(map(_parameter, values))
    place = None if data else file or CONFIGURATION
    settings = Settings(values=given, history=history, config=place, **options)  # type: ignore[arg-type]
    if watch:
        from perflib.report.watch import watch as stay

        return int(stay(root, targets, settings, show, progress))
    return show(render_reports(root, targets, settings, progress))


def progress(order: Order, event: list[Any]) -> None:
    """One line on a terminal: the notebook that runs, and how far it is."""
    if event[0] == "start" and sys.stderr.isatty():
        done = "━" * round(24 * event[1] / len(order.content["cells"]))
        click.echo(f"\r\033[K{done:╌<24} {order.stem[-50:]}", nl=False, err=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)


def configured(file: Path | None) -> tuple[Path, str]:
    """The folder of runs that the configuration names (`data` without one), and the history.

    Nothing else is checked: an unchanged report costs less than that.
    """
    place = file or CONFIGURATION
    if file is None and not place.exists():
        return Path("data"), os.environ.get(HISTORY, "")
    import yaml

    try:
        told = yaml.load(place.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        folder, history = (_filled(str(told.get(name) or "")) for name in ("data", "history"))
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError):
        folder = history = "${…}"  # reading it whole says what is wrong
    if "${" in folder + history:
        from perflib import config

        settings = config.load(place)
        return settings.data, settings.history or ""
    return Path(folder or "data"), history


def _filled(value: str) -> str:
    """`value` with what has a default in the environment filled in."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda told: os.environ.get(told[1], told[2]), value)


def _parameter(text: str) -> tuple[str, Written]:
    name, found, value = text.partition("=")
    if not found or not name.isidentifier():
        raise ReportError(
            f"`{text[:80]}` is no parameter",
            expected="NAME=VALUE",
            next_step="write it as `-p metric=query_time`",
        )
    return name, Written(value)


def show(reports: Reports) -> int:
    """Print the verdicts, the pages, and where the index is."""
    _clear_progress()
    for run in reports.latest:
        click.secho(f"{run.target[:60]}", bold=True)
        for verdict in run.verdicts:
            sign, color = SIGNS[verdict.outcome]
            click.echo(
                f"  {click.style(f'{sign} {verdict.outcome:8}', fg=color)}{verdict.objective.text}"
            )
        if not run.verdicts:
            click.echo("  ? nothing was promised, so nothing was judged")
    return show_pages(reports)


def show_pages(reports: Reports) -> int:
    """Print how many pages there are, which notebooks failed, and where the index is."""
    _clear_progress()
    made = sum(page.executed for page in reports.pages)
    click.echo(f"pages: {made} made now, {len(reports.pages) - made} unchanged")
    for page in reports.failed:
        _complain(page)
    click.echo(f"index: {reports.index}")
    return ExitCode.UNKNOWN if reports.failed else ExitCode.MET


def _complain(page: Page) -> None:
    click.secho(f"failed: {page.path}: {page.failed[:1000]}", fg="red", err=True)
