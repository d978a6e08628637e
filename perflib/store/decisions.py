"""What people decide and when a shift was first seen lives in the history alone: it is kept.

Runs can be indexed again from their folders, decisions cannot.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import update

from perflib.errors import StoreError
from perflib.store import history, rows, schema
from perflib.store.database import Database


class DecisionLog(ABC):
    """The part of a store that people write: triage, and the life of change points."""

    @property
    @abstractmethod
    def _history(self) -> Database:
        """The history database, up to date."""

    def triage(self, target: str | None = None, *, undone: bool = False) -> pd.DataFrame:
        """A row a decision, oldest first: the columns of `schema.triage`."""
        with self._history.reading() as connection:
            return history.read_triage(connection, target, undone=undone)

    def add_triage(
        self,
        *,
        target: str,
        action: str,
        reason: str,
        metric: str = "",
        label: str = "",
        run_id: str = "",
        author: str = "",
    ) -> int:
        """Keep a decision; returns its number. `BAD` and `BASELINE` act on `run_id`."""
        given = {
            # its time tells it from others about the same thing
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "target": target,
            "action": action,
            "reason": reason,
            "metric": metric,
            "label": label,
            "run_id": run_id,
            "author": author,
        }
        clean = {name: rows.plain(value) for name, value in given.items()}
        self._refuse_read_only()
        with self._history.writing() as connection:
            insert = schema.triage.insert().returning(schema.triage.c.id)
            return int(connection.execute(insert, {**clean, "undone": False}).scalar_one())

    def undo_triage(self, number: int) -> None:
        """Take decision `number` back; it stays visible as undone."""
        table = schema.triage
        self._refuse_read_only()
        with self._history.writing() as connection:
            change = update(table).where(table.c.id == number).values(undone=True)
            if not connection.execute(change).rowcount:
                raise StoreError(
                    f"no decision {number}", next_step="list the decisions with `perflib triage`"
                )

    def changes(self, target: str | None = None) -> pd.DataFrame:
        """A row a change point, oldest first.

        Columns: target, metric, statistic, label, environment_key, run_id (the first after the
        change), status, created_at, updated_at, detail (a dict).
        """
        with self._history.reading() as connection:
            return history.read_changes(connection, target)

    def keep_changes(self, changes: Iterable[Mapping[str, Any]]) -> None:
        """Keep change points, each a mapping of the columns but the times.

        One that is there already keeps its `created_at`; `updated_at` tells when its status
        last changed, and its detail is that of this moment.
        """
        self._refuse_read_only()
        with self._history.writing() as connection:
            rows.keep_changes(connection, changes)

    def merge_decisions(
        self,
        triage: Iterable[Mapping[str, Any]],
        changes: Iterable[Mapping[str, Any]] = (),
        *,
        correct: bool = False,
    ) -> int:
        """Add rows of `triage()` and `changes()` from elsewhere; how many decisions were new.

        What is here already stays, but a decision that was undone there is undone here; with
        `correct` its reason and author become those from there, which counts as new.
        """
        self._refuse_read_only()
        try:
            with self._history.writing() as connection:
                rows.merge_changes(connection, changes)
                return rows.merge_triage(connection, triage, correct=correct)
        except KeyError as error:
            raise StoreError(f"a decision has no {error}", expected="rows of a history") from None

    def _refuse_read_only(self) -> None:
        if self._history.read_only:
            raise self._history.refusal()
