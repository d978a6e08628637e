"""Wakes waiting users when their arrival is due, to a tenth of a millisecond.

Timers of the event loop are rounded to a millisecond by epoll; a timer descriptor is not.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections import deque
from collections.abc import Iterator

import gevent
from gevent import get_hub, getcurrent
from gevent.event import Event

clock = time.monotonic_ns
EARLY_NS = 20_000  # below what a wake-up costs; saves one more turn of the loop
NEVER_NS = 1 << 62
LAST_WAKES = 100_000


class Pacer:
    """Hands out the arrivals of one schedule to all users of this process, first come first served.

    An arrival is taken by the first user that is free: one that waits for it, or, when all were
    busy, one that comes late. `begin` sets the time zero; until then everybody waits.
    """

    def __init__(self, times: Iterator[float]) -> None:
        self._times = times
        self._zero_ns: int | None = None
        self._end_ns = NEVER_NS
        self._due_ns = 0
        self._halted = False
        self._begun = Event()
        self._waiting: deque[list[object]] = deque()
        self._alarm: Alarm | None = None
        self.handed_out = 0
        self.late = 0
        self._oversleeps_ns: deque[int] = deque(maxlen=LAST_WAKES)

    def begin(self, zero_ns: int, end_ns: int | None = None) -> None:
        """Start the schedule at `zero_ns`; arrivals due from `end_ns` on are not handed out."""
        if self._zero_ns is None:
            self._alarm = Alarm(self._wake)
            self._zero_ns, self._end_ns = zero_ns, end_ns or NEVER_NS
            self._advance()
            self._begun.set()

    def halt(self) -> None:
        """Hand out nothing more. Locust kills waiting users with a delay, in which an arrival
        would start a request only to have it cut off."""
        self._end_ns = min(self._end_ns, clock())
        self._halted = True

    def _advance(self) -> None:
        assert self._zero_ns is not None
        self._due_ns = self._zero_ns + int(next(self._times) * 1e9)

    @property
    def behind(self) -> bool:
        """Whether arrivals are due that nobody was free to take."""
        return self._zero_ns is not None and self._due_ns < min(self._end_ns, clock())

    @property
    def settled(self) -> bool:
        """Whether everything that was due before the end has been started."""
        over = self._zero_ns is None or clock() >= self._end_ns
        return over and not self.behind and not self._waiting

    def undone(self) -> int:
        """How many arrivals were due before the end and never handed out; ends the schedule."""
        count = 0
        while self.behind:
            count += 1
            self._advance()
        return count

    def oversleep_s(self) -> tuple[float, float, float] | None:
        """Median, p99 and maximum of how late users were woken for their arrival."""
        late = sorted(self._oversleeps_ns)
        if not late:
            return None
        return tuple(late[int(q * (len(late) - 1))] * 1e-9 for q in (0.5, 0.99, 1.0))  # type: ignore[return-value]

    def next(self) -> int:
        """Wait for the next arrival and return when it was due (monotonic ns)."""
        if self._zero_ns is None:
            self._begun.wait()
        due = self._due_ns
        if due >= self._end_ns:
            Event().wait()  # the schedule is over: idle until the run stops this user
        self._advance()
        self.handed_out += 1
        if due <= clock():
            self.late += 1
            return due
        place: list[object] = [due, getcurrent().switch]
        self._waiting.append(place)
        if len(self._waiting) == 1:
            self._alarm.set(due)  # type: ignore[union-attr]
        try:
            get_hub().switch()
        except BaseException:
            place[1] = None
            raise
        self._oversleeps_ns.append(clock() - due)
        return due

    def _wake(self) -> None:
        waiting = self._waiting
        while waiting and not self._halted and waiting[0][0] <= clock() + EARLY_NS:  # type: ignore[operator]
            switch = waiting.popleft()[1]
            if switch is not None:
                switch()  # type: ignore[operator]
        if waiting and not self._halted:
            self._alarm.set(waiting[0][0])  # type: ignore[union-attr, arg-type]


class Alarm:
    """Calls back in the event loop at a monotonic time; exact on Linux, to 1 ms elsewhere."""

    def __init__(self, callback: object) -> None:
        self._callback = callback
        self._fd = _timer_fd() if sys.platform == "linux" else -1
        if self._fd >= 0:
            self._watcher = get_hub().loop.io(self._fd, 1)
            self._watcher.start(self._ring)

    def set(self, due_ns: int) -> None:
        """Ring at `due_ns`, instead of any time set before."""
        if self._fd >= 0:
            _set_timer(self._fd, max(due_ns - EARLY_NS, 1))
        else:
            gevent.spawn_later(max(due_ns - clock(), 0) * 1e-9, self._callback)

    def _ring(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # set anew meanwhile
        self._callback()  # type: ignore[operator]


_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC, _ABSOLUTE = 1, 0o2004000, 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_Times = ctypes.c_long * 4  # struct itimerspec: interval s, ns; value s, ns


def _timer_fd() -> int:
    try:
        return int(_libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC))  # type: ignore[union-attr]
    except AttributeError:  # a C library without it
        return -1


def _set_timer(fd: int, due_ns: int) -> None:
    times = _Times(0, 0, *divmod(due_ns, 1_000_000_000))
    _libc.timerfd_settime(fd, _ABSOLUTE, times, None)  # type: ignore[union-attr]
