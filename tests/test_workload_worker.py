"""A client process counts each call and each arrival once, however the call or the process ends."""

from __future__ import annotations

import io
import queue
import time
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from perflib.workloads.hand import Hand
from perflib.workloads.worker import Done, Job, Worker


class Calls:
    """A task whose calls take `seconds` each and then raise `error`."""

    def __init__(self, seconds: float, error: Exception | None = None) -> None:
        self.seconds, self.error = seconds, error

    def check(self) -> dict[str, Any]:
        return {}

    def choose(self, _: object) -> tuple[str, Any]:
        return "call", None

    def perform(self, *_: object) -> Done:
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return Done()

    def report(self) -> dict[str, Any]:
        return {}


def errors_of(task: Calls, **job: Any) -> list[str]:
    """The error of each row that a worker of one user sends."""
    given = Job(
        task="",
        settings={},
        zero_ns=time.monotonic_ns(),
        index=0,
        processes=1,
        threads=1,
        seed=1,
        warmup_s=0.0,
        run_time_s=0.5,
        timeout_s=0.3,
        **job,
    )
    out = io.BytesIO()
    Worker(given, task, out).run(0.0)
    sent = [msgspec.json.decode(line) for line in out.getvalue().splitlines()]
    return [row[4] for message in sent for row in message.get("rows", ())]


def test_every_arrival_is_a_row_even_if_its_call_does_not_end_in_time() -> None:
    errors = errors_of(Calls(0.27), rate=20.0)
    assert len(errors) == 10
    assert errors.count("cut off") == 1
    assert errors.count("not started") >= 4


@pytest.mark.parametrize("rate", [20.0, None])
def test_what_a_call_raises_is_counted_and_its_user_goes_on(rate: float | None) -> None:
    errors = errors_of(Calls(0.01, KeyError("packet")), rate=rate)
    assert len(errors) >= 10
    assert set(errors) == {"KeyError"}


def test_half_a_line_of_a_process_that_was_killed_is_no_message() -> None:
    hand = object.__new__(Hand)
    hand.process = SimpleNamespace(stdout=[b'{"rows":[]}\n', b'{"rows":[["ca'])
    hand.messages = queue.SimpleQueue()
    hand._read_messages()
    assert [*hand.drain()] == [{"rows": []}]
