"""The line between the chain and one validator process: numbered questions, then answers."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path
from typing import Any

import msgspec

from perflib.reference.ledger import Message

_MAX_LINE = 64 * 1024 * 1024
_MAX_UNSENT = 16 * 1024 * 1024


class Wire:
    """One validator as the chain sees it; `height` is the last one it said it reached."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name, self.process = name, process
        self.key = ""
        self.height = 0
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Message | None]] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._reading = asyncio.create_task(self._read())

    @property
    def alive(self) -> bool:
        """Whether the process lives."""
        return self.process.returncode is None and not self._reading.done()

    async def ask(self, what: str, timeout_s: float, **values: Any) -> Message | None:
        """The validator's answer, or None when it is dead or silent."""
        pipe = self.process.stdin
        if not self.alive or pipe is None or pipe.transport.get_write_buffer_size() > _MAX_UNSENT:
            return None
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        pipe.write(msgspec.json.encode({"ask": what, "number": number, **values}) + b"\n")
        try:
            return await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(number, None)

    def tell_commit(self, block: Message, timeout_s: float) -> None:
        """Send a committed block without waiting; a lost one is sent again at a later slot."""

        async def tell() -> None:
            answer = await self.ask("commit", timeout_s, block=block)
            self.height = max(self.height, (answer or {}).get("height", 0))

        task = asyncio.create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            answer = msgspec.json.decode(line)
            self._answer(answer.pop("answer_to"), answer)
        for number in list(self._waiting):
            self._answer(number, None)
        print(f"{self.name} (process {self.process.pid}) is dead", flush=True)

    def _answer(self, number: int, answer: Message | None) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_result(answer)

    def close(self) -> None:
        """Let the validator go: it ends with its input."""
        self._reading.cancel()
        if self.process.stdin is not None:
            self.process.stdin.close()


async def open_wire(name: str, key_file: Path) -> Wire:
    """Start the validator process `name` and the line to it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "perflib.reference.validator", name, str(key_file),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_MAX_LINE,
    )  # fmt: skip
    return Wire(name, process)
