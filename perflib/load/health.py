"""What the generator itself did, measured while it worked: the proof that it was no bottleneck."""

from __future__ import annotations

import resource
import time
from collections import deque
from pathlib import Path

import gevent

from perflib.load.lateness import PULSE_S, lateness_p99
from perflib.model import GeneratorHealth

LAST_PULSES = 100_000
clock = time.perf_counter


class Health:
    """Watches this process: its CPU, its wait for one, and how late its event loop runs."""

    def __init__(self) -> None:
        self._cpu_s = self._wall_s = 0.0
        self._wait_s: float | None = None
        self._lateness_s: deque[float] = deque(maxlen=LAST_PULSES)
        self._pulse: gevent.Greenlet | None = None

    def begin(self) -> None:
        """Start to measure: all users are there."""
        self._cpu_s, self._wall_s, self._wait_s = time.process_time(), clock(), cpu_wait_s()
        self._lateness_s.clear()
        if self._pulse is None:
            self._pulse = gevent.spawn(self._beat)

    def _beat(self) -> None:
        """Sleep shortly again and again; what a sleep takes too long is the loop's lateness."""
        while True:
            before = clock()
            gevent.sleep(PULSE_S)
            self._lateness_s.append(clock() - before - PULSE_S)

    def cpu_share(self) -> float:
        """CPU seconds a second of this process since `begin`."""
        wall_s = clock() - self._wall_s
        return (time.process_time() - self._cpu_s) / wall_s if self._wall_s and wall_s > 0 else 0.0

    def report(self) -> GeneratorHealth:
        """The numbers since `begin`."""
        wait_s = cpu_wait_s()
        share = None
        if wait_s is not None and self._wait_s is not None:
            share = (wait_s - self._wait_s) / max(clock() - self._wall_s, 1e-9)
        return GeneratorHealth(
            cpu_share=self.cpu_share(),
            cpu_wait_share=share,
            loop_lateness_p99_s=lateness_p99(self._lateness_s),
            open_files_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )


def cpu_wait_s() -> float | None:
    """Seconds for which this process's main thread was ready and had no core (Linux)."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) * 1e-9
    except (OSError, IndexError, ValueError):
        return None
