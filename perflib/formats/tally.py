"""Samples of any number become indicators in one pass and bounded memory.

A duration costs eight bytes and a label two, so ten million rows fit in about 100 MB;
percentiles are then exact, not sketched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from perflib import stats
from perflib.formats.base import Indicator
from perflib.model import Estimate

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
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
) -> pa.RecordBatch:
    """One batch of samples in the core columns of `perflib.samples`, times in nanoseconds."""
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
    return pa.RecordBatch.from_pydict(columns)


def _as(values: Any, kind: pa.DataType) -> pa.Array:
    return pa.array(values).cast(kind, safe=False)


def _dictionary(values: Any) -> pa.DictionaryArray:
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


class Tally:
    """Collects batches; `estimates` and `indicators` summarise what was added."""

    def __init__(self, resolution_s: float = 0.0) -> None:
        self.rows = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self._resolution_s = resolution_s
        self._labels: dict[str, int] = {}
        self._codes: list[npt.NDArray[np.uint16]] = []
        self._durations: list[npt.NDArray[np.int64]] = []
        self._ok: list[npt.NDArray[np.bool_]] = []
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
        self._durations.append(end - since)
        self._ok.append(rows["ok"].to_numpy(zero_copy_only=False))
        self._codes.append(self._coded(rows["label"]))
        self.rows += rows.num_rows

    def _coded(self, labels: pa.DictionaryArray) -> npt.NDArray[np.uint16]:
        ours = [
            self._labels.setdefault(name, len(self._labels))
            for name in labels.dictionary.to_pylist()
        ]
        codes = labels.indices.to_numpy(zero_copy_only=False)
        coded: npt.NDArray[np.uint16] = np.asarray(ours, dtype=np.uint16)[codes]
        return coded

    @property
    def duration_s(self) -> float:
        """From the first start to the last end."""
        return 0.0 if self.first_ns is None else ((self.last_ns or 0) - self.first_ns) * _NS

    def estimates(self) -> list[Estimate]:
        """Exact statistics of the whole run, then of each label where there are several."""
        if not self.rows:
            return []
        durations = np.concatenate(self._durations)
        ok, codes = np.concatenate(self._ok), np.concatenate(self._codes)
        found = self._of("", durations, ok)
        if len(self._labels) > 1:
            for label, code in self._labels.items():
                mine = codes == code
                found += self._of(label, durations[mine], ok[mine])
        return found

    def _of(
        self, label: str, durations: npt.NDArray[np.int64], ok: npt.NDArray[np.bool_]
    ) -> list[Estimate]:
        failed = stats.share_interval(~ok)
        found = [self._estimate(label, "error_rate", "value", "1", failed)]
        if self.duration_s > 0:
            rate = int(ok.sum()) / self.duration_s
            plain = _bare(rate, int(ok.sum()), "count over time")
            found.append(self._estimate(label, "throughput", "value", "req/s", plain))
        ordered = np.sort(durations[ok]).astype(np.float64) * _NS
        if not len(ordered):
            return found
        metric = "response_time" if self._open else "service_time"
        named = zip(PERCENTILES, stats.percentiles(ordered, PERCENTILES), strict=True)
        timed = {f"p{q:g}": interval for q, interval in named}
        timed["mean"] = _bare(ordered.mean(), len(ordered), "arithmetic mean")
        timed["min"] = _bare(ordered[0], len(ordered), "extreme")
        timed["max"] = _bare(ordered[-1], len(ordered), "extreme")
        return found + [
            self._estimate(label, metric, name, "s", interval, self._resolution_s)
            for name, interval in timed.items()
        ]

    def _estimate(
        self,
        label: str,
        metric: str,
        statistic: str,
        unit: str,
        interval: stats.Interval,
        resolution: float = 0.0,
    ) -> Estimate:
        low, high = interval.low, interval.high
        return Estimate(
            metric=metric,
            statistic=statistic,
            label=label,
            unit=unit,
            value=interval.value,
            n=interval.n,
            low=None if low is None else low - resolution,
            high=None if high is None else high + resolution,
            method=interval.method,
            resolution=resolution,
            caveats=interval.caveats,
        )

    def indicators(self) -> list[Indicator]:
        """The same numbers as rows of a table."""
        return [
            Indicator(
                metric=each.metric,
                statistic=each.statistic,
                value=each.value,
                unit=each.unit,
                label=each.label,
                n=each.n,
                resolution=each.resolution,
            )
            for each in self.estimates()
        ]


def _bare(value: float, n: int, method: str) -> stats.Interval:
    return stats.Interval(value=float(value), low=None, high=None, n=n, level=0.95, method=method)


def _least(known: int | None, new: int) -> int:
    return new if known is None else min(known, new)
