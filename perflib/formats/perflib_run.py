"""perflib's own records: `run.json`, a list of them, or one a line.

Only what a table of results shows is decoded, which makes ten thousand files a matter of a
second.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct, field

from perflib.formats.base import Indicator, Reading, Source
from perflib.model import RUN_SCHEMA

TOOL = "perflib"


class _Environment(Struct):
    git_commit: str = ""


class _Run(Struct):
    id: str
    target: str
    kind: str
    started_at: str
    estimates: list[Indicator]
    environment: _Environment = field(default_factory=_Environment)
    schema: int = RUN_SCHEMA


_ONE = msgspec.json.Decoder(_Run).decode
_MANY = msgspec.json.Decoder(list[_Run]).decode


def recognise(source: Source) -> bool:
    """A record's first fields, which are always in this order."""
    start = source.head[:200].lstrip(b"\xef\xbb\xbf \r\n[")
    return start.startswith(b'{"id":') or (
        start.startswith(b"{") and start[1:].lstrip().startswith(b'"id":') and b'"target":' in start
    )


def read(source: Source) -> Iterator[Reading]:
    """One run a record, an indicator an estimate."""
    content = source.content.lstrip(b"\xef\xbb\xbf \r\n")
    try:
        for run in _runs(content):
            if run.schema > RUN_SCHEMA:
                raise source.fail(
                    f"a record of schema {run.schema}", next_step="update perflib to read it"
                )
            yield Reading(
                tool=TOOL,
                run=run.id,
                started_at=run.started_at,
                commit=run.environment.git_commit,
                indicators=run.estimates,
                details={"target": run.target, "kind": run.kind},
            )
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise source.fail(f"no record of a run: {error}") from None


def _runs(content: bytes) -> Iterator[_Run]:
    if content.startswith(b"["):
        yield from _MANY(content)
        return
    first, _, rest = content.partition(b"\n")
    if not first.rstrip().endswith(b"}") or not rest.strip():
        yield _ONE(content)
        return
    for line in content.splitlines():
        if line.strip():
            yield _ONE(line)
