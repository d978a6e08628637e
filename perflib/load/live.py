"""The numbers people watch while a run goes on: one line of JSON a second.

They travel as HdrHistograms, which add up exactly, so many processes show one truth. They
serve eyes only: verdicts come from the samples.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

from perflib.load.recorder import Rows, due_ns

LONGEST_US = 60_000_000
PERCENTILES = (50.0, 95.0, 99.0)


class Live:
    """What happened since the last `take`: counts, and response times in a histogram (µs)."""

    def __init__(self) -> None:
        self._times = HdrHistogram(1, LONGEST_US, 2)  # coarse: reading it must not delay arrivals
        self._counts = {"requests": 0, "errors": 0, "late": 0}
        self._buckets: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def add(self, rows: Rows) -> None:
        """Add the rows of this process."""
        due = due_ns(rows)
        micros = ((rows["end"] - due) * 1e-3).clip(1, LONGEST_US).astype(np.float32)
        # the upper half of a float is its logarithm: 128 buckets for each doubling
        counts = np.bincount(micros.view(np.int32) >> 16)
        if len(counts) > len(self._buckets):
            self._buckets.resize(len(counts))
        self._buckets[: len(counts)] += counts
        self._counts["requests"] += len(rows)
        self._counts["errors"] += int(np.count_nonzero(rows["error"]))
        self._counts["late"] += int(np.count_nonzero(rows["start"] - due > 1_000_000))

    def _settle(self) -> HdrHistogram:
        """The histogram with all that was added."""
        (filled,) = np.nonzero(self._buckets)
        values = (filled << 16 | 1 << 15).astype(np.int32).view(np.float32)  # their middles
        for value, count in zip(values.tolist(), self._buckets[filled].tolist(), strict=True):
            self._times.record_value(min(round(value), LONGEST_US), count)
        self._buckets[:] = 0
        return self._times

    def add_packed(self, packed: dict[str, Any]) -> None:
        """Add what another process packed."""
        self._times.decode_and_add(packed["times"])
        for name in self._counts:
            self._counts[name] += packed[name]

    def pack(self) -> dict[str, Any]:
        """What happened since the last time, to be sent; then start anew."""
        packed = {"times": self._settle().encode(), **self._counts}
        self._reset()
        return packed

    def line(self, seconds: float, **more: Any) -> bytes:
        """One line of JSON about the last `seconds`; then start anew."""
        times = self._settle()
        seen = times.get_total_count() > 0
        numbers: dict[str, Any] = {
            "rate": round(self._counts["requests"] / seconds, 1),
            **{
                f"p{level:g}_ms": times.get_value_at_percentile(level) / 1000 if seen else None
                for level in PERCENTILES
            },
            **self._counts,
            **more,
        }
        self._reset()
        return msgspec.json.encode(numbers) + b"\n"

    def _reset(self) -> None:
        self._times.reset()
        self._counts = dict.fromkeys(self._counts, 0)
