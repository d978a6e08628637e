"""A session is a run while it happens: the clock, the stop signal, the samples, the progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from perflib.model import SAMPLES, Caveat, Run
from perflib.samples import SampleWriter


class Session:
    """What a workload is given to work with.

    `folder` is the run's staging folder, `run` the record being made, `stop` is set by
    Ctrl-C (a workload then returns soon; what it measured is kept). `show` receives live
    numbers for people, at most a few times a second. `zero_ns` is the monotonic clock (shared
    by all processes of this machine) at the run's start. `keep` writes the record as it stands,
    for who finds it if this process is killed; processes that write into `folder` keep the file
    descriptors `held` open, which tell that the run goes on.
    """

    def __init__(
        self,
        run: Run,
        folder: Path,
        show: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        self.run = run
        self.folder = folder
        self.show = show
        self.stop = threading.Event()
        self.epoch_s = time.time()
        self.zero_ns = time.monotonic_ns()
        self.drift_s = 0.0
        self.held: tuple[int, ...] = ()
        self.keep: Callable[[], None] = lambda: None
        self._writer: SampleWriter | None = None

    def now(self) -> float:
        """Seconds since the run's start."""
        return (time.monotonic_ns() - self.zero_ns) * 1e-9

    def look_at_clock(self) -> None:
        """Keep in `drift_s` how far the wall clock went at most, against the monotonic one."""
        before, wall = self.now(), time.time() - self.epoch_s
        drift = min(wall - before, wall - self.now(), key=abs)  # it may be paused in between
        self.drift_s = max(self.drift_s, drift, key=abs)

    def samples(self, metrics: tuple[str, ...] = ()) -> SampleWriter:
        """The writer of this run's samples, with one column for each of `metrics`."""
        if self._writer is None:
            self._writer = SampleWriter(self.folder / SAMPLES, metrics)
        return self._writer

    def warn(
        self, code: str, message: str, next_step: str = "", voids: tuple[str, ...] = ()
    ) -> None:
        """Attach a caveat to the run."""
        self.run.caveats.append(
            Caveat(code=code, message=message, next_step=next_step, voids=voids)
        )

    def count_error(self, kind: str) -> None:
        """Count one error of `kind`, such as `timeout` or `status 500`."""
        self.run.errors[kind] = self.run.errors.get(kind, 0) + 1

    def close(self) -> None:
        """Finish the samples; a workload that wrote its own file is left alone."""
        if self._writer is not None:
            self._writer.close()
