"""A metrics page is made for machines; this picks and turns what an engineer would plot.

Labels are added up, counters become growth a second, sums with counts become means, and
what says nothing about load (start times, buckets, versions) or does not add up (quantiles)
is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from perflib.stats.values import Floats

_IDLE = re.compile(r"(_bucket|_created|_info|_uncollectable_total|_start_time_seconds|_max_fds)$")
_LEAST_SPREAD = 0.01
"""A series whose standard deviation is a smaller share of its mean does not move."""
LEAST_STEPS = 20
"""With fewer, one of six tracks goes with anything by chance."""


class Track(NamedTuple):
    """A series to draw: its name, moments (s from the run's start), values and their unit."""

    name: str
    times: Floats
    values: Floats
    unit: str


def tracks(
    metrics: pd.DataFrame | None,
    *,
    since_s: float = 0.0,
    names: Sequence[str] = (),
    most: int = 6,
) -> list[Track]:
    """The series worth a look: CPU first, then mean times, then what moves most.

    `metrics` has the columns time_s, name, labels, value. A series is judged lively by its
    moments from `since_s` on; `names` chooses metrics by name whatever they do.
    """
    if metrics is None or not len(metrics):
        return []
    adds_up = ~metrics["labels"].astype(str).str.contains('quantile="', regex=False)
    whole = metrics[adds_up].groupby(["name", "time_s"], observed=True)["value"].sum().unstack(0)
    found = [track for track in _all(whole) if not names or _stem(track.name) in names]
    if names:
        return found[:most]
    lively = [(_rank(track), -_spread(track, since_s), track.name, track) for track in found]
    lively = [item for item in lively if -item[1] > _LEAST_SPREAD]
    return [item[-1] for item in sorted(lively, key=lambda item: item[:3])[:most]]


def companion(series: Sequence[Track], ends: Floats, values: Floats) -> tuple[Track, float] | None:
    """The track that goes most with `values`, by Spearman's rank correlation; None without any.

    Each step of a track is held against the mean of the values that ended in it (`ends`, in s).
    """
    found = []
    for track in series:
        mean = pd.Series(values).groupby(np.searchsorted(track.times, ends)).mean()
        both = pd.DataFrame({"track": track.values, "mean": mean.reindex(range(len(track.times)))})
        both = both.dropna()
        if len(both) >= LEAST_STEPS and both.nunique().min() > 1:
            found.append((track, float(both["track"].corr(both["mean"], method="spearman"))))
    return max(found, key=lambda one: abs(one[1]), default=None)


def _all(whole: pd.DataFrame) -> Iterator[Track]:
    times = whole.index.to_numpy(dtype=np.float64)
    steps = np.maximum(np.diff(times), 1e-9)
    for name in map(str, whole.columns):
        values = whole[name].to_numpy(dtype=np.float64)
        if len(times) < 3 or _IDLE.search(name) or name.endswith("_count"):
            continue
        unit = "s" if "_seconds" in name else "B" if "_bytes" in name else "1"
        if name.endswith("_sum"):
            stem = name.removesuffix("_sum")
            if f"{stem}_count" in whole:
                events = _growth(whole[f"{stem}_count"].to_numpy(dtype=np.float64))
                with np.errstate(divide="ignore", invalid="ignore"):
                    mean = np.where(events > 0, _growth(values) / events, np.nan)
                yield Track(f"{stem}, mean", times[1:], mean, unit)
        elif name.endswith("_total"):
            yield Track(f"{name}, a second", times[1:], _growth(values) / steps, "1")
        else:
            yield Track(name, times, values, unit)


def _growth(values: Floats) -> Floats:
    """Steps of a counter; nan where it was set back by a restart."""
    steps = np.diff(values)
    return np.where(steps >= 0, steps, np.nan)


def _stem(name: str) -> str:
    return name.partition(",")[0]


def _rank(track: Track) -> int:
    if "cpu_seconds" in track.name:
        return 0
    if track.name.endswith(", mean"):
        return 1
    return 3 if track.name.startswith("python_gc") else 2


def _spread(track: Track, since_s: float) -> float:
    values = track.values[(track.times >= since_s) & np.isfinite(track.values)]
    if len(values) < 2:
        return 0.0
    return float(np.std(values) / (abs(np.mean(values)) or 1.0))
