"""Notebooks run in children of a warm parent; this is the caller's side of it."""

from __future__ import annotations

import ast
import atexit
import contextlib
import fcntl
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from perflib.report.cache import library
from perflib.report.notebook import Notebook
from perflib.report.outputs import Record

_PIPE_BYTES = 1 << 20
GRACE_S = 3.0
"""How long an interrupted notebook may take to stop before it is killed."""
_IMPORT = re.compile(r"^\s*(?:import|from)\s", re.MULTILINE)


@dataclass(eq=False)
class Task:
    """A notebook being executed: `notebook` is filled in place, `on_event` follows it.

    `label` is the caller's own; `record` tells what happened.
    """

    notebook: Notebook
    folder: Path
    timeout_s: float
    on_event: Callable[[list[Any]], None] = lambda _: None
    label: Any = None
    record: Record = field(init=False)
    pid: int = 0
    deadline_s: float = 0.0
    interrupted: bool = False
    buffer: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.record = Record(self.notebook["cells"])


def imported(notebook: Notebook) -> list[str]:
    """The modules that the cells import, found without running them."""
    names: dict[str, None] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code" or not _IMPORT.search(cell["source"]):
            continue
        with contextlib.suppress(SyntaxError):
            for node in ast.walk(ast.parse(cell["source"])):
                if isinstance(node, ast.Import):
                    names |= dict.fromkeys(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names |= {node.module: None}
                    names |= {f"{node.module}.{alias.name}": None for alias in node.names}
    return list(names)


def _runnable(notebook: Notebook) -> list[dict[str, Any]]:
    found = []
    for index, cell in enumerate(notebook["cells"]):
        tags = cell["metadata"].get("tags", ())
        if cell["cell_type"] == "code" and cell["source"].strip() and "skip-execution" not in tags:
            may_fail = "raises-exception" in tags
            found.append({"index": index, "source": cell["source"], "may_fail": may_fail})
    return found


class WarmParent:
    """A process that has everything imported and forks a child a notebook.

    A context manager; leaving it ends the parent and every child. `environment` is added
    to the parent's. Raises nothing for a failed notebook: its `Record` tells.
    """

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "perflib.report.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ | FIXED | (environment or {}),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the parent can fork another child."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the parent and its children."""
        self._socket.close()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def prepare(self, modules: list[str]) -> None:
        """Have the parent import `modules`, those that may be warm, without waiting for it."""
        self._send({"modules": modules}, [])

    def _send(self, job: dict[str, Any], descriptors: list[int]) -> None:
        data = msgspec.msgpack.encode(job)
        socket.send_fds(self._socket, [len(data).to_bytes(8, "little")], descriptors)
        self._socket.sendall(data)

    def run(self, tasks: Iterable[Task], workers: int = 1) -> Iterator[Task]:
        """Execute `tasks`, at most `workers` at a time, and give each as it ends.

        The next child runs already while the caller looks at the one that ended.
        """
        waiting, running, ended = iter(tasks), selectors.DefaultSelector(), list[Task]()
        try:
            while self._fill(waiting, running, workers) or ended:
                while ended:
                    yield _finished(ended.pop(0))
                ended += self._wait(running)
        finally:
            for key in list(running.get_map().values()):
                _kill(key.data)
                os.close(key.fd)
            running.close()

    def _fill(self, waiting: Iterator[Task], running: selectors.BaseSelector, workers: int) -> bool:
        while len(running.get_map()) < workers and (task := next(waiting, None)):
            running.register(self._start(task), selectors.EVENT_READ, task)
        return bool(running.get_map())

    def _wait(self, running: selectors.BaseSelector) -> list[Task]:
        ended: list[Task] = []
        if not running.get_map():
            return ended
        soonest = min(key.data.deadline_s for key in running.get_map().values())
        for key, _ in running.select(min(max(0.0, soonest - time.monotonic()), 3600.0)):
            if _drain(key.fd, key.data):
                running.unregister(key.fd)
                os.close(key.fd)
                ended.append(key.data)
        for key in running.get_map().values():
            _enforce(key.data)
        return ended

    def _start(self, task: Task) -> int:
        read, write = os.pipe()
        with contextlib.suppress(AttributeError, OSError):
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        job = {
            "modules": imported(task.notebook),
            "folder": str(task.folder),
            "cells": _runnable(task.notebook),
        }
        try:
            self._send(job, [write])
            task.pid = int.from_bytes(self._socket.recv(8, socket.MSG_WAITALL), "little")
        except OSError:
            task.pid = 0
        os.close(write)
        task.deadline_s = time.monotonic() + task.timeout_s
        return read


_KEPT: dict[int, tuple[tuple[object, ...], WarmParent]] = {}


@contextlib.contextmanager
def warm_parent(
    environment: dict[str, str] | None = None, *, keep: bool = False
) -> Iterator[WarmParent]:
    """A warm parent for the time of a call; with `keep` one that the next call finds again.

    A kept parent belongs to one thread; it ends with this process, or is replaced when the
    sources it has imported change, or `environment`.
    """
    if not keep:
        with WarmParent(environment) as parent:
            yield parent
        return
    yield _kept(threading.get_ident(), environment or {})


def _kept(thread: int, environment: dict[str, str]) -> WarmParent:
    made_of = (library(), environment)
    if thread in _KEPT:
        known, parent = _KEPT[thread]
        if known == made_of and parent.alive:
            return parent
        parent.close()
    parent = WarmParent(environment)
    atexit.register(parent.close)
    _KEPT[thread] = made_of, parent
    return parent


FIXED = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""The environment of every notebook: figures inline, equal runs equal to the byte, and no thread
of a library alive when the parent forks."""


def _drain(descriptor: int, task: Task) -> bool:
    """Take the events that are there; True at the end of the child."""
    data = os.read(descriptor, 1 << 20)
    task.buffer += data
    start = 0
    while len(task.buffer) - start >= 4:
        size = int.from_bytes(task.buffer[start : start + 4], "little")
        if len(task.buffer) - start - 4 < size:
            break
        event = msgspec.msgpack.decode(memoryview(task.buffer)[start + 4 : start + 4 + size])
        start += 4 + size
        task.record.take(event)
        task.on_event(event)
    del task.buffer[:start]
    return not data


def _enforce(task: Task) -> None:
    if time.monotonic() < task.deadline_s:
        return
    task.deadline_s = time.monotonic() + GRACE_S
    if task.interrupted:
        _kill(task)
    elif task.pid:
        task.interrupted = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(task.pid, signal.SIGINT)


def _kill(task: Task) -> None:
    if task.pid:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(task.pid, signal.SIGKILL)


def _finished(task: Task) -> Task:
    record = task.record
    if task.interrupted and (record.failed is not None or not record.finished):
        record.error("TimeoutError", f"the notebook took longer than {task.timeout_s:g} s")
    elif not record.finished:
        record.error("ProcessDied", "the notebook's process ended before its last cell")
    return task
