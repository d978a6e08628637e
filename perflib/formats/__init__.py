"""Every tool's output becomes a run: one file a format, one line in `FORMATS`.

A reader is a module with `TOOL: str`, `recognise(source) -> bool`, which looks only at
content, and `read(source) -> Iterator[Reading]`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Protocol

from perflib.errors import FormatError, nearest
from perflib.formats.base import Reading, Source

FORMATS: dict[str, str] = {
    "jmeter-csv": "perflib.formats.jmeter_csv",
    "jmeter-xml": "perflib.formats.jmeter_xml",
}


class Reader(Protocol):
    """What a module of this package offers."""

    TOOL: str

    def recognise(self, source: Source) -> bool:
        """Whether the content of `source` is in this format."""

    def read(self, source: Source) -> Iterator[Reading]:
        """The runs in `source`; raises `FormatError` when the file is broken as a whole."""


def reader(name: str) -> Reader:
    """The reader of format `name`; raises `FormatError` with the nearest name."""
    if name not in FORMATS:
        raise FormatError(f"no format called `{name}`", expected=nearest(name, list(FORMATS)))
    module: Reader = importlib.import_module(FORMATS[name])
    return module


def recognise(source: Source) -> str:
    """The name of the format of `source`, told by its content alone.

    Raises `FormatError` when none matches, or more than one.
    """
    if not source.head.strip():
        raise source.fail("the file is empty")
    found = [name for name in FORMATS if reader(name).recognise(source)]
    if len(found) == 1:
        return found[0]
    if found:
        raise source.fail(
            f"could be {' or '.join(found)}", next_step=f"say which with `--format {found[0]}`"
        )
    raise source.fail("no known format", next_step="see `perflib formats`, force one with --format")
