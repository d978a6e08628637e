"""A run's folder appears whole or not at all: it is made aside, flushed and renamed into place."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from perflib import files
from perflib.errors import AlreadyRecordedError, StoreError, require
from perflib.model import RECORD, RUN_SCHEMA, Run, to_json

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ROOM = 2**20
"""Bytes that a short run takes; without them none begins."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def new_run_id(target: str, when: datetime | None = None) -> str:
    """An id such as `20261123T180000Z-database-1a2b`: sorts by time, is safe as a file name."""
    moment = (when or datetime.now(UTC)).astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{slug(target)}-{secrets.token_hex(2)}"


def was_made_for(run_id: str, target: str) -> bool:
    """Whether `run_id` is an id that `new_run_id` gives a run of `target`."""
    return run_id[17:-5] == slug(target)


def slug(target: str) -> str:
    """`target` as a part of an id, whatever it is called."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", target).strip("-")[:48] or "target"


def check_id(run_id: str) -> str:
    """`run_id` itself if it can name a folder; anything like a path is refused."""
    require(run_id, str, "a run id", "list the runs with `perflib history list`")
    if not _SAFE_ID.fullmatch(run_id):
        raise StoreError(
            f"`{run_id[:80]!r}` is no run id",
            expected="an id such as 20261123T180000Z-database-1a2b",
            next_step="list the runs with `perflib history list`",
        )
    return run_id


def decode(data: bytes, source: str | Path, line: int | None = None) -> Run:
    """The run in `data`, one `run.json`; raises `StoreError` on damage or a newer schema."""
    try:
        schema = msgspec.json.decode(data, type=_Header).schema
        if schema > RUN_SCHEMA:
            raise StoreError(
                f"record was written by a newer perflib (schema {schema})",
                expected=f"schema {RUN_SCHEMA} or older",
                next_step="install the newer perflib",
                file=source,
                line=line,
            )
        run = msgspec.json.decode(data, type=Run)
        started_s(run)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(
            f"record is damaged ({error})",
            expected="a complete run.json",
            next_step="restore it from a backup, or remove its folder",
            file=source,
            line=line,
        ) from None
    return run


class _Header(msgspec.Struct):
    schema: int


def started_s(run: Run) -> float:
    """When `run` began, in seconds since 1970; a time without zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(run.started_at)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise StoreError(
            f"`started_at` is `{run.started_at[:40]}`",
            expected="a time such as 2026-11-23T18:00:00Z",
            next_step=f"correct the record of run {run.id}",
        ) from None


def encode(run: Run) -> bytes:
    """`run` as JSON that is known to read back; a number that is not finite would not."""
    try:
        data = to_json(run)
        decode(data, run.id)
    except (TypeError, ValueError, UnicodeEncodeError) as error:
        raise _unreadable(run, error) from None
    except StoreError as error:
        raise _unreadable(run, error.found) from None
    return data


def _unreadable(run: Run, reason: object) -> StoreError:
    return StoreError(
        f"run {run.id} could not be read back ({reason})",
        expected="text and finite numbers",
        next_step="its samples are kept in the staging folder; report this",
    )


def read_record(folder: Path) -> Run:
    """The run recorded in `folder`, whose name must be its id."""
    file = folder / RECORD
    with explained(file, "read"):
        data = file.read_bytes()
    run = decode(data, file)
    if run.id != folder.name:
        raise StoreError(
            f"record belongs to run {run.id}",
            expected=f"run {folder.name}",
            next_step="give the folder its old name back",
            file=file,
        )
    return run


def read_metrics(file: Path) -> pd.DataFrame | None:
    """The series scraped during a run, or None when nothing was scraped."""
    if not file.exists():
        return None
    try:
        frame: pd.DataFrame = pq.read_table(file).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise StoreError(
            f"metrics cannot be read ({str(error).splitlines()[0]})",
            expected="a complete Parquet file",
            next_step="restore the file from a backup, or remove it",
            file=file,
        ) from None
    return frame


def require_room(folder: Path) -> None:
    """Make `folder`; raise `StoreError` where it cannot be written or the disk is full."""
    with explained(folder, "made"):
        folder.mkdir(parents=True, exist_ok=True)
    with explained(folder, "written"), TemporaryFile(dir=folder) as file:
        file.write(bytes(_ROOM))
        os.fsync(file.fileno())


def write_record(staging: Path, run: Run) -> None:
    """Write the record of `run` into `staging`, in one step."""
    data = encode(run)
    with explained(staging, "written"):
        files.write(staging / RECORD, data)


def publish(staging: Path, runs: Path, run: Run) -> Path:
    """Write the record of `run` into `staging` and rename that to `runs/<id>`, never over another.

    Everything is on the disk before the rename, and the rename before the return.
    """
    final = runs / check_id(run.id)
    recorded = AlreadyRecordedError(
        f"run {run.id} exists already", next_step="runs are never overwritten", file=final
    )
    if final.exists():
        raise recorded
    write_record(staging, run)
    with explained(final, "written"):
        for file in staging.rglob("*"):
            _sync(file)
        _sync(staging)
        try:
            staging.rename(final)
        except OSError as error:  # another process was faster
            raise recorded if final.exists() else error from None
        _sync(runs)
    return final


def _sync(path: Path) -> None:
    """Have the system write a file or folder to the disk itself."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(folder: Path, staging: Path) -> None:
    """Remove a run's folder: out of sight in one step first, so that a half one is never read.

    One that is gone already, maybe since another process removes it too, is no error.
    """
    aside = staging / f"removed-{folder.name}-{secrets.token_hex(4)}"
    with explained(folder, "removed"), suppress(FileNotFoundError):
        staging.mkdir(parents=True, exist_ok=True)
        folder.rename(aside)
        shutil.rmtree(aside)


@contextmanager
def explained(path: Path, verb: str) -> Iterator[None]:
    """Turn an operating system's refusal into a `StoreError` that says what to do."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and verb == "read":
            raise StoreError(
                "nothing is recorded here",
                next_step="list the runs with `perflib history list`",
                file=path,
            ) from None
        full = error.errno in _FULL
        raise StoreError(
            f"cannot be {verb} ({error.strerror})",
            next_step="free space on the disk and repeat; what was recorded earlier is kept"
            if full
            else "make the folder accessible, or give another one with `data`",
            file=path,
        ) from None
