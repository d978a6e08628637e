"""How a run becomes rows: written once, never changed; a second writer of a run is no error."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from perflib.environment import environment_key, load_key
from perflib.errors import require
from perflib.model import Estimate, Run, to_json
from perflib.store import schema
from perflib.store.folder import started_s

CHANGE_PLACE = ("target", "metric", "statistic", "label", "environment_key", "run_id")
"""What makes a change point the same one when it is seen again."""
_WORDS = ("reason", "author")
"""What of a decision may be worded anew; all else makes it another one."""
_BATCH = 500


def add(connection: Connection, runs: Sequence[Run]) -> list[str]:
    """Insert `runs` with their estimates and verdicts; ids already there are left as they are.

    Returns the ids that were new.
    """
    added: list[str] = []
    for start in range(0, len(runs), _BATCH):
        batch = {run.id: run for run in runs[start : start + _BATCH]}
        keys = _insert_runs(connection, batch.values())
        new = [(keys[run_id], batch[run_id]) for run_id in batch if run_id in keys]
        added += [run.id for _, run in new]
        _insert_all(connection, schema.records, [_record(key, run) for key, run in new])
        _insert_estimates(connection, new)
        rows = [row for key, run in new for row in _verdicts(key, run)]
        _insert_all(connection, schema.verdicts, rows)
    return added


def remove(connection: Connection, run_ids: Sequence[str]) -> None:
    """Delete runs with all that hangs on them; triage stays, for it was written by people."""
    for start in range(0, len(run_ids), _BATCH):
        doomed = schema.runs.c.id.in_(run_ids[start : start + _BATCH])
        connection.execute(delete(schema.runs).where(doomed))


def plain(text: str) -> str:
    """`text` as every database can hold it: PostgreSQL knows no NUL."""
    require(text, str, "a name")
    return text.replace("\0", "␀")


def keep_changes(connection: Connection, changes: Iterable[Mapping[str, Any]]) -> None:
    """Insert change points; of those already there a new status is written, with its detail."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = [_change(change, {"created_at": now, "updated_at": now}) for change in changes]
    statement = _upsert(connection)(schema.changes)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["digest"],
        set_={"status": new.status, "detail": new.detail, "updated_at": now},
        where=schema.changes.c.status != new.status,
    )
    _insert_changes(connection, statement, found)


def merge_changes(connection: Connection, changes: Iterable[Mapping[str, Any]]) -> None:
    """Insert change points with their times; those already there are left as they are."""
    found = [_change(change, change) for change in changes]
    statement = _upsert(connection)(schema.changes).on_conflict_do_nothing()
    _insert_changes(connection, statement, found)


def merge_triage(
    connection: Connection, decisions: Iterable[Mapping[str, Any]], *, correct: bool = False
) -> int:
    """Insert decisions that are not there yet and undo what is undone in them; how many were new.

    One without a time, as people write it by hand, is there whatever time it was taken in. With
    `correct` a reason or author that reads otherwise replaces the one that is there, and counts.
    """
    table, new = schema.triage, 0
    here = [row._asdict() for row in connection.execute(select(table).order_by(table.c.id))]
    known = {key: row for row in here for key in _identities(row)}
    told: set[int] = set()  # a merged file may tell one twice
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for decision in decisions:
        names = (column.name for column in table.c if column.name not in ("id", "undone"))
        row = {name: plain(str(decision[name])) for name in names}
        there = known.get(_identities(row)[0 if row["created_at"] else 1])
        if there is None:
            row["created_at"] = row["created_at"] or now
            insert = table.insert().returning(table.c.id)
            number = connection.execute(insert, {**row, "undone": False}).scalar_one()
            known |= dict.fromkeys(_identities(row), there := {**row, "id": number})
            new += 1
        changes: dict[str, Any] = {name: row[name] for name in _WORDS if row[name] != there[name]}
        if not correct or there["id"] in told:
            changes = {}
        new += bool(changes)
        if decision["undone"]:
            changes["undone"] = True
        if changes:
            connection.execute(update(table).where(table.c.id == there["id"]).values(changes))
        told.add(there["id"])
    return new


def _identities(decision: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What makes a decision the same one, with its time and without."""
    about = tuple(decision[name] for name in ("target", "action", "run_id", "metric", "label"))
    return (*about, decision["created_at"]), about


def _change(change: Mapping[str, Any], times: Mapping[str, Any]) -> dict[str, str]:
    place = {name: plain(str(change.get(name, ""))) for name in CHANGE_PLACE}
    return {
        "digest": _digest(place.values()),
        **place,
        "status": str(change["status"]),
        "detail": to_json(change.get("detail", {})).decode(),
        "created_at": str(times["created_at"]),
        "updated_at": str(times["updated_at"]),
    }


def _insert_changes(connection: Connection, statement: Any, found: list[dict[str, str]]) -> None:
    """In one order, so that two writers cannot wait for each other."""
    rows = {change["digest"]: change for change in found}
    if rows:
        connection.execute(statement, [rows[digest] for digest in sorted(rows)])


def _digest(parts: Iterable[str]) -> str:
    """A key of fixed size: a label may be longer than an index allows."""
    return hashlib.blake2b(msgspec.json.encode([*parts]), digest_size=16).hexdigest()


def _upsert(connection: Connection) -> Callable[[Table], Any]:
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _insert_all(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _insert_runs(connection: Connection, runs: Iterable[Run]) -> dict[str, int]:
    """The keys of those runs that another writer has not inserted meanwhile."""
    table = schema.runs
    statement = _upsert(connection)(table).on_conflict_do_nothing(index_elements=["id"])
    rows = [_run(run) for run in runs]
    found = connection.execute(statement.returning(table.c.id, table.c.key), rows)
    return {row.id: row.key for row in found}


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "target": plain(run.target),
        "kind": plain(run.kind),
        "started_s": started_s(run),
        "duration_s": run.duration_s,
        "status": run.status,
        "arrival": run.arrival,
        "git_commit": plain(run.environment.git_commit),
        "git_dirty": run.environment.git_dirty,
        "environment_key": environment_key(run.environment),
        "target_version": plain(run.environment.target_version),
        "source": plain(run.source.get("tool", "")),
        "load_key": load_key(run),
    }


def _record(key: int, run: Run) -> dict[str, Any]:
    return {"run_key": key, "json": zlib.compress(to_json(run))}


def _series(run: Run, estimate: Estimate) -> dict[str, str]:
    parts = {
        "target": plain(run.target),
        "metric": plain(estimate.metric),
        "statistic": plain(estimate.statistic),
        "label": plain(estimate.label),
        "unit": plain(estimate.unit),
    }
    return {"digest": _digest(parts.values()), **parts}


def _insert_estimates(connection: Connection, new: Sequence[tuple[int, Run]]) -> None:
    listed = [
        (key, estimate, _series(run, estimate)) for key, run in new for estimate in run.estimates
    ]
    wanted = {series["digest"]: series for _, _, series in listed}
    ids = _series_ids(connection, wanted)
    rows = {
        (ids[series["digest"]], key): {
            "series_id": ids[series["digest"]],
            "run_key": key,
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "n": estimate.n,
            "resolution": estimate.resolution,
        }
        for key, estimate, series in listed
    }
    _insert_all(connection, schema.estimates, list(rows.values()))


def _series_ids(connection: Connection, wanted: Mapping[str, dict[str, str]]) -> dict[str, int]:
    """The id of each digest; series that are new are inserted, in an order that cannot deadlock."""
    ids = _find_series(connection, list(wanted))
    missing = sorted(wanted.keys() - ids.keys())
    if missing:
        statement = _upsert(connection)(schema.series).on_conflict_do_nothing()
        connection.execute(statement, [wanted[digest] for digest in missing])
        ids |= _find_series(connection, missing)
    return ids


def _find_series(connection: Connection, digests: list[str]) -> dict[str, int]:
    table = schema.series
    found: dict[str, int] = {}
    for start in range(0, len(digests), _BATCH):
        chosen = table.c.digest.in_(digests[start : start + _BATCH])
        rows = connection.execute(select(table.c.digest, table.c.id).where(chosen))
        found |= {row.digest: row.id for row in rows}
    return found


def _verdicts(key: int, run: Run) -> Iterator[dict[str, Any]]:
    for position, verdict in enumerate(run.verdicts):
        objective, estimate = verdict.objective, verdict.estimate
        yield {
            "run_key": key,
            "position": position,
            "objective": plain(objective.text),
            "metric": objective.metric,
            "statistic": objective.statistic,
            "label": plain(objective.label),
            "unit": objective.unit,
            "outcome": str(verdict.outcome),
            "reason": plain(verdict.reason),
            "next_step": plain(verdict.next_step),
            "value": estimate and estimate.value,
            "low": estimate and estimate.low,
            "high": estimate and estimate.high,
            "bound_low": objective.low,
            "bound_high": objective.high,
            "margin": verdict.margin,
            "flip": verdict.flip,
        }
