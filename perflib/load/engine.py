"""Joins our recording to a Locust environment: counts, pacers, health, and the end of a run.

One engine an environment. It works under plain `locust` too; a plan (see `perflib.load.plan`)
adds the recording to files.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

import gevent
from gevent import get_hub, getcurrent
from locust import events

from perflib.load.faults import UNDECLARED, BadStatus, Fault, Refused, fault_of
from perflib.load.health import Health
from perflib.load.locust_stats import feed
from perflib.load.messages import Origin
from perflib.load.pacer import Pacer
from perflib.load.recorder import FIRED, LONGEST_MESSAGE, Recorder, Rows, pack, writable
from perflib.load.response import Response
from perflib.load.schedule import Schedule

FLUSH_S = 0.25
RUN_TASKS = ("locust.user.task", "locust.user.users", "perflib.load.user")
"""The modules that call what a locustfile defines: tasks, and each `on_start`."""
clock = time.monotonic_ns


class Engine:
    """What all users of one environment in this process share."""

    def __init__(self, environment: Any) -> None:
        self.environment = environment
        self.request_event = environment.events.request
        self.recorder = Recorder()
        self.label = self.recorder.label
        self.health = Health()
        self.hosts: frozenset[str] | None = None
        self.retries = self.extra_exchanges = self.raised = 0
        self.first_raised = ""
        self.pacers: dict[int, Pacer] = {}
        self.begun_ns: int | None = None
        self.end_after_s: float | None = None
        self.takers: list[Any] = []
        self.recording = self.stopping = False
        self._listen()

    def _listen(self) -> None:
        on = self.environment.events
        on.request.add_listener(self._on_foreign)
        own = [h for h in on.request._handlers if h == self._on_foreign or _is_locusts(h)]
        # another listener wants each event: then each request is fired, as Locust does
        self.quiet = len(own) if len(own) == len(on.request._handlers) else -1
        on.user_error.add_listener(self._on_raised)
        on.test_start.add_listener(self._on_start)
        on.spawning_complete.add_listener(self.begin)
        on.test_stopping.add_listener(self._on_stopping)
        for event in (on.test_stop, on.report_to_master, on.quitting):
            event._handlers.insert(0, self.flush)  # before anybody reads the statistics
        gevent.spawn(self._keep_flushing)

    def _keep_flushing(self) -> None:
        while True:
            gevent.sleep(FLUSH_S)
            self.flush()

    def flush(self, **_: Any) -> None:
        """Hand the rows since the last time to Locust's statistics and to those who take them."""
        rows: Rows = self.recorder.take()
        if len(rows):
            feed(self.environment.stats, rows, self.recorder.labels, self.recorder.errors)
            for take in self.takers:
                take(rows)

    def pacer(self, schedule: Schedule, key: int) -> Pacer:
        """The pacer of this process's share of `schedule`; `key` tells equal schedules apart."""
        if key not in self.pacers:
            self.pacers[key] = Pacer(schedule.split(*self._part()).times())
            if self.begun_ns is not None:
                self.pacers[key].begin(clock(), self._end_ns())
        return self.pacers[key]

    def _part(self) -> tuple[int, int]:
        runner, options = self.environment.runner, self.environment.parsed_options
        if runner is None or not hasattr(runner, "worker_state"):
            return 0, 1
        parts = max(getattr(options, "expect_workers", 1), 1)
        return max(runner.worker_index, 0) % parts, parts

    def begin(self, **_: Any) -> None:
        """All users are there: schedules start now."""
        if self.begun_ns is None:
            self.begun_ns = clock()
            self.health.begin()
            for pacer in self.pacers.values():
                pacer.begin(self.begun_ns, self._end_ns())

    def _end_ns(self) -> int | None:
        if self.end_after_s is None or self.begun_ns is None:
            return None
        return self.begun_ns + int(self.end_after_s * 1e9)

    def _on_start(self, **_: Any) -> None:
        self.begun_ns = None
        self.stopping = False
        self.pacers.clear()

    def _on_stopping(self, **_: Any) -> None:
        self.stopping = True
        for pacer in self.pacers.values():
            pacer.halt()

    def _on_raised(self, exception: Exception, tb: TracebackType, **_: Any) -> None:
        """Count a task or an `on_start` that broke off, unless a failed request of it tells."""
        failed_in: Any = getattr(getcurrent(), "perflib_failed_in", None)
        if failed_in not in walk_tb(tb):
            self.first_raised = self.first_raised or told_of(exception)
            self.raised += 1

    def failed(self, kind: str, message: str = "") -> int:
        """The index of a failure's `kind`; the task that met it may break off because of it."""
        with suppress(RuntimeError):  # in a greenlet that is being finalized no task goes on
            getcurrent().perflib_failed_in = _task_under_way()
        return self.recorder.error(kind, message)

    def check_host(self, origin: Origin) -> None:
        """Refuse a host that the configuration does not declare."""
        if self.hosts is not None and origin.authority not in self.hosts:
            raise Refused(UNDECLARED, f"{origin.authority}; see `more_hosts`, `--also-load`")

    def _on_foreign(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int,
        response: Any = None,
        exception: Exception | None = None,
        **_: Any,
    ) -> None:
        """Record a request of another client (HttpUser, FastHttpUser, a user's own)."""
        if isinstance(response, Response):  # our own client has recorded it
            return
        end = clock()
        start = end - int((response_time or 0.0) * 1e6)
        user: Any = getattr(getcurrent(), "perflib_user", None)
        intended = -1 if user is None else user.intended_ns
        if intended >= 0:
            user.intended_ns = 0
            intended = intended or start
        status = int(getattr(response, "status_code", 0) or 0)
        kind = self.failed(_foreign_kind(exception, status)) if exception else 0
        label = self.label(request_type, name) | FIRED
        size = int(response_length or 0)
        self.recorder.add(pack(intended, start, end, size, label, kind, status))


def engine_of(environment: Any) -> Engine:
    """The engine of `environment`, made on first use."""
    found: Engine | None = environment.__dict__.get("perflib_engine")
    if found is None:
        found = environment.perflib_engine = Engine(environment)
    return found


def _on_init(environment: Any, **_: Any) -> None:
    get_hub().loop.update_now()  # else Locust's --run-time counts from before the imports
    engine_of(environment)


events.init.add_listener(_on_init)  # type: ignore[no-untyped-call]


def _task_under_way() -> tuple[FrameType, int] | None:
    """The call of a task as a traceback tells it: the caller's frame, of which each has its own."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals["__name__"] not in RUN_TASKS:
        frame = frame.f_back
    return frame and (frame, frame.f_lineno)


def told_of(error: Exception) -> str:
    """`error` in one short line that any file can hold."""
    return writable(f"{type(error).__name__}: {error}")[:LONGEST_MESSAGE]


def _is_locusts(handler: Any) -> bool:
    return getattr(handler, "__module__", "") == "locust.runners"


def _foreign_kind(error: Exception, status: int) -> str:
    if isinstance(error, Fault):
        return error.kind
    if status >= 400:
        return BadStatus(status, "").kind
    kind = fault_of(error).kind
    return f"check: {str(error)[:100]}" if kind == "failed" else kind
