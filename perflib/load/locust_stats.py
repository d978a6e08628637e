"""Feeds Locust's own statistics in batches, so that its tables, pages and files stay right.

Locust counts each request by itself in about ten steps; thousands at once cost as little as
one. The numbers are the ones `StatsEntry.log` would have made, request by request.
"""

from __future__ import annotations

import time
from typing import Any

import locust.stats
import numpy as np
import numpy.typing as npt
from locust.stats import RequestStats, StatsError

from perflib.load.recorder import FIRED, Rows, due_ns

_OWN_BUCKETS = locust.stats.bucket_response_time


class Batch:
    """Some rows as `StatsEntry` counts them: times in ms, ends in seconds since the epoch."""

    def __init__(self, rows: Rows, now_ns: int, now_s: float) -> None:
        times_ms = (rows["end"] - due_ns(rows)) * 1e-6
        ended = (rows["end"] - now_ns) * 1e-9 + now_s
        failed = rows["error"] > 0
        self.requests, self.failures = len(rows), int(np.count_nonzero(failed))
        self.size, self.total_ms = int(rows["size"].sum()), float(times_ms.sum())
        self.low_ms, self.high_ms = float(times_ms.min()), float(times_ms.max())
        self.last = float(ended.max())
        self.times = _counted(_buckets(times_ms))
        self.seconds = _counted(ended.astype(np.int64))
        self.failed_seconds = _counted(ended[failed].astype(np.int64))
        self.errors = _counted(rows["error"][failed])


def feed(stats: RequestStats, rows: Rows, labels: list[tuple[str, str]], errors: list[str]) -> None:
    """Add `rows` to `stats`, except those that Locust's `request` event has counted."""
    fired = rows["label"] >= FIRED
    if fired.any():
        rows = rows[~fired]
    now = time.monotonic_ns(), time.time()
    for part in _by_label(rows):
        method, name = labels[part["label"][0]]
        batch = Batch(part, *now)
        _add(stats.total, batch)
        _add(stats.entries[(name, method)], batch)
        for kind, count in batch.errors:
            _add_error(stats, method, name, errors[kind], count)


def _by_label(rows: Rows) -> list[Rows]:
    if not len(rows) or (rows["label"] == rows["label"][0]).all():
        return [rows] if len(rows) else []
    order = np.argsort(rows["label"], kind="stable")
    bounds = np.flatnonzero(np.diff(rows["label"][order])) + 1
    return [rows[chosen] for chosen in np.split(order, bounds)]


def _add(entry: Any, batch: Batch) -> None:
    before = entry.last_request_timestamp or batch.last
    if entry.use_response_times_cache and int(batch.last) > int(before):
        entry._cache_response_times(int(batch.last) - 1)
    entry.num_requests += batch.requests
    entry.num_failures += batch.failures
    entry.total_content_length += batch.size
    entry.total_response_time += batch.total_ms
    lowest = entry.min_response_time
    entry.min_response_time = batch.low_ms if lowest is None else min(lowest, batch.low_ms)
    entry.max_response_time = max(entry.max_response_time, batch.high_ms)
    entry.last_request_timestamp = max(before, batch.last)
    for counts, more in (
        (entry.response_times, batch.times),
        (entry.num_reqs_per_sec, batch.seconds),
        (entry.num_fail_per_sec, batch.failed_seconds),
    ):
        for value, count in more:
            counts[value] += count


def _counted(values: npt.NDArray[Any]) -> list[tuple[int, int]]:
    found, counts = np.unique(values, return_counts=True)
    return list(zip(found.tolist(), counts.tolist(), strict=True))


def _buckets(times_ms: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if locust.stats.bucket_response_time is not _OWN_BUCKETS:  # the user's own rounding
        return np.array([locust.stats.bucket_response_time(float(t)) for t in times_ms])
    rounded: npt.NDArray[Any] = np.rint(times_ms).astype(np.int64)
    for least, step in ((100, 10), (1000, 100), (10_000, 1000)):
        if (slow := times_ms >= least).any():
            rounded[slow] = np.rint(times_ms[slow] / step).astype(np.int64) * step
    return rounded


def _add_error(stats: RequestStats, method: str, name: str, kind: str, count: int) -> None:
    key = StatsError.create_key(method, name, kind)
    error = stats.errors.setdefault(key, StatsError(method, name, kind))
    error.occurred()
    error.occurrences += count - 1
