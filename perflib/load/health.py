"""What the generator itself did, measured while it worked: the proof that it was no bottleneck."""

from __future__ import annotations

import resource
import time

import gevent
import numpy as np

from perflib.model import GeneratorHealth

PULSE_S = 0.02
BUSY_SHARE = 0.9
LATE_S = 0.02
clock = time.perf_counter


class Health:
    """Watches this process: CPU, and how late its event loop runs what is due."""

    def __init__(self) -> None:
        self._cpu = self._wall = 0.0
        self._lateness_s: list[float] = []
        self._busiest = 0.0
        self._second = (0.0, 0.0)
        self._pulse: gevent.Greenlet | None = None

    def begin(self) -> None:
        """Start to measure, after warm-up of the process itself."""
        self._cpu, self._wall = time.process_time(), clock()
        self._second = self._cpu, self._wall
        self._lateness_s.clear()
        if self._pulse is None:
            self._pulse = gevent.spawn(self._beat)

    def _beat(self) -> None:
        """Sleep shortly again and again; what a sleep takes too long is the loop's lateness."""
        while True:
            before = clock()
            gevent.sleep(PULSE_S)
            now = clock()
            self._lateness_s.append(max(now - before - PULSE_S, 0.0))
            if now - self._second[1] >= 1.0:
                cpu = time.process_time()
                self._busiest = max(
                    self._busiest, (cpu - self._second[0]) / (now - self._second[1])
                )
                self._second = cpu, now

    def cpu_share(self) -> float:
        """CPU seconds a second of this process since `begin`."""
        wall = clock() - self._wall
        return (time.process_time() - self._cpu) / wall if self._wall and wall > 0 else 0.0

    def report(self) -> GeneratorHealth:
        """The numbers since `begin`."""
        late = np.array(self._lateness_s)
        return GeneratorHealth(
            cpu_share=self.cpu_share(),
            loop_lateness_p99_s=float(np.quantile(late, 0.99)) if len(late) else None,
            open_files_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )
