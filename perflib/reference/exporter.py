"""The database as a service: it starts PostgreSQL, seeds it, and tells how it does.

Times come from probe queries that are really run, one of each kind the other services run:
the histogram `database_query_time_seconds{query}`. Also `database_connections{state}`,
`database_connection_limit`, `database_connection_time_seconds`, `database_size_bytes`,
`database_rows{table}`, `database_commits`, `database_rollbacks`, `database_pages_hit`,
`database_pages_read`, `database_up`, `database_index{name}`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import prometheus_client as prometheus
import sqlalchemy as sa
from starlette.routing import BaseRoute

from perflib.reference import schema
from perflib.reference.context import Context
from perflib.reference.postgres import Postgres
from perflib.reference.service import BUCKETS_S, in_background
from perflib.reference.settings import Configs

PROBES = {
    "user_by_name": "SELECT id FROM users WHERE username = :name",
    "sessions_of_user": "SELECT id, name, state, created_at FROM sessions "
    "WHERE user_id = :user ORDER BY created_at DESC LIMIT 20",
    "chunks_of_session": "SELECT id, size_in, size_out FROM chunks "
    "WHERE session_id = (SELECT id FROM sessions WHERE id > :id ORDER BY id LIMIT 1)",
    "latest_blocks": "SELECT height, hash, timestamp FROM blocks ORDER BY timestamp DESC LIMIT 10",
}
_ACTIVITY = """\
SELECT coalesce(state, 'other'), count(*) FROM pg_stat_activity
WHERE datname = current_database() GROUP BY 1"""
_COUNTERS = """\
SELECT xact_commit, xact_rollback, blks_hit, blks_read, pg_database_size(datname)
FROM pg_stat_database WHERE datname = current_database()"""


class Exporter:
    """Runs the probes and keeps the metrics."""

    def __init__(self, engine: sa.Engine, configs: Configs) -> None:
        self.engine = engine
        self.users = int(configs.database.server.seed_rows * schema.SHARES["users"])
        self.times = prometheus.Histogram(
            "database_query_time_seconds", "Time of a probe query", ["query"], buckets=BUCKETS_S
        )
        self.connecting = prometheus.Histogram(
            "database_connection_time_seconds", "Time to connect", buckets=BUCKETS_S
        )
        self.up = prometheus.Gauge("database_up", "1 while the database answers")
        self.connections = prometheus.Gauge("database_connections", "Open connections", ["state"])
        self.rows = prometheus.Gauge("database_rows", "Rows, counted at start", ["table"])
        self.counters = {
            name: prometheus.Gauge(f"database_{name}", text)
            for name, text in {
                "commits": "Transactions committed since the database was made",
                "rollbacks": "Transactions rolled back since the database was made",
                "pages_hit": "Pages found in shared buffers",
                "pages_read": "Pages read from the system",
                "size_bytes": "Size of the database",
            }.items()
        }
        limit = prometheus.Gauge("database_connection_limit", "max_connections of the server")
        limit.set(configs.database.server.max_connections)
        index = prometheus.Gauge("database_index", "1 for each index in indexes.yml", ["name"])
        for name in configs.database.indexes.indexes:
            index.labels(name).set(1)

    def count_rows(self) -> None:
        """Count each table once."""
        with self.engine.connect() as connection:
            for name, table in schema.metadata.tables.items():
                count = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
                self.rows.labels(name).set(count or 0)

    def probe(self) -> None:
        """Run each probe query once, and read the server's own counters."""
        values = {
            "name": f"user{random.randint(1, self.users)}",
            "user": random.randint(1, self.users),
            "id": f"{random.getrandbits(128):032x}",
        }
        try:
            with self.connecting.time():
                connection = self.engine.connect()
            with connection:
                for name, text in PROBES.items():
                    start = time.perf_counter()
                    connection.execute(sa.text(text), values).all()
                    self.times.labels(name).observe(time.perf_counter() - start)
                if connection.dialect.name == "postgresql":
                    self._read_server(connection)
            self.up.set(1)
        except sa.exc.SQLAlchemyError as error:
            self.up.set(0)
            print(f"probe failed: {error}", flush=True)

    def _read_server(self, connection: sa.Connection) -> None:
        for gauge, value in zip(
            self.counters.values(), connection.exec_driver_sql(_COUNTERS).one(), strict=True
        ):
            gauge.set(value)
        self.connections.clear()
        for state, count in connection.exec_driver_sql(_ACTIVITY):
            self.connections.labels(state).set(count)

    async def keep_probing(self, interval_s: float) -> None:
        """Probe at once and then at each interval."""
        while True:
            await asyncio.to_thread(self.probe)
            await asyncio.sleep(interval_s)


@asynccontextmanager
async def serving(context: Context, configs: Configs) -> AsyncIterator[list[BaseRoute]]:
    """PostgreSQL (or SQLite) up and seeded; then its metrics."""
    server = None
    if context.database_url.startswith("postgresql"):
        server = Postgres(context.folder / "postgresql", context.ports["database"])
        server.start(configs.database)
    try:
        engine = schema.connect(
            context.database_url, configs.database.server.exporter_pool_size, timeout_s=2
        )
        password = schema.hasher(configs.gateway.login).hash(schema.SEED_PASSWORD)
        schema.create(engine, configs.database.server.seed_rows, password)
        schema.apply_indexes(engine, configs.database.indexes.indexes)
        exporter = Exporter(engine, configs)
        exporter.count_rows()
        exporter.probe()
        interval_s = configs.database.query.query_probe_interval
        probing = in_background(exporter.keep_probing(interval_s))
        yield []
        probing.cancel()
        engine.dispose()
    finally:
        if server is not None:
            server.stop()
