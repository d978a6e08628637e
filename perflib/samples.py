"""Samples are the record; every summary is derived from them.

On disk a run's samples are one Parquet file. Times are integer nanoseconds from the
run's start, so they delta-pack to a few bytes; in memory they are float seconds.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from perflib import files
from perflib.errors import StoreError
from perflib.model import PARTS, SAMPLES

if TYPE_CHECKING:  # only `read_samples` needs pandas; a load generator must start quickly
    import pandas as pd

TIMES = ("intended_start", "start", "end")
PROBE = "connect"
"""The label of fresh connections to a database: timed beside the load, no part of it."""
POLL = "poll"
"""The label of questions to a watched chain: one without an answer is no block that failed."""
SCRAPED_PARTS = "metrics.parts"
"""The folder beside the samples' own with parts of what is scraped."""
PART_ROWS, PART_S = 100_000, 10.0
"""A part is written when it holds so many samples, or its first one waits for so long."""
_CORE = pa.schema(
    [
        ("label", pa.dictionary(pa.int32(), pa.string())),
        ("intended_start", pa.int64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("ok", pa.bool_()),
        ("error", pa.dictionary(pa.int32(), pa.string())),
        ("status", pa.int16()),
        ("size", pa.int64()),
    ]
)
_DELTA = dict.fromkeys((*TIMES, "status", "size"), "DELTA_BINARY_PACKED")


def schema(metrics: tuple[str, ...] = ()) -> pa.Schema:
    """The Parquet schema: the core columns, then one float column a metric (base units)."""
    return pa.schema([*_CORE, *((name, pa.float64()) for name in metrics)])


def write_table(table: pa.Table, path: Path) -> None:
    """Write one Parquet file with the encodings that suit its columns, whole or not at all."""
    _write([table], table.schema, path)


def _write(tables: Iterable[pa.Table], columns: pa.Schema, path: Path) -> None:
    """Write `tables` to `path`, a row group each."""
    dictionaries = [f.name for f in columns if pa.types.is_dictionary(f.type)]
    # a sink that we close: a writer that fails would keep its file, and so its room, for long
    with (
        files.in_one_step(path) as aside,
        pa.OSFile(str(aside), "wb") as sink,
        pq.ParquetWriter(
            sink,
            columns,
            compression="zstd",
            use_dictionary=dictionaries,
            column_encoding=_DELTA,
        ) as out,
    ):
        for table in tables:
            out.write_table(table)


class SampleWriter:
    """Collects samples of one run, thread-safe, with bounded memory.

    Complete Parquet parts are written beside `path` as the run goes, so that a killed run
    loses at most `flush_rows` samples or those of `PART_S`; `close` joins them into `path`.
    """

    def __init__(
        self, path: Path, metrics: tuple[str, ...] = (), flush_rows: int = PART_ROWS
    ) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema(metrics)
        self._flush_rows = flush_rows
        self._parts = path.with_suffix(".parts")
        self._columns: dict[str, list[Any]] = {name: [] for name in self._schema.names}
        self._lock = threading.Lock()
        self._part_count = 0
        self._flushed = time.monotonic()

    def append(
        self,
        label: str,
        start: float,
        end: float,
        *,
        intended_start: float | None = None,
        ok: bool = True,
        error: str = "",
        status: int = 0,
        size: int = 0,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Add one sample; times in seconds from the run's start, metrics in base units."""
        row: dict[str, Any] = {
            "label": label,
            "intended_start": None if intended_start is None else round(intended_start * 1e9),
            "start": round(start * 1e9),
            "end": round(end * 1e9),
            "ok": ok,
            "error": error,
            "status": status,
            "size": size,
        }
        row.update(metrics or {})
        with self._lock:
            for name, column in self._columns.items():
                column.append(row.get(name))
            self.rows += 1
            waited_s = time.monotonic() - self._flushed
            if len(self._columns["label"]) >= self._flush_rows or waited_s > PART_S:
                self._flush()

    def _flush(self) -> None:
        if not self._columns["label"]:
            return
        self._parts.mkdir(exist_ok=True)
        self._write(self._parts / f"{self._part_count:06d}.parquet")
        self._part_count += 1
        self._flushed = time.monotonic()
        for column in self._columns.values():
            column.clear()

    def _write(self, path: Path) -> None:
        write_table(pa.Table.from_pydict(self._columns, schema=self._schema), path)

    def write_all(self) -> None:
        """Write to `path` what no part holds, in one step; again and again if need be."""
        with self._lock:
            self._write(self.path)

    def close(self) -> None:
        """Write what is left and join the parts into one file."""
        with self._lock:
            self._flush()
            join_parts(self._parts, self.path, self._schema)


def join_parts(parts: Path, path: Path, empty: pa.Schema, zero_ns: int = 0) -> None:
    """Join the Parquet files of folder `parts` into `path`, times from `zero_ns`; remove them.

    When that fails, the parts stay and there is no `path`.
    """
    files = sorted(parts.glob("*.parquet")) if parts.is_dir() else []
    if files:
        tables = (_since(zero_ns, table) for table in _row_groups(files))
        _write(tables, pq.read_schema(files[0]), path)
    else:
        write_table(empty.empty_table(), path)
    shutil.rmtree(parts, ignore_errors=True)


def _row_groups(files: Iterable[Path]) -> Iterator[pa.Table]:
    """The rows of `files` in tables of a good size: each costs a place in the file's index."""
    waiting: list[pa.Table] = []
    for file in files:
        waiting.append(pq.read_table(file))
        if sum(map(len, waiting)) >= PART_ROWS:
            yield pa.concat_tables(waiting).unify_dictionaries()
            waiting.clear()
    if waiting:
        yield pa.concat_tables(waiting).unify_dictionaries()


def _since(zero_ns: int, table: pa.Table) -> pa.Table:
    for name in TIMES if zero_ns else ():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pc.subtract(table[name], pa.scalar(zero_ns, pa.int64())))
    return table


def parts_of(folder: Path) -> list[Path]:
    """The parts of samples below the folder of a run, whoever wrote them."""
    found = sorted(folder.glob("*/**/*.parquet"))
    return [path for path in found if path.parent.name != SCRAPED_PARTS]


def adopt_parts(folder: Path, empty: pa.Schema) -> None:
    """Join all parts below the folder of a run, whoever wrote them, into its samples."""
    parts = folder / PARTS
    parts.mkdir(exist_ok=True)
    for left in parts_of(folder):
        if left.parent != parts:
            left.rename(parts / f"{left.parent.name}-{left.name}")
    join_parts(parts, folder / SAMPLES, empty)


def read_samples(path: Path) -> pd.DataFrame:
    """All samples of a run as a frame: times in float seconds from the run's start.

    Columns: label, intended_start, start, end, ok, error, status, size, the metrics that
    the workload recorded, and the derived `service_time` (end − start) and `response_time`
    (end − intended start; absent for closed workloads, which have no intended start).
    """
    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except FileNotFoundError:
        raise StoreError(
            "no samples", file=path, next_step="check the run id with `perflib history list`"
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise StoreError(
            f"samples cannot be read ({str(error).splitlines()[0]})",
            expected="a complete Parquet file",
            next_step="restore the file from a backup, or measure again",
            file=path,
        ) from None
    # differences are taken of whole nanoseconds: equal durations stay equal wherever they lie
    intended, start, end = (frame[t].to_numpy(np.float64, na_value=np.nan) for t in TIMES)
    for name, nanos in zip(TIMES, (intended, start, end), strict=True):
        frame[name] = nanos * 1e-9
    frame["service_time"] = (end - start) * 1e-9
    if frame["intended_start"].notna().any():
        frame["response_time"] = (end - intended) * 1e-9
        frame["lateness"] = (start - intended) * 1e-9
    return frame


def is_probe(samples: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which samples are fresh connections of a database run, not calls of its load."""
    if "connection_time" not in samples:
        return np.zeros(len(samples), dtype=bool)
    return (samples["label"].astype(str) == PROBE).to_numpy()


def began(samples: pd.DataFrame) -> npt.NDArray[np.float64]:
    """When each sample was meant to begin: its intended start, else its start (s)."""
    start = samples["start"].to_numpy(dtype=np.float64)
    if "intended_start" not in samples:
        return start
    intended = samples["intended_start"].to_numpy(dtype=np.float64)
    return np.where(np.isnan(intended), start, intended)


def is_measured(
    samples: pd.DataFrame, since_s: float, until_s: float | None
) -> npt.NDArray[np.bool_]:
    """Which samples began (as intended) inside the measured window: neither warm-up nor tail."""
    at = began(samples)
    return (at >= since_s) & (at < (np.inf if until_s is None else until_s))


def measured(samples: pd.DataFrame, since_s: float, until_s: float | None) -> pd.DataFrame:
    """The samples of the measured window; see `is_measured`."""
    return samples[is_measured(samples, since_s, until_s)]
