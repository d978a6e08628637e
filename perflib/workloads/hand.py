"""One process of a crew as its owner sees it: messages in, a start signal out, a certain end."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from perflib.workloads.worker import Job

STOP_S = 0.4
"""How long a process may take to end when it is asked to."""


class Hand:
    """One process of the crew and the thread that reads its messages."""

    def __init__(self, job: Job) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from perflib.workloads.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=Path.cwd(),
        )
        self.messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.errors = b""
        self.code: int | None = None
        self._send(msgspec.json.encode(job))
        self.readers = [
            threading.Thread(target=target, daemon=True)
            for target in (self._read_messages, self._read_errors)
        ]
        for reader in self.readers:
            reader.start()

    def _send(self, line: bytes) -> None:
        stdin = self.process.stdin
        try:
            if stdin:
                stdin.write(line + b"\n")
                stdin.flush()
        except BrokenPipeError:
            pass  # its end is noticed by the reader, with its last words

    def _read_messages(self) -> None:
        for line in self.process.stdout or ():
            if line.endswith(b"\n"):  # a process that is killed leaves half a line
                self.messages.put(msgspec.json.decode(line))

    def _read_errors(self) -> None:
        for line in self.process.stderr or ():
            self.errors = (self.errors + line)[-4000:]

    @property
    def ended(self) -> bool:
        """Whether the process is over and all of its messages were taken."""
        return not self.readers[0].is_alive() and self.messages.empty()

    def receive(self, timeout_s: float, stop: threading.Event) -> dict[str, Any]:
        """The next message; an empty one when the process ends, the time is up or `stop` is set."""
        for _ in range(int(timeout_s / 0.1)):
            try:
                return self.messages.get(timeout=0.1)
            except queue.Empty:
                if stop.is_set():
                    return {}
                if self.ended:
                    return {"failed": ("client failed", self.last_words(), "")}
        return {"failed": ("timeout", f"no answer within {timeout_s:.0f} s", "")}

    def drain(self) -> Iterator[dict[str, Any]]:
        """The messages that have arrived."""
        while not self.messages.empty():
            yield self.messages.get()

    def begin(self, at: float) -> None:
        """Give the start signal: `at` seconds from the run's start."""
        self._send(repr(at).encode())

    def close(self) -> None:
        """Ask the process to end soon."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()

    def last_words(self) -> str:
        """How the process ended where it was not well, and the last line it wrote to stderr."""
        line = self.errors.decode(errors="replace").strip().rpartition("\n")[2]
        code, how = self.code or 0, ""
        if code:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return ": ".join(filter(None, (how, line)))

    def dismiss(self) -> None:
        """End the process, gently if it lets us."""
        self.code = self.process.poll()
        self.close()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for reader in self.readers:
            reader.join(1.0)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
