"""One chunk at a time, inside a client process, with an answer that is checked."""

from __future__ import annotations

import importlib
import inspect
import itertools
import random
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import httpx

from perflib.workloads.fields import (
    NEXT_STEPS,
    AnswerError,
    accept,
    answer_of,
    find,
    first_words,
    kind_of,
    number,
    open_client,
)
from perflib.workloads.worker import Done, NoContactError

STAGES = ("compress_time", "encrypt_time", "hash_time", "store_time")
METRICS = ("processing_time", *STAGES, "chunk_size", "stored_size", "compressed_size")
BLOCK = 4096
_LATER = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
)
_PROMISES = (Awaitable, Iterator, AsyncIterator, Future)
DOUBT = 1.02
"""Stages together may exceed the client's own time by this factor before they are doubted."""


def size_label(size: int) -> str:
    """`64 KiB`, `8 MiB`, or bytes where neither fits."""
    for symbol, step in (("MiB", 1024**2), ("KiB", 1024)):
        if size >= step and size % step == 0:
            return f"{size // step} {symbol}"
    return f"{size} B"


def payload(size: int, compressibility: float, rng: random.Random) -> bytes:
    """Seeded bytes: blocks of JSON-like text with this probability, else noise."""
    text = bytearray()
    while len(text) < size * compressibility + BLOCK:
        text += b'{"t":%d,"user":"u%05d","event":"%s","x":%d,"y":%d,"value":%.4f}\n' % (
            1_700_000_000_000 + len(text),
            rng.randrange(100_000),
            rng.choice((b"pointer_move", b"key_down", b"scroll", b"frame")),
            rng.randrange(1920),
            rng.randrange(1080),
            rng.random(),
        )
    result, at = bytearray(), 0
    while len(result) < size:
        if rng.random() < compressibility:
            result += text[at : at + BLOCK]
            at = (at + BLOCK) % (len(text) - BLOCK + 1)
        else:
            result += rng.randbytes(BLOCK)
    return bytes(result[:size])


class ChunkTask:
    """Uploads slices of one seeded payload, each from another place."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.answer: dict[str, str] = settings["answer"]
        self.version = ""
        self.doubted = 0
        self.messages: dict[str, str] = {}
        self.local = threading.local()
        self.session = f"perflib-{uuid.uuid4().hex}"
        self.places = itertools.count()
        largest = max(settings["sizes"])
        self.data = b""
        self.data_size = largest + largest // 4 + BLOCK
        self.function: Callable[[bytes], Any] | None = None

    def check(self) -> dict[str, Any]:
        """Send one small chunk: any answer is contact."""
        seeded = random.Random(self.settings["seed"])
        self.data = payload(self.data_size, self.settings["compressibility"], seeded)
        chunk = self.data[: min(self.settings["sizes"])]
        if self.settings["callable"]:
            self.function = _load(self.settings["callable"])
            return {"version": ""}
        try:
            return {"version": self._upload(chunk).headers.get("server", "")}
        except httpx.DecodingError:
            return {"version": ""}
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            kind, said = kind_of(error), f"{type(error).__name__}: {error}"
            raise NoContactError(kind, said, NEXT_STEPS.get(kind, "")) from None

    def choose(self, rng: random.Random) -> tuple[str, Any]:
        """A chunk of a size by weight."""
        size = rng.choices(self.settings["sizes"], self.settings["weights"])[0]
        at = rng.randrange(len(self.data) - size + 1)
        return size_label(size), self.data[at : at + size]

    def perform(self, label: str, what: Any) -> Done:  # noqa: ARG002 (the protocol's signature)
        """Upload the chunk and check the answer."""
        began, status = time.perf_counter(), 0
        try:
            if self.function:
                told = self.function(what)
                spent = time.perf_counter() - began
            else:
                response = self._upload(what)
                spent, status = time.perf_counter() - began, response.status_code
                accept(response)
                told = answer_of(response) if any(self.answer.values()) else None
            metrics = self._checked(told, len(what))
        except BaseException as error:  # whatever a user's function raises is counted
            kind = kind_of(error)
            self.messages.setdefault(kind, first_words(str(error)))
            return Done(kind, status, len(what))
        if sum(metrics.get(stage, 0.0) for stage in STAGES) > spent * DOUBT:
            self.doubted += 1
        return Done("", status, len(what), metrics | {"processing_time": spent})

    def _checked(self, told: Any, sent: int) -> dict[str, float]:
        """The numbers that the answer tells; raises `AnswerError` where it proves nothing."""
        metrics = {"chunk_size": float(sent)}
        if isinstance(told, _PROMISES):
            raise AnswerError(f"a {type(told).__name__} was returned: the work is still to be done")
        if isinstance(told, bytes | bytearray | memoryview):
            if not told:
                raise AnswerError("no bytes were returned")
            return metrics | {"stored_size": float(len(told))}
        for name, path in self.answer.items():
            if not path or (self.function and not _tells(told, path)):
                continue
            if name == "hash":
                if not find(told, path):
                    raise AnswerError(f"`{path}` is empty")
                continue
            value = number(told, path)
            if value < 0 or (value == 0 and name.endswith("_size")):
                raise AnswerError(f"`{path}` is not positive")
            if name == "chunk_size" and value != sent:
                raise AnswerError(f"`{path}` is not the size sent")
            metrics[name] = value
        return metrics

    def report(self) -> dict[str, Any]:
        """How many answers told stage times that cannot be, and the first of each error."""
        return {"doubted": self.doubted, "messages": self.messages}

    def _upload(self, chunk: bytes) -> httpx.Response:
        url = self.settings["url"].format(session=self.session, index=next(self.places))
        return self._client().request(self.settings["method"], url, content=chunk)

    def _client(self) -> httpx.Client:
        """One connection a thread."""
        if not hasattr(self.local, "client"):
            self.local.client = open_client(
                self.settings["url"],
                self.settings["timeout_s"],
                {"content-type": "application/octet-stream"} | self.settings["headers"],
            )
        client: httpx.Client = self.local.client
        return client


def _load(name: str) -> Callable[[bytes], Any]:
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return _plain(getattr(importlib.import_module(module), function), function)
    except (Exception, SystemExit) as error:  # importing runs a user's code
        raise NoContactError(
            "no such callable",
            f"{type(error).__name__}: {error}",
            "correct `callable`: a function of the current folder that takes bytes",
        ) from None


def _plain(found: Any, name: str) -> Callable[[bytes], Any]:
    """`found` if a call of it does the work, which no coroutine and no generator does."""
    if not callable(found) or any(is_later(found) for is_later in _LATER):
        raise TypeError(f"`{name}` is no plain function: calling it would do nothing")
    return cast("Callable[[bytes], Any]", found)


def _tells(told: Any, path: str) -> bool:
    try:
        find(told, path)
    except AnswerError:
        return False
    return True
