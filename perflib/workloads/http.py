"""HTTP under load: Locust's scripting in a process of its own, judged by every sample it took."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from perflib.load.plan import Outcome, Plan, Request
from perflib.load.process import generate
from perflib.model import GeneratorHealth
from perflib.session import SAMPLES, Session
from perflib.target import Scenario, Seconds, Settings, Target

DEFAULT_RATE = 100.0


class RequestSettings(Settings):
    """A request of a target that brings no locustfile."""

    path: str = Field(description="path with query, such as /health")
    method: str = Field(default="GET", description="the HTTP method")
    weight: int = Field(default=1, ge=0, description="how often, relative to the others")
    name: str = Field(default="", description="the label; the path when empty")
    json_: Any = Field(default=None, alias="json", description="a body, sent as JSON")
    expect: int = Field(default=0, description="the only status that counts as success")


class HttpTarget(Target):
    """Anything that answers HTTP, loaded through Locust."""

    kind: Literal["http"]
    url: str = Field(description="base URL")
    locustfile: str = Field(default="", description="users and tasks; empty: `requests`")
    requests: list[RequestSettings] = Field(
        default_factory=lambda: [RequestSettings(path="/")], description="without a locustfile"
    )
    headers: dict[str, str] = Field(default_factory=dict, description="sent with `requests`")
    timeout: Seconds = Field(default=30.0, gt=0, description="for a whole answer of `requests`")
    insecure: bool = Field(default=False, description="do not verify certificates")
    more_hosts: list[str] = Field(
        default_factory=list, description="other URLs that the locustfile may load"
    )

    def hosts(self) -> list[str]:
        """The target, its metrics page and the other hosts declared for its locustfile."""
        return [*super().hosts(), *self.more_hosts]

    def time_needed(self, scenario: Scenario) -> float:
        """Seconds that a run takes: users are spawned before the warm-up."""
        return scenario.users / scenario.spawn_rate + scenario.warmup + scenario.run_time

    def measure(self, scenario: Scenario, session: Session) -> None:
        """Load the target by `scenario`; a target that does not answer gives errors to count."""
        plan = self.plan(scenario, session)
        run = session.run
        run.arrival = plan.arrival
        run.workload = {"url": self.url, "scenario": scenario.model_dump(mode="json")} | {
            key: value for key, value in msgspec_dict(plan).items() if key not in _HIDDEN
        }
        outcome = generate(plan, session.stop, lambda numbers: session.show(_shown(numbers)))
        complete(session, outcome)

    def plan(self, scenario: Scenario, session: Session) -> Plan:
        """The generator's orders for `scenario`."""
        return Plan(
            url=self.url.rstrip("/"),
            folder=str(session.folder.resolve()),
            zero_ns=session.zero_ns,
            locustfile=self.locustfile,
            requests=[
                Request(
                    path=r.path,
                    method=r.method,
                    weight=r.weight,
                    name=r.name,
                    json=r.json_,
                    expect=r.expect,
                )
                for r in self.requests
            ],
            headers=self.headers,
            insecure=self.insecure,
            timeout_s=self.timeout,
            arrival=scenario.arrival,
            rate=scenario.rate or DEFAULT_RATE,
            shape=scenario.shape,
            peak_rate=scenario.peak_rate,
            steps=scenario.steps,
            users=scenario.users,
            spawn_rate=scenario.spawn_rate,
            warmup_s=scenario.warmup,
            run_s=scenario.run_time,
            processes=scenario.processes,
            seed=scenario.seed,
            weights=scenario.weights,
            hosts=self.hosts(),
        )


_HIDDEN = {"folder", "zero_ns", "live_fd", "headers", "url"}


def msgspec_dict(plan: Plan) -> dict[str, Any]:
    """`plan` as plain data."""
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(plan)
    return plain


def complete(session: Session, outcome: Outcome) -> None:
    """Fill the run's record from what the generator told and from its samples."""
    run = session.run
    table = pq.read_table(session.folder / SAMPLES)
    run.counts.recorded = len(table)
    run.counts.engine = None if outcome.died else outcome.engine
    run.measured_from_s = outcome.measured_from_s or 0.0
    run.measured_until_s = outcome.measured_until_s
    for pair in pc.value_counts(table["error"]).to_pylist():
        if pair["values"]:
            run.errors[pair["values"]] = pair["counts"]
    if table["intended_start"].null_count < len(table):
        late = pc.subtract(table["start"], table["intended_start"]).drop_null().to_numpy() * 1e-9
    else:
        late = np.array([])
    healths = [worker.health for worker in outcome.workers if not worker.lost]
    run.generator = GeneratorHealth(
        processes=max(len(outcome.workers), 1),
        workers_lost=sum(worker.lost for worker in outcome.workers),
        cpu_share=max((h.cpu_share for h in healths if h.cpu_share is not None), default=None),
        loop_lateness_p99_s=max(
            (h.loop_lateness_p99_s for h in healths if h.loop_lateness_p99_s is not None),
            default=None,
        ),
        late_starts=float((late > 1e-3).mean()) if len(late) else None,
        lateness_p99_s=float(np.quantile(late, 0.99)) if len(late) else None,
        open_files_limit=min(
            (h.open_files_limit for h in healths if h.open_files_limit), default=None
        ),
    )
    if outcome.died:
        run.status = "failed"
        session.warn("generator died", outcome.stopped, "see its memory and limits", ("*",))
    elif outcome.stopped:
        session.warn("stopped early", outcome.stopped, "raise the limit or shorten the run", ("*",))


def _shown(numbers: dict[str, object]) -> dict[str, str]:
    """The live numbers as people read them."""

    def ms(key: str) -> str:
        value = numbers.get(key)
        return f"{value:.3g} ms" if isinstance(value, int | float) else "–"

    shown = {"rate": f"{numbers['rate']} req/s", "p50": ms("p50_ms"), "p95": ms("p95_ms")}
    shown |= {"p99": ms("p99_ms"), "errors": str(numbers["errors"]), "late": str(numbers["late"])}
    return shown | {"generator": f"{numbers['cpu']} cores", "users": str(numbers["users"])}
