"""One client process: it shares its interpreter with nobody, so its clock tells of the target.

Started by `crew`: a job comes in on stdin, lines of JSON with samples go out on stdout. A
call that never returns is given up and counted; the process then simply ends, whatever its
threads wait for.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, Protocol

import msgspec
import psutil

from perflib.load.lateness import PULSE_S, lateness_p99
from perflib.load.schedule import Schedule, Shape, make_schedule

NOT_STARTED = "not started"
"""The label and the error of an arrival that no user was free for until the end."""
SEND_S = 0.25
GRACE_S = 0.5
SWITCH_S = 0.0005


class Job(msgspec.Struct, kw_only=True):
    """What one process has to do; times in seconds from the run's start (`zero_ns`)."""

    task: str
    settings: dict[str, Any]
    zero_ns: int
    index: int
    processes: int
    threads: int
    seed: int
    warmup_s: float
    run_time_s: float
    timeout_s: float
    think_s: float = 0.0
    interval_s: float = 0.0
    rate: float | None = None
    peak_rate: float | None = None
    shape: Shape = "constant"
    steps: int = 1
    spawn_rate: float = 32.0


class NoContactError(Exception):
    """A target that does not answer: the `kind` of error that is counted, and what it said.

    `next_step` is what to do, where that is known better than "start it".
    """

    def __init__(self, kind: str, message: str, next_step: str = "") -> None:
        self.kind, self.next_step = kind, next_step
        super().__init__(message)


class Done(NamedTuple):
    """The outcome of one call; `error` is its kind, empty when all is well."""

    error: str = ""
    status: int = 0
    size: int = 0
    metrics: dict[str, float] = {}  # noqa: RUF012 (never changed)


class Task(Protocol):
    """What a workload does with its target, call by call."""

    def check(self) -> dict[str, Any]:
        """First contact: raises `NoContactError`, or tells facts of the target."""

    def choose(self, rng: random.Random) -> tuple[str, Any]:
        """The next call's label and input; not timed."""

    def perform(self, label: str, what: Any) -> Done:
        """One call; timed. What it raises is counted by its type."""

    def report(self) -> dict[str, Any]:
        """What the task alone knows, at the end."""


class Worker:
    """Threads that call, and a main thread that watches them."""

    def __init__(self, job: Job, task: Task, out: BinaryIO) -> None:
        self.job, self.task, self.out = job, task, out
        self.stop = threading.Event()
        self.rows: deque[tuple[Any, ...]] = deque()
        self.flying: dict[int, tuple[str, float | None, float]] = {}
        self.lock = threading.Lock()
        self.process = psutil.Process()
        self.begin = self.until = 0.0

    def now(self) -> float:
        """Seconds since the run's start."""
        return (time.monotonic_ns() - self.job.zero_ns) * 1e-9

    def run(self, begin: float) -> None:
        """Load until the end or `stop`, then send the report; by `begin` all users are there."""
        self.begin, self.until = begin, begin + self.job.warmup_s + self.job.run_time_s
        starts = self._starts()
        users = [
            threading.Thread(target=self._user, args=(i, starts), daemon=True)
            for i in range(self.job.threads)
        ]
        for user in users:
            user.start()
        self.send({"report": self._watch(users, starts) | {"task": self.task.report()}})

    def _watch(
        self, users: list[threading.Thread], starts: Iterator[float | None]
    ) -> dict[str, Any]:
        """Beat until all users are done: the beats' lateness is what the client adds itself."""
        base = peak = self.process.memory_info().rss
        cpu, lateness, share = time.process_time(), list[float](), 0.0
        began = sent = self.now()
        while not self.stop.is_set() and any(user.is_alive() for user in users):
            before = self.now()
            time.sleep(PULSE_S)
            now = self.now()
            if now < self.until:
                lateness.append(now - before - PULSE_S)
                share = (time.process_time() - cpu) / (now - began)
            peak = max(peak, self.process.memory_info().rss)
            self._give_up("timeout", now - self.job.timeout_s - GRACE_S)
            if now - sent > SEND_S:
                sent = now
                self._send_rows()
            if now > self.until + self.job.timeout_s + GRACE_S:
                break
        if not self.stop.is_set():
            self._give_up("cut off", self.now())  # late arrivals, of which each may be the slowest
            if self.job.rate is not None:
                self._never_started(starts)
        self._send_rows()
        return {
            "cpu_share": share,
            "lateness_p99_s": lateness_p99(lateness) or 0.0,
            "memory_before": base,
            "memory_peak": peak,
        }

    def _give_up(self, kind: str, since: float) -> None:
        """Count calls under way that began before `since` as failures, once each."""
        overdue = [number for number, call in list(self.flying.items()) if call[2] < since]
        for number in overdue:
            if call := self.flying.pop(number, None):
                self.rows.append((*call, self.now(), *Done(kind)))

    def _never_started(self, starts: Iterator[float | None]) -> None:
        """Arrivals still waiting for a free user at the end are failures, not nothing."""
        with self.lock:
            left = list(starts)
        now = self.now()
        self.rows.extend((NOT_STARTED, at, now, now, *Done(NOT_STARTED)) for at in left)

    def _starts(self) -> Iterator[float | None]:
        """Intended starts of this process's share of the schedule; None: at once (closed)."""
        job = self.job
        if job.rate is None:
            while self.now() < self.until:
                yield None
            return
        for at in schedule_of(job).times():
            if at >= job.warmup_s + job.run_time_s:
                return
            yield self.begin + at

    def _user(self, number: int, starts: Iterator[float | None]) -> None:
        rng = random.Random(f"{self.job.seed}/{self.job.index}/{number}")
        self.stop.wait((number * self.job.processes + self.job.index) / self.job.spawn_rate)
        while not self.stop.is_set():
            label, what = self.task.choose(rng)
            with self.lock:
                intended = next(starts, False)
            if intended is False:
                return
            if intended is not None:
                time.sleep(max(intended - self.now(), 0.0))
            self._call(number, label, intended, what)
            if pause := self.job.interval_s or self.job.think_s * rng.expovariate(1.0):
                self.stop.wait(min(pause, max(self.until - self.now(), 0.0)))

    def _call(self, number: int, label: str, intended: float | None, what: Any) -> None:
        start = self.now()
        self.flying[number] = (label, intended, start)
        try:
            done = self.task.perform(label, what)
        except Exception as error:  # a user that dies of it would be missed by nobody
            done = Done(type(error).__name__)
        end = self.now()
        if self.flying.pop(number, None):
            self.rows.append((label, intended, start, end, *done))

    def _send_rows(self) -> None:
        if count := len(self.rows):
            self.send({"rows": [self.rows.popleft() for _ in range(count)]})

    def send(self, message: dict[str, Any]) -> None:
        """One line of JSON to the crew."""
        self.out.write(msgspec.json.encode(message) + b"\n")
        self.out.flush()


def schedule_of(job: Job) -> Schedule:
    """This process's share of the arrivals."""
    whole = make_schedule(
        job.rate or 1.0,
        shape=job.shape,
        peak_rate=job.peak_rate,
        over_s=job.warmup_s + job.run_time_s,
        steps=job.steps,
        seed=job.seed,
    )
    return whole.split(job.index, job.processes)


def main() -> None:
    """Take a job, make contact, wait for the start, load, report."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a task prints must not mix with the messages
    sys.setswitchinterval(SWITCH_S)
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    module, _, name = job.task.partition(":")
    task: Task = getattr(importlib.import_module(module), name)(job.settings)
    worker = Worker(job, task, out)
    try:
        worker.send({"ready": task.check()})
    except NoContactError as error:
        worker.send({"failed": (error.kind, str(error), error.next_step)})
    if begin := sys.stdin.buffer.readline():
        threading.Thread(target=_listen, args=(worker.stop,), daemon=True).start()
        gc.freeze()
        worker.run(float(begin))
    os._exit(0)


def _listen(stop: threading.Event) -> None:
    """The crew closing the pipe, or its end, stops the work."""
    with contextlib.suppress(OSError):
        sys.stdin.buffer.read()
    stop.set()
