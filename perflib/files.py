"""A file of ours appears whole or not at all: written beside its place and renamed into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_one_step(file: Path) -> Iterator[Path]:
    """A path to write to, which becomes `file` at the end; after an error nothing has changed."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        yield aside
        aside.replace(file)
    except OSError as error:
        error.filename = os.fspath(file)  # a full disk does not tell
        raise
    finally:
        aside.unlink(missing_ok=True)


def write(file: Path, data: bytes, *, private: bool = False) -> None:
    """Write `file` so that a reader sees the old or the new content, never a part.

    What is `private` no other user may read.
    """
    with in_one_step(file) as aside:
        if private:
            aside.touch(mode=0o600)
        aside.write_bytes(data)


def write_out(path: Path, content: bytes) -> None:
    """Write what was asked for to `path`, whose folder is made; every OSError tells the place.

    The path is written as it is, because it may be a pipe or a device.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(content)
    except OSError as error:
        error.filename = os.fspath(path)  # a full disk does not tell
        raise
