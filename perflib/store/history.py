"""What the history is asked: whole columns come out, never an object a row."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, Table, select

from perflib.model import BAD
from perflib.store import schema
from perflib.store.database import columns
from perflib.store.rows import plain

BASELINE = "baseline"
"""The triage action that makes a run the start of a new normal; prune keeps such runs."""

_RUN_TYPES: dict[str, Any] = {
    "key": np.int64,
    "id": object,
    "target": object,
    "kind": object,
    "started_s": np.float64,
    "duration_s": np.float64,
    "status": object,
    "arrival": object,
    "git_commit": object,
    "git_dirty": bool,
    "environment_key": object,
    "target_version": object,
    "source": object,
    "load_key": object,
}
_SERIES_TYPES: dict[str, Any] = {
    "id": np.int64,
    **dict.fromkeys(("target", "metric", "statistic", "label", "unit"), object),
}
_VERDICT_TEXTS = ("objective", "metric", "statistic", "label", "unit", "outcome", "reason")
_VERDICT_NUMBERS = ("value", "low", "high", "bound_low", "bound_high", "margin", "flip")
_VERDICT_TYPES: dict[str, Any] = {
    **dict.fromkeys((*_VERDICT_TEXTS, "next_step"), object),
    **dict.fromkeys(_VERDICT_NUMBERS, np.float64),
}
_JUDGED_TYPES: dict[str, Any] = {
    name: _RUN_TYPES[name] for name in ("id", "target", "started_s", "environment_key")
}
_POINT_TYPES: dict[str, Any] = {
    "series_id": np.int64,
    "run_key": np.int64,
    **dict.fromkeys(("value", "low", "high", "resolution"), np.float64),
    "n": np.int64,
}


def known_ids(connection: Connection) -> set[str]:
    """The ids of all runs in the history."""
    return set(connection.execute(select(schema.runs.c.id)).scalars())


def record(connection: Connection, run_id: str) -> bytes | None:
    """The `run.json` of `run_id`, or None when the history does not know it."""
    query = select(schema.records.c.json).join(schema.runs).where(schema.runs.c.id == run_id)
    found = connection.execute(query).scalar()
    try:
        return None if found is None else zlib.decompress(found)
    except zlib.error:
        return b""  # which is no record either, and is told as damaged


def read_runs(
    connection: Connection,
    where: Mapping[str, str | None],
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Runs by time, newest last: a row a run; see `Store.runs`."""
    table = schema.runs
    query = select(*(table.c[name] for name in _RUN_TYPES)).where(*_equal(table, where))
    if since is not None:
        query = query.where(table.c.started_s >= since.timestamp())
    if until is not None:
        query = query.where(table.c.started_s < until.timestamp())
    query = query.order_by(table.c.started_s.desc(), table.c.id.desc()).limit(limit)
    frame = _frame(connection, query, _RUN_TYPES).iloc[::-1].reset_index(drop=True)
    return _dated(connection, frame, 4)


def read_points(connection: Connection, where: Mapping[str, str | None]) -> pd.DataFrame:
    """Estimates by time; see `Store.points`. About a microsecond a point."""
    chosen = _equal(schema.series, where)
    listed = _frame(
        connection,
        select(*(schema.series.c[name] for name in _SERIES_TYPES))
        .where(*chosen)
        .order_by(schema.series.c.id),
        _SERIES_TYPES,
    )
    table = schema.estimates
    query = select(*(table.c[name] for name in _POINT_TYPES)).order_by(table.c.series_id)
    if chosen:
        ids = select(schema.series.c.id).where(*chosen)
        query = query.where(table.c.series_id.in_(ids))
    found = columns(connection, query, _POINT_TYPES)
    runs = read_runs(connection, {"target": where.get("target")})
    at_run = _positions(runs.pop("key").to_numpy(), found.pop("run_key"))
    at_series = _positions(listed.pop("id").to_numpy(), found.pop("series_id"))
    order = np.argsort(at_run, kind="stable")
    at_run, at_series = at_run[order], at_series[order]
    told = ("run_id", "started_at", "status", "git_commit", "git_dirty", "environment_key")
    whole: dict[str, Any] = {
        name: runs[name].array.take(at_run) for name in (*told, "load_key", "bad")
    }
    whole |= {name: listed[name].array.take(at_series) for name in listed.columns}
    whole |= {name: values[order] for name, values in found.items()}
    return pd.DataFrame(whole)


def read_verdicts(
    connection: Connection, target: str | None, *, newest: bool = False
) -> pd.DataFrame:
    """Verdicts by time; see `Store.verdicts`."""
    runs, table = schema.runs.c, schema.verdicts.c
    told = [runs[name] for name in _JUDGED_TYPES]
    query = (
        select(*told, *(table[name] for name in _VERDICT_TYPES))
        .select_from(schema.verdicts.join(schema.runs))
        .where(*_equal(schema.runs, {"target": target}))
        .order_by(runs.started_s, runs.id, table.position)
    )
    if newest:
        query = query.where(runs.key.in_(_newest_keys()))
    frame = _frame(connection, query, _JUDGED_TYPES | _VERDICT_TYPES)
    return _dated(connection, frame, 2)


def _newest_keys() -> Select[Any]:
    """The key of each target's newest run."""
    targets = select(schema.runs.c.target).distinct().subquery()
    run = schema.runs.alias().c
    own = select(run.key).where(run.target == targets.c.target)
    last = own.order_by(run.started_s.desc(), run.id.desc()).limit(1)
    return select(last.scalar_subquery()).select_from(targets)


def read_triage(connection: Connection, target: str | None, *, undone: bool) -> pd.DataFrame:
    """What people decided, oldest first; see `Store.triage`."""
    frame = _table(connection, schema.triage, target)
    return frame if undone else frame[~frame["undone"].astype(bool)].reset_index(drop=True)


def read_changes(connection: Connection, target: str | None) -> pd.DataFrame:
    """Change points as they were kept; see `Store.changes`."""
    frame = _table(connection, schema.changes, target).drop(columns=["id", "digest"])
    frame["detail"] = [msgspec.json.decode(detail) for detail in frame["detail"]]
    return frame


def _table(connection: Connection, table: Table, target: str | None) -> pd.DataFrame:
    query = select(table).where(*_equal(table, {"target": target})).order_by(table.c.id)
    rows = [tuple(row) for row in connection.execute(query)]
    return pd.DataFrame.from_records(rows, columns=table.c.keys())


def marked(connection: Connection, action: str) -> set[str]:
    """The ids of runs that carry `action` and were not undone."""
    table = schema.triage
    query = select(table.c.run_id).where(table.c.action == action, table.c.undone.is_(False))
    return set(connection.execute(query).scalars())


def _frame(connection: Connection, query: Select[Any], dtypes: dict[str, Any]) -> pd.DataFrame:
    found = columns(connection, query, dtypes)
    texts = [name for name, dtype in dtypes.items() if dtype is object]
    return pd.DataFrame(found).astype(dict.fromkeys(texts, "str"))


def _dated(connection: Connection, frame: pd.DataFrame, at: int) -> pd.DataFrame:
    """The run's id, the time as such in column `at`, and last whether the run is bad."""
    frame = frame.rename(columns={"id": "run_id"})
    micros = (frame.pop("started_s") * 1e6).round().astype("int64")
    frame.insert(at, "started_at", pd.to_datetime(micros, unit="us", utc=True))
    frame["bad"] = frame["run_id"].isin(marked(connection, BAD))
    return frame


def _equal(table: Table, where: Mapping[str, str | None]) -> list[ColumnElement[bool]]:
    return [table.c[name] == plain(value) for name, value in where.items() if value is not None]


def _positions(known: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The place in `known` of each of `wanted`, all of which are there."""
    order = np.argsort(known)
    return order[np.searchsorted(known, wanted, sorter=order)]
