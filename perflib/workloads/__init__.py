"""One file a kind of workload, one line here: everything else finds a kind by this table."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perflib.target import Target

KINDS: dict[str, str] = {
    "http": "perflib.workloads.http:HttpTarget",
    "blocks": "perflib.workloads.blocks:BlocksTarget",
    "chunks": "perflib.workloads.chunks:ChunksTarget",
    "sql": "perflib.workloads.sql:SqlTarget",
}


def target_class(kind: str) -> type[Target]:
    """The target class of workload `kind`."""
    module, _, name = KINDS[kind].partition(":")
    found: type[Target] = getattr(importlib.import_module(module), name)
    return found
