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

from perflib.load.recorder import FIRED, Rows

_OWN_BUCKETS = locust.stats.bucket_response_time


def feed(stats: RequestStats, rows: Rows, labels: list[tuple[str, str]], errors: list[str]) -> None:
    """Add `rows` to `stats`, except those that Locust's `request` event has counted."""
    rows = rows[rows["label"] < FIRED]
    if not len(rows):
        return
    due = np.where(rows["intended"] >= 0, rows["intended"], rows["start"])
    times_ms = (rows["end"] - due) * 1e-6
    ended = (rows["end"] - time.monotonic_ns()) * 1e-9 + time.time()
    _add(stats.total, times_ms, rows, ended)
    order = np.argsort(rows["label"], kind="stable")
    bounds = np.flatnonzero(np.diff(rows["label"][order])) + 1
    for part in np.split(order, bounds):
        method, name = labels[rows["label"][part[0]]]
        entry = stats.entries[(name, method)]
        _add(entry, times_ms[part], rows[part], ended[part])
        for kind, count in zip(*np.unique(rows["error"][part], return_counts=True), strict=True):
            if kind:
                _add_error(stats, method, name, errors[kind], int(count))


def _add(entry: Any, times_ms: npt.NDArray[Any], rows: Rows, ended: Any) -> None:
    last = float(ended.max())
    if entry.use_response_times_cache and int(last) > int(entry.last_request_timestamp or last):
        entry._cache_response_times(int(last) - 1)
    entry.num_requests += len(rows)
    entry.total_content_length += int(rows["size"].sum())
    entry.total_response_time += float(times_ms.sum())
    low, high = float(times_ms.min()), float(times_ms.max())
    entry.min_response_time = (
        low if entry.min_response_time is None else min(entry.min_response_time, low)
    )
    entry.max_response_time = max(entry.max_response_time, high)
    entry.last_request_timestamp = max(entry.last_request_timestamp or 0.0, last)
    _count(entry.response_times, _buckets(times_ms))
    _count(entry.num_reqs_per_sec, ended.astype(np.int64))
    failed = rows["error"] > 0
    if failed.any():
        entry.num_failures += int(failed.sum())
        _count(entry.num_fail_per_sec, ended[failed].astype(np.int64))


def _count(counts: dict[int, int], values: npt.NDArray[Any]) -> None:
    for value, count in zip(*np.unique(values, return_counts=True), strict=True):
        counts[int(value)] += int(count)


def _buckets(times_ms: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if locust.stats.bucket_response_time is not _OWN_BUCKETS:  # the user's own rounding
        return np.array([locust.stats.bucket_response_time(float(t)) for t in times_ms])
    step = np.select([times_ms < 100, times_ms < 1000, times_ms < 10_000], [1, 10, 100], 1000)
    rounded: npt.NDArray[Any] = np.rint(times_ms / step).astype(np.int64) * step
    return rounded


def _add_error(stats: RequestStats, method: str, name: str, kind: str, count: int) -> None:
    key = StatsError.create_key(method, name, kind)
    error = stats.errors.setdefault(key, StatsError(method, name, kind))
    error.occurred()
    error.occurrences += count - 1
