"""What a plan adds to Locust: samples in files, a live line, an end in good order.

Workers send their parts to the master by Locust's own messages when their users have stopped;
the master counts who delivered. A worker that does not is named, and what it left on this
machine's disk is taken up like the rest.
"""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

import gevent
import msgspec
import pyarrow as pa
from gevent.event import Event
from locust.runners import MasterRunner, WorkerRunner

from perflib.environment import boot_id
from perflib.load import plan as plans
from perflib.load.connection import Connection
from perflib.load.engine import Engine, engine_of, told_of
from perflib.load.live import Live
from perflib.load.plan import Outcome, Plan, Worker
from perflib.load.recorder import PartWriter, Rows, shift_part
from perflib.load.shaping import apply_plan
from perflib.model import PARTS

GRACE_S = 30.0
SOON_S = 0.005
EARLY = "the load was ended before its time"
FASTEST = 50_000
"""More requests a second than a process makes."""


class Recording:
    """A generator process under a plan: records, shows, and ends its share of the run."""

    def __init__(self, plan: Plan, environment: Any) -> None:
        self.plan = plan
        self.environment = environment
        self.runner = environment.runner
        self.engine: Engine = engine_of(environment)
        self.live = Live()
        self.id = getattr(self.runner, "client_id", "master")
        self.writer: PartWriter | None = None
        self.stopped = self.unwritten = ""
        self.drained = False
        self.users_left: int | None = None
        self._writing: Any = None

    def start(self) -> None:
        """Record this process's requests; called before any user exists."""
        apply_plan(self.plan, self.environment, self.engine)
        self.writer = PartWriter(self._home() / plans.SPOOL / self.id, self.plan.zero_ns)
        self.engine.takers += [self._take, self.live.add]
        self.engine.recording = True
        self._spawn_users = self.runner.spawn_users
        self.runner.spawn_users = self._spawn_or_give_up

    def _spawn_or_give_up(self, *given: Any, **more: Any) -> Any:
        """A user that cannot be made ends the run: Locust would wait for it, or do without."""
        try:
            return self._spawn_users(*given, **more)
        except Exception as error:
            self.give_up(f"a user could not be made: {told_of(error)}")
            return []

    def give_up(self, why: str) -> None:
        """End the run early."""
        self.stopped = self.stopped or why
        gevent.spawn(self.quit)  # which ends the greenlet that called this

    def quit(self) -> None:
        """End this process's share of the run; `finish` follows."""
        self.runner.quit()

    def _home(self) -> Path:
        """The run's folder; on another host one of our own, gone with the process."""
        folder = Path(self.plan.folder)
        if not folder.is_dir():
            folder = Path(tempfile.mkdtemp(prefix="perflib-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _take(self, rows: Rows) -> None:
        assert self.writer is not None
        self.writer.add(rows, self.engine.recorder.labels, self.engine.recorder.errors)
        if self.unwritten:  # all further load would be for nothing
            if not self.stopped:
                self.give_up(self.unwritten)
        elif self.writer.due and (self._writing is None or self._writing.ready()):
            threads = gevent.get_hub().threadpool
            self._writing = threads.spawn(self._write, self.writer.take())

    def _write(self, taken: list[pa.Table]) -> None:
        """Write a part. What a full disk refuses is tried again at the end."""
        assert self.writer is not None
        try:
            self.writer.write(taken)
        except OSError as error:
            why = os.strerror(error.errno or errno.EIO)
            self.unwritten = f"samples could not be written ({why})"
            self.writer.put_back(taken)

    def drain(self) -> None:
        """Let the users take what was due before the end, for at most `drain_s`."""
        with gevent.Timeout(self.plan.drain_s, False):
            while not all(pacer.settled for pacer in self.engine.pacers.values()):
                gevent.sleep(0.02)
            gevent.sleep(0.05)  # those just woken send their request

    def close(self) -> Worker:
        """Write the last part; all users have stopped."""
        assert self.writer is not None
        self.engine.flush()
        if self._writing is not None:
            self._writing.get()
        self._write(self.writer.take())
        self.stopped = self.stopped or self.unwritten
        return self._worker(self.writer.written)

    def _worker(self, rows: int) -> Worker:
        engine, pacers = self.engine, self.engine.pacers.values()
        return Worker(
            id=self.id,
            rows=rows,
            health=engine.health.report(),
            begun_ns=engine.begun_ns,
            retries=engine.retries,
            extra_exchanges=engine.extra_exchanges,
            raised=engine.raised,
            first_raised=engine.first_raised,
            connections=Connection.most,
            unasked=Connection.unasked,
            doubtful=Connection.doubtful,
            arrivals_begun=sum(pacer.handed_out for pacer in pacers),
            arrivals_late=sum(pacer.late for pacer in pacers),
            arrivals_undone=sum(pacer.undone() for pacer in pacers),
            wake_lateness_s=next(filter(None, (p.oversleep_s() for p in pacers)), None),
            host=socket.gethostname(),
            boot=boot_id(),
            messages=engine.recorder.messages,
        )


class Local(Recording):
    """The only process of a run."""

    def start(self) -> None:
        """Record, show, and end the run in time."""
        super().start()
        conduct(self)
        self.environment.events.quitting.add_listener(self.finish)

    def end(self) -> None:
        """The measured time is over."""
        self.drained = True
        self.drain()
        self.runner.quit()

    def finish(self, **_: Any) -> None:
        """Stop what still runs, close the record and write the outcome."""
        self.runner.stop()
        write_outcome(self, [self.close()])


class OfWorker(Recording):
    """One of several processes, on this host or another."""

    def start(self) -> None:
        """Record, and deliver when the master asks for it."""
        super().start()
        self.environment.events.report_to_master.add_listener(self._report)
        self.environment.events.test_stopping.add_listener(self._on_stopping)
        self.environment.events.quitting.add_listener(self._leave)
        self.delivered = False
        self.runner.register_message("perflib_finish", self._finish, concurrent=True)
        self.runner.custom_messages.setdefault("perflib_plan", (lambda **_: None, False))

    def give_up(self, why: str) -> None:
        """Let the master end the run."""
        self.stopped = self.stopped or why
        self.runner.send_message("perflib_give_up", why)

    def _on_stopping(self, **_: Any) -> None:
        """Without a word of the master's, so something of the locustfile's ended the load here."""
        if not self.drained:
            self.give_up(EARLY)

    def _report(self, data: dict[str, Any], **_: Any) -> None:
        data["perflib"] = self.live.pack()

    def _leave(self, **_: Any) -> None:
        """The master is gone, or this process was told to end: leave what was recorded here."""
        if not self.delivered:
            self.runner.stop()
            self.close()

    def _finish(self, msg: Any, **_: Any) -> None:
        self.drained = True
        if msg.data["drain"]:
            self.drain()
        self.runner.stop()
        worker = self.close()
        self.runner._send_stats()
        assert self.writer is not None
        for part in sorted(self.writer.folder.glob("*.parquet")):
            self.runner.send_message("perflib_part", {"name": part.name, "data": part.read_bytes()})
            part.unlink()
        self.writer.folder.rmdir()
        self.delivered = True
        self.runner.send_message("perflib_done", msgspec.json.encode(worker))
        self.runner.quit()


class OfMaster(Recording):
    """The process that others report to; it makes no load itself."""

    def start(self) -> None:
        """Show what the workers report, end the run in time, collect their samples."""
        self.workers: dict[str, Worker] = {}
        self._delivered = Event()
        on = self.environment.events
        on.worker_connect.add_listener(self._on_connect)
        on.worker_report.add_listener(self._on_report)
        self.runner.register_message("perflib_part", self._on_part)
        self.runner.register_message("perflib_done", self._on_done)
        self.runner.register_message("perflib_give_up", lambda msg, **_: self.give_up(msg.data))
        conduct(self)
        on.quitting.add_listener(self.finish)
        self._collected = False

    def _on_connect(self, client_id: str, **_: Any) -> None:
        if self.plan.joining:  # own workers have read it, and would complain
            self.runner.send_message("perflib_plan", msgspec.json.encode(self.plan), client_id)
        self.workers[client_id] = Worker(id=client_id, lost=True)  # until it delivers

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        if "perflib" in data:
            self.live.add_packed(data["perflib"])

    def _on_part(self, msg: Any, **_: Any) -> None:
        folder = Path(self.plan.folder) / PARTS
        folder.mkdir(exist_ok=True)
        (folder / f"{msg.node_id}-{msg.data['name']}").write_bytes(msg.data["data"])

    def _on_done(self, msg: Any, **_: Any) -> None:
        worker = self.workers[msg.node_id] = msgspec.json.decode(msg.data, type=Worker)
        if worker.boot != boot_id():
            self._align(worker)
        if not any(worker.lost for worker in self.workers.values()):
            self._delivered.set()

    def _align(self, worker: Worker) -> None:
        """Bring the times of a worker on another host to this one's clock.

        All begin by one message of ours, so to its way both clocks agree there; wall clocks of two
        hosts may differ by more than the measured time.
        """
        if worker.begun_ns is None or self.engine.begun_ns is None:
            return
        shift_ns = self.engine.begun_ns - worker.begun_ns
        for part in (Path(self.plan.folder) / PARTS).glob(f"{worker.id}-*"):
            shift_part(part, shift_ns)
        worker.begun_ns += shift_ns

    def end(self) -> None:
        """The measured time is over."""
        self.drained = True
        self.collect(drain=True)
        self.runner.quit()

    def quit(self) -> None:
        """Collect before the workers are told to go."""
        self.collect(drain=False)
        self.runner.quit()

    def collect(self, drain: bool) -> None:
        """Ask all workers for their samples and wait for those that are alive."""
        if self._collected:
            return
        self._collected = True
        self.runner._users_dispatcher = None  # workers that leave now are not to be replaced
        self.runner.send_message("perflib_finish", {"drain": drain})
        with gevent.Timeout(self.plan.drain_s * 2 + GRACE_S, False):
            while not self._delivered.wait(0.2):
                waited_for = {w.id for w in self.workers.values() if w.lost}
                if not waited_for & {c.id for c in self.runner.clients.all if c.state != "missing"}:
                    break

    def finish(self, **_: Any) -> None:
        """Collect if that has not been done, and write the outcome."""
        self.collect(drain=False)
        write_outcome(self, list(self.workers.values()))


def conduct(recording: Any) -> None:
    """End the run when its time is over, and show it meanwhile."""
    plan = recording.plan

    def run(**_: Any) -> None:
        gevent.spawn_later(plan.warmup_s + plan.run_s, end)

    def end() -> None:
        if recording.environment.shape_class is None:  # else users come and go as that says
            recording.users_left = recording.runner.user_count
        recording.end()

    def note_early_end(**_: Any) -> None:
        if not recording.drained:
            recording.stopped = recording.stopped or EARLY

    recording.environment.events.spawning_complete.add_listener(run)
    recording.environment.events.test_stopping.add_listener(note_early_end)
    gevent.spawn(_show, recording)
    gevent.spawn(_bound, recording)


def _show(recording: Any) -> None:
    """A line a second to whoever started this run; when nobody listens any more, stop."""
    plan, engine = recording.plan, recording.engine
    while plan.live_fd >= 0:
        gevent.sleep(1.0)
        engine.flush()
        line = recording.live.line(
            1.0,
            users=recording.runner.user_count,
            cpu=round(engine.health.cpu_share(), 2),
            begun=engine.begun_ns is not None,
        )
        try:
            os.write(plan.live_fd, line)
        except OSError:
            recording.give_up("nobody listened to the generator any more")
            return


def _bound(recording: Any) -> None:
    """End the run at its limit of requests; the nearer that is, the more often they are counted.

    The run goes too far by what comes in `SOON_S` (with workers: between two of their reports).
    """
    left = most = recording.plan.most_requests
    while left > 0:
        gevent.sleep(min(max(left / FASTEST, SOON_S), 1.0))
        recording.engine.flush()
        left = most - recording.environment.stats.total.num_requests
    recording.give_up(f"the limit of {most} requests was reached")


def write_outcome(recording: Recording, workers: list[Worker]) -> None:
    """Leave what the parent process needs to complete the run's record."""
    plan = recording.plan
    begun = [w.begun_ns for w in workers if w.begun_ns is not None]
    since = None if not begun else (max(begun) - plan.zero_ns) * 1e-9 + plan.warmup_s
    outcome = Outcome(
        workers=workers,
        engine=recording.environment.stats.total.num_requests,
        measured_from_s=since,
        measured_until_s=None if since is None else since + plan.run_s,
        stopped=recording.stopped,
        drained=recording.drained,
        users_left=recording.users_left,
    )
    plans.write(outcome, Path(plan.folder) / plans.OUTCOME)


def record(plan: Plan, environment: Any) -> None:
    """Put `environment` under `plan`, in the part that its runner plays."""
    kinds = {MasterRunner: OfMaster, WorkerRunner: OfWorker}
    kind = next((k for r, k in kinds.items() if isinstance(environment.runner, r)), Local)
    kind(plan, environment).start()


def await_plan() -> None:
    """Let workers of this process take their plan from the master.

    It comes as soon as they connect, which is before Locust would let us register for it, and
    before any message that starts users.
    """
    handle = WorkerRunner.handle_message

    def handle_plan_too(runner: Any, message: Any) -> None:
        if message.type != "perflib_plan":
            handle(runner, message)
            return
        plan = msgspec.json.decode(message.data, type=Plan)
        environment = runner.environment
        environment.runner = runner  # Locust sets it when the connection stands
        for cls in environment.user_classes:
            if hasattr(cls, "equip"):
                cls.equip(plan)
        record(plan, environment)

    WorkerRunner.handle_message = handle_plan_too  # type: ignore[method-assign, assignment]
