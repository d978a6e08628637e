"""Files that a verb was asked for: one that cannot be written is named."""

from __future__ import annotations

from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whose folder is made; every OSError tells the place.

    The path is written as it is, because it may be a pipe or a device.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(content)
    except OSError as error:  # a full disk does not tell which
        raise OSError(error.errno, error.strerror, str(path)) from None
