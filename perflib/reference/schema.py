"""The tables of the reference system, their seed and their indexes.

Only primary keys belong to the tables: every other index comes from `indexes.yml`, so that
a user can drop one and see what it was worth. Names and ids of the seed are reproducible.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import argon2
import msgspec
import sqlalchemy as sa

from perflib.errors import PerflibError, nearest
from perflib.reference.ledger import NO_HASH, block_hash
from perflib.reference.settings import Login

SEED_PASSWORD = "perflib"
"""The password of every seeded user, `user1` to `userN`."""

metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("username", sa.String(64), nullable=False),
    sa.Column("password_hash", sa.String(200), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
)
chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("session_id", sa.String(64), nullable=False),
    sa.Column("chunk_index", sa.Integer, nullable=False),
    sa.Column("size_in", sa.Integer, nullable=False),
    sa.Column("size_out", sa.Integer, nullable=False),
    sa.Column("root_hash", sa.String(64), nullable=False),
    sa.Column("leaf_size", sa.Integer, nullable=False),
    sa.Column("file", sa.String(64), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
)
blocks = sa.Table(
    "blocks",
    metadata,
    sa.Column("height", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("timestamp", sa.Double, nullable=False),
    sa.Column("proposer", sa.String(32), nullable=False),
    sa.Column("transactions", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
SHARES = {"users": 0.05, "sessions": 0.6, "chunks": 0.33}
"""Of the seeded rows; the rest are blocks."""
_DAY_S = 86400.0


def hasher(login: Login) -> argon2.PasswordHasher:
    """The argon2id hash at the cost of `api-gateway/login.yml`."""
    return argon2.PasswordHasher(
        time_cost=login.hash_passes,
        memory_cost=login.hash_memory // 1024,
        parallelism=login.hash_threads,
    )


def connect(url: str, pool_size: int, timeout_s: float = 5.0) -> sa.Engine:
    """A pool of autocommit connections: one round trip a query, no transaction around it."""
    sqlite = url.startswith("sqlite")
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout_s,
        pool_use_lifo=True,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False} if sqlite else {"connect_timeout": 5},
    )
    if sqlite:
        sa.event.listen(engine, "connect", _tune_sqlite)
    return engine


def _tune_sqlite(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def transaction(engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
    """A connection whose statements happen together or not at all."""
    level = "READ COMMITTED" if engine.dialect.name == "postgresql" else "SERIALIZABLE"
    return engine.execution_options(isolation_level=level).begin()


def create(engine: sa.Engine, rows: int, password_hash: str) -> bool:
    """Make the tables and `rows` seeded rows in one transaction, unless they are there already."""
    if sa.inspect(engine).has_table("users"):
        return False
    with transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        metadata.create_all(connection)
        for table, values in _seed(rows, password_hash).items():
            _fill(connection, metadata.tables[table], values)
    return True


def _fill(connection: sa.Connection, table: sa.Table, values: Iterable[tuple[Any, ...]]) -> None:
    if connection.dialect.name != "postgresql":
        marks = ", ".join("?" * len(table.columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({marks})", list(values))
        return
    driver: Any = connection.connection.driver_connection
    lines = "\n".join("\t".join(map(str, row)) for row in values)
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
        copy.write(lines)


def _seed(rows: int, password_hash: str) -> dict[str, Iterator[tuple[Any, ...]]]:
    count = {table: int(rows * share) for table, share in SHARES.items()}
    now, chance = time.time(), random.Random(1)
    ids = [uuid.UUID(int=chance.getrandbits(128)).hex for _ in range(count["sessions"])]
    return {
        "users": (
            (n, f"user{n}", password_hash, now - chance.random() * 365 * _DAY_S)
            for n in range(1, count["users"] + 1)
        ),
        "sessions": (
            (
                session,
                chance.randint(1, count["users"]),
                f"session {n}",
                chance.choice(("open", "closed", "closed", "anchored")),
                now - chance.random() * 90 * _DAY_S,
            )
            for n, session in enumerate(ids)
        ),
        "chunks": _seed_chunks(ids, count["chunks"], now, chance),
        "blocks": _seed_blocks(rows - sum(count.values()), now),
    }


def _seed_chunks(
    sessions_ids: list[str], count: int, now: float, chance: random.Random
) -> Iterator[tuple[Any, ...]]:
    for n in range(count):
        size = chance.choice((16, 64, 256, 1024, 8192)) * 1024
        yield (
            uuid.UUID(int=chance.getrandbits(128)).hex,
            sessions_ids[n // 4],
            n % 4,
            size,
            int(size * chance.uniform(0.3, 1)),
            f"{chance.getrandbits(256):064x}",
            65536,
            "",  # a seeded chunk has no file
            now - chance.random() * 90 * _DAY_S,
        )


def _seed_blocks(count: int, now: float) -> Iterator[tuple[Any, ...]]:
    previous = NO_HASH
    for height in range(1, count + 1):
        block: dict[str, Any] = {
            "height": height,
            "slot": height,
            "previous_hash": previous,
            "timestamp": round(now - (count + 1 - height) * 10.0, 3),
            "proposer": "seed",
            "transactions_root": NO_HASH,
            "anchors_root": NO_HASH,
        }
        previous = block["hash"] = block_hash(block)
        block |= {
            "transactions": [],
            "anchors": [],
            "votes": [],
            "consensus_latency_s": None,
            "validation_time_s": None,
        }
        yield block_row(block)


def block_row(block: dict[str, Any]) -> tuple[Any, ...]:
    """The row of a block, in the order of the table's columns."""
    columns = [block[name] for name in ("height", "hash", "previous_hash", "timestamp", "proposer")]
    return (*columns, len(block["transactions"]), msgspec.json.encode(block).decode())


def apply_indexes(engine: sa.Engine, wanted: Mapping[str, str]) -> None:
    """Create the `wanted` indexes (name → `table(column, …)`), drop every other one.

    Raises `PerflibError` for a column that is not there.
    """
    for name, place in wanted.items():
        table, _, columns = place.removesuffix(")").partition("(")
        for column in columns.split(", "):
            if column not in metadata.tables[table].columns:
                known = list(metadata.tables[table].columns.keys())
                found = f"index {name}: table {table} has no column `{column}`"
                raise PerflibError(found, expected=nearest(column, known))
    there = {
        f"{index['name']} ON {table}({', '.join(map(str, index['column_names']))})"
        for table in metadata.tables
        for index in sa.inspect(engine).get_indexes(table)
    }
    asked = {f"{name} ON {place}" for name, place in wanted.items()}
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET statement_timeout = 0")
        for index in there - asked:
            connection.exec_driver_sql(f"DROP INDEX {index.partition(' ')[0]}")
        for index in asked - there:
            connection.exec_driver_sql(f"CREATE INDEX {index}")
        for table in metadata.tables:
            connection.exec_driver_sql(f"ANALYZE {table}")
        connection.invalidate()  # its session settings are not for others
