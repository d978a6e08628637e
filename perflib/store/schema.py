"""The history database's tables: narrow rows, whole numbers as keys, one place for the schema.

A series (target, metric, statistic, label, unit) is written once and its estimates are
clustered by it, so that a trend is one range scan. The record of each run travels along,
compressed, so that a team that shares the database sees every run whole.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

REVISIONS = ("0001", "0002", "0003", "0004")
"""Every version the schema ever had, oldest first; scripts in `migrations/versions`."""
VERSION_TABLE = "perflib_version"

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("target", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("started_s", Double, nullable=False, comment="seconds since 1970, UTC"),
    Column("duration_s", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("arrival", Text, nullable=False),
    Column("git_commit", Text, nullable=False),
    Column("git_dirty", Boolean, nullable=False),
    Column("environment_key", Text, nullable=False),
    Column("target_version", Text, nullable=False),
    Column("source", Text, nullable=False, comment="the format it was imported from, or nothing"),
    Column("load_key", Text, nullable=False, server_default=""),
    Index("runs_by_time", "started_s"),
    Index("runs_by_target", "target", "started_s"),
)
records = Table(
    "records",
    metadata,
    Column("run_key", ForeignKey("runs.key", ondelete="CASCADE"), primary_key=True),
    Column("json", LargeBinary, nullable=False, comment="run.json, zlib"),
)
series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True, comment="of the other columns"),
    Column("target", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("statistic", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("unit", Text, nullable=False),
)
estimates = Table(
    "estimates",
    metadata,
    Column("series_id", ForeignKey("series.id"), primary_key=True),
    Column("run_key", ForeignKey("runs.key", ondelete="CASCADE"), primary_key=True, index=True),
    Column("value", Double, nullable=False),
    Column("low", Double),
    Column("high", Double),
    Column("n", BigInteger, nullable=False),
    Column("resolution", Double, nullable=False),
    sqlite_with_rowid=False,
)
verdicts = Table(
    "verdicts",
    metadata,
    Column("run_key", ForeignKey("runs.key", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("objective", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("statistic", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("next_step", Text, nullable=False),
    Column("value", Double),
    Column("low", Double),
    Column("high", Double),
    Column("bound_low", Double),
    Column("bound_high", Double),
    Column("margin", Double),
    Column("flip", Double),
)
triage = Table(
    "triage",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("created_at", Text, nullable=False, comment="ISO 8601, UTC"),
    Column("target", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("undone", Boolean, nullable=False),
    Index("triage_by_target", "target"),
)
changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True, comment="of series, machine, run"),
    Column("target", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("statistic", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("environment_key", Text, nullable=False),
    Column("run_id", Text, nullable=False, comment="the first run after the change"),
    Column("status", Text, nullable=False, comment="provisional, confirmed or retracted"),
    Column("created_at", Text, nullable=False, comment="ISO 8601, UTC"),
    Column("updated_at", Text, nullable=False, comment="when the status last changed"),
    Column("detail", Text, nullable=False, comment="JSON: size, interval, significance"),
    Index("changes_by_target", "target"),
)
