"""What a measurement left that was broken off becomes a run: nothing is lost in silence.

It was killed, its machine went down, or its disk was full.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from perflib.errors import PerflibError, StoreError
from perflib.load import plan as plans
from perflib.model import RECORD, SAMPLES, SCRAPED, Caveat, Run
from perflib.monitor.scraper import SCHEMA as SERIES
from perflib.run import finish
from perflib.samples import (
    SCRAPED_PARTS,
    adopt_parts,
    join_parts,
    parts_of,
    read_samples,
    schema,
)
from perflib.store import Store
from perflib.store import folder as folders
from perflib.store.claim import abandoned
from perflib.wording import many


def leavings(store: Store) -> Iterator[StoreError]:
    """Samples of measurements that are no run yet and never will be by themselves."""
    for folder in abandoned(store.staging):
        if _parts(folder):
            yield StoreError(
                "a measurement was broken off, and its samples are no run yet",
                next_step="the next `perflib run` of its target records them; remove the folder if "
                "they are of no use",
                file=folder,
            )


def recover(
    store: Store, targets: Iterable[str], secrets: Iterable[str], say: Callable[[str], None]
) -> None:
    """Record what broken off measurements of `targets` left as interrupted runs, and say so.

    None of `secrets` reaches the records, which is why those of other targets, whose secrets are
    not known here, are left alone.
    """
    for folder in abandoned(store.staging):
        try:
            _recover(folder, store, set(targets), tuple(secrets), say)
        except (PerflibError, OSError) as error:
            say(f"what was broken off cannot be recorded: {error}")


def _recover(
    folder: Path,
    store: Store,
    targets: set[str],
    secrets: tuple[str, ...],
    say: Callable[[str], None],
) -> None:
    if not _parts(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    run = folders.decode((folder / RECORD).read_bytes(), folder / RECORD)
    if run.target not in targets:
        return
    if run.duration_s:  # all was done but the last step
        store.commit(run, folder)
    elif _complete(run, folder):
        finish(run, folder, store, secrets)
    else:
        shutil.rmtree(folder)
        say(f"{run.target}: no sample of run {run.id}, which was broken off, reached the disk")
        return
    say(f"{run.target}: what was broken off is kept as run {run.id}")


def _parts(folder: Path) -> list[Path]:
    return [*folder.glob(SAMPLES), *parts_of(folder)]


def _complete(run: Run, folder: Path) -> int:
    """Bring the files of `folder` and what `run` tells of them in order; return their samples."""
    broken = [path for path in folder.rglob("*.parquet") if not _whole(path)]
    for path in broken:
        path.unlink()
    if not (folder / SAMPLES).exists():
        adopt_parts(folder, schema())
    if (folder / SCRAPED_PARTS).exists():
        join_parts(folder / SCRAPED_PARTS, folder / SCRAPED, SERIES)
    outcome = plans.read_outcome(folder / plans.OUTCOME)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in (RECORD, SAMPLES, SCRAPED):
            path.unlink()
    samples = read_samples(folder / SAMPLES)
    run.status = "interrupted"
    run.duration_s = float(samples["end"].max())
    run.errors = dict(Counter(samples["error"][~samples["ok"]].astype(str)))
    if outcome:
        run.measured_from_s = outcome.measured_from_s or 0.0
    run.measured_until_s = run.duration_s
    scraped = [p for p in broken if p.name == SCRAPED or p.parent.name == SCRAPED_PARTS]
    parts = len(broken) - len(scraped)
    lost = f", {many(parts, 'file')} could not be read" if parts else ""
    if scraped:
        lost += "; what was scraped meanwhile is not whole"
    run.caveats.append(
        Caveat(
            code="recovered",
            message=f"the measurement was broken off; the disk held {many(len(samples), 'sample')} "
            f"of it{lost}",
            next_step="measure again",
            voids=("*",),
        )
    )
    return len(samples)


def _whole(path: Path) -> bool:
    """Whether `path` can be read: after a power loss a file may be there without its content."""
    try:
        pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):  # the disk's trouble, not the file's
            raise
        return False
    return True
