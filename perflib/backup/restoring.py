"""Restoring: unpack aside, compare, then swap; a failure half-way puts everything back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from perflib.backup.archive import CHANGES, TRIAGE, Archive, digest_of
from perflib.errors import StoreError
from perflib.files import in_one_step
from perflib.model import RECORD
from perflib.store import Store
from perflib.store.folder import explained
from perflib.wording import many


@dataclass
class Plan:
    """What a restore does to the files here; `newer` were changed since the backup was made.

    `pruned` are runs that the machines that made them removed since.
    """

    new: list[Path] = field(default_factory=list)
    same: list[Path] = field(default_factory=list)
    older: list[Path] = field(default_factory=list)
    newer: list[Path] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)


def restore(
    store: Store, file: Path, *, root: Path, force: bool = False, dry_run: bool = False
) -> Plan:
    """Bring back what `file` holds: settings below `root`, runs and decisions into `store`.

    Refused while nothing has been changed if the file is damaged, or if something here is
    newer than the backup and not `force`. Runs and decisions that it does not know stay. Of runs
    that others recorded in a shared history nothing is made here as long as that has them, or
    lost them to a `prune`, and not `force`.
    """
    with ExitStack() as stack:
        archive = Archive(file)
        stack.callback(archive.close)
        aside = _aside(None if dry_run else store.root / "staging", stack)
        archive.unpack(aside / "new")
        decisions = [_rows(aside / "new" / name, file) for name in (TRIAGE, CHANGES)]
        there, pruned = _elsewhere(archive, store, force=force)
        places = _places(archive, store, root, there.union(pruned))
        plan = _plan(archive, places)
        plan.pruned = sorted(pruned)
        if plan.newer and not (force or dry_run):
            raise StoreError(
                f"newer than the backup: {many(len(plan.newer), 'file')}, such as {plan.newer[0]}",
                next_step="look with `--dry-run`; overwrite them with `--force`",
                file=file,
            )
        if not dry_run:
            moves = {aside / "new" / name: place for name, place in places.items()}
            changed = {s: p for s, p in moves.items() if p not in plan.same}
            other = [p.parent.name for p in plan.newer if p == store.folder(p.parent.name) / RECORD]

            def tell() -> None:
                store.merge_decisions(*decisions)
                store.reindex(other)

            _swap(_whole_runs(changed, aside / "new" / "runs"), aside / "old", tell)
    return plan


def _aside(staging: Path | None, stack: ExitStack) -> Path:
    """A folder of our own to unpack in, gone afterwards."""
    with explained(staging or Path(tempfile.gettempdir()), "written"):
        if staging is not None:
            staging.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix="restore-", dir=staging))
    stack.callback(shutil.rmtree, aside, ignore_errors=True)
    return aside


def _rows(path: Path, file: Path) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError(
            f"`{path.name}` is missing or damaged ({error})",
            next_step="nothing was changed; use another backup",
            file=file,
        ) from None


def _elsewhere(archive: Archive, store: Store, *, force: bool) -> tuple[set[str], set[str]]:
    """The runs of other machines that the history here has, and those that it has no longer.

    One that knows of no machine but this one was lost, and has nothing pruned.
    """
    known, theirs = {*store.runs()["run_id"]}, {*archive.manifest.elsewhere}
    lost = all(store.folder(run_id).exists() for run_id in known)
    return theirs & known, set() if lost or force else theirs - known


def _places(archive: Archive, store: Store, root: Path, without: set[str]) -> dict[str, Path]:
    """Where each file of the archive belongs; a link that leads out of `root` is refused."""
    places = {}
    for name in archive.manifest.files:
        kind, _, rest = name.partition("/")
        if kind == "runs":
            if rest.partition("/")[0] in without:
                continue
            places[name] = store.root / name
        elif kind == "config":
            places[name] = root / rest
            if not places[name].parent.resolve().is_relative_to(root.resolve()):
                raise StoreError(
                    "a link leads out of the project",
                    next_step="remove the link, then restore",
                    file=places[name].parent,
                )
    return places


def _plan(archive: Archive, places: dict[str, Path]) -> Plan:
    made = archive.manifest.created_at.timestamp()
    plan = Plan()
    for name, place in places.items():
        with explained(place, "read"):
            if not place.exists():
                plan.new.append(place)
            elif digest_of(place) == archive.manifest.files[name].sha256:
                plan.same.append(place)
            elif name.startswith("runs/") or place.stat().st_mtime > made:
                plan.newer.append(place)
            else:
                plan.older.append(place)
    return plan


def _swap(moves: dict[Path, Path], old: Path, then: Callable[[], None]) -> None:
    """Put every source in its place and call `then`; if anything fails, all is as it was."""
    undo = ExitStack()
    try:
        for source, place in moves.items():
            with explained(place, "written"):
                _put(source, place, old, undo)
        then()
    except BaseException:
        undo.close()
        raise
    undo.pop_all()


def _whole_runs(moves: dict[Path, Path], runs: Path) -> dict[Path, Path]:
    """A run that is new here arrives as a folder, in one step."""
    whole = {}
    for source, place in moves.items():
        if source.is_relative_to(runs) and not place.parent.exists():
            whole[source.parent] = place.parent
        else:
            whole[source] = place
    return whole


def _put(source: Path, place: Path, old: Path, undo: ExitStack) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        source.rename(place)
        undo.callback(shutil.rmtree, place, ignore_errors=True)
        return
    if place.exists():
        kept = old / str(len(list(old.glob("*"))))
        old.mkdir(exist_ok=True)
        shutil.copy2(place, kept)
        undo.callback(_replace, kept, place)
    else:
        undo.callback(place.unlink, missing_ok=True)
    _replace(source, place)


def _replace(source: Path, place: Path) -> None:
    """Let the content of `source` appear at `place` in one step, whatever disk it is on."""
    with in_one_step(place) as aside:
        shutil.copy2(source, aside)
