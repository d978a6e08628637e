"""A history takes one result at a time and always says what a full run would say."""

from __future__ import annotations

from bisect import bisect_right
from math import isnan, nan
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from perflib.analysis.changes import (
    LEAST,
    ChangePoint,
    Drift,
    Progress,
    Series,
    Study,
    conclude,
    series_of,
    settle,
)
from perflib.errors import PerflibError
from perflib.stats.values import number

NEAR = 5
"""Results by which a change point may move and still be the same one."""


class Row(NamedTuple):
    """A result as given; without a time 0, without a spread nan."""

    value: float
    time: float
    spread: float


class History:
    """The results of one target, metric, label and environment as they arrive.

    `changes` and `drift` are what `perflib.analysis.changes.study` gives for all results so far;
    `news` are the change points that the last result brought, confirmed or retracted.
    """

    def __init__(self, *, least: float = LEAST) -> None:
        self.news: list[ChangePoint] = []
        self._least = number(least, "least", 0)
        self._rows: list[Row] = []
        self._timed = False
        self._progress = Progress()
        self._study = Study([], None)
        self._restart()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def changes(self) -> list[ChangePoint]:
        """The change points of all results so far, in order of time."""
        return list(self._study.changes)

    @property
    def drift(self) -> Drift | None:
        """The slow drift of the current window, or None."""
        return self._study.drift

    def append(
        self, value: float | None, time: float | None = None, spread: float | None = None
    ) -> list[ChangePoint]:
        """Add a result (None or nan: it is missing) and return the change points now.

        A result older than the last takes its place in time and the history is read anew.
        Raises PerflibError as `change_points`, and when only some results have a time.
        """
        row = self._checked(value, time, spread)
        if self._rows and row.time < self._rows[-1].time:
            self._rows.insert(bisect_right(self._rows, row.time, key=lambda r: r.time), row)
            self._restart()
        else:
            self._rows.append(row)
            self._take(len(self._rows) - 1, row)
        series = self._series()
        self._progress = settle(series, self._progress, self._least)
        before, self._study = self._study, conclude(series, self._progress, self._least)
        self.news = _news(before.changes, self._study.changes)
        return self.changes

    def _checked(self, value: float | None, time: float | None, spread: float | None) -> Row:
        value = nan if value is None else value
        time = None if time is None else number(time, "time")
        series_of([value], None if time is None else [time], None if spread is None else [spread])
        if self._rows and self._timed != (time is not None):
            raise PerflibError(
                "some results have a time and some have none",
                expected="a time with every result of a history, or with none",
                next_step="give the missing times",
            )
        self._timed = time is not None
        return Row(
            float(value),
            0.0 if time is None else time,
            nan if spread is None else float(spread),
        )

    def _restart(self) -> None:
        """Read all results again, with nothing settled."""
        self._table = np.empty((len(Row._fields), 64))
        self._index = np.empty(64, np.int64)
        self._present = 0
        self._progress = Progress()
        for index, row in enumerate(self._rows):
            self._take(index, row)

    def _take(self, index: int, row: Row) -> None:
        if isnan(row.value):
            return
        if self._present == len(self._index):
            self._table = np.concatenate([self._table, np.empty_like(self._table)], axis=1)
            self._index = np.concatenate([self._index, np.empty_like(self._index)])
        self._table[:, self._present] = row
        self._index[self._present] = index
        self._present += 1

    def _series(self) -> Series:
        values, times, spread = self._table[:, : self._present]
        return Series(self._index[: self._present], values, times if self._timed else None, spread)


def _news(before: list[ChangePoint], now: list[ChangePoint]) -> list[ChangePoint]:
    """New and confirmed change points, then those that are no more."""
    told = [(change, _same(change, before)) for change in now]
    news = [change for change, old in told if old is None or old.status != change.status]
    gone = [replace(old, status="retracted") for old in before if _same(old, now) is None]
    return news + gone


def _same(change: ChangePoint, others: list[ChangePoint]) -> ChangePoint | None:
    """The nearest of `others` that says the same: nearly there, in the same direction."""
    near = [
        other
        for other in others
        if abs(other.index - change.index) <= NEAR and (other.change > 0) == (change.change > 0)
    ]
    return min(near, key=lambda other: abs(other.index - change.index), default=None)
