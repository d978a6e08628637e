"""HTTP under load: Locust's scripting in a process of its own, judged by every sample it took."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import to_builtins
from pydantic import AfterValidator, Field, model_validator

from perflib.errors import PerflibError, nearest
from perflib.hidden import without_secrets
from perflib.load.calibrate import machine_ceiling
from perflib.load.findings import (
    bottleneck,
    broken_off,
    denials,
    elsewhere,
    health_of,
    lost_workers,
    refusals,
    steadiness,
    unasked,
    unfinished,
    unreached,
    users_gone,
)
from perflib.load.plan import Outcome, Plan, Request
from perflib.load.process import generate
from perflib.model import SAMPLES
from perflib.monitor import scrape
from perflib.session import Session
from perflib.target import (
    BaseUrl,
    Headers,
    Scenario,
    Seconds,
    Settings,
    Target,
)

DEFAULT_RATE = 100.0


def _place(value: str) -> str:
    if value and not value.startswith(("/", "?", "http://", "https://")):
        raise ValueError("expected a path such as `/health`")
    return value


def _method(value: str) -> str:
    if not (value.isascii() and value.replace("-", "").isalpha()):
        raise ValueError("expected a method such as `GET`")
    return value


class RequestSettings(Settings):
    """A request of a target that brings no locustfile."""

    path: Annotated[str, AfterValidator(_place)] = Field(
        description="path with query, such as /health"
    )
    method: Annotated[str, AfterValidator(_method)] = Field(
        default="GET", description="the HTTP method"
    )
    weight: int = Field(default=1, ge=0, description="how often, relative to the others")
    name: str = Field(default="", description="the label; the path when empty")
    json_: Any = Field(default=None, alias="json", description="a body, sent as JSON")
    expect: int = Field(default=0, description="the only status that counts as success")


class HttpTarget(Target):
    """Anything that answers HTTP, loaded through Locust."""

    kind: Literal["http"]
    url: BaseUrl = Field(min_length=1, description="base URL")
    locustfile: str = Field(default="", description="users and tasks; empty: `requests`")
    requests: list[RequestSettings] = Field(
        default_factory=lambda: [RequestSettings(path="/")], description="without a locustfile"
    )
    headers: Headers = Field(default_factory=dict, description="sent with `requests`")
    timeout: Seconds = Field(default=30.0, gt=0, description="for a whole answer of `requests`")
    insecure: bool = Field(default=False, description="do not verify certificates")
    count_metric: str = Field(
        default="", description="counter on `metrics_url` that must agree with our count"
    )
    joining_workers: int = Field(
        default=0,
        ge=0,
        description="workers on other hosts (`python -m perflib.load.runner --join HOST`)",
    )
    bind: str = Field(default="0.0.0.0:5557", description="where joining workers connect to")
    more_hosts: dict[str, str] = Field(
        default_factory=dict,
        description="other URLs that the locustfile may load, each with the reason",
    )

    @model_validator(mode="after")
    def _counter(self) -> HttpTarget:
        if self.count_metric and not self.metrics_url:
            raise ValueError("`count_metric` needs the `metrics_url` that it is read from")
        return self

    def hosts(self) -> list[str]:
        """The target, its metrics page and the other hosts declared for its locustfile."""
        return [*super().hosts(), *map(without_secrets, self.more_hosts)]

    def measure(self, scenario: Scenario, session: Session) -> None:
        """Load the target by `scenario`; a target that does not answer gives errors to count."""
        plan = self.plan(scenario, session)
        run = session.run
        run.arrival = plan.arrival
        run.workload = {
            "url": without_secrets(self.url),
            "scenario": scenario.model_dump(mode="json"),
            **{k: v for k, v in to_builtins(plan).items() if k not in _HIDDEN},
            "more_hosts": {without_secrets(url): why for url, why in self.more_hosts.items()},
        }
        ceiling = machine_ceiling(scenario.users)
        run.environment.generator_ceiling = ceiling
        session.keep()
        before = self._told()
        show = lambda numbers: session.show(_shown(numbers))  # noqa: E731
        outcome = generate(plan, session.stop, show, session.held)
        complete(session, plan, outcome, ceiling)
        if self.count_metric:
            self._compare_counts(session, outcome, before, self._told())

    def _told(self) -> dict[str, float] | None:
        """The sums of the metrics page by name, without the requests for that page."""
        if not self.count_metric:
            return None
        page = urlsplit(self.metrics_url).path
        told: dict[str, float] = {}
        try:
            for sample in scrape(self.metrics_url):
                if page not in sample.labels.values():
                    told[sample.name] = told.get(sample.name, 0.0) + sample.value
        except PerflibError:
            return None
        return told

    def _compare_counts(
        self,
        session: Session,
        outcome: Outcome,
        before: dict[str, float] | None,
        after: dict[str, float] | None,
    ) -> None:
        """Hold the target's own count against ours; where there is none, say why."""
        name = self.count_metric
        if before is None or after is None:
            what = f"`{name}` could not be read before and after the load"
            step = "mend the metrics page, or leave `count_metric` out"
        elif name not in after:
            what = f"the metrics page has no `{name}`"
            step = f"name in `count_metric` {nearest(name, sorted(after))}"
        elif not isfinite(told := after[name] - before.get(name, 0.0)):
            what, step = f"`{name}` is {after[name]}", "mend the metrics page"
        elif told < 0:
            what = f"`{name}` fell from {before[name]:.0f} to {after[name]:.0f} during the load"
            step = "find what restarted the target, then measure again"
        else:
            self._count_of_target(session, outcome, round(told))
            return
        session.warn("counts not compared", what, step, ("*",))

    def _count_of_target(self, session: Session, outcome: Outcome, told: int) -> None:
        """Requests without an answer may or may not have reached the target: both agree."""
        page = urlsplit(self.metrics_url).path
        table = pq.read_table(session.folder / SAMPLES, columns=["label", "status"])
        own = pc.match_substring(table["label"].cast("string"), f" {page}")
        counted = table.filter(pc.invert(own))
        answered = pc.sum(pc.greater(counted["status"], 0)).as_py() or 0
        extra = sum(worker.extra_exchanges for worker in outcome.workers)
        unsure = len(counted) - answered + sum(worker.retries for worker in outcome.workers)
        agrees = answered + extra <= told <= answered + extra + unsure
        run = session.run
        off = told - answered - extra
        run.counts.target = run.counts.recorded + (0 if agrees else off)

    def plan(self, scenario: Scenario, session: Session) -> Plan:
        """The generator's orders for `scenario`."""
        return Plan(
            url=self.url.rstrip("/"),
            folder=str(session.folder.resolve()),
            zero_ns=session.zero_ns,
            locustfile=self.locustfile,
            requests=[Request(**r.model_dump(by_alias=True)) for r in self.requests],
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
            joining=self.joining_workers,
            bind=self.bind,
            seed=scenario.seed,
            weights=scenario.weights,
            hosts=self.hosts(),
        )


_HIDDEN = {"folder", "zero_ns", "live_fd", "headers", "url"}


def complete(session: Session, plan: Plan, outcome: Outcome, ceiling: float | None) -> None:
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
    start, end = (table[name].to_numpy() * 1e-9 for name in ("start", "end"))
    due = pc.coalesce(table["intended_start"], table["start"]).to_numpy() * 1e-9
    scheduled = pc.is_valid(table["intended_start"]).to_numpy(zero_copy_only=False)
    run.generator = health_of(outcome, (start - due)[scheduled], run.errors)
    run.generator.ceiling = ceiling
    run.facts["connections"] = float(sum(worker.connections for worker in outcome.workers))
    run.details["generator"] = to_builtins(outcome.workers)
    told = [worker.messages.items() for worker in outcome.workers]
    run.details["messages"] = messages = {kind: text for each in told for kind, text in each}
    run.caveats += unreached(run.errors, len(table), messages)  # first: it explains the others
    if outcome.drained:
        run.caveats += unfinished(outcome, plan)
    if run.measured_until_s is not None:
        run.measured_until_s = min(run.measured_until_s, session.now())
        span = run.measured_from_s, run.measured_until_s
        if outcome.drained:
            failed = pc.invert(table["ok"]).to_numpy()
            cut_s, caveats = steadiness(due, end - due, *span, failed)
            run.details["steady_after_s"] = cut_s
            run.measured_from_s += cut_s
            run.caveats += caveats
        sent = ((start >= span[0]) & (start < span[1])).sum()
        rate = float(sent / max(span[1] - span[0], 1e-9))
        run.caveats += bottleneck(run.generator, rate)
    run.caveats += lost_workers(outcome)
    failed = table.filter(pc.invert(table["ok"]))["status"]
    statuses = {pair["values"]: pair["counts"] for pair in pc.value_counts(failed).to_pylist()}
    run.caveats += refusals(statuses, len(table))
    run.caveats += denials(statuses, len(table))
    run.caveats += elsewhere(run.errors, len(table), messages)
    run.caveats += broken_off(outcome, len(table))
    run.caveats += unasked(outcome, len(table))
    run.caveats += users_gone(outcome, plan)
    if outcome.died and not session.stop.is_set():
        run.status = "failed"
        step = "see its memory and limits, and what its locustfile waits for"
        session.warn("generator died", outcome.stopped, step, ("*",))
    elif outcome.stopped and not session.stop.is_set():
        step = "shorten the run, or see what ends it: a `quit` in the locustfile, a signal, a limit"
        session.warn("stopped early", outcome.stopped, step, ("*",))


def _shown(numbers: dict[str, object]) -> dict[str, str]:
    """The live numbers as people read them."""

    def ms(key: str) -> str:
        value = numbers.get(key)
        return f"{value:.3g} ms" if isinstance(value, int | float) else "–"

    shown = {"rate": f"{numbers['rate']} req/s", "p50": ms("p50_ms"), "p95": ms("p95_ms")}
    shown |= {"p99": ms("p99_ms"), "errors": str(numbers["errors"]), "late": str(numbers["late"])}
    return shown | {"generator": f"{numbers['cpu']} cores", "users": str(numbers["users"])}
