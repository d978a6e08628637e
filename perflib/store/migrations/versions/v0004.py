"""Runs of different loads are different series, as those of different machines are."""

import zlib

import msgspec
from alembic import op
from sqlalchemy import Column, Text, text

from perflib.environment import load_key
from perflib.model import Run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Note the load of each run, which its record tells."""
    op.add_column("runs", Column("load_key", Text, nullable=False, server_default=""))
    records = op.get_bind().execute(text("SELECT run_key, json FROM records"))
    loads = [{"run": key, "load": _load(record)} for key, record in records]
    if loads:
        op.get_bind().execute(text("UPDATE runs SET load_key = :load WHERE key = :run"), loads)


def _load(record: bytes) -> str:
    """The load that a record tells; a damaged one is no reason to refuse the others."""
    try:
        return load_key(msgspec.json.decode(zlib.decompress(record), type=Run))
    except (zlib.error, msgspec.MsgspecError):
        return ""
