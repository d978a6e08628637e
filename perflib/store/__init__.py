"""The folder of runs is the record; the history database is an index that can be made again.

A run is recorded when its folder `runs/<id>` exists, which happens in one step. The history
follows, and catches up by itself with what a killed process left out. Only decisions live in
the history alone.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import msgspec
import pandas as pd
from sqlalchemy import URL

from perflib.errors import StoreError, nearest
from perflib.model import BAD, RECORDS, SAMPLES, SCRAPED, Run
from perflib.samples import read_samples
from perflib.store import folder as folders
from perflib.store import history, rows
from perflib.store.claim import is_claimed
from perflib.store.database import Database
from perflib.store.decisions import DecisionLog
from perflib.store.folder import new_run_id
from perflib.store.history import BASELINE

__all__ = ["BAD", "BASELINE", "OPEN_IT", "RECORDS", "Store", "new_run_id"]


OPEN_IT = "open one with `perflib.desk.open_store(folder)`"
"""The next step where something else was given for a store."""
_ABANDONED = timedelta(days=1)


class Store(DecisionLog):
    """Runs under `root`, their history at SQLAlchemy URL `history_url`.

    Without a URL the history is `root/history.sqlite`. Every method raises `StoreError` with
    what to do when something is missing, damaged, newer than this version or not writable.
    `damaged` lists the problems of folders that could not be indexed.
    """

    def __init__(self, root: Path | str = "data", history_url: str | None = None) -> None:
        self.root = Path(root)
        self.history_url = history_url
        self.damaged: list[StoreError] = []
        self._runs = self.root / "runs"
        self.staging = self.root / "staging"
        self._seen_ns = 0

    @classmethod
    def open(cls, root: Path | str = "data", history_url: str | None = None) -> Store:
        """The store in `root`, or the committed history where `root` holds one."""
        committed = (Path(root) / RECORDS).exists()
        return cls.sample_history(root) if committed else cls(root, history_url)

    @classmethod
    def sample_history(cls, root: Path | str) -> Store:
        """The committed history in `root`: its `runs.jsonl.gz` and its run folders.

        Indexed in memory; nothing is written to `root`.
        """
        store = cls(root, "sqlite://")
        file = store.root / RECORDS
        with folders.explained(file, "read"):
            packed = file.read_bytes()
        try:
            store.import_records(gzip.decompress(packed).splitlines(), source=file)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise StoreError(
                f"records are damaged ({error})", next_step="restore the file", file=file
            ) from None
        return store

    def export_records(self, file: Path) -> int:
        """Write every record to `file` as `sample_history` reads it; returns their number.

        The same records give the same bytes.
        """
        ids = self.runs()["run_id"].tolist()
        lines = b"".join(msgspec.json.encode(self.load(run_id)) + b"\n" for run_id in ids)
        with folders.explained(file, "written"):
            file.write_bytes(gzip.compress(lines, mtime=0))
        return len(ids)

    # Recording

    def require_writable(self) -> None:
        """Raise `StoreError` unless a run can be kept now; asked before a load starts."""
        folders.require_room(self.staging)
        self.database.require_writable()

    def begin(self, target: str, started_at: datetime | None = None) -> tuple[str, Path]:
        """A new run's id, which no run here has, and the empty folder for its files."""
        run_id = new_run_id(target, started_at)
        while any((folder / run_id).exists() for folder in (self._runs, self.staging)):
            run_id = new_run_id(target, started_at)
        staging = self.staging / run_id
        with folders.explained(staging, "made"):
            self._runs.mkdir(parents=True, exist_ok=True)
            staging.mkdir(parents=True)
        return run_id, staging

    def commit(self, run: Run, staging: Path) -> Path:
        """Record `run` with the files in `staging`; returns its folder.

        When this returns, or fails after the folder exists, no crash can lose the run.
        """
        final = folders.publish(staging, self._runs, run)
        try:
            with self.database.writing() as connection:
                rows.add(connection, [run])
        except StoreError as error:
            error.found += f"; {final} is kept and joins the history when that works again"
            raise
        return final

    def import_records(self, lines: Iterable[bytes], source: str | Path = RECORDS) -> list[str]:
        """Add records, one `run.json` a line, to the history alone; returns the new ids."""
        runs = [
            folders.decode(line, source, at) for at, line in enumerate(lines, 1) if line.strip()
        ]
        with self.database.writing() as connection:
            return rows.add(connection, runs)

    # Reading

    def folder(self, run_id: str) -> Path:
        """The folder of `run_id`; it need not exist."""
        return self._runs / folders.check_id(run_id)

    def load(self, run_id: str) -> Run:
        """The record of `run_id`, from its folder or, if others recorded it, from the history."""
        folder = self.folder(run_id)
        return folders.read_record(folder) if folder.exists() else self.remembered(run_id)

    def remembered(self, run_id: str) -> Run:
        """The record of `run_id` as the history keeps it, whatever became of its folder."""
        with self._history.reading() as connection:
            data = history.record(connection, run_id)
            if data is not None:
                return folders.decode(data, self._history.name)
            known = sorted(history.known_ids(connection))[-50:]
        raise StoreError(
            f"no run {run_id} in {self.root}",
            expected=nearest(run_id, known) if known else "a recorded run",
            next_step="list the runs with `perflib history list`",
        )

    def samples(self, run_id: str) -> pd.DataFrame:
        """The samples of `run_id`; see `perflib.samples.read_samples`."""
        return read_samples(self.folder(run_id) / SAMPLES)

    def metrics(self, run_id: str) -> pd.DataFrame | None:
        """What was scraped during `run_id`: time_s, name, labels, value; None if nothing was."""
        return folders.read_metrics(self.folder(run_id) / SCRAPED)

    def runs(
        self,
        target: str | None = None,
        *,
        kind: str | None = None,
        status: str | None = None,
        environment_key: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """A row a run, newest last; `limit` keeps the newest.

        Columns: run_id, target, kind, started_at (UTC), duration_s, status, arrival, git_commit,
        git_dirty, environment_key, target_version, source, load_key, bad.
        """
        where = {
            "target": target,
            "kind": kind,
            "status": status,
            "environment_key": environment_key,
        }
        with self._history.reading() as connection:
            frame = history.read_runs(connection, where, since, until, limit)
        return frame.drop(columns="key")

    def points(
        self,
        target: str | None = None,
        metric: str | None = None,
        statistic: str | None = None,
        label: str | None = None,
    ) -> pd.DataFrame:
        """A row an estimate, by time of its run; None asks for all, label "" for whole runs.

        Columns: run_id, started_at (UTC), status, git_commit, git_dirty, environment_key, load_key,
        bad, target, metric, statistic, label, unit, value, low, high (NaN: no interval), n,
        resolution.
        """
        where = {"target": target, "metric": metric, "statistic": statistic, "label": label}
        with self._history.reading() as connection:
            return history.read_points(connection, where)

    def verdicts(self, target: str | None = None, *, newest: bool = False) -> pd.DataFrame:
        """A row a verdict, by time of its run; `newest`: of each target's newest run only.

        Columns: run_id, target, started_at, environment_key, objective, metric, statistic,
        label, unit, outcome, reason, next_step, value, low, high, bound_low, bound_high, margin,
        flip, bad.
        """
        with self._history.reading() as connection:
            return history.read_verdicts(connection, target, newest=newest)

    # Keeping house

    def reindex(self, run_ids: Sequence[str] | None = None) -> int:
        """Make the history of run folders (all without `run_ids`) again; returns their number.

        Triage is kept.
        """
        self._refuse_read_only()
        runs = self._read_folders(self._listed() if run_ids is None else run_ids)
        with self.database.writing() as connection:
            rows.remove(connection, [run.id for run in runs])
            rows.add(connection, runs)
        return len(runs)

    def prune(
        self,
        older_than: timedelta,
        *,
        keep: int = 10,
        target: str | None = None,
        everywhere: bool = False,
        dry_run: bool = True,
    ) -> pd.DataFrame:
        """Remove runs older than `older_than`, never the newest `keep` of a target or a baseline.

        Returns their rows of `runs` with a column `goes`, which tells those that went, or with
        `dry_run` would go. In a shared history a run goes where its folder is, for that would
        bring it back; with `everywhere` also those that have none here. Folders of runs that
        were killed more than a day ago go as well.
        """
        now = datetime.now(UTC)
        with self._history.reading() as connection:
            baselines = history.marked(connection, BASELINE)
        runs = self.runs(target)
        newest = runs.groupby("target").tail(keep)["run_id"]
        stays = runs["run_id"].isin({*newest, *baselines}) | (runs["started_at"] > now - older_than)
        old = runs[~stays].reset_index(drop=True)
        every = everywhere or self.history_url is None
        goes = [every or self.folder(run_id).exists() for run_id in old["run_id"]]
        old["goes"] = pd.Series(goes, dtype=bool)
        if not dry_run:
            self._refuse_read_only()
            self.database.require_writable()  # or folders would go whose rows stay
            self._remove(old.loc[old["goes"], "run_id"].tolist())
            self._sweep(now - _ABANDONED)
        return old

    def _remove(self, run_ids: Sequence[str]) -> None:
        gone = []
        try:
            for run_id in run_ids:
                gone.append(run_id)
                folders.remove(self.folder(run_id), self.staging)
        finally:  # after Ctrl-C no row is left without its folder
            with self.database.writing() as connection:
                rows.remove(connection, gone)

    def _sweep(self, before: datetime) -> None:
        for left in self.staging.glob("*/"):
            if is_claimed(left):  # its samples are to become a run
                continue
            with suppress(FileNotFoundError):  # what goes away meanwhile is not abandoned
                changed = max(path.stat().st_mtime for path in (left, *left.iterdir()))
                if changed < before.timestamp():  # a run of days goes on writing its samples
                    folders.remove(left, self.staging)

    # The history database

    @cached_property
    def database(self) -> Database:
        """The history database as it stands, opened when first asked for."""
        own = URL.create("sqlite", database=str(self.root / "history.sqlite"))
        return Database(self.history_url or own)

    @property
    def _history(self) -> Database:
        """The database, after it has caught up with run folders that it does not know."""
        changed_ns = self._runs.stat().st_mtime_ns if self._runs.exists() else 0
        if changed_ns != self._seen_ns:
            with self.database.reading() as connection:
                unknown = set(self._listed()) - history.known_ids(connection)
            if unknown and (found := self._read_folders(sorted(unknown))):
                with self.database.writing() as connection:
                    rows.add(connection, found)
            self._seen_ns = changed_ns
        return self.database

    def _listed(self) -> list[str]:
        if not self._runs.exists():
            return []
        with folders.explained(self._runs, "read"):
            return sorted(entry.name for entry in os.scandir(self._runs) if entry.is_dir())

    def _read_folders(self, run_ids: Sequence[str]) -> list[Run]:
        """The readable records; what is wrong with the others is kept in `damaged`."""
        found, self.damaged = [], []
        for run_id in run_ids:
            try:
                found.append(folders.read_record(self._runs / run_id))
            except StoreError as error:
                if (self._runs / run_id).exists():  # not pruned by another process meanwhile
                    self.damaged.append(error)
        return found
