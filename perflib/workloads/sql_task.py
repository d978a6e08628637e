"""One query at a time, inside a client process; it never writes unless it was told to.

Where a dialect has a read-only session, queries run in it without a transaction of their
own, so that the time measured is the query's; elsewhere the pool rolls back after each.
"""

from __future__ import annotations

import random
import string
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from perflib.hidden import HIDDEN, SECRET
from perflib.samples import PROBE
from perflib.workloads.fields import first_words
from perflib.workloads.worker import Done, NoContactError

CONNECT_TIMEOUT = {"psycopg", "psycopg2", "pymysql", "mysqldb", "mariadbconnector"}
SIGNS = {
    "lock timeout": ("lock timeout", "lock wait timeout"),
    "timeout": ("timeout", "timed out", "max_statement_time", "execution time exceeded"),
    "deadlock": ("deadlock",),
    "access denied": ("access denied", "authentication failed", "fatal:  role"),
    "not permitted": ("permission denied", "command denied"),
    "no such database": ("fatal:  database", "unknown database"),
    "shutting down": ("shutting down", "administrator command", "shutdown in progress"),
    "connection refused": ("connection refused",),
    "no server": ("no such file or directory", "resolve host", "can't connect"),
    "too many connections": ("too many connections", "too many clients", "connection slots are"),
    "locked": ("locked",),
    "read only": ("read only", "readonly", "read-only"),
    "no such table": ("no such table", "doesn't exist"),
    "connection lost": ("lost connection", "gone away"),
}
"""What databases say, in lower case, by the short name under which it is counted."""
NEXT_STEPS = {
    "access denied": "correct the user, the password or the database in its url",
    "no such database": "create the database, or correct its name in the url",
    "too many connections": "raise the server's limit, or lower `pool_size` or the `users`",
    "not permitted": "grant the user what the queries need",
    "read only": "say `writes: true` of a query that is meant to write",
}


class Dialect(NamedTuple):
    """What differs between databases: statements with `{ms}` for the time limit."""

    session: tuple[str, ...]
    begin_write: tuple[str, ...]
    end_write: tuple[str, ...]
    explain: str


_MYSQL = Dialect(
    session=(
        "SET SESSION TRANSACTION READ ONLY",
        # a `mysql` URL may lead to either: each reads its own comment and skips the other's
        "SET SESSION /*!50708 max_execution_time = {ms} *//*M! max_statement_time = {ms} / 1000 */",
    ),
    begin_write=("START TRANSACTION READ WRITE",),
    end_write=("COMMIT",),
    explain="EXPLAIN",
)
DIALECTS = {
    "postgresql": Dialect(
        session=("SET default_transaction_read_only = on", "SET statement_timeout = {ms}"),
        begin_write=("BEGIN READ WRITE",),
        end_write=("COMMIT",),
        explain="EXPLAIN (ANALYZE, BUFFERS)",
    ),
    "sqlite": Dialect(
        session=("PRAGMA query_only = ON",),
        begin_write=("PRAGMA query_only = OFF", "BEGIN IMMEDIATE"),
        end_write=("COMMIT", "PRAGMA query_only = ON"),
        explain="EXPLAIN QUERY PLAN",
    ),
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
}


def shown_url(url: str) -> str:
    """`url` as it may be shown: without passwords, tokens and the like."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return "a URL that does not parse"
    query = {
        name: HIDDEN if SECRET.search(name) or "key" in name.lower() else value
        for name, value in parsed.query.items()
    }
    return parsed.set(query=query).render_as_string(hide_password=True)


def _options(url: sa.URL, timeout_s: float) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if url.get_backend_name() in DIALECTS:
        options["isolation_level"] = "AUTOCOMMIT"
    if url.get_driver_name() in CONNECT_TIMEOUT:
        options["connect_args"] = {"connect_timeout": max(2, round(timeout_s))}
    elif url.get_driver_name() == "pysqlite" and "timeout" not in url.query:
        options["connect_args"] = {"timeout": timeout_s}  # how long a lock is waited for
    return options


def open_engine(url: str, timeout_s: float, pool_size: int = 1) -> sa.Engine:
    """An engine whose sessions read only, give up after `timeout_s` and are pooled."""
    parsed = sa.make_url(url)
    engine = sa.create_engine(
        parsed,
        poolclass=sa.QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout_s,
        **_options(parsed, timeout_s),
    )
    dialect = DIALECTS.get(parsed.get_backend_name())
    if dialect:
        statements = [line.format(ms=round(timeout_s * 1000)) for line in dialect.session]

        @sa.event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            cursor.close()

    return engine


class Turns:
    """Serves `count` users at once, first come, first served.

    A pool alone wakes a waiter only to see its connection taken again by the user that gave it
    back: a few users would go on, the others never begin, and no wait would be measured.
    """

    def __init__(self, count: int, timeout_s: float) -> None:
        self.free, self.timeout_s = count, timeout_s
        self.waiting: deque[threading.Lock] = deque()
        self.lock = threading.Lock()

    def __enter__(self) -> None:
        turn = threading.Lock()
        with self.lock:
            if self.free:
                self.free -= 1
                return
            turn.acquire()
            self.waiting.append(turn)
        if not turn.acquire(timeout=self.timeout_s):
            with self.lock:
                if turn in self.waiting:  # else it came at the last moment
                    self.waiting.remove(turn)
                    raise sa.exc.TimeoutError(f"no connection within {self.timeout_s:g} s")

    def __exit__(self, *_: object) -> None:
        with self.lock:
            if self.waiting:
                self.waiting.popleft().release()
            else:
                self.free += 1


class SqlTask:
    """Draws queries by weight, times the wait for a connection apart from the query."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.url = sa.make_url(settings["url"])
        self.dialect = DIALECTS.get(self.url.get_backend_name())
        self.pool_size = settings["pool_size"]
        self.engine = open_engine(settings["url"], settings["timeout_s"], self.pool_size)
        self.turns = Turns(self.pool_size, settings["timeout_s"])
        self.fresh = sa.create_engine(
            self.url, poolclass=sa.NullPool, **_options(self.url, settings["timeout_s"])
        )
        self.queries = settings["queries"]
        self.names = list(self.queries)
        self.weights = [settings["weights"][name] for name in self.names]
        self.texts = {name: sa.text(query["sql"]) for name, query in self.queries.items()}
        self.worst: dict[str, tuple[float, dict[str, Any]]] = {}
        self.messages: dict[str, str] = {}

    def check(self) -> dict[str, Any]:
        """Open the whole pool, so that a wait for it is never the opening of a connection."""
        if self.url.get_backend_name() == "sqlite" and not _exists(self.url.database):
            raise NoContactError("no such file", f"{self.url.database}: no such file")
        opened: list[sa.Connection] = []
        try:
            while len(opened) < self.pool_size:
                opened.append(self.engine.connect())
            with self.fresh.connect() as connection:
                return {"version": version(connection)}
        except (sa.exc.SQLAlchemyError, OSError) as error:
            kind, text = self._told(error)
            if opened:
                text = f"{len(opened)} of {self.pool_size} connections were opened, then: {text}"
            raise NoContactError(kind, text, NEXT_STEPS.get(kind, "")) from None
        finally:
            for connection in opened:
                connection.close()

    def choose(self, rng: random.Random) -> tuple[str, Any]:
        """A query by weight and values for its parameters."""
        name = rng.choices(self.names, self.weights)[0]
        drawn = self.queries[name].get("params", {}).items()
        return name, {key: draw(parameter, rng) for key, parameter in drawn}

    def perform(self, label: str, what: Any) -> Done:
        """Wait for a connection, execute, fetch every row, give the connection back."""
        began = time.perf_counter()
        try:
            with self.turns, self.engine.connect() as connection:
                got = time.perf_counter()
                if self.queries[label].get("writes"):
                    rows = self._write(connection, label, what)
                else:
                    rows = _rows(connection.execute(self.texts[label], what))
                spent = time.perf_counter() - got
        except Exception as error:  # a driver raises what it likes when its server goes away
            return Done(self._told(error)[0])
        if spent > self.worst.get(label, (0.0, {}))[0]:
            self.worst[label] = (spent, what)
        return Done(
            metrics={"query_time": spent, "pool_wait": got - began, "result_rows": float(rows)}
        )

    def _write(self, connection: sa.Connection, label: str, what: Any) -> int:
        try:
            for statement in self.dialect.begin_write if self.dialect else ():
                connection.exec_driver_sql(statement)
            rows = _rows(connection.execute(self.texts[label], what))
            for statement in self.dialect.end_write if self.dialect else ():
                connection.exec_driver_sql(statement)
            connection.commit()
        except Exception:
            connection.invalidate()
            raise
        return rows

    def report(self) -> dict[str, Any]:
        """The slowest parameters of each query and the first message of each error."""
        return {"worst": self.worst, "messages": self.messages}

    def _told(self, error: Exception) -> tuple[str, str]:
        """The kind of `error` and its first line, without the password."""
        cause = getattr(error, "orig", None) or error
        text = str(cause)
        if self.url.password:
            text = text.replace(str(self.url.password), HIDDEN)
        text = first_words(text)
        kind = kind_of(cause, text)
        self.messages.setdefault(kind, text)
        return kind, text


class ConnectTask(SqlTask):
    """Opens a fresh connection and closes it; there is no pool."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings | {"pool_size": 0})

    def choose(self, _: random.Random) -> tuple[str, Any]:
        """There is nothing to choose."""
        return PROBE, None

    def perform(self, *_: Any) -> Done:
        """Open a connection; closing it is not timed."""
        began = time.perf_counter()
        try:
            connection = self.fresh.raw_connection()
        except Exception as error:
            return Done(self._told(error)[0])
        spent = time.perf_counter() - began
        connection.close()
        return Done(metrics={"connection_time": spent})


def draw(parameter: dict[str, Any], rng: random.Random) -> Any:
    """One value of a parameter given as `{int: [1, 100]}` and so on."""
    (how, given), *_ = parameter.items()
    match how:
        case "int":
            return rng.randint(*given)
        case "float":
            return rng.uniform(*given)
        case "choice":
            return rng.choice(given)
        case _:
            return "".join(rng.choices(string.ascii_lowercase, k=given))


def kind_of(cause: BaseException, text: str) -> str:
    """A short name of what went wrong that is the same for every driver where it can be."""
    name, lower = type(cause).__name__, text.lower()
    if isinstance(cause, sa.exc.TimeoutError):
        return "pool timeout"
    if name == "QueryCanceled":
        return "timeout"
    for kind, signs in SIGNS.items():
        if any(sign in lower for sign in signs):
            return kind
    if name in ("OperationalError", "InterfaceError") and "clos" in lower:
        return "connection lost"
    return name


def version(connection: sa.Connection) -> str:
    """Name and version of the database."""
    dialect = connection.dialect
    found = getattr(dialect, "server_version_info", None) or ()
    found = found or getattr(dialect.dbapi, "sqlite_version_info", ())
    return f"{dialect.name} {'.'.join(str(part) for part in found)}".strip()


def plan_text(rows: Sequence[sa.Row[Any]], dialect: str) -> str:
    """The rows of an EXPLAIN as text, nested steps indented; columns are named if there are many.

    `EXPLAIN` of MySQL and MariaDB gives a row a table: `table=users type=ALL rows=5000`.
    """
    if dialect != "sqlite":
        return "\n".join(" ".join(_told_columns(row._mapping)) for row in rows)
    depth = {0: -1}
    lines = []
    for step, parent, _, detail in (tuple(row) for row in rows):
        depth[step] = depth.get(parent, -1) + 1
        lines.append("  " * depth[step] + detail)
    return "\n".join(lines)


def _told_columns(row: sa.RowMapping) -> list[str]:
    named = {name: value for name, value in row.items() if value not in (None, "")}
    return [f"{name}={value}" if len(row) > 1 else f"{value}" for name, value in named.items()]


def _rows(result: sa.CursorResult[Any]) -> int:
    return len(result.fetchall()) if result.returns_rows else 0


def _exists(database: str | None) -> bool:
    return (
        not database
        or database == ":memory:"
        or database.startswith("file:")
        or Path(database).exists()
    )
