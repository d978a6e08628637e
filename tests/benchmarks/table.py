"""A row of the bench table: what was measured in this run, and the bound it must keep."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Row:
    """`values` of repeated, interleaved rounds; the median is held against the bound."""

    measure: str
    values: list[float] = field(default_factory=list)
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    note: str = ""
    skipped: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def holds(self) -> bool | None:
        """None when the measurement was skipped or has no bound."""
        if self.skipped or (self.at_least is None and self.at_most is None):
            return None
        low_enough = self.at_most is None or self.median <= self.at_most
        return low_enough and (self.at_least is None or self.median >= self.at_least)
