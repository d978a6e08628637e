"""`perflib watch`: what the services say of themselves, live, as rates and quantiles."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from perflib import config
from perflib.cli.choose import CONFIG
from perflib.cli.show import console
from perflib.errors import ExitCode, PerflibError, TargetError
from perflib.units import format_quantity

if TYPE_CHECKING:
    from perflib.monitor import Reading, Sample

_NOISE = re.compile(r"^(python_|process_(?!cpu|resident)|.*_created$)")
_ORDER = {"histogram": 0, "counter": 1}


@click.command()
@click.argument("targets", nargs=-1)
@CONFIG
@click.option("--interval", default=2.0, show_default=True, type=click.FloatRange(0.1, 3600))
@click.option("--match", default="", help="Only series whose name matches this expression.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many pages.")
def watch(
    targets: tuple[str, ...], file: Path, interval: float, match: str, count: int | None
) -> int:
    """Follow the metrics pages of TARGETS (all when none is named) until Ctrl-C."""
    pages = Pages(metrics_urls(config.load(file), targets))
    wanted = _expression(match)
    with _screen() as update:
        try:
            while count is None or pages.number < count:
                if pages.number:
                    time.sleep(interval)
                pages.read()
                update(Group(*pages.shown(wanted)))
        except KeyboardInterrupt:
            pass
    return ExitCode.UNKNOWN if len(pages.troubles) == len(pages.urls) else ExitCode.MET


@contextmanager
def _screen() -> Iterator[Callable[[Group], None]]:
    """Redraws in place on a terminal; anywhere else, prints one page after another."""
    if not console.is_terminal:
        yield console.print
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield lambda shown: live.update(shown, refresh=True)


def metrics_urls(settings: config.Config, targets: Sequence[str]) -> dict[str, str]:
    """The metrics page of each target named, or of all that have one."""
    chosen = [settings.target(name) for name in targets or settings.targets]
    urls = {target.name: target.metrics_url for target in chosen if target.metrics_url}
    missing = [target.name for target in chosen if not target.metrics_url]
    if not urls or (targets and missing):
        raise PerflibError(
            f"no metrics page is configured for {', '.join(missing)}",
            next_step="add `metrics_url` to the target",
            file=settings.file,
        )
    return urls


class Pages:
    """The latest page of each target and the one before it."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.urls = urls
        self.number = 0
        self.troubles: dict[str, TargetError] = {}
        self._before: dict[str, tuple[float, list[Sample]]] = {}
        self._now: dict[str, tuple[float, list[Sample]]] = {}

    def read(self) -> None:
        """Scrape every page once; one that fails keeps its trouble until it answers."""
        from perflib.monitor import scrape

        self.number += 1
        for target, url in self.urls.items():
            try:
                page = scrape(url)
            except TargetError as error:
                self.troubles[target] = error
                continue
            self.troubles.pop(target, None)
            self._before[target] = self._now.get(target, (0.0, []))
            self._now[target] = (time.monotonic(), page)

    def shown(self, wanted: re.Pattern[str] | None) -> Iterable[Table | str]:
        """A table a target, then what went wrong."""
        from perflib.monitor import readings

        for target, (at_s, page) in self._now.items():
            before_s, before = self._before[target]
            yield reading_table(target, readings(before, page, at_s - before_s), wanted)
        for target, error in self.troubles.items():
            yield f"[yellow]![/] {escape(f'{target}: {error}')}"


def reading_table(
    title: str, rows: Iterable[Reading], wanted: re.Pattern[str] | None = None
) -> Table:
    """One row a series: what it is now, how fast it grows, how its values are spread."""
    table = Table(
        "series", "value", "a second", "p50", "p95", "p99", title=escape(title), box=None,
        title_justify="left",
    )  # fmt: skip
    for row in sorted(rows, key=lambda row: (_ORDER.get(row.kind, 2), row.name, row.labels)):
        if not (wanted.search(row.name) if wanted else not _NOISE.match(row.name)):
            continue
        unit = "s" if "seconds" in row.name else "B" if "bytes" in row.name else "1"
        value = "" if row.value is None else format_quantity(row.value, unit)
        rate = "" if row.rate is None else format_quantity(row.rate, "1")
        spread = [format_quantity(value, unit) for value in row.quantiles or ()]
        table.add_row(escape(row.name + row.labels), value, rate, *spread)
    return table


def _expression(match: str) -> re.Pattern[str] | None:
    try:
        return re.compile(match) if match else None
    except re.error as error:
        raise PerflibError(
            f"`{match}` is no regular expression ({error})", next_step="for example `query_time`"
        ) from None
