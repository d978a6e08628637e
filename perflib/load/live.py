"""The numbers people watch while a run goes on: one line of JSON a second.

They travel as HdrHistograms, which add up exactly, so many processes show one truth. They
serve eyes only: verdicts come from the samples.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from hdrh.histogram import HdrHistogram

from perflib.load.recorder import Rows

LONGEST_US = 60_000_000
PERCENTILES = (50.0, 95.0, 99.0)


class Live:
    """What happened since the last `take`: counts, and response times in a histogram (µs)."""

    def __init__(self) -> None:
        self._times = HdrHistogram(1, LONGEST_US, 2)  # coarse: reading it must not delay arrivals
        self._counts = {"requests": 0, "errors": 0, "late": 0}

    def add(self, rows: Rows) -> None:
        """Add the rows of this process."""
        intended = rows["intended"]
        due = np.where(intended >= 0, intended, rows["start"])
        micros = (rows["end"] - due) // 1000
        step = 10 ** np.maximum(np.log10(np.maximum(micros, 1)).astype(np.int64) - 2, 0)
        values, counts = np.unique(micros // step * step, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._times.record_value(min(max(value, 1), LONGEST_US), count)
        self._counts["requests"] += len(rows)
        self._counts["errors"] += int((rows["error"] > 0).sum())
        self._counts["late"] += int((rows["start"] - due > 1_000_000).sum())

    def add_packed(self, packed: dict[str, Any]) -> None:
        """Add what another process packed."""
        self._times.decode_and_add(packed["times"])
        for name in self._counts:
            self._counts[name] += packed[name]

    def pack(self) -> dict[str, Any]:
        """What happened since the last time, to be sent; then start anew."""
        packed = {"times": self._times.encode(), **self._counts}
        self._reset()
        return packed

    def line(self, seconds: float, **more: Any) -> bytes:
        """One line of JSON about the last `seconds`; then start anew."""
        seen = self._times.get_total_count() > 0
        numbers: dict[str, Any] = {
            "rate": round(self._counts["requests"] / seconds, 1),
            **{
                f"p{level:g}_ms": self._times.get_value_at_percentile(level) / 1000
                if seen
                else None
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
