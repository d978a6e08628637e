"""A measurement holds a lock beside its staging folder: whoever can take it knows that it ended.

The lock goes with the processes that have the file open, however they end. Some shared folders
do not tell other machines of it, so what another machine began is left alone for a day.
"""

from __future__ import annotations

import fcntl
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from perflib.environment import boot_id
from perflib.store.folder import explained

MARK = ".claim"
FOREIGN_S = 86_400.0


@contextmanager
def claimed(staging: Path) -> Iterator[int]:
    """Hold the claim on `staging`, which ends with that folder; yields the file with the lock."""
    mark = _mark(staging)
    with explained(mark, "written"):
        file = mark.open("x")
    with file:
        with suppress(OSError):  # not every file system has locks; there nothing is ever abandoned
            fcntl.flock(file, fcntl.LOCK_EX)
        with explained(mark, "written"):
            file.write(f"{boot_id()}\n{socket.gethostname()}")
            file.flush()
        try:
            yield file.fileno()
        finally:
            if not staging.exists():
                mark.unlink(missing_ok=True)


def is_claimed(staging: Path) -> bool:
    """Whether a measurement began in `staging` whose samples are not recorded yet."""
    return _mark(staging).exists()


def abandoned(root: Path) -> Iterator[Path]:
    """The folders in `root` whose measurement was killed; each is locked while it is looked at."""
    for mark in sorted(root.glob(f"*{MARK}")):
        with suppress(OSError), mark.open("r+") as file:  # in use, or not ours, or gone meanwhile
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not mark.exists() or not _ended(mark, file.read()):
                continue
            staging = mark.with_suffix("")
            yield staging
            if not staging.exists():
                mark.unlink()


def _mark(staging: Path) -> Path:
    return staging.with_name(staging.name + MARK)


def _ended(mark: Path, owner: str) -> bool:
    """Whether the lock is known to tell of `owner`, or nothing has moved for long enough."""
    boot, _, host = owner.partition("\n")
    if boot == boot_id() or host == socket.gethostname():
        return True
    paths = [mark, *mark.with_suffix("").rglob("*")]
    return time.time() - max(path.stat().st_mtime for path in paths) > FOREIGN_S
