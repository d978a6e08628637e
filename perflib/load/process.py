"""The generator as a child process: started with a plan, watched, stopped, its samples taken over.

Nothing here imports Locust. Whatever happens to the child, what it recorded is kept.
"""

from __future__ import annotations

import errno
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from perflib.errors import PerflibError, StoreError
from perflib.load import plan as plans
from perflib.load.plan import Outcome, Plan
from perflib.samples import adopt_parts, schema

LOG = "generator.log"
HUNG = "the generator did not end and was killed: a task may loop or wait without giving way"
PATIENCE_S, WRITE_S = 30.0, 2.0


def generate(
    plan: Plan,
    stop: threading.Event,
    show: Callable[[dict[str, object]], None] = lambda _: None,
    held: tuple[int, ...] = (),
) -> Outcome:
    """Run `plan` in a child process until it ends or `stop` is set; return how it went.

    The child keeps the file descriptors `held` open as long as it writes. The samples are then in
    `plan.folder/samples.parquet`, those of a generator that died included. Raises `PerflibError`
    when the generator could not begin.
    """
    folder = Path(plan.folder)
    reading, writing = os.pipe()
    plans.write(msgspec.structs.replace(plan, live_fd=writing), folder / plans.PLAN)
    command = [sys.executable, "-m", "perflib.load.runner", str(folder / plans.PLAN)]
    with (folder / LOG).open("wb") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writing, *held],
            start_new_session=True,  # Ctrl-C is passed on by us, once
        )
    os.close(writing)
    try:
        begun = _watch(child, reading, plan, stop, show)
        hung = child.poll() is None
    finally:  # a second Ctrl-C, too, keeps the samples and no orders, which may hold secrets
        _end(child, plan.drain_s + WRITE_S)
        os.close(reading)
        outcome = plans.read_outcome(folder / plans.OUTCOME)
        said = (folder / LOG).read_text(errors="replace").strip()
        for name in (LOG, plans.PLAN, plans.OUTCOME):
            (folder / name).unlink(missing_ok=True)
        _adopt(folder)
    return outcome or (
        Outcome(stopped=HUNG, died=True) if hung else _died(child, plan, said, begun)
    )


def _watch(
    child: subprocess.Popen[bytes],
    reading: int,
    plan: Plan,
    stop: threading.Event,
    show: Callable[[dict[str, object]], None],
) -> bool:
    """Pass on the live lines; ask the child to end on `stop` and when it takes far too long.

    Returns whether the load had begun.
    """
    expected_s = plan.users / plan.spawn_rate + plan.warmup_s + plan.run_s + plan.drain_s
    deadline = time.monotonic() + expected_s + PATIENCE_S * 3
    asked, begun, rest = False, False, b""
    while child.poll() is None:
        if select.select([reading], [], [], 0.2)[0]:
            *lines, rest = (rest + os.read(reading, 65536)).split(b"\n")
            for numbers in map(msgspec.json.decode, lines):
                begun = begun or numbers["begun"]
                show(numbers)
        if not asked and (stop.is_set() or time.monotonic() > deadline):
            asked = True
            deadline = time.monotonic() + plan.drain_s + PATIENCE_S
            child.send_signal(signal.SIGTERM)  # SIGINT would break off a request somewhere
        elif asked and time.monotonic() > deadline:
            break
    return begun


def _end(child: subprocess.Popen[bytes], patience_s: float) -> None:
    """Make sure that no process of the child's group stays.

    Workers whose master died would go on with the load for a minute; asked to end, they write
    their samples first.
    """
    with suppress(ProcessLookupError):  # when none is left
        if child.poll() is not None:
            os.killpg(child.pid, signal.SIGTERM)
            deadline = time.monotonic() + patience_s
            while time.monotonic() < deadline:
                time.sleep(0.05)
                os.killpg(child.pid, 0)
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _adopt(folder: Path) -> None:
    """Join the parts that were delivered and those that are still where they were written."""
    try:
        adopt_parts(folder, schema())
    except OSError as error:
        raise StoreError(
            f"the samples cannot be joined ({os.strerror(error.errno or errno.EIO)})",
            expected="room for one more copy of them",
            next_step="free space on the disk",
            file=folder,
        ) from None
    shutil.rmtree(folder / plans.SPOOL, ignore_errors=True)


def _died(child: subprocess.Popen[bytes], plan: Plan, said: str, begun: bool) -> Outcome:
    """The outcome of a generator that left none; raises when it never began."""
    told = [line for line in said.splitlines() if line.strip() and not line.startswith(" ")]
    last = told[-1] if told else "it said nothing"
    if child.returncode > 0 and not begun:
        raise PerflibError(
            f"the load generator did not start: {last}",
            expected="a locustfile that Locust can load",
            next_step=f"see what `locust -f {plan.locustfile or 'LOCUSTFILE'} --list` says",
            file=plan.locustfile or None,
        )
    return Outcome(stopped=f"the generator died ({_reason(child.returncode)}): {last}", died=True)


def _reason(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"
