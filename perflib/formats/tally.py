"""Samples of any number become indicators in one pass and bounded memory.

As the tools do, all requests count, failed ones too; the judgement of an imported run goes
by our own rules, from its samples.
A duration costs eight bytes and a label two, so ten million rows fit in about 100 MB;
percentiles are then exact, not sketched.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec.structs import replace

from perflib import stats
from perflib.formats.base import Indicator, Reading
from perflib.model import Estimate

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
# names with numbers in them can be millions: those beyond share one
MOST_LABELS = 10_000
OTHERS = "(others)"
OUTSIDE = {b"totals": b"outside"}
BATCH_ROWS = 65_536
MOST_S = 4e9
"""Times and durations of more than a century are none; two of them fit into nanoseconds."""
_NS = 1e-9


def batch(
    label: Sequence[str] | pa.Array | pa.DictionaryArray,
    start_ns: npt.ArrayLike,
    end_ns: npt.ArrayLike,
    ok: npt.ArrayLike,
    *,
    intended_ns: npt.ArrayLike | None = None,
    error: Any = None,
    status: Any = None,
    size: Any = None,
    outside: bool = False,
) -> pa.RecordBatch:
    """One batch of samples in the core columns of `perflib.samples`, times in nanoseconds.

    Samples `outside` the totals, such as transactions whose parts are samples too, count
    under their own label only.
    """
    rows = len(label)
    ok = pa.array(np.asarray(ok, dtype=bool))
    nothing = pa.nulls(rows, pa.int64())
    columns = {
        "label": _dictionary(label),
        "intended_start": nothing if intended_ns is None else pa.array(intended_ns, pa.int64()),
        "start": pa.array(np.asarray(start_ns, dtype=np.int64)),
        "end": pa.array(np.asarray(end_ns, dtype=np.int64)),
        "ok": ok,
        "error": _dictionary([""] * rows if error is None else error),
        "status": pa.array(np.zeros(rows), pa.int16())
        if status is None
        else _as(status, pa.int16()),
        "size": pa.array(np.zeros(rows), pa.int64()) if size is None else _as(size, pa.int64()),
    }
    return pa.RecordBatch.from_pydict(columns, metadata=OUTSIDE if outside else None)


def _as(values: Any, kind: pa.DataType) -> pa.Array:
    return pa.array(values).cast(kind, safe=False)


def _dictionary(values: Any) -> pa.DictionaryArray:
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


class Request(NamedTuple):
    """One sample as a reader of rows makes it; times in nanoseconds."""

    label: str
    start_ns: int
    end_ns: int
    ok: bool
    error: str = ""
    status: int = 0
    size: int = 0


def batches(requests: Iterable[Request], *, outside: bool = False) -> Iterator[pa.RecordBatch]:
    """Requests one by one in, batches of them out."""
    rows = iter(requests)
    while chosen := list(islice(rows, BATCH_ROWS)):
        label, start, end, ok, error, status, size = zip(*chosen, strict=True)
        more: dict[str, Any] = {"error": error, "status": status, "size": size}
        yield batch(label, start, end, ok, outside=outside, **more)


class Tally:
    """Collects batches; `estimates` and `indicators` summarise what was added."""

    def __init__(self, reading: Reading) -> None:
        self.rows = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self._resolution_s = reading.resolution_s
        self._time_step_s = reading.time_step_s
        self._outcomes = reading.outcomes
        self._labels: dict[str, int] = {}
        # arrays that grow in place: a list of pieces would stand twice in memory when joined
        self._codes, self._durations, self._ok = array("H"), array("d"), array("b")
        self._found: list[Estimate] | None = None
        self._outside: set[int] = set()
        self._open = False

    def add(self, rows: pa.RecordBatch) -> None:
        """Add one batch in the columns that `batch` makes."""
        if not rows.num_rows:
            return
        start = rows["start"].to_numpy(zero_copy_only=False)
        end = rows["end"].to_numpy(zero_copy_only=False)
        intended = rows["intended_start"]
        self._open = intended.null_count == 0
        since = intended.to_numpy(zero_copy_only=False) if self._open else start
        self.first_ns = _least(self.first_ns, int(since.min()))
        self.last_ns = -_least(None if self.last_ns is None else -self.last_ns, -int(end.max()))
        self._durations.frombytes(((end - since) * _NS).tobytes())
        self._ok.frombytes(rows["ok"].to_numpy(zero_copy_only=False).tobytes())
        codes = self._coded(rows["label"])
        self._codes.frombytes(codes.tobytes())
        if rows.schema.metadata == OUTSIDE:
            self._outside |= set(np.unique(codes).tolist())
        self.rows += rows.num_rows

    def _coded(self, labels: pa.DictionaryArray) -> npt.NDArray[np.uint16]:
        ours = [self._code(name) for name in labels.dictionary.to_pylist()]
        codes = labels.indices.to_numpy(zero_copy_only=False)
        coded: npt.NDArray[np.uint16] = np.asarray(ours, dtype=np.uint16)[codes]
        return coded

    def _code(self, name: str) -> int:
        if name not in self._labels and len(self._labels) >= MOST_LABELS:
            name = OTHERS
        return self._labels.setdefault(name, len(self._labels))

    @property
    def duration_s(self) -> float:
        """From the first start to the last end."""
        return 0.0 if self.first_ns is None else ((self.last_ns or 0) - self.first_ns) * _NS

    def estimates(self) -> list[Estimate]:
        """Exact statistics of the whole run, then of each label; nothing can be added then."""
        if self._found is None:
            self._found = self._summary() if self.rows else []
        return self._found

    def _summary(self) -> list[Estimate]:
        durations, codes = np.frombuffer(self._durations), np.frombuffer(self._codes, np.uint16)
        ok, found = np.frombuffer(self._ok, np.bool_), list[Estimate]()
        if set(self._labels) != {""}:
            for label, code in self._labels.items():
                mine = codes == code
                # a word of Arrow's dictionary may be of a row that was skipped
                found += [] if not mine.any() else self._of(label, durations[mine], ok[mine])
        if self._outside:
            inside = ~np.isin(codes, list(self._outside))
            durations, ok = durations[inside], ok[inside]
        whole = self._of("", durations, ok) if len(ok) else []
        return whole + found

    def _of(
        self, label: str, durations: npt.NDArray[np.float64], ok: npt.NDArray[np.bool_]
    ) -> list[Estimate]:
        rows = len(ok)
        found = [_bare(rows, rows, "count").of("requests", "value", "req", label)]
        if self._outcomes:
            found.append(stats.share_interval(~ok).of("error_rate", "value", "1", label))
        # a rate over a time that is known to its own length is none
        if self.duration_s > self._time_step_s:
            rate = _bare(rows / self.duration_s, rows, "count over time")
            step = rate.value * self._time_step_s / self.duration_s
            found.append(rate.of("throughput", "value", "req/s", label, step))
        durations.sort()  # in place, last: the labels were counted before the whole
        ordered = durations
        named = zip(PERCENTILES, stats.percentiles(ordered, PERCENTILES), strict=True)
        timed = {f"p{q:g}": interval for q, interval in named}
        timed["mean"] = _bare(ordered.mean(), rows, "arithmetic mean")
        timed["min"] = _bare(ordered[0], rows, "extreme")
        timed["max"] = _bare(ordered[-1], rows, "extreme")
        metric = "response_time" if self._open else "service_time"
        return found + [
            interval.of(metric, name, "s", label, self._resolution_s)
            for name, interval in timed.items()
        ]

    def indicators(self) -> list[Indicator]:
        """The same numbers as rows of a table."""
        found = msgspec.convert(self.estimates(), list[Indicator], from_attributes=True)
        return [
            replace(each, approximate=each.metric == "throughput" and each.resolution > 0)
            for each in found
        ]


def _bare(value: float, n: int, method: str) -> stats.Interval:
    return stats.Interval(value=float(value), low=None, high=None, n=n, level=0.95, method=method)


def _least(known: int | None, new: int) -> int:
    return new if known is None else min(known, new)
