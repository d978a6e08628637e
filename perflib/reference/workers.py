"""Metrics of several worker processes as one page: counts added up, processes added up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
from prometheus_client import REGISTRY, CollectorRegistry, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Processes(Collector):
    """CPU and memory of all workers together, under the names a single process would use."""

    def collect(self) -> Iterator[Metric]:
        """The sums over the workers that live."""
        cpu_s, memory, threads = 0.0, 0, 0
        for pid in worker_pids():
            try:
                process = psutil.Process(pid)
                times = process.cpu_times()
                cpu_s += times.user + times.system
                memory += process.memory_info().rss
                threads += process.num_threads()
            except psutil.Error:
                continue
        yield CounterMetricFamily("process_cpu_seconds", "CPU time of all workers", cpu_s)
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory of all workers", memory)
        yield GaugeMetricFamily("process_threads", "Threads of all workers", threads)


def worker_pids() -> set[int]:
    """The processes that left files of metrics."""
    files = Path(os.environ[_FOLDER]).glob("*.db")
    return {int(file.stem.rpartition("_")[2]) for file in files}


def share_metrics(folder: str) -> None:
    """Keep the counts of this process in `folder`, from where `registry` adds them up."""
    if folder:
        os.environ[_FOLDER] = folder
        # the library looks only at its import
        values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def registry() -> CollectorRegistry:
    """This process's metrics, or those of all workers when they are shared."""
    if _FOLDER not in os.environ:
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # it has no types
    shared.register(Processes())
    return shared
