"""Every request is a row of 44 bytes; rows become Parquet parts while the run goes on.

A row is packed by one C call and appended to one byte array: cheap enough that recording
does not change what is recorded. Compression happens in a thread, outside the event loop.
"""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from perflib.samples import PART_ROWS, PART_S, TIMES, schema, write_table

ROW = np.dtype(
    [
        ("intended", "<i8"),
        ("start", "<i8"),
        ("end", "<i8"),
        ("size", "<i8"),
        ("label", "<i4"),
        ("error", "<i4"),
        ("status", "<i4"),
    ]
)
"""A request: times in monotonic nanoseconds (intended −1: no schedule), indexes, status, bytes."""
pack = struct.Struct("<qqqqiii").pack
FIRED = 1 << 30
"""Set in a label when Locust's own `request` event counted the row already."""
MOST_KINDS, LONGEST_MESSAGE = 500, 200
OTHER = "other failures"
"""The kind of all failures whose own kind comes after the first `MOST_KINDS`."""
Rows = npt.NDArray[np.void]


class Recorder:
    """The rows of this process since the last `take`, and the names behind their indexes."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.add = self.buffer.extend
        self.labels: list[tuple[str, str]] = []
        self.errors: list[str] = [""]
        self.messages: dict[str, str] = {}
        self._label_of: dict[tuple[str, str], int] = {}
        self._error_of: dict[str, int] = {"": 0}

    def label(self, method: str, name: str) -> int:
        """The index of the label `method name`."""
        key = (method, name)
        index = self._label_of.get(key)
        if index is None:
            index = self._label_of[key] = len(self.labels)
            self.labels.append((method, writable(name)))
        return index

    def error(self, kind: str, message: str = "") -> int:
        """The index of an error kind; past `MOST_KINDS` distinct ones they are lumped together.

        The first `message` of each is kept.
        """
        if len(self.errors) >= MOST_KINDS and kind not in self._error_of:
            kind = OTHER
        index = self._error_of.get(kind)
        if index is None:
            index = self._error_of[kind] = len(self.errors)
            self.errors.append(writable(kind))
            if message:
                self.messages[self.errors[index]] = writable(message)[:LONGEST_MESSAGE]
        return index

    def take(self) -> Rows:
        """The rows since the last call; they are forgotten here."""
        rows = np.frombuffer(bytes(self.buffer), ROW)
        del self.buffer[:]
        return rows


def writable(text: object) -> str:
    """`text` without lone surrogates, which a target's JSON may hold and no file can."""
    return str(text).encode(errors="replace").decode()


class PartWriter:
    """Collects rows and writes complete Parquet parts into `folder`.

    Rows become columns as they are added, a flush at a time, so that a thread that writes a part
    hardly needs the interpreter, for which the users would have to wait.
    """

    def __init__(self, folder: Path, zero_ns: int, part_rows: int = PART_ROWS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.zero_ns = zero_ns
        self.part_rows = part_rows
        self.written = 0
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._parts = 0
        self._taken = time.monotonic()

    def add(self, rows: Rows, labels: list[tuple[str, str]], errors: list[str]) -> None:
        """Keep `rows` for the next part."""
        if len(rows):
            self._waiting.append(to_table(rows, labels, errors, self.zero_ns))
            self._rows += len(rows)

    def take(self) -> list[pa.Table]:
        """What was kept, for `write`; called where `add` is, or rows would fall between them."""
        taken, self._waiting, self._rows = self._waiting, [], 0
        self._taken = time.monotonic()
        return taken

    def put_back(self, taken: list[pa.Table]) -> None:
        """Keep for later what could not be written now; in one step, for others call `add`."""
        self._waiting[:0] = taken

    @property
    def due(self) -> bool:
        """Whether a part is worth writing."""
        waited_s = time.monotonic() - self._taken
        return self._rows >= self.part_rows or (self._rows > 0 and waited_s > PART_S)

    def write(self, taken: list[pa.Table]) -> None:
        """Write what `take` gave as one part; safe in a thread while others call `add`."""
        if not taken:
            return
        table = pa.concat_tables(taken).unify_dictionaries()
        write_table(table, self.folder / f"{self._parts:06d}.parquet")
        self._parts += 1
        self.written += len(table)


def due_ns(rows: Rows) -> npt.NDArray[np.int64]:
    """When each request was due: by its schedule, or else when it started."""
    intended: npt.NDArray[np.int64] = rows["intended"]
    return np.where(intended >= 0, intended, rows["start"])


def to_table(
    rows: Rows, labels: list[tuple[str, str]], errors: list[str], zero_ns: int
) -> pa.Table:
    """`rows` in the columns of `perflib.samples`, times from `zero_ns`."""
    intended = rows["intended"]
    columns = [
        _words(rows["label"] & (FIRED - 1), [f"{method} {name}" for method, name in labels]),
        _column(pa.int64(), intended - zero_ns, valid=intended >= 0),
        _column(pa.int64(), rows["start"] - zero_ns),
        _column(pa.int64(), rows["end"] - zero_ns),
        _column(pa.bool_(), np.packbits(rows["error"] == 0, bitorder="little"), len(rows)),
        _words(rows["error"], errors),
        _column(pa.int16(), rows["status"].astype(np.int16)),
        _column(pa.int64(), rows["size"]),
    ]
    return pa.Table.from_arrays(columns, schema=schema())


def shift_part(path: Path, shift_ns: int) -> None:
    """Add `shift_ns` to all times in the part at `path`."""
    import pyarrow.compute as pc

    table = pq.read_table(path)
    for name in TIMES:
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pc.add(table[name], shift_ns))
    write_table(table, path)


def _column(
    kind: pa.DataType,
    values: npt.NDArray[Any],
    length: int | None = None,
    valid: npt.NDArray[np.bool_] | None = None,
) -> pa.Array:
    """`values` as they lie in memory; `pa.array` would import pandas in the middle of a run."""
    known = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values) if length is None else length, [known, data])


def _words(indexes: npt.NDArray[np.int32], words: list[str]) -> pa.DictionaryArray:
    texts = [word.encode() for word in words]
    offsets = np.cumsum([0, *(len(text) for text in texts)], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    known = pa.Array.from_buffers(pa.string(), len(words), buffers)
    return pa.DictionaryArray.from_arrays(_column(pa.int32(), indexes), known)
