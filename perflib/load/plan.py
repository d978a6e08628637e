"""What a run's generator is told, and what it tells back, in two files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

from perflib import files
from perflib.load.schedule import Schedule, Shape, make_schedule
from perflib.model import GeneratorHealth

PLAN_VARIABLE = "PERFLIB_LOAD_PLAN"
PLAN, OUTCOME, SPOOL = "plan.json", "outcome.json", "spool"


class Request(Struct, kw_only=True, forbid_unknown_fields=True):
    """One kind of request of a target that brings no locustfile."""

    path: str
    method: str = "GET"
    weight: int = 1
    name: str = ""
    json: object = None
    expect: int = 0


class Plan(Struct, kw_only=True):
    """The load of one run. Times in seconds, rates a second; `zero_ns` is the run's start.

    `joining` is how many workers come from other hosts, to the address `bind`.
    """

    url: str
    folder: str
    zero_ns: int
    locustfile: str = ""
    requests: list[Request] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    insecure: bool = False
    timeout_s: float = 30.0
    arrival: Literal["open", "closed"] = "open"
    rate: float = 100.0
    shape: Shape = "constant"
    peak_rate: float | None = None
    steps: int = 5
    users: int = 32
    spawn_rate: float = 32.0
    warmup_s: float = 3.0
    run_s: float = 30.0
    drain_s: float = 5.0
    processes: int = 1
    joining: int = 0
    bind: str = "0.0.0.0:5557"
    seed: int = 1
    weights: dict[str, int] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=list)
    most_requests: int = 100_000_000
    live_fd: int = -1

    def schedule(self) -> Schedule:
        """The arrivals of all processes; a ramp or steps fill the measured time."""
        return make_schedule(
            self.rate,
            shape=self.shape,
            peak_rate=self.peak_rate,
            over_s=self.warmup_s + self.run_s,
            steps=self.steps,
            seed=self.seed,
        )


class Worker(Struct, kw_only=True):
    """One generator process and what it delivered."""

    id: str
    rows: int = 0
    lost: bool = False
    health: GeneratorHealth = field(default_factory=GeneratorHealth)
    begun_ns: int | None = None
    retries: int = 0
    extra_exchanges: int = 0
    raised: int = 0
    first_raised: str = ""
    connections: int = 0
    unasked: int = 0
    doubtful: int = 0
    arrivals_begun: int = 0
    arrivals_late: int = 0
    arrivals_undone: int = 0
    wake_lateness_s: tuple[float, float, float] | None = None
    host: str = ""
    boot: str = ""
    messages: dict[str, str] = field(default_factory=dict)


class Outcome(Struct, kw_only=True):
    """How a load went, besides its samples; `users_left` of it were there when it was over."""

    workers: list[Worker] = field(default_factory=list)
    engine: int = 0
    users_left: int | None = None
    measured_from_s: float | None = None
    measured_until_s: float | None = None
    drained: bool = False
    stopped: str = ""
    died: bool = False


def write(record: Struct, path: Path) -> None:
    """Write `record` as JSON in one step; no other user may read what may hold secrets."""
    files.write(path, msgspec.json.encode(record), private=True)


def read_plan(path: Path) -> Plan:
    """The plan in file `path`."""
    return msgspec.json.decode(path.read_bytes(), type=Plan)


def read_outcome(path: Path) -> Outcome | None:
    """The outcome in file `path`; None when the generator died before writing it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Outcome)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
