"""One door to the history database: every connection, version check and error passes here.

SQLite is one file in write-ahead mode, so that readers never wait for a writer; a file that
cannot be written is read as a copy in memory. PostgreSQL is for teams.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Select,
    create_engine,
    event,
    false,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from perflib.errors import StoreError
from perflib.store import schema
from perflib.store.folder import explained
from perflib.store.schema import REVISIONS, VERSION_TABLE, metadata

BUSY_TIMEOUT_S = 60
TOLD_AFTER_S = 3
CONNECT_TIMEOUT_S = 10
_CHUNK = 1000
"""Rows fetched at once: few enough to stay in the processor's cache, which halves the time."""
_FIRST_LOCK = 7_102_947
"""The advisory lock under which one PostgreSQL client at a time makes or migrates the tables."""


class Database:
    """Connections to the history at SQLAlchemy URL `url`; `sqlite://` is one in memory.

    Connections are not pooled: the history is asked seldom, and a process that forks must
    not share one. `read_only` says that what people decide cannot be kept. Only writing makes
    a file: until then reading finds an empty history.
    """

    def __init__(self, url: str | URL) -> None:
        self._url = _checked(url)
        self.name = self._url.render_as_string()
        self._server = self._url.get_backend_name() == "postgresql"
        self._source = _file_of(self._url)
        self._file = self._source if self._source and _writable(self._source) else None
        self.read_only = not (self._server or self._file)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the history."""
        absent = self._file is not None and not self._file.exists()
        with self._guard(), _begun(self._empty if absent else self._engine, "DEFERRED") as opened:
            yield opened

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of it is kept or nothing.

        The tables are looked at each time: a run takes long enough for the file to be moved
        away, or for a newer perflib to change it.
        """
        with self._guard(), _begun(self._engine, "IMMEDIATE") as connection:
            self._prepare(connection)
            yield connection

    def require_writable(self) -> None:
        """Raise `StoreError` unless this user may add a run now; no row is added."""
        if self._source and self.read_only:
            raise self.refusal()
        nothing = select(schema.runs.c.id).where(false())
        with self.writing() as connection:
            connection.execute(schema.runs.insert().from_select(["id"], nothing))

    def refusal(self) -> StoreError:
        """What to say to one who wants to write where that is not possible."""
        other = "name another place with `data` or `history`"
        if self._source is None:
            return StoreError("history is in memory, read-only", next_step=other)
        return StoreError(
            "history is read-only here",
            next_step=f"make the folder writable, or {other}",
            file=self.name,
        )

    @cached_property
    def _engine(self) -> Engine:
        if self._server:
            return self._prepared(create_engine(_not_for_ever(self._url), poolclass=NullPool))
        return self._prepared(_on_disk(self._file) if self._file else _in_memory(self._source))

    @cached_property
    def _empty(self) -> Engine:
        return self._prepared(_in_memory(None))

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, ImportError) as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> StoreError:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        busy = "wait for the other process that writes, then repeat"
        rebuild = "restore it from a backup, or move it away: runs are indexed again, decisions not"
        steps = {
            "disk I/O": "free space on the disk, or mend it, then repeat",
            "full": "free space on the disk; recorded runs are kept and indexed at the next call",
            "locked": busy,
            "lock timeout": busy,
            "readonly": "make the folder writable, or give another one with `data`",
            "not a database": rebuild,
            "malformed": rebuild,
            "No module named": "install the driver that the URL names, or name `psycopg`",
        }
        fallback = "check the history's URL, its server and its permissions"
        step = next((step for sign, step in steps.items() if sign in reason), fallback)
        return StoreError(f"history cannot be used ({reason})", next_step=step, file=self.name)

    def _prepared(self, engine: Engine) -> Engine:
        """`engine` with the tables of this version; only making or changing them takes a lock."""
        with _begun(engine, "DEFERRED") as connection:
            version = self._version(connection)
        if version != REVISIONS[-1]:
            with _begun(engine, "IMMEDIATE") as connection:
                self._prepare(connection)
        return engine

    def _prepare(self, connection: Connection) -> None:
        """Create the tables of a fresh database, migrate an old one, refuse a newer one."""
        if connection.dialect.name == "postgresql":
            with _told_of_waiting(self.name):
                connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_S}s'"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_FIRST_LOCK})"))
        version = self._version(connection)
        if version == REVISIONS[-1]:
            return
        if version is None:
            metadata.create_all(connection)
            connection.execute(text(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32))"))
            connection.execute(
                text(f"INSERT INTO {VERSION_TABLE} VALUES (:head)"), {"head": REVISIONS[-1]}
            )
        elif version in REVISIONS:
            _migrate(connection)
        else:
            raise StoreError(
                f"history was written by a newer perflib (version {version})",
                expected=f"version {REVISIONS[-1]} or older",
                next_step="install the newer perflib, or name another `history`",
                file=self.name,
            )

    def _version(self, connection: Connection) -> str | None:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
        return None if found is None else str(found)


@contextmanager
def _begun(engine: Engine, mode: str) -> Iterator[Connection]:
    connection = engine.connect().execution_options(sqlite_begin=mode)
    with connection, connection.begin():
        yield connection


def columns(connection: Connection, query: Select[Any], dtypes: dict[str, Any]) -> dict[str, Any]:
    """The result of `query` as one NumPy array a column, without an object a row for long.

    NULL in a float column becomes NaN.
    """
    cursor = connection.execute(query).cursor
    assert cursor is not None
    parts: list[list[np.ndarray[Any, Any]]] = [[np.empty(0, dtype) for dtype in dtypes.values()]]
    while rows := cursor.fetchmany(_CHUNK):
        parts.append(
            [np.array(c, t) for c, t in zip(zip(*rows, strict=True), dtypes.values(), strict=True)]
        )
    cursor.close()
    return {
        name: np.concatenate(chunks)
        for name, chunks in zip(dtypes, zip(*parts, strict=True), strict=True)
    }


def _migrate(connection: Connection) -> None:
    """Step an older history to this version; Alembic is imported only here."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "perflib.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _checked(url: str | URL) -> URL:
    """`url` parsed; other databases than SQLite and PostgreSQL are refused."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (SQLAlchemyError, ValueError):
        backend = "no SQLAlchemy URL"
    if backend not in ("sqlite", "postgresql"):
        raise StoreError(
            f"the history's URL names {backend}",
            expected="`sqlite:///data/history.sqlite` or `postgresql+psycopg://…`",
            next_step="correct `history` in the configuration",
        )
    return parsed


def _not_for_ever(url: URL) -> URL:
    """`url` with an end of waiting for a host that does not answer, unless it names its own."""
    libpq = url.get_driver_name() in ("psycopg", "psycopg2")
    return url.set(query={"connect_timeout": str(CONNECT_TIMEOUT_S), **url.query}) if libpq else url


def _file_of(url: URL) -> Path | None:
    """The file of a SQLite database; a server has none, nor has `sqlite://`."""
    on_disk = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if on_disk else None


def _writable(file: Path) -> bool:
    """Whether SQLite can write `file`; it also makes files beside it."""
    folder = file.absolute().parent
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK) and (not file.exists() or os.access(file, os.W_OK))


def _on_disk(file: Path) -> Engine:
    with explained(file.parent, "made"):
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        poolclass=NullPool,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )
    _explicit_transactions(engine)
    return engine


def _in_memory(file: Path | None) -> Engine:
    """A database in memory, filled with what a read-only `file` holds."""

    def connect() -> sqlite3.Connection:
        memory = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(engine, memory.close)  # Python 3.13 warns of what is left to chance
        if file is not None and file.exists():
            source = sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)
            source.backup(memory)
            source.close()
        return memory

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    _explicit_transactions(engine)
    return engine


def _explicit_transactions(engine: Engine) -> None:
    """Let BEGIN be ours: a writer takes its lock first, so two writers wait, not fail."""

    @event.listens_for(engine, "connect")
    def _connected(raw: sqlite3.Connection, _record: object) -> None:
        raw.isolation_level = None
        raw.execute("PRAGMA foreign_keys = ON")
        with suppress(sqlite3.OperationalError):  # it waits for no lock; a later one will do
            raw.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        with _told_of_waiting(engine.url.database) if mode == "IMMEDIATE" else nullcontext():
            connection.exec_driver_sql(f"BEGIN {mode}")


@contextmanager
def _told_of_waiting(name: str | None) -> Iterator[None]:
    """Say that another process holds the lock, when it holds it for long."""
    told = f"{name}: another process writes the history; waiting up to {BUSY_TIMEOUT_S} s for it"
    timer = Timer(TOLD_AFTER_S, print, [told], {"file": sys.stderr})
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # a process that forks must have no other thread
