"""A chunk counts as processed when the answer proves it: its size, its stored size, its hash.

The time is the client's own; stage times are the target's word and are held against it.
"""

from __future__ import annotations

import time
from typing import Annotated, Literal

from pydantic import Field, model_validator

from perflib.errors import TargetError
from perflib.hidden import without_secrets
from perflib.load.faults import DENIALS, UNSERVED
from perflib.load.findings import denials
from perflib.monitor import scrape
from perflib.session import Session
from perflib.target import (
    BaseUrl,
    Bytes,
    Headers,
    Scenario,
    Seconds,
    Settings,
    Target,
)
from perflib.workloads.chunk_task import METRICS, STAGES, size_label
from perflib.workloads.crew import Crew
from perflib.workloads.fields import NEXT_STEPS
from perflib.workloads.paths import FieldPath, with_places

KIB = 1024


class ChunkAnswer(Settings):
    """Where the answer tells what; an empty path is not asked for."""

    chunk_size: FieldPath = Field(
        default="size_in", description="bytes received; must be those sent"
    )
    stored_size: FieldPath = Field(default="size_out", description="bytes kept")
    compressed_size: FieldPath = Field(default="", description="bytes after compression")
    hash: FieldPath = Field(
        default="root_hash", description="digest of the chunk; must not be empty"
    )
    compress_time: FieldPath = "stages.compress_s"
    encrypt_time: FieldPath = "stages.encrypt_s"
    hash_time: FieldPath = "stages.hash_s"
    store_time: FieldPath = "stages.store_s"


class ChunksTarget(Target):
    """A service, or a Python function, that takes chunks of data and stores them."""

    kind: Literal["chunks"]
    url: BaseUrl = Field(default="", description="the service; or give `callable`")
    path: Annotated[str, with_places("session", "index")] = Field(
        default="/api/v1/sessions/{session}/chunks/{index}",
        description="where chunks are uploaded; `{session}` and `{index}` are filled in",
    )
    method: Literal["POST", "PUT"] = "POST"
    headers: Headers = Field(
        default_factory=dict, repr=False, description="sent with each chunk; never recorded"
    )
    callable: str = Field(
        default="",
        pattern=r"^(\w[\w.]*:\w+)?$",
        description="`module:function` found from the current folder; it is given bytes",
    )
    sizes: list[Bytes] = Field(
        default=[16 * KIB, 64 * KIB, 256 * KIB, KIB**2, 4 * KIB**2, 8 * KIB**2],
        min_length=1,
        description="sizes of chunks, drawn equally or by the scenario's weights",
    )
    compressibility: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.8, description="share of the payload that is JSON-like text; the rest is noise"
    )
    think_time: Seconds = Field(default=0.0, description="mean pause of a closed user")
    timeout: Seconds = Field(default=10.0, gt=0, description="a slower upload is an error")
    answer: ChunkAnswer | None = Field(
        default=ChunkAnswer(),
        description="where the answer tells what; `null`: its status alone says that all is well",
    )

    @model_validator(mode="after")
    def _one_way(self) -> ChunksTarget:
        if bool(self.url) == bool(self.callable):
            raise ValueError("expected either `url` or `callable`")
        return self

    def measure(self, scenario: Scenario, session: Session) -> None:
        """Upload chunks; sample rows are labelled by size, such as `64 KiB`."""
        url = self.url and self.url.rstrip("/") + self.path
        settings = {
            "url": url,
            "method": self.method,
            "headers": self.headers,
            "callable": self.callable,
            "sizes": [int(size) for size in self.sizes],
            "weights": self._weights(scenario),
            "compressibility": self.compressibility,
            "timeout_s": self.timeout,
            "answer": self.answer.model_dump() if self.answer else {},
            "seed": scenario.seed,
        }
        session.run.workload = settings | {
            "url": without_secrets(url),
            "headers": sorted(self.headers),
            "think_time_s": self.think_time,
            "scenario": scenario.model_dump(mode="json"),
        }
        cpu = _Cpu(self.metrics_url)
        crew = Crew(
            session,
            scenario,
            "perflib.workloads.chunk_task:ChunkTask",
            settings,
            scenario.users,
            self.timeout,
            METRICS,
            think_s=self.think_time,
            saturates=not self.callable,
            at_edge=cpu.read,
            next_steps=NEXT_STEPS,
        )
        if crew.work():
            session.run.environment.target_version = crew.facts["version"]
            session.run.details["messages"] = crew.messages()
            self._refused(crew)
            self._summarise(crew, cpu)

    def _weights(self, scenario: Scenario) -> list[int]:
        weights = [scenario.weights.get(size_label(int(size)), 1) for size in self.sizes]
        return weights if any(weights) else [1] * len(weights)

    def _summarise(self, crew: Crew, cpu: _Cpu) -> None:
        """Single numbers of the whole run, as facts; what cannot be known is said in details."""
        run, sums = crew.session.run, crew.tally.sums
        window_s = (run.measured_until_s or 0.0) - run.measured_from_s
        if crew.reports:
            run.facts["peak_memory"] = float(
                sum(report["memory_peak"] - report["memory_before"] for report in crew.reports)
            )
        if not sums["chunk_size"] or window_s <= 0:
            return
        run.facts["data_rate"] = sums["chunk_size"] / window_s
        after = sums["compressed_size"] or sums["stored_size"]
        if after:
            run.facts["compression_ratio"] = sums["chunk_size"] / after
        cores = cpu.busy_cores
        if self.callable:
            cores = sum(report["cpu_share"] for report in crew.reports)
        if cores:
            run.facts["efficiency"] = run.facts["data_rate"] / cores
        else:
            run.details["absent"] = {"efficiency": cpu.why}
        self._compare_stages(crew)

    def _refused(self, crew: Crew) -> None:
        """The target chose not to work: neither a failure nor a success."""
        calls, errors = crew.tally.ok + crew.tally.failed, crew.session.run.errors
        crew.session.run.caveats += denials(
            {status: errors.get(f"status {status}", 0) for status in (*DENIALS, *UNSERVED)}, calls
        )
        if limited := errors.get("status 429", 0):
            crew.session.warn(
                "rate limited",
                f"{limited} of {calls} uploads were answered 429: a limit was measured, "
                "not the target's capacity",
                "lift the rate limit for this client, or lower the rate",
                ("throughput", "data_rate", "error_rate", "processing_time", "response_time"),
            )

    def _compare_stages(self, crew: Crew) -> None:
        doubted = sum(report["task"]["doubted"] for report in crew.reports)
        if doubted:
            crew.session.warn(
                "stage times contradict",
                f"in {doubted} answers the stages took longer together than the whole upload",
                "check the unit of the stage fields (`stages.compress in ms`) and the target",
                STAGES,
            )


class _Cpu:
    """CPU time that the target's own metrics page tells, at both ends of the measured window."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.readings: list[tuple[float, float]] = []
        self.why = "no `metrics_url` is configured" if not url else ""

    def read(self) -> None:
        """Take a reading; a page that does not tell is no error, only less to report."""
        if not self.url:
            return
        try:
            page = scrape(self.url, timeout_s=2.0)
        except TargetError as error:
            self.why = f"{without_secrets(self.url)} cannot be read: {error.found}"
            return
        seconds = [sample.value for sample in page if sample.name == "process_cpu_seconds_total"]
        if seconds:
            self.readings.append((time.monotonic(), sum(seconds)))
        else:
            self.why = "the target's metrics tell no `process_cpu_seconds_total`"

    @property
    def busy_cores(self) -> float:
        """CPU seconds a second between the readings; 0 when not known."""
        if len(self.readings) < 2:
            return 0.0
        (began, before), (ended, after) = self.readings[0], self.readings[-1]
        return (after - before) / (ended - began) if ended > began else 0.0
