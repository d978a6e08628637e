"""`perflib run`: measure targets, judge their promises, and on request render the reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from perflib import config
from perflib.cli import show
from perflib.cli.choose import CONFIG
from perflib.errors import ExitCode, PerflibError
from perflib.target import Scenario
from perflib.units import format_quantity
from perflib.yamlfile import wording

if TYPE_CHECKING:
    from perflib.model import Run


@click.command()
@click.argument("targets", nargs=-1)
@CONFIG
@click.option("--scenario", default="", help="How hard and how long; see the scenarios file.")
@click.option("--rate", help="Arrivals a second instead of the scenario's, such as `2000 req/s`.")
@click.option("--run-time", help="Measured time instead of the scenario's, such as `60 s`.")
@click.option(
    "--also-load",
    multiple=True,
    metavar="'URL REASON'",
    help="Another host that locustfiles may load, and why; the run records both.",
)
@click.option("--headline", type=Path, help="Write a target's few main numbers to this JSON file.")
@click.option("--report", is_flag=True, help="Render the reports afterwards.")
def run(
    targets: tuple[str, ...],
    file: Path,
    scenario: str,
    rate: str | None,
    run_time: str | None,
    also_load: tuple[str, ...],
    headline: Path | None,
    report: bool,
) -> int:
    """Measure TARGETS (all when none is named) and judge what was promised of them."""
    from perflib.headline import write_headline
    from perflib.run import NOT_IN_HISTORY

    settings = config.load(file)
    if headline and len(targets or settings.targets) != 1:
        raise PerflibError("--headline is of one target", next_step="name the one that you mean")
    load = adjusted(settings.scenario(scenario), rate=rate, run_time=run_time)
    _tell_own_load(settings, targets, load, rate=rate, run_time=run_time)
    permit(settings, targets, also_load)
    runs = measure(settings, targets, load)
    code = show.print_runs(runs)
    if headline and runs:
        write_headline(runs[0], headline)
        click.echo(f"{headline}: the headline of run {runs[0].id}")
    if report and runs:
        render(settings, runs)
    lost = any(caveat.code == NOT_IN_HISTORY for run in runs for caveat in run.caveats)
    return ExitCode.USAGE if lost else code


def _tell_own_load(
    settings: config.Config,
    targets: tuple[str, ...],
    load: Scenario,
    *,
    rate: str | None,
    run_time: str | None,
) -> None:
    """Say where a given rate or time changes nothing."""
    for target in map(settings.target, targets or settings.targets):
        own, ignored = target.loaded(load), {}
        if rate and not target.watches and (own.arrival == "closed" or own.rate != load.rate):
            closed = own.arrival == "closed"
            ignored["--rate"] = "it is closed" if closed else f"it has {own.rate:g} req/s"
        if run_time and own.run_time != load.run_time:
            ignored["--run-time"] = f"it takes {format_quantity(own.run_time, 's')}"
        for option, why in ignored.items():
            click.echo(
                f"{target.name} keeps its own load ({why}): {option} is not for it", err=True
            )


def permit(settings: config.Config, targets: tuple[str, ...], hosts: tuple[str, ...]) -> None:
    """Let the locustfiles of `targets` (all when empty) load further hosts, each for a reason."""
    from perflib.workloads.http import HttpTarget

    for text in hosts:
        url, _, reason = text.partition(" ")
        if not (url.startswith(("http://", "https://")) and reason.strip()):
            raise PerflibError(
                f"`--also-load '{text}'`",
                expected="a URL, a space and the reason",
                next_step="write it as `--also-load 'http://10.0.0.9:8080 the shared login'`",
            )
        for name in targets or settings.targets:
            if isinstance(target := settings.target(name), HttpTarget):
                target.more_hosts[url] = reason.strip()


def adjusted(scenario: Scenario, **changes: str | None) -> Scenario:
    """`scenario` with the given settings replaced and checked."""
    given = {name: value for name, value in changes.items() if value is not None}
    if not given:
        return scenario
    try:
        checked = Scenario.model_validate(given)
    except ValidationError as error:
        problems = [
            wording({**item, "input": given[str(item["loc"][0])]}) for item in error.errors()
        ]
        raise PerflibError(
            "; ".join(problems), next_step="write it as `--rate '2000 req/s'`, `--run-time '60 s'`"
        ) from None
    return scenario.model_copy(update={name: getattr(checked, name) for name in given})


def measure(settings: config.Config, targets: tuple[str, ...], load: Scenario) -> list[Run]:
    """Run a campaign with live numbers on the terminal."""
    from perflib import campaign

    with show.live_numbers() as numbers:
        return campaign.measure(settings, targets, load, show=numbers, say=show.console.print)


def render(settings: config.Config, runs: list[Run]) -> None:
    """Make the pages of the targets of `runs` and tell where they are."""
    from perflib.cli.report import progress, show_pages
    from perflib.report.flow import render_reports
    from perflib.report.settings import Settings

    own = Settings(history=settings.history or "", config=settings.file)
    asked = [*(run.target for run in runs), "overview"]
    show_pages(render_reports(settings.data, asked, own, progress))
