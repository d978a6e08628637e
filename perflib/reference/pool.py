"""Queries from an event loop; on PostgreSQL without threads, which doubles what a core can do.

A thread for each query (measured: 640 µs of CPU a request, against 240 µs here) fights the
event loop and the server for Python's lock. SQLite has no other way, so there it is threads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.rows import dict_row
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from perflib.reference import schema

Connection = psycopg.AsyncConnection[Any]
_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


class PoolBusyError(Exception):
    """Every connection was taken for the whole `pool_timeout`."""


class DatabaseError(Exception):
    """The database refused, cancelled or dropped the query."""


class PostgresPool:
    """At most `size` connections, opened when first needed; who waits longest gets the next.

    A queue would let newcomers pass those who wait: the slowest hundredth took ten times longer.
    """

    def __init__(self, url: str, size: int, timeout_s: float) -> None:
        self._address = url.replace("postgresql+psycopg", "postgresql")
        self._timeout_s = timeout_s
        self._idle: list[Connection | None] = [None] * size
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._texts: dict[sa.Executable, Any] = {}

    async def run(self, statement: sa.Executable, values: dict[str, Any]) -> Any:
        """Rows of a select, or the number of rows another statement touched."""
        if statement not in self._texts:
            compiled: Any = statement
            self._texts[statement] = str(compiled.compile(dialect=_DIALECT))
        connection = await self._take()
        try:
            if connection is None or connection.closed:
                connection = await psycopg.AsyncConnection.connect(
                    self._address, autocommit=True, connect_timeout=5, row_factory=dict_row
                )
            cursor = await connection.execute(self._texts[statement], values)
            return await cursor.fetchall() if cursor.description else cursor.rowcount
        except psycopg.Error as error:
            raise DatabaseError(str(error).strip()) from None
        finally:
            self._give(connection)

    async def _take(self) -> Connection | None:
        if self._idle:
            return self._idle.pop()
        waiting: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await waiting
        except (TimeoutError, asyncio.CancelledError) as error:
            if waiting.done() and not waiting.cancelled():
                self._give(waiting.result())  # it came in the moment of giving up
            if isinstance(error, TimeoutError):
                raise PoolBusyError from None
            raise

    def _give(self, connection: Connection | None) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(connection)
                return
        self._idle.append(connection)

    async def close(self) -> None:
        """Close what is open."""
        for connection in filter(None, self._idle):
            await connection.close()


class ThreadPool:
    """The same for SQLite: a thread runs the query."""

    def __init__(self, url: str, size: int, timeout_s: float) -> None:
        self._engine = schema.connect(url, size, timeout_s)

    async def run(self, statement: sa.Executable, values: dict[str, Any]) -> Any:
        """Rows of a select, or the number of rows another statement touched."""
        return await in_thread(self._run, statement, values)

    def _run(self, statement: sa.Executable, values: dict[str, Any]) -> Any:
        with self._engine.connect() as connection:
            result = connection.execute(statement, values)
            return list(map(dict, result.mappings())) if result.returns_rows else result.rowcount

    async def close(self) -> None:
        """Close what is open."""
        self._engine.dispose()


async def in_thread(work: Callable[..., Any], *values: Any) -> Any:
    """`work(*values)` in a thread, with the pool's errors whichever way the database is reached."""
    try:
        return await asyncio.to_thread(work, *values)
    except sa.exc.TimeoutError:
        raise PoolBusyError from None
    except sa.exc.DBAPIError as error:
        raise DatabaseError(str(error.orig)) from None


def open_pool(url: str, size: int, timeout_s: float) -> PostgresPool | ThreadPool:
    """The pool that suits the database."""
    kind = PostgresPool if url.startswith("postgresql") else ThreadPool
    return kind(url, size, timeout_s)
