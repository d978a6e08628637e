"""`perflib capacity`: the highest rate that keeps the promises on latency and errors."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from perflib import analysis, campaign, config
from perflib.cli import show
from perflib.cli.choose import CONFIG
from perflib.cli.signs import tick
from perflib.errors import ExitCode, PerflibError, StoreError, TargetError
from perflib.load.capacity import Bracket, Held, Step, search
from perflib.load.usl import fit_usl
from perflib.model import CAPACITY, SAMPLES, Outcome, Run, Verdict
from perflib.run import execute
from perflib.samples import measured, read_samples
from perflib.store import Store
from perflib.target import Scenario, Target
from perflib.units import format_quantity, parse_quantity
from perflib.workloads.http import HttpTarget

PROMISED = ("response_time", "service_time", "lateness", "error_rate")
KEPT_UP = 0.97
ENOUGH = 1000
"""Requests of a step with which an error rate of 1 % and a p99 can be judged, bursts included."""
LONGEST = 8
HOPELESS = ("no contact", "failed", "not authorised", "not served", "sent elsewhere")
"""Caveats of a first step that no lower rate would mend."""
_TIMED = "response_time"


@click.command()
@click.argument("target")
@CONFIG
@click.option("--scenario", default="", help="Users, warm-up and weights; see the scenarios file.")
@click.option("--start", default="", help="The first rate, such as `500 req/s`.")
@click.option("--limit", default="100000 req/s", show_default=True, help="Never try more.")
@click.option(
    "--step-time",
    default="10 s",
    show_default=True,
    help="Measured time of a step; up to eight times as long where that gives few requests.",
)
@click.option(
    "--precision",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Relative width to stop at.",
)
def capacity(
    target: str,
    file: Path,
    scenario: str,
    start: str,
    limit: str,
    step_time: str,
    precision: float,
) -> int:
    """Search the highest rate at which TARGET keeps its promises on latency and errors."""
    settings = config.load(file)
    wanted = settings.target(target)
    if not isinstance(wanted, HttpTarget):
        raise PerflibError(f"`{target}` is of kind {wanted.kind}", expected="a target of kind http")
    if not any(objective.metric in PROMISED for objective in wanted.objectives):
        raise PerflibError(
            f"`{target}` promises nothing on latency or errors",
            expected="an objective such as `p95(response_time) < 50 ms`",
        )
    lasting = {"run_time": _above_zero("--step-time", step_time, "s")}
    steady = {"arrival": "open", "shape": "constant", "peak_rate": None}
    load = wanted.loaded(settings.scenario(scenario)).model_copy(update=lasting | steady)
    first = _above_zero("--start", start, "req/s") if start else load.rate or 100.0
    most = _above_zero("--limit", limit, "req/s")
    if first > most:
        raise PerflibError(
            f"the first rate is {format_quantity(first, 'req/s')}",
            expected=f"one up to the limit, {format_quantity(most, 'req/s')}",
            next_step="give a smaller `--start` or a larger `--limit`",
        )
    store = Store(settings.data, settings.history)
    store.require_writable()
    with (
        campaign.system(settings, [wanted], show.console.print) as (found,),
        tempfile.TemporaryDirectory(prefix="perflib-capacity-") as folder,
    ):
        seeker = Seeker(found, load, store, aside=Store(folder))
        try:
            seeker.seek(first, most, precision)
        except KeyboardInterrupt:
            show.console.print("stopped: the bounds so far")
        return seeker.conclude()


def _above_zero(option: str, text: str, unit: str) -> float:
    value = parse_quantity(text, unit)
    if value <= 0:
        raise PerflibError(f"`{option} '{text}'`", expected=f"more than 0 {unit}")
    return value


class Seeker:
    """One search: its steps, kept `aside`, the best run among them, and the bounds so far."""

    def __init__(self, target: Target, scenario: Scenario, store: Store, aside: Store) -> None:
        self.target = target
        self.scenario = scenario
        self.store = store
        self.steps: list[Step] = []
        self.bracket = Bracket()
        self._aside = aside
        self._best: Run | None = None

    def seek(self, first: float, limit: float, precision: float) -> None:
        """Run steps until the bounds are close enough; each is printed as it ends."""
        for step, bracket in search(self.attempt, first, limit=limit, precision=precision):
            self.bracket = bracket
            rate = format_quantity(step.rate, "req/s")
            show.console.print(f"{tick(step.outcome)} {rate}: {step.reason}")

    def attempt(self, rate: float) -> Step:
        """One step at `rate`; judged again over a longer time when it cannot be judged."""
        run_time_s = step_time_s(rate, self.scenario.run_time)
        step, run = self._measure(rate, run_time_s)
        hopeless = [c for c in run.caveats if c.code in HOPELESS]
        if hopeless and not self.steps:
            raise TargetError(hopeless[0].message, next_step=hopeless[0].next_step)
        if step.outcome == "unknown":
            step, run = self._measure(rate, 2 * run_time_s)
        self.steps.append(step)
        if step.held or self._best is None:
            self._best = run
        return step

    def _measure(self, rate: float, run_time_s: float) -> tuple[Step, Run]:
        load = self.scenario.model_copy(update={"rate": rate, "run_time": run_time_s})
        try:
            run = execute(self.target, load, self._aside)
        except StoreError as error:  # whose step is for a run that is found again
            place = f"make room in {self._aside.root.parent}, or set TMPDIR to a larger place"
            error.next_step = f"{place}, then search again"
            raise
        if run.status == "interrupted":
            raise KeyboardInterrupt
        path = self._aside.root / "runs" / run.id / SAMPLES
        samples = measured(read_samples(path), run.measured_from_s, run.measured_until_s)
        good = samples[samples["ok"]]
        times = good[_TIMED].dropna() if _TIMED in good else good["service_time"]
        span_s = (run.measured_until_s or run.duration_s) - run.measured_from_s
        promised = [v for v in run.verdicts if v.objective.metric in PROMISED]
        failed = samples.loc[~samples["ok"], "error"].mode()
        outcome, reason = judged(promised, len(good), rate * span_s, *failed[:1])
        quantile = {q: float(times.quantile(q)) if len(times) else None for q in (0.5, 0.95, 0.99)}
        step = Step(
            rate=rate,
            throughput=len(good) / span_s,
            p50_s=quantile[0.5],
            p95_s=quantile[0.95],
            p99_s=quantile[0.99],
            mean_s=float(times.mean()) if len(times) else None,
            error_rate=1 - len(good) / len(samples) if len(samples) else 1.0,
            held=outcome == "held",
            outcome=outcome,
            reason=reason,
        )
        return step, run

    def conclude(self) -> int:
        """Print what was found; keep the best step as a run with the whole search in it."""
        details = self._details()
        show.console.print(_table(self.steps))
        show.console.print(_sentence(self.bracket, details.get("usl")))
        if self._best is not None:
            self._keep(self._best, details)
        return ExitCode.MET if self.bracket.low is not None else ExitCode.UNKNOWN

    def _details(self) -> dict[str, Any]:
        ran = sorted((s for s in self.steps if s.mean_s is not None), key=lambda s: s.rate)
        usl = fit_usl([s.throughput for s in ran], [s.mean_s or 0.0 for s in ran])
        return {
            "capacity": self.bracket.low,
            "low": self.bracket.low,
            "high": self.bracket.high,
            "steps": msgspec.to_builtins(ran),
            "usl": usl,
        }

    def _keep(self, best: Run, details: dict[str, Any]) -> None:
        best.target += CAPACITY
        run_id, staging = self.store.begin(best.target)
        for path in (self._aside.root / "runs" / best.id).glob("*.parquet"):
            shutil.copy2(path, staging)
        best.id, best.details["capacity"] = run_id, details
        best.verdicts = analysis.judge(best, best.estimates)
        self.store.commit(best, staging)
        show.console.print(f"kept as run {run_id}")


def step_time_s(rate: float, least_s: float) -> float:
    """How long to measure at `rate`: a low rate takes longer to give enough requests."""
    return min(max(least_s, ENOUGH / rate), LONGEST * least_s)


def judged(
    verdicts: list[Verdict], answered: int, due: float, failed: str = ""
) -> tuple[Held, str]:
    """Whether a step held: every promise met, and the target kept up with what was `due`.

    `failed` is the error that most of the others ended with.
    """
    for verdict in verdicts:
        if verdict.outcome is Outcome.MISSED:
            return "broke", verdict.reason
    if answered < KEPT_UP * due - 1:
        why = f", most others: {failed}" if failed else ""
        return "broke", f"only {answered} of {due:.0f} requests were answered well{why}"
    for verdict in verdicts:
        if verdict.outcome is not Outcome.MET:
            return "unknown", verdict.reason
    return "held", "all promises kept"


def _table(steps: list[Step]) -> Table:
    table = Table("rate", "throughput", "p50", "p95", "p99", "errors", "", box=None)
    for step in sorted(steps, key=lambda step: step.rate):
        times = [
            "–" if value is None else format_quantity(value, "s")
            for value in (step.p50_s, step.p95_s, step.p99_s)
        ]
        rates = [format_quantity(value, "req/s") for value in (step.rate, step.throughput)]
        table.add_row(*rates, *times, f"{step.error_rate:.2%}", step.outcome)
    return table


def _sentence(bracket: Bracket, usl: dict[str, Any] | None) -> str:
    if bracket.low is None:
        text = "no rate held; see the reasons above"
    else:
        high = (
            "no rate broke it" if bracket.high is None else format_quantity(bracket.high, "req/s")
        )
        text = f"holds {format_quantity(bracket.low, 'req/s')}; first that did not hold: {high}"
    if usl is not None:
        parts = [
            f"{name} {usl[name]['value']:.3g} [{usl[name]['low']:.3g}, {usl[name]['high']:.3g}]"
            for name in ("contention", "coherency")
        ]
        text += f"\nscalability law: {', '.join(parts)}"
    return text
