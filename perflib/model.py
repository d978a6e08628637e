"""The words of the field as types: a run is a record, everything else is derived from it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

RUN_SCHEMA = 1
"""Version of `run.json`. History: 1, the first."""

CAPACITY = "_capacity"
"""What a capacity search adds to the name of its target: its runs are a history of their own."""

RECORDS = "runs.jsonl.gz"
"""A committed history: one `run.json` a line, without samples."""

RECORD, SAMPLES, SCRAPED = "run.json", "samples.parquet", "metrics.parquet"
"""The files of a run's folder: its record, its samples, and what was scraped meanwhile."""

PARTS = "parts"
"""Where samples wait for the end of their run, a complete file each few seconds."""

HISTORY = "PERFLIB_HISTORY"
"""The environment variable in which a notebook finds the URL of a shared history."""

BAD = "bad"
"""The decision that a run is not to be judged by."""

CARD = "application/vnd.perflib.card+json"
"""The kind of output in which a card of a notebook tells programs its state and its finding."""

Better = Literal["lower", "higher", "none"]


class Metric(Struct, frozen=True):
    """What a number means: its base unit and which direction is better are data, never an `if`."""

    name: str
    unit: str
    better: Better
    meaning: str


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("throughput", "req/s", "higher", "requests completed without error a second"),
        Metric("response_time", "s", "lower", "from the intended start to the end (open arrivals)"),
        Metric("service_time", "s", "lower", "from the actual start to the end"),
        Metric("lateness", "s", "lower", "from the intended to the actual start"),
        Metric("error_rate", "1", "lower", "failed requests over all requests"),
        Metric("connections", "connections", "none", "connections open at the same time"),
        Metric("block_time", "s", "none", "between the timestamps of consecutive blocks"),
        Metric("arrival_interval", "s", "none", "between the observed arrivals of blocks"),
        Metric("consensus_latency", "s", "lower", "from a block's proposal to its quorum"),
        Metric("validation_time", "s", "lower", "to validate one block"),
        Metric("anchoring_time", "s", "lower", "from the request to a session's anchor in a block"),
        Metric("block_transactions", "tx", "none", "transactions in a block"),
        Metric("processing_time", "s", "lower", "to process one chunk, seen by the client"),
        Metric("compress_time", "s", "lower", "stage: compression"),
        Metric("encrypt_time", "s", "lower", "stage: encryption"),
        Metric("hash_time", "s", "lower", "stage: hash tree"),
        Metric("store_time", "s", "lower", "stage: storage"),
        Metric("chunk_size", "B", "none", "bytes of a chunk before processing"),
        Metric("stored_size", "B", "lower", "bytes of a chunk after processing"),
        Metric("compressed_size", "B", "lower", "bytes of a chunk after compression"),
        Metric("compression_ratio", "1", "higher", "bytes before over bytes after compression"),
        Metric("data_rate", "B/s", "higher", "payload bytes processed a second"),
        Metric("efficiency", "B/s", "higher", "payload bytes a second for each busy core"),
        Metric("peak_memory", "B", "lower", "growth of the client's resident memory"),
        Metric("query_time", "s", "lower", "from sending a query to its last row"),
        Metric("connection_time", "s", "lower", "to open one database connection"),
        Metric("pool_wait", "s", "lower", "waiting for a pooled connection"),
        Metric("result_rows", "rows", "none", "rows in a result"),
    )
}
"""Every metric that perflib measures itself; imported results may bring others."""


def find_metric(name: str, unit: str = "1") -> Metric:
    """The metric called `name`, or one in `unit` without a better direction."""
    return METRICS.get(name) or Metric(name, unit, "none", "")


class Caveat(Struct, frozen=True, kw_only=True):
    """A warning as a value. `voids` names the metrics that cannot be judged; `*` is all of them."""

    code: str
    message: str
    next_step: str = ""
    voids: tuple[str, ...] = ()

    def forbids(self, metric: str) -> bool:
        """Whether a verdict on `metric` must be unknown."""
        return "*" in self.voids or metric in self.voids


Key = tuple[str, str, str]
"""A metric, its statistic and the label, empty for the whole run."""


class Estimate(Struct, frozen=True, kw_only=True):
    """A statistic of one metric with its confidence interval, in base units.

    `low` and `high` are None when `n` does not allow the level; `resolution` is the
    width to which an imported or bucketed value is known (0: exact samples).
    """

    metric: str
    statistic: str
    value: float
    unit: str
    n: int
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    label: str = ""
    method: str = ""
    resolution: float = 0.0
    caveats: tuple[Caveat, ...] = ()

    @property
    def key(self) -> Key:
        """What it tells of."""
        return self.metric, self.statistic, self.label


class Objective(Struct, frozen=True, kw_only=True):
    """A promise: the statistic of a metric lies between `low` and `high` (base units).

    `text` is what the user wrote; `label` is empty for the whole run. Bounds are
    exclusive unless `inclusive`.
    """

    text: str
    metric: str
    statistic: str
    unit: str
    low: float | None = None
    high: float | None = None
    inclusive: bool = False
    label: str = ""

    @property
    def key(self) -> Key:
        """What it promises of."""
        return self.metric, self.statistic, self.label

    @property
    def limit(self) -> float | None:
        """The bound to show where there is room for one: the upper of two."""
        return self.low if self.high is None else self.high

    @property
    def bounds(self) -> tuple[float, ...]:
        """The bounds that it has, the lower one first."""
        return tuple(bound for bound in (self.low, self.high) if bound is not None)


class Outcome(StrEnum):
    """The answer to an objective, the worst first."""

    MISSED = "missed"
    UNKNOWN = "unknown"
    MET = "met"

    @property
    def rank(self) -> int:
        """Its place where the worst comes first."""
        return list(Outcome).index(self)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of `outcomes`; unknown when there are none."""
    return min(outcomes, key=lambda outcome: outcome.rank, default=Outcome.UNKNOWN)


class Verdict(Struct, frozen=True, kw_only=True):
    """An objective judged. `margin` is the distance from the value to the nearest bound, relative
    to that bound and positive on the right side; `flip` the chance of another outcome on a repeat.
    """

    objective: Objective
    outcome: Outcome
    reason: str
    next_step: str
    estimate: Estimate | None = None
    margin: float | None = None
    flip: float | None = None


class Environment(Struct, kw_only=True):
    """Where a run took place. Only runs of comparable environments are compared silently."""

    cpu: str = ""
    cores: int = 0
    memory_bytes: int = 0
    kernel: str = ""
    system: str = ""
    python: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    git_commit: str = ""
    git_dirty: bool = False
    load_before: float | None = None
    load_after: float | None = None
    target_version: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    generator_ceiling: float | None = None


class GeneratorHealth(Struct, kw_only=True):
    """What the load generator itself did: the proof that it was not the bottleneck."""

    processes: int = 1
    workers_lost: int = 0
    cpu_share: float | None = None
    cpu_wait_share: float | None = None
    loop_lateness_p99_s: float | None = None
    late_starts: float | None = None
    lateness_p99_s: float | None = None
    socket_errors: int = 0
    open_files_limit: int | None = None
    ceiling: float | None = None


class Counts(Struct, kw_only=True):
    """The same requests counted in three places; a difference makes every verdict unknown."""

    recorded: int = 0
    engine: int | None = None
    target: int | None = None


class Run(Struct, kw_only=True):
    """One execution, as recorded. Times of samples count in seconds from `started_at`.

    Samples outside `measured_from_s … measured_until_s` are warm-up or tail. `workload`
    is the exact load, `facts` single numbers of the run in base units (named like metrics).
    """

    id: str
    target: str
    kind: str
    started_at: str
    duration_s: float
    status: Literal["complete", "interrupted", "failed"] = "complete"
    arrival: Literal["open", "closed", "watch"] = "closed"
    measured_from_s: float = 0.0
    measured_until_s: float | None = None
    seed: int | None = None
    workload: dict[str, Any] = field(default_factory=dict)
    objectives: list[str] = field(default_factory=list)
    environment: Environment = field(default_factory=Environment)
    generator: GeneratorHealth | None = None
    counts: Counts = field(default_factory=Counts)
    errors: dict[str, int] = field(default_factory=dict)
    caveats: list[Caveat] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)
    estimates: list[Estimate] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    schema: int = RUN_SCHEMA


def to_json(record: Struct) -> bytes:
    """`record` as indented JSON; NumPy's scalars become plain numbers."""
    return msgspec.json.format(msgspec.json.encode(record, enc_hook=_plain), indent=1)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")
