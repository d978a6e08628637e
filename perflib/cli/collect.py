"""`perflib collect`: every metrics page once, kept as JSON and told in a table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from perflib import config, files
from perflib.cli.choose import CONFIG
from perflib.cli.show import console
from perflib.cli.watch import metrics_urls, reading_table
from perflib.errors import ExitCode, TargetError

if TYPE_CHECKING:
    from perflib.monitor import Sample


@click.command()
@click.argument("targets", nargs=-1)
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print the pages as JSON.")
def collect(targets: tuple[str, ...], file: Path, as_json: bool) -> int:
    """Scrape the metrics pages of TARGETS (all when none is named) once and keep them.

    Where nothing listens and the configuration allows it, the reference system is started.
    Exit code 3 when a page is missing or not valid; the others are kept.
    """
    from perflib import campaign
    from perflib.monitor import readings, scrape

    settings = config.load(file)
    urls = metrics_urls(settings, targets)
    pages, code = [], ExitCode.MET
    wanted = [settings.target(name) for name in urls]
    with campaign.system(settings, wanted, _say, alone=False):
        for target, url in urls.items():
            try:
                samples = scrape(url)
            except TargetError as error:
                code = ExitCode.UNKNOWN
                _say(f"{target}: {error}")
                continue
            page = _page(target, samples)
            pages.append(page)
            kept = _keep(page, settings.data / "metrics")
            if not as_json:
                console.print(reading_table(target, readings([], samples, 0.0)))
                console.print(f"{kept}: {len(samples)} values\n", soft_wrap=True)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(pages), indent=1))
    return code


def _say(text: str) -> None:
    click.echo(text, err=True)


def _page(target: str, samples: list[Sample]) -> dict[str, Any]:
    return {
        "target": target,
        "collected_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "samples": [
            {"name": s.name, "labels": s.labels, "kind": s.kind, "value": s.value} for s in samples
        ],
    }


def _keep(page: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = page["collected_at"].replace("-", "").replace(":", "").partition("+")[0]
    path = folder / f"{stamp}Z-{page['target'].replace('/', '-')}.json"
    files.write(path, msgspec.json.format(msgspec.json.encode(page), indent=1))
    return path
