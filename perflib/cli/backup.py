"""`perflib backup` and `perflib restore`: settings, decisions and runs in one file, and back."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perflib import config
from perflib.cli.choose import CONFIG
from perflib.cli.show import console, print_damaged
from perflib.model import RECORD
from perflib.units import format_quantity
from perflib.wording import many

if TYPE_CHECKING:
    from perflib.backup import Plan
    from perflib.store import Store

_SHOWN = 20


@click.command()
@click.argument("archive", required=False, type=click.Path(path_type=Path, dir_okay=False))
@CONFIG
@click.option("--samples", is_flag=True, help="Every sample too, not only the records.")
def backup(archive: Path | None, file: Path, samples: bool) -> None:
    """Keep configuration, decisions and runs in the file ARCHIVE (default: in the data folder)."""
    from perflib.backup import create

    settings = config.load(file)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    place = archive or settings.data / "backups" / f"perflib-{stamp}.zip"
    folders = {Path(target.configs) for target in settings.targets.values() if target.configs}
    folders |= {settings.reference.configs} if settings.reference else set()
    store = _store(file)
    made = create(
        store,
        place,
        root=Path.cwd(),
        settings=[*file.parent.glob("*.yml"), *folders],
        samples=samples,
    )
    runs = sum(name.endswith(f"/{RECORD}") for name in made.files)
    configs = sum(name.startswith("config/") for name in made.files)
    size = format_quantity(place.stat().st_size, "B")
    console.print(
        f"{place}: {many(configs, 'settings file')}, {many(runs, 'run')}"
        f"{' with samples' if samples else ''}, all decisions; {size}",
        soft_wrap=True,
    )
    print_damaged(store.damaged)


@click.command()
@click.argument("archive", type=click.Path(path_type=Path))
@CONFIG
@click.option("--force", is_flag=True, help="Overwrite what was changed since the backup.")
@click.option("--dry-run", is_flag=True, help="Check the archive and tell what would be done.")
def restore(archive: Path, file: Path, force: bool, dry_run: bool) -> None:
    """Bring back what ARCHIVE holds; runs and decisions made since then stay.

    Refused, with nothing changed, if the archive is damaged or files here are newer.
    """
    from perflib.backup import restore as bring_back

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # all is put back then as well
    plan = bring_back(_store(file), archive, root=Path.cwd(), force=force, dry_run=dry_run)
    _print(plan, dry_run)


def _store(file: Path) -> Store:
    """The configured store; without a configuration, as after its loss, the default one."""
    from perflib.store import Store

    if not file.exists():
        return Store()
    settings = config.load(file)
    return Store(settings.data, settings.history)


def _print(plan: Plan, dry_run: bool) -> None:
    for what, paths in (
        ("would be new" if dry_run else "new", plan.new),
        ("would replace an older file" if dry_run else "replaced, was older", plan.older),
        ("newer here, needs --force" if dry_run else "replaced, was newer", plan.newer),
        ("the same", plan.same),
    ):
        if paths:
            console.print(f"{many(len(paths), 'file')}: {what}")
        for path in paths[:_SHOWN] if paths is not plan.same else []:
            console.print(f"  {path}", markup=False, soft_wrap=True)
    if plan.pruned:
        console.print(
            f"{many(len(plan.pruned), 'run')} of other machines: pruned since, such as "
            f"{plan.pruned[-1]}; `--force` brings them back",
            soft_wrap=True,
        )
