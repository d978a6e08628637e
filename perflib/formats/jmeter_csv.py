"""JMeter's CSV results (JTL): any columns, any separator, with or without a header.

A row whose message counts "samples
in transaction" is a transaction controller: its children are rows of their own, so it keeps
its label but stays out of the totals.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from perflib.formats.base import Reading, Source
from perflib.formats.jmeter_layout import TRANSACTION, Layout, first_rows, layout_of
from perflib.formats.tally import MOST_S, batch

TOOL = "JMeter"
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_Uneven = tuple[int, str]
"""The line of a row of another length, and what is wrong with it."""
BLOCK_BYTES = 2**20
# a smaller time counts seconds
_EARLIEST_MS = 10**11
# what fits all of the first rows is taken: days and months may change places
_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y"),
    *("%d-%m-%Y", "%d.%m.%Y", "%d.%m.%y", "%Y.%m.%d"),
)
_CLOCKS = ("%H:%M:%S.%f", "%H:%M:%S", "%I:%M:%S %p", "%I:%M:%S.%f %p")
_ZONED = ("%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S")
_DATES = (
    *(f"{day} {clock}" for day, clock in product(_DAYS, _CLOCKS)),
    *(f"{zoned}{zone}" for zoned, zone in product(_ZONED, ("", "%z"))),
)
_PROVED = ("timeStamp", "elapsed", "success")
_NUMBERS = {"timeStamp", "elapsed", "bytes"}
_READ = ("timeStamp", "elapsed", "label", "responseCode", "responseMessage", "success", "bytes")


def recognise(source: Source) -> bool:
    """A header with JMeter's column names, or rows whose types prove its order."""
    return layout_of(source) is not None


def read(source: Source) -> Iterator[Reading]:
    """One run; its samples stream in blocks of a few megabytes."""
    layout = layout_of(source)
    if layout is None:
        raise source.fail(
            "no JMeter columns", next_step="save with `jmeter.save.saveservice.print_field_names`"
        )
    patterns = _patterns(source, layout)
    if patterns is None:
        # in a format of the user's own: the durations are good all the same
        layout.columns[:] = ["?" if name == "timeStamp" else name for name in layout.columns]
    clock = "timeStamp" in layout.columns
    yield Reading(
        tool=TOOL,
        samples=lambda: _samples(source, layout, patterns or ()),
        clock=clock,
        outcomes="success" in layout.columns,
        resolution_s=1e-3,
        time_step_s=_step(source, layout, patterns or ()) if clock else math.inf,
    )


def _step(source: Source, layout: Layout, patterns: tuple[str, ...]) -> float:
    """To what times are written: milliseconds, or seconds."""
    told = _times(source, layout)
    whole = any(text.isdecimal() and int(text) < _EARLIEST_MS for text in told)
    return 1.0 if whole or not any("%f" in pattern for pattern in patterns) else 0.0


def _times(source: Source, layout: Layout) -> list[str]:
    """The times in the first rows."""
    at, rows = layout.columns.index("timeStamp"), first_rows(source.head_text, layout.separator)
    return [row[at].strip() for row in rows[int(layout.header) :] if len(row) > at]


def _patterns(source: Source, layout: Layout) -> tuple[str, ...] | None:
    """The patterns of dates that the first rows fit; None where they tell no time."""
    if "timeStamp" not in layout.columns:
        return None
    told = _times(source, layout)
    if any(text.isdecimal() for text in told):
        return _DATES
    dated = [text for text in told if _date(text, _DATES) is not None]
    fitting = (p for p in _DATES if all(_date(text, (p,)) is not None for text in dated))
    return tuple(fitting) or _DATES if dated else None


def _samples(source: Source, layout: Layout, patterns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    columns = [f"?{at}" if name == "?" else name for at, name in enumerate(layout.columns)]
    wanted = [name for name in _READ if name in columns]
    word = pa.dictionary(pa.int32(), pa.string())
    kinds = {name: pa.string() if name in _NUMBERS else word for name in wanted}
    # an error raised inside Arrow's handler would be lost
    uneven: list[_Uneven] = []
    try:
        with source.utf8() as stream:
            blocks = pcsv.open_csv(
                stream,
                read_options=pcsv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK_BYTES,
                    column_names=columns,
                    skip_rows=_skipped(source) if layout.header else 0,
                ),
                parse_options=pcsv.ParseOptions(
                    delimiter=layout.separator,
                    newlines_in_values=True,
                    invalid_row_handler=lambda row: _invalid(uneven, row),
                ),
                convert_options=pcsv.ConvertOptions(
                    include_columns=wanted, column_types=kinds, strings_can_be_null=False
                ),
            )
            lines = _Lines(1 + int(layout.header))
            for rows, dropped in _ahead(iter(blocks), uneven):
                lines.drop(dropped)
                if rows is not None:
                    yield from _batches(source, rows, lines, patterns)
                    lines.first += rows.num_rows
            lines.tell(source, {})
    except pa.ArrowInvalid as error:
        why = str(error).splitlines()[0]
        if "straddling" in why:
            why = f"a quote that is not closed, or a line of more than {BLOCK_BYTES >> 20} MiB"
        raise source.fail(f"broken CSV: {why}") from None


def _ahead(
    blocks: Iterator[pa.RecordBatch], uneven: list[_Uneven]
) -> Iterator[tuple[pa.RecordBatch | None, list[_Uneven]]]:
    """Each block and the rows dropped until its end; meanwhile a thread reads the next one."""

    def read() -> tuple[pa.RecordBatch | None, list[_Uneven]]:
        rows, dropped = next(blocks, None), uneven.copy()
        uneven.clear()
        return rows, dropped

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(read).result()
        while found[0] is not None:
            following = pool.submit(read)
            yield found
            found = following.result()
        yield found


def _skipped(source: Source) -> int:
    """Lines up to the header, itself included."""
    head = source.head_text
    return head[: len(head) - len(head.lstrip("\n"))].count("\n") + 1


def _invalid(uneven: list[_Uneven], row: Any) -> str:
    reason = f"{row.actual_columns} columns where there are {row.expected_columns}"
    uneven.append((row.number or 0, reason))
    return "skip"


class _Lines:
    """Which line a row stands in: `first` is that of the next block, had no row been dropped."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._dropped: list[_Uneven] = []
        # how many good rows come before each dropped one
        self._before = array("q")

    def drop(self, dropped: list[_Uneven]) -> None:
        """Count the rows that Arrow dropped."""
        self._before.extend(line - at for at, (line, _) in enumerate(dropped, len(self._before)))
        self._dropped += dropped

    def tell(self, source: Source, bad: dict[int, str]) -> None:
        """Note the rows that were dropped and those of this block that are `bad`, by line."""
        found = [*self._dropped, *((self._line(at), why) for at, why in bad.items())]
        self._dropped.clear()
        for line, reason in sorted(found):
            source.skip(line, reason)

    def _line(self, at: int) -> int:
        line = self.first + at
        return line + bisect_right(self._before, line)


def _batches(
    source: Source, rows: pa.RecordBatch, lines: _Lines, patterns: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    names = rows.schema.names
    elapsed, valid = _integers(rows["elapsed"])
    truth = np.ones(rows.num_rows, dtype=bool)
    if "success" in names:
        truth = _told(rows["success"], lambda text: text.strip() in ("true", "True", "TRUE"))
        false = _told(rows["success"], lambda text: text.strip() in ("false", "False", "FALSE"))
        valid &= truth | false
    start_ms = np.zeros(rows.num_rows, dtype=np.int64)
    if "timeStamp" in names:
        start_ms, told = _milliseconds(rows["timeStamp"], patterns)
        valid &= told
    proved = [name for name in names if name in _PROVED]
    bad: dict[int, str] = {}
    for row in np.flatnonzero(~valid).tolist():
        cells = {name: str(rows[name][row].as_py())[:40] for name in proved}
        bad[row] = f"no time, duration or success: {cells}"
    lines.tell(source, bad)
    parent = np.zeros(rows.num_rows, dtype=bool)
    if "responseMessage" in names:
        parent = _told(rows["responseMessage"], lambda text: text.startswith(TRANSACTION))
    alone = bool(parent.all())
    for mine, outside in ((valid & ~parent, False), (valid & parent, not alone)):
        if mine.any():
            at = np.flatnonzero(mine)
            yield _batch(rows, at, start_ms[at], elapsed[at], truth[at], outside)


def _batch(
    rows: pa.RecordBatch, at: Whole, start_ms: Whole, elapsed: Whole, ok: Flags, outside: bool
) -> pa.RecordBatch:
    chosen = rows if len(at) == rows.num_rows else rows.take(pa.array(at))
    start, told = start_ms * 1_000_000, chosen.schema.names
    return batch(
        chosen["label"] if "label" in told else [""] * len(at),
        start,
        start + elapsed * 1_000_000,
        ok,
        error=_error(chosen["responseCode"], ok) if "responseCode" in told else None,
        status=_told(chosen["responseCode"], _status, int) if "responseCode" in told else None,
        size=_integers(chosen["bytes"])[0] if "bytes" in told else None,
        outside=outside,
    )


def _error(codes: pa.DictionaryArray, ok: Flags) -> pa.DictionaryArray | None:
    if ok.all():
        return None
    texts = [text.removeprefix("Non HTTP response code: ") for text in codes.dictionary.to_pylist()]
    indices = np.where(ok, len(texts), codes.indices.to_numpy(zero_copy_only=False))
    return pa.DictionaryArray.from_arrays(
        pa.array(indices.astype(np.int32)), pa.array([*texts, ""], pa.string())
    )


def _status(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) == 3 else 0


def _told(words: pa.DictionaryArray, meaning: Callable[[str], Any], kind: type = bool) -> Any:
    """What each distinct word means, for each row."""
    found = [meaning(text) for text in words.dictionary.to_pylist()]
    return np.array(found, dtype=kind)[words.indices.to_numpy(zero_copy_only=False)]


def _integers(column: pa.Array) -> tuple[Whole, Flags]:
    """Whole numbers and where they are valid; other values are 0 and invalid."""
    try:
        whole = column.cast(pa.int64())
    except pa.ArrowInvalid:
        told = pc.match_substring_regex(column, r"^\s*\d{1,15}\s*$")
        whole = pc.if_else(told, pc.utf8_trim_whitespace(column), "-1").cast(pa.int64())
    values = np.asarray(whole)
    valid = (values >= 0) & (values < MOST_S * 1000)
    return np.where(valid, values, 0), valid


def _milliseconds(column: pa.Array, patterns: tuple[str, ...]) -> tuple[Whole, Flags]:
    """Epoch milliseconds of numbers or of dates in any of `patterns` (taken as UTC)."""
    values, valid = _integers(column)
    if valid.any() or not len(column):
        times = np.where(values < _EARLIEST_MS, values * 1000, values)
        return times, valid & (times < MOST_S * 1000)
    read = [_date(text.as_py(), patterns) for text in column]
    return np.array([each or 0 for each in read]), np.array([each is not None for each in read])


def _date(text: str, patterns: tuple[str, ...]) -> int | None:
    clean = text.strip().replace(",", ".")
    for pattern in patterns:
        try:
            when = datetime.strptime(clean, pattern)  # noqa: DTZ007 (JMeter writes local time without a zone)
        except ValueError:
            continue
        since = when - datetime(1970, 1, 1, tzinfo=when.tzinfo)
        return round(since.total_seconds() * 1000)
    return None
