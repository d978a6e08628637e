"""Each setting of the reference system stands once, in `configs/`: there is no default in the code.

A file is one model, a folder is a model of its files. A misspelt key would be a setting
that silently does nothing, so every mistake of all files is reported, each with its line.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, TypeAdapter

from perflib.errors import ConfigError, PerflibError, nearest
from perflib.target import Bytes, Settings
from perflib.target import Seconds as AnySeconds
from perflib.yamlfile import read_yaml, validate


def _share(value: object) -> Fraction:
    try:
        share = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError("expected a fraction such as `2/3`") from None
    if not Fraction(1, 2) <= share < 1:
        raise ValueError(f"`{value}` is no majority; expected from 1/2 to below 1")
    return share


def _index(text: object) -> str:
    match = re.fullmatch(r"(users|sessions|chunks|blocks)\((\w+(?:, ?\w+)*)\)", str(text))
    if match is None:
        raise ValueError(f"`{text}` is no index; expected such as `sessions(user_id, created_at)`")
    return f"{match[1]}({', '.join(re.split(', ?', match[2]))})"


_bytes: TypeAdapter[float] = TypeAdapter(Bytes)
Seconds = Annotated[AnySeconds, Field(gt=0)]
Size = Annotated[
    int, BeforeValidator(lambda value: int(_bytes.validate_python(value))), Field(gt=0)
]
Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[Fraction, BeforeValidator(_share)]


class GatewayServer(Settings):
    """`api-gateway/server.yml`."""

    workers: Annotated[Count, Field(le=64)]
    threads: Annotated[Count, Field(le=256)]
    backlog: Annotated[Count, Field(ge=128)]
    body_limit: Size
    sessions_limit: Count
    chain_cache: AnySeconds
    chain_timeout: Seconds
    throughput_window: Seconds


class GatewayPool(Settings):
    """`api-gateway/pool.yml`."""

    pool_size: Count
    pool_timeout: Seconds


class Login(Settings):
    """`api-gateway/login.yml`."""

    hash_memory: Annotated[Size, Field(ge=64 * 1024)]
    hash_passes: Count
    hash_threads: Count
    token_lifetime: Seconds


class Gateway(Settings):
    """`api-gateway/`."""

    server: GatewayServer
    pool: GatewayPool
    login: Login


class Consensus(Settings):
    """`blockchain/consensus.yml`."""

    block_time: Seconds
    validators: Annotated[Count, Field(ge=4, le=64)]
    consensus_quorum: Share
    vote_timeout: Seconds
    block_transactions: Count
    transaction_pool: Count

    @property
    def quorum(self) -> int:
        """Votes that a block needs: more than the share of all validators, dead ones included."""
        return int(self.consensus_quorum * self.validators) + 1


class Validation(Settings):
    """`blockchain/validation.yml`."""

    validation: Literal["full", "header"]
    clock_drift: Seconds
    transaction_size: Size


class Chain(Settings):
    """`blockchain/`."""

    consensus: Consensus
    validation: Validation


class Pipeline(Settings):
    """`session-processing/pipeline.yml`."""

    threads: Annotated[Count, Field(le=256)]
    compression_level: Annotated[int, Field(ge=1, le=22, strict=True)]
    leaf_size: Annotated[Size, Field(ge=1024)]
    chunk_limit: Size


class Storage(Settings):
    """`session-processing/storage.yml`."""

    retention_size: Size
    sync: bool
    pool_size: Count
    pool_timeout: Seconds


class Processing(Settings):
    """`session-processing/`."""

    pipeline: Pipeline
    storage: Storage


class DatabaseServer(Settings):
    """`database/server.yml`."""

    engine: Literal["auto", "postgresql", "sqlite"]
    max_connections: Annotated[Count, Field(ge=5)]
    shared_buffers: Annotated[Size, Field(ge=1024 * 1024)]
    synchronous_commit: bool
    exporter_pool_size: Count
    seed_rows: Annotated[Count, Field(ge=1000)]


class Query(Settings):
    """`database/query.yml`."""

    query_timeout: Seconds
    query_memory: Annotated[Size, Field(ge=64 * 1024)]
    slow_query: Seconds
    query_probe_interval: Seconds


class Indexes(Settings):
    """`database/indexes.yml`: name of an index → `table(column, column)`."""

    indexes: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")],
        Annotated[str, BeforeValidator(_index)],
    ]


class Database(Settings):
    """`database/`."""

    server: DatabaseServer
    query: Query
    indexes: Indexes


class Configs(Settings):
    """All folders of `configs/`."""

    gateway: Gateway
    chain: Chain
    processing: Processing
    database: Database


FOLDERS = {
    "gateway": "api-gateway",
    "chain": "blockchain",
    "processing": "session-processing",
    "database": "database",
}


def read_configs(root: Path) -> Configs:
    """The settings below `root`; raises `ConfigError` with all mistakes of all files."""
    if not root.is_dir():
        raise PerflibError(
            f"no folder of settings at {root}",
            expected="folders " + ", ".join(FOLDERS.values()),
            next_step="name it with --configs, or copy configs/ from the project",
        )
    problems: list[PerflibError] = []
    folders: dict[str, Any] = {
        name: _read_folder(root / folder, _parts(Configs)[name], problems)
        for name, folder in FOLDERS.items()
    }
    if problems:
        raise ConfigError(problems)
    return Configs.model_construct(**folders)


def _parts(model: type[Settings]) -> dict[str, type[Settings]]:
    parts = {name: field.annotation for name, field in model.model_fields.items()}
    return cast("dict[str, type[Settings]]", parts)


def _read_folder(folder: Path, model: type[Settings], problems: list[PerflibError]) -> Settings:
    known = [f"{name}.yml" for name in _parts(model)]
    problems.extend(
        PerflibError(
            "this file is read by nothing",
            expected=nearest(extra, known),
            next_step="rename or remove it",
            file=folder / extra,
        )
        for extra in sorted({path.name for path in folder.glob("*.y*ml")} - set(known))
    )
    files: dict[str, Any] = {}
    for name, part in _parts(model).items():
        try:
            files[name] = validate(part, read_yaml(folder / f"{name}.yml"))
        except ConfigError as error:
            problems.extend(error.problems)
    return model.model_construct(**files)
