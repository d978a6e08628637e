"""A crew of client processes: what they measure goes into the session, and so does their health.

Used by workloads whose calls block. Threads alone would queue for one interpreter and bill
the wait to the target; how many processes are enough is told by their CPU share.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from perflib.load.findings import bottleneck
from perflib.model import Caveat, GeneratorHealth
from perflib.samples import PROBE
from perflib.session import Session
from perflib.target import Scenario
from perflib.units import format_quantity
from perflib.workloads.hand import STOP_S, Hand
from perflib.workloads.worker import NOT_STARTED, Job

KEPT = 20_000
START_S = 20.0
SHOW_S = 0.5
GONE_CALLS, GONE_SHARE = 5, 0.1
"""So many failures and such a share of the measured time without a success are worth a word."""


@dataclass
class Tally:
    """What a workload needs of its measured samples without reading them again.

    `latest` holds at most `KEPT` values of each metric by label, `sums` add all of them up.
    """

    latest: dict[tuple[str, str], deque[float]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=KEPT))
    )
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    recent: list[float] = field(default_factory=list)
    ok: int = 0
    failed: int = 0
    last_ok_s: float | None = None
    failed_since: Counter[str] = field(default_factory=Counter)


@dataclass
class Crew:
    """A task, performed by `scenario.processes` processes of `threads` threads in all.

    The task `probe` is performed every `probe_interval_s` beside them, in a process of its own.
    `next_steps` say what to do about a kind of error with which all calls fail.
    """

    session: Session
    scenario: Scenario
    task: str
    settings: dict[str, Any]
    threads: int
    timeout_s: float
    metrics: tuple[str, ...]
    think_s: float = 0.0
    probe: str = ""
    probe_interval_s: float = 0.0
    saturates: bool = True
    at_edge: Callable[[], None] = lambda: None
    next_steps: Mapping[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    reports: list[dict[str, Any]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def work(self) -> bool:
        """Load until the scenario ends or `session.stop`; False when nothing answered at all.

        Sets arrival, measured window, errors, generator health and their caveats of the run.
        """
        run = self.session.run
        self.session.samples(self.metrics)
        run.arrival = "closed" if self._rate() is None else "open"
        hands = [Hand(job) for job in self._jobs()]
        try:
            if not self._gather(hands):
                return False
            begin = self.session.now() + self.scenario.spawning_s
            run.measured_from_s = begin + self.scenario.warmup
            run.measured_until_s = run.measured_from_s + self.scenario.run_time
            self.session.keep()
            for hand in hands:
                hand.begin(begin)
            self._receive(hands)
        finally:
            for hand in hands:
                hand.dismiss()
        run.measured_until_s = min(run.measured_until_s, self.session.now())
        self._health(hands)
        return True

    def messages(self) -> dict[str, str]:
        """The first message of each kind of error, where it says more than its kind."""
        return {
            kind: text
            for report in reversed(self.reports)
            for kind, text in report["task"]["messages"].items()
            if text not in ("", kind)
        }

    def _processes(self) -> int:
        return min(self.scenario.processes, self.threads)

    def _rate(self) -> float | None:
        return self.scenario.rate if self.scenario.arrival == "open" else None

    def _jobs(self) -> list[Job]:
        """One for each process; among the calls' threads a probe would wait for its interpreter."""
        jobs = [self._job(index) for index in range(self._processes())]
        if self.probe_interval_s:
            own = {"rate": None, "think_s": 0.0, "interval_s": self.probe_interval_s}
            jobs.append(replace(jobs[0], task=self.probe, threads=1, **own))
        return jobs

    def _job(self, index: int) -> Job:
        scenario, processes = self.scenario, self._processes()
        return Job(
            task=self.task,
            settings=self.settings,
            zero_ns=self.session.zero_ns,
            index=index,
            processes=processes,
            threads=len(range(index, self.threads, processes)),
            seed=scenario.seed,
            warmup_s=scenario.warmup,
            run_time_s=scenario.run_time,
            timeout_s=self.timeout_s,
            think_s=self.think_s,
            rate=self._rate(),
            peak_rate=scenario.peak_rate,
            shape=scenario.shape,
            steps=scenario.steps,
            spawn_rate=scenario.spawn_rate,
        )

    def _gather(self, hands: list[Hand]) -> bool:
        """Wait for each process's first contact with the target."""
        limit = START_S + self.timeout_s
        for hand in hands:
            message = hand.receive(limit, self.session.stop)
            if "ready" not in message:
                told = message.get("failed", ("no contact", "", ""))
                if not self.session.stop.is_set():
                    self._no_contact(*told)
                return False
            self.facts = message["ready"]
        return True

    def _no_contact(self, kind: str, text: str, next_step: str) -> None:
        now = self.session.now()
        self.session.count_error(kind)
        self.session.samples(self.metrics).append("first contact", now, now, ok=False, error=kind)
        self.session.warn(
            "no contact",
            f"the target did not answer: {text or kind}",
            next_step or "start the target, or correct its url",
            ("*",),
        )

    def _receive(self, hands: list[Hand]) -> None:
        """Take samples until every process has reported; a silent one is not waited for."""
        session, end = self.session, self.session.run.measured_until_s or 0.0
        limit, shown = end + self.timeout_s + 5.0, 0.0
        waiting, edges = hands, [session.run.measured_from_s, end]
        while waiting and session.now() < limit:
            if session.stop.is_set():
                limit = min(limit, session.now() + STOP_S)
                for hand in waiting:
                    hand.close()
            for hand in waiting:
                self._take(hand)
            waiting = [hand for hand in waiting if not hand.ended]
            if edges and session.now() >= edges[0]:
                edges.pop(0)
                self.at_edge()
            if session.now() - shown > SHOW_S:
                self._show(session.now() - shown)
                shown = session.now()
            time.sleep(0.05)
        for _ in edges:
            self.at_edge()

    def _take(self, hand: Hand) -> None:
        for message in hand.drain():
            self._record(message.get("rows", ()))
            if report := message.get("report"):
                self.reports.append(report)

    def _record(self, rows: Any) -> None:
        session, tally = self.session, self.tally
        writer, since = session.samples(self.metrics), session.run.measured_from_s
        for label, intended, start, end, error, status, size, metrics in rows:
            writer.append(
                label,
                start,
                end,
                intended_start=intended,
                ok=not error,
                error=error,
                status=status,
                size=size,
                metrics=metrics,
            )
            if error:
                session.count_error(error)
            if label == PROBE:  # what a probe meets tells nothing of the calls
                continue
            if error:
                tally.failed += 1
                if error != NOT_STARTED:
                    tally.failed_since[error] += 1
                continue
            tally.ok += 1
            tally.last_ok_s = max(end, tally.last_ok_s or 0.0)
            tally.failed_since.clear()
            tally.recent.append(end - start)
            if (start if intended is None else intended) >= since:
                for name, value in metrics.items():
                    tally.latest[label, name].append(value)
                    tally.sums[name] += value

    def _show(self, elapsed_s: float) -> None:
        recent, self.tally.recent = sorted(self.tally.recent), []
        slow = f"{recent[int(0.95 * len(recent))] * 1e3:.1f} ms" if recent else "–"
        self.session.show(
            {
                "calls": str(self.tally.ok),
                "rate": f"{len(recent) / elapsed_s:.0f}/s",
                "p95 now": slow,
                "errors": str(self.tally.failed),
            }
        )

    def _health(self, hands: list[Hand]) -> None:
        run, reports = self.session.run, self.reports
        lost = 0 if self.session.stop.is_set() else len(hands) - len(reports)
        run.generator = GeneratorHealth(
            processes=self._processes(),
            workers_lost=lost,
            cpu_share=max((report["cpu_share"] for report in reports), default=None),
            loop_lateness_p99_s=max((report["lateness_p99_s"] for report in reports), default=None),
        )
        if lost:
            last = "; ".join(filter(None, (hand.last_words() for hand in hands if hand.code != 0)))
            self.session.warn(
                "generator lost workers",
                f"{lost} of {len(hands)} client processes died {last}".rstrip(),
                "read the message; lower the load or the chunk size, and measure again",
                ("*",),
            )
        timed = tuple(name for name in self.metrics if name.endswith(("_time", "_wait")))
        gone = self._gone(timed)
        if gone:
            run.caveats.append(gone)
        elif self.saturates:  # to be refused again and again keeps a client busy, too
            for caveat in bottleneck(run.generator, 0.0):
                run.caveats.append(replace(caveat, voids=(*caveat.voids, "data_rate", *timed)))
        if undone := run.errors.get(NOT_STARTED, 0):
            self.session.warn(
                "backlog",
                f"{undone} arrivals were due and never sent: all {self.threads} users were busy "
                "until the end, so response times are lower bounds",
                "the target does not take this rate: lower it, or give it more `users`",
                ("response_time", "lateness"),
            )

    def _gone(self, timed: tuple[str, ...]) -> Caveat | None:
        """A target that did not answer any more, to the end: its times are those of before."""
        run, tally = self.session.run, self.tally
        until_s, kinds = run.measured_until_s or 0.0, tally.failed_since
        if kinds.total() < GONE_CALLS:
            return None
        silent_s = until_s - max(tally.last_ok_s or 0.0, run.measured_from_s)
        if silent_s < GONE_SHARE * (until_s - run.measured_from_s):
            return None
        (most, _), *_ = kinds.most_common(1)
        said = self.messages().get(most, "")
        told = ", ".join(f"{kind} × {count}" for kind, count in kinds.most_common(3))
        return Caveat(
            code="target gave out",
            message=f"no call succeeded in the last {format_quantity(silent_s, 's')}: {told}"
            + f" ({said})" * bool(said),
            next_step=self.next_steps.get(most)
            or (
                "find out why the target stopped answering, then measure again"
                if tally.last_ok_s
                else "correct the target, or what its settings say of it"
            ),
            voids=(*timed, "response_time", "service_time", "lateness"),
        )
