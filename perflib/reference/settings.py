"""Each setting of the reference system stands once, in `configs/`: there is no default in the code.

A file is one model, a folder is a model of its files. A misspelt key would be a setting
that silently does nothing, so every mistake of all files is reported, each with its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from perflib.errors import ConfigError, PerflibError, nearest
from perflib.units import parse_quantity


def _reader(base: str, example: str) -> BeforeValidator:
    def read(value: object) -> float:
        if not isinstance(value, str):
            raise ValueError(f"expected a number and a unit such as `{example}`")
        try:
            return parse_quantity(value, base)
        except PerflibError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(read)


def _fraction(value: object) -> Fraction:
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError("expected a fraction such as `2/3`") from None


Seconds = Annotated[float, _reader("s", "10 s"), Field(gt=0)]
Size = Annotated[int, _reader("B", "64 KiB"), Field(gt=0)]
Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[Fraction, BeforeValidator(_fraction), Field(ge=Fraction(1, 2), lt=Fraction(1))]


class Settings(BaseModel):
    """Strict and constant: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class GatewayServer(Settings):
    """`api-gateway/server.yml`."""

    workers: Annotated[Count, Field(le=64)]
    threads: Annotated[Count, Field(le=256)]
    backlog: Annotated[Count, Field(ge=128)]
    body_limit: Size
    sessions_limit: Count
    chain_cache: Annotated[float, _reader("s", "500 ms"), Field(ge=0)]
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


IndexText = Annotated[
    str, Field(pattern=r"^(users|sessions|chunks|blocks)\(\w+(, ?\w+)*\)$", max_length=200)
]


class Indexes(Settings):
    """`database/indexes.yml`: name of an index → `table(column, column)`."""

    indexes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")], IndexText]


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
    folders: dict[str, Any] = {}
    for name, folder in FOLDERS.items():
        folders[name] = _read_folder(root / folder, _parts(Configs)[name], problems)
    if problems:
        raise ConfigError(problems)
    return Configs.model_construct(**folders)


def _parts(model: type[Settings]) -> dict[str, type[Settings]]:
    parts = {name: field.annotation for name, field in model.model_fields.items()}
    return cast("dict[str, type[Settings]]", parts)


def _read_folder(
    folder: Path, model: type[Settings], problems: list[PerflibError]
) -> Settings | None:
    known = {f"{name}.yml": part for name, part in _parts(model).items()}
    problems.extend(
        PerflibError(
            "this file is read by nothing",
            expected=nearest(extra, list(known)),
            next_step="rename or remove it",
            file=folder / extra,
        )
        for extra in sorted({path.name for path in folder.glob("*.y*ml")} - set(known))
    )
    files: dict[str, Any] = {
        name.removesuffix(".yml"): _read_file(folder / name, part, problems)
        for name, part in known.items()
    }
    return None if problems else model.model_construct(**files)


def _read_file(path: Path, model: type[Settings], problems: list[PerflibError]) -> Settings | None:
    try:
        text = path.read_text(encoding="utf-8")
        data, lines = yaml.safe_load(text) or {}, _lines(yaml.compose(text))
    except OSError as error:
        step = "restore it from the project's configs/"
        problems.append(PerflibError(f"{error.strerror}", file=path, next_step=step))
        return None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        found = f"no YAML: {getattr(error, 'problem', None) or error}"
        problems.append(PerflibError(found, file=path, line=mark.line + 1 if mark else None))
        return None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems.extend(_problem(dict(mistake), model, path, lines) for mistake in error.errors())
        return None


def _problem(
    mistake: dict[str, Any], model: type[Settings], path: Path, lines: Mapping[tuple[str, ...], int]
) -> PerflibError:
    where = tuple(str(part) for part in mistake["loc"] if part != "[key]")
    line = next((lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in lines), None)
    key = ".".join(where) or "the file"
    if mistake["type"] == "extra_forbidden":
        found, expected = f"unknown key `{key}`", nearest(where[-1], list(model.model_fields))
    elif mistake["type"] == "missing":
        found, expected = f"no key `{key}`", "each setting to be written out"
    else:
        found = f"`{key}`: {mistake['msg'].removeprefix('Value error, ')}"
        expected = ""
    return PerflibError(found, expected=expected, file=path, line=line)


def _lines(node: Any, prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    found: dict[tuple[str, ...], int] = {}
    for key, value in node.value:
        place = (*prefix, str(key.value))
        found[place] = key.start_mark.line + 1
        found |= _lines(value, place)
    return found
