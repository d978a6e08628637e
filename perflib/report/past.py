"""What no record tells, only the history: decisions of people, and runs of other machines."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from perflib.model import BAD


@dataclass(frozen=True)
class Past:
    """Decisions in force, oldest first, and the runs of a shared history: a dict a row."""

    decisions: Sequence[dict[Any, Any]] = ()
    runs: Sequence[dict[Any, Any]] = ()

    @property
    def bad(self) -> dict[str, str]:
        """Why runs were marked as bad, by their id."""
        return {
            one["run_id"]: one["reason"] or "no reason is given"
            for one in self.decisions
            if one["action"] == BAD
        }

    @property
    def targets(self) -> dict[str, str]:
        """The target of each run of a shared history, by its id."""
        return {str(row["run_id"]): str(row["target"]) for row in self.runs}

    def digest(self, targets: Collection[str]) -> str:
        """Equal while nothing is new of `targets`; empty where there is nothing."""
        told = [row for row in (*self.decisions, *self.runs) if row["target"] in targets]
        return blake2b(repr(told).encode(), digest_size=16).hexdigest() if told else ""


def read_past(root: Path, history: str = "") -> Past:
    """The past of the store at `root`, from the shared history with this URL if there is one."""
    return _shared(root, history) if history else Past(_decided(root / "history.sqlite"))


def _shared(root: Path, history: str) -> Past:
    from perflib.store import Store  # costs what an unchanged report without it saves

    store = Store.open(root, history)
    return Past(store.triage().to_dict("records"), store.runs().to_dict("records"))


def _decided(database: Path) -> list[dict[Any, Any]]:
    uri = f"{database.resolve().as_uri()}?mode=ro"
    # a history that is missing or damaged decides nothing; the store says what is wrong with it
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(uri, uri=True)) as found,
    ):
        found.row_factory = sqlite3.Row
        return list(map(dict, found.execute("SELECT * FROM triage WHERE NOT undone ORDER BY id")))
    return []
