"""A promise is met when the whole interval keeps it, missed when the whole interval breaks it.

Everything else is `unknown`, with its reason. Nothing is met by default, by a missing value,
or when the run itself is in doubt.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from scipy.special import ndtr, ndtri

from perflib.errors import require, require_each
from perflib.model import Caveat, Estimate, Objective, Outcome, Run, Verdict, worst
from perflib.objectives import PARSE_IT, parse_objective
from perflib.units import format_number, format_quantity
from perflib.wording import indicator, percent

MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN
_EXCUSE_NOTHING = ("failures",)
"""Caveats of an estimate that forbid `met`, but leave `missed` as it is."""
_FEW_FAIL = 0.01
"""Failures of a smaller share of the requests are not what costs throughput."""
_KEPT_UP = 0.95
"""A target that completed this share of what was offered was not shown to be at its limit."""
_CLOCKED = ("response_time", "service_time", "lateness", "query_time", "connection_time")
"""Times of which the generator takes both ends."""


def judge(
    run: Run, estimates: Iterable[Estimate], objectives: Iterable[Objective] | None = None
) -> list[Verdict]:
    """A verdict on each of `objectives` (the run's own, if not given) from its `estimates`."""
    require(run, Run, "run")
    known = require_each(estimates, Estimate, "estimate", "make them with `analysis.estimates`")
    found = {estimate.key: estimate for estimate in known}
    if objectives is None:
        objectives = [parse_objective(text) for text in run.objectives]
    objectives = require_each(objectives, Objective, "objective", PARSE_IT)
    return [_judge(run, o, found.get(o.key)) for o in objectives]


def overall(verdicts: Iterable[Verdict]) -> Outcome:
    """Missed when any is missed, else unknown when any is (or there are none), else met."""
    return worst(one.outcome for one in require_each(verdicts, Verdict, "verdict"))


def _judge(run: Run, objective: Objective, estimate: Estimate | None) -> Verdict:
    doubts = list(_doubts(run, objective))
    if doubts or estimate is None:
        doubt = doubts[0] if doubts else _missing(run, objective)
        more = f" (and {len(doubts) - 1} more reasons)" if len(doubts) > 1 else ""
        return _verdict(objective, estimate, UNKNOWN, doubt.message + more, doubt.next_step)
    outcome = _outcome(objective, estimate)
    for caveat in estimate.caveats:
        barred = caveat.forbids(objective.metric)
        if barred and (outcome is not MISSED or caveat.code not in _EXCUSE_NOTHING):
            named = caveat.code in _EXCUSE_NOTHING and run.errors and not objective.label
            step = _why_failed(run) if named else caveat.next_step
            return _verdict(objective, estimate, UNKNOWN, caveat.message, step)
    if outcome is not MET and (idle := _underfed(run, objective, estimate)):
        return _verdict(objective, estimate, UNKNOWN, idle.message, idle.next_step)
    if outcome is MISSED and (blur := _blurred(run, objective, estimate)):
        return _verdict(objective, estimate, UNKNOWN, blur.message, blur.next_step)
    side = _side(objective, estimate, outcome)
    reason = f"{indicator(*objective.key)} is {_range(objective, estimate)}, {side}"
    step = _next(run, objective, estimate, outcome)
    return _verdict(objective, estimate, outcome, reason, step)


def _verdict(
    objective: Objective, estimate: Estimate | None, outcome: Outcome, reason: str, step: str
) -> Verdict:
    return Verdict(
        objective=objective,
        outcome=outcome,
        reason=reason,
        next_step=step or "mend what the reason names, then measure again",
        estimate=estimate,
        margin=None if estimate is None else margin(objective, estimate.value),
        flip=None if estimate is None else flip(objective, estimate),
    )


def _doubts(run: Run, objective: Objective) -> Iterator[Caveat]:
    """Reasons that make every verdict on the objective's metric unknown, whatever its value."""
    if run.status != "complete":
        step = "let a run finish, or see the errors of this one"
        what = "the run was interrupted" if run.status == "interrupted" else "the run failed"
        yield Caveat(code="incomplete", message=what, next_step=step)
    if objective.metric == "error_rate" and objective.high is not None and objective.high >= 1:
        message, step = "no error rate breaks a bound of 100 %", "promise it as `error_rate < 1 %`"
        yield Caveat(code="bound", message=message, next_step=step)
    yield from (caveat for caveat in run.caveats if caveat.forbids(objective.metric))
    counts = run.counts
    for name, other in (("the load engine", counts.engine), ("the target", counts.target)):
        if other is not None and other != counts.recorded:
            message = f"{counts.recorded} requests were recorded, {name} counted {other}"
            yield Caveat(code="counts", message=message, next_step="find the lost samples first")
    if run.generator is not None and run.generator.workers_lost:
        message = f"{run.generator.workers_lost} load workers died during the run"
        yield Caveat(code="workers", message=message, next_step="measure again with all workers")


def _underfed(run: Run, objective: Objective, estimate: Estimate) -> Caveat | None:
    """Why a throughput says nothing on the target: less was offered than is promised."""
    offered = _offered(run)
    if objective.metric != "throughput" or objective.label or not offered or not objective.low:
        return None
    if offered > objective.low or estimate.value < _KEPT_UP * offered:
        return None
    rate, bound = (format_quantity(value, "req/s") for value in (offered, objective.low))
    return Caveat(
        code="underfed",
        message=f"only {rate} were offered, and the target kept up",
        next_step=f"choose a `rate` above {bound}, or use `perflib capacity`",
    )


def _blurred(run: Run, objective: Objective, estimate: Estimate) -> Caveat | None:
    """Why a miss may be the generator's own: by so much it made times longer, or sent less.

    A process that runs late takes both ends of a time late, or the second one at least; one that
    waits for a core sends nothing meanwhile. A promise that is met in spite of it is not in doubt.
    """
    if run.generator is None:
        return None
    low, high = limits(estimate)
    late_s, waited = run.generator.loop_lateness_p99_s or 0.0, run.generator.cpu_wait_share or 0.0
    slow = objective.metric in _CLOCKED and not keeps_high(objective, low)
    slow = slow and objective.statistic.startswith(("p9", "max"))
    if slow and objective.high is not None and keeps_high(objective, low - 2 * late_s):
        over, late = (format_quantity(value, "s") for value in (low - objective.high, late_s))
        why = f"{over} or more over its bound, and the generator itself ran up to {late} late "
        why += "(p99) at either end of a request"
    elif objective.metric == "throughput" and keeps(objective, high / max(1 - waited, 1e-9)):
        why = f"{_written(high, objective)} or less, and the generator waited for a core "
        why += f"{percent(waited)} of the time, in which it sent nothing"
    else:
        return None
    return Caveat(
        code="blurred",
        message=f"{indicator(*objective.key)} is {why}",
        next_step="let nothing else run beside the generator, or use another machine for it",
    )


def _offered(run: Run) -> float | None:
    """Mean arrivals a second of an open schedule; None where users wait for their answers."""
    scenario = run.workload.get("scenario")
    load = {**scenario, **run.workload} if isinstance(scenario, dict) else run.workload
    rate, peak = load.get("rate"), load.get("peak_rate")
    if run.arrival != "open" or not isinstance(rate, int | float):
        return None
    if load.get("shape") in ("ramp", "steps") and isinstance(peak, int | float):
        return (rate + peak) / 2
    return float(rate)


def _missing(run: Run, objective: Objective) -> Caveat:
    what, step = f"no {indicator(*objective.key)} was measured", "see the errors of the run"
    if objective.metric in ("response_time", "lateness") and run.arrival == "closed":
        what += ": closed arrivals have no intended start, so no response time"
        step = "use open arrivals, or promise service_time instead"
    elif objective.metric in ("throughput", "error_rate", "response_time") and (
        run.arrival == "watch"
    ):
        what += ": the target is only watched, no load is sent to it"
        step = "promise what is seen of it, such as `mean(block_time) = 10 s ± 20 %`"
    elif objective.label:
        step = f"check that `{objective.label}` is a label of the run, or see its errors"
    elif run.errors:
        what, step = f"{what}: {_most_frequent(run)}", "find out why requests fail first"
    elif run.source:
        step = "promise what the tool states, or import its samples"
    return Caveat(code="missing", message=what, next_step=step)


def _most_frequent(run: Run) -> str:
    """The error that most requests failed with, how often, and what was said of it."""
    kind, count = max(run.errors.items(), key=lambda error: error[1])
    said = run.details.get("messages", {}).get(kind)
    return f"{kind} × {count}" + (f" ({said})" if said else "")


def _outcome(objective: Objective, estimate: Estimate) -> Outcome:
    """Where the interval lies; a side that the samples could not bound reaches to infinity."""
    low, high = limits(estimate)
    if keeps(objective, low) and keeps(objective, high):
        return MET
    below = objective.low is not None and not keeps_low(objective, high)
    above = objective.high is not None and not keeps_high(objective, low)
    return MISSED if below or above else UNKNOWN


def limits(estimate: Estimate) -> tuple[float, float]:
    """The interval; a summary that came without one and without doubts is known exactly."""
    short = any(caveat.code == "short" for caveat in estimate.caveats)
    if estimate.low is None and estimate.high is None and not short:
        return estimate.value - estimate.resolution, estimate.value + estimate.resolution
    low = -math.inf if estimate.low is None else estimate.low
    return low, math.inf if estimate.high is None else estimate.high


def keeps_low(objective: Objective, value: float) -> bool:
    """Whether `value` keeps the lower bound."""
    bound = -math.inf if objective.low is None else objective.low
    return value >= bound if objective.inclusive or math.isinf(bound) else value > bound


def keeps_high(objective: Objective, value: float) -> bool:
    """Whether `value` keeps the upper bound."""
    bound = math.inf if objective.high is None else objective.high
    return value <= bound if objective.inclusive or math.isinf(bound) else value < bound


def keeps(objective: Objective, value: float) -> bool:
    """Whether `value` keeps both bounds."""
    return keeps_low(objective, value) and keeps_high(objective, value)


def _nearest(objective: Objective, value: float) -> float:
    """The bound that `value` is nearest to breaking, or breaks."""
    return min(objective.bounds, key=lambda bound: abs(value - bound))


def margin(objective: Objective, value: float) -> float | None:
    """Distance to the nearest bound relative to it, positive on the right side; None at bound 0."""
    bound = _nearest(objective, value)
    if bound == 0 or not math.isfinite(value):
        return None
    distance = abs(value - bound) / abs(bound)
    return distance if keeps(objective, value) else -distance


def flip(objective: Objective, estimate: Estimate) -> float | None:
    """The chance that a repeat of the run, sampling alone, has another outcome.

    A repeat's value is taken as normal around this one with the variances of both added, its
    interval as wide as this one. So of means of under some 50 values, whose width is chance, a
    third flip where a quarter were told; from 100 values on it holds. None where a side of the
    interval is missing.
    """
    if estimate.low is None or estimate.high is None:
        return None
    z = float(ndtri((1 + estimate.level) / 2))
    down, up = estimate.value - estimate.low, estimate.high - estimate.value

    def below(limit: float) -> float:
        width = math.sqrt(2) * (down if limit < estimate.value else up) / z
        distance = limit - estimate.value
        return float(ndtr(distance / width)) if width > 0 else float(distance > 0)

    low = -math.inf if objective.low is None else objective.low
    high = math.inf if objective.high is None else objective.high
    met = max(below(high - up) - below(low + down), 0.0)
    missed = below(low - up) + 1 - below(high + down)
    chances = {MET: met, MISSED: missed, UNKNOWN: 1 - met - missed}
    return min(max(1 - chances[_outcome(objective, estimate)], 0.0), 1.0)


def _range(objective: Objective, estimate: Estimate) -> str:
    value, low, high = (
        "" if number is None else _written(number, objective)
        for number in (estimate.value, estimate.low, estimate.high)
    )
    if low and high:
        return value if low == high else f"{value} ({low} to {high})"
    return f"{value} ({f'at least {low}' if low else f'at most {high}' if high else 'no interval'})"


def _written(value: float, objective: Objective) -> str:
    """In the unit of the metric; a ratio in percent where the promise was made in percent."""
    if objective.unit == "1" and "%" in objective.text:
        return f"{format_number(100 * value)} %"
    return format_quantity(value, objective.unit)


def _side(objective: Objective, estimate: Estimate, outcome: Outcome) -> str:
    bound = _nearest(objective, estimate.value)
    limit = _written(bound, objective)
    if outcome is UNKNOWN:
        short = [caveat.message for caveat in estimate.caveats if caveat.code == "short"]
        return short[0] if short else f"the interval holds the bound {limit}"
    room = margin(objective, estimate.value)
    share = "" if room is None else f"{percent(abs(room))} "
    side = "below" if estimate.value < bound else "above"
    return f"{share}{side} the bound {limit}"


def _next(run: Run, objective: Objective, estimate: Estimate, outcome: Outcome) -> str:
    if outcome is MET:
        return "nothing to do; keep measuring"
    if outcome is MISSED or (_fails(run, objective) and not keeps(objective, estimate.value)):
        return _mend(run, objective)
    short = [caveat.next_step for caveat in estimate.caveats if caveat.code == "short"]
    if short:
        return short[0]
    distance = abs(estimate.value - _nearest(objective, estimate.value))
    low, high = limits(estimate)
    if estimate.resolution > 0 and estimate.n <= 1:
        return "import a result with samples or a finer resolution"
    if distance > 0 and math.isfinite(high - low):
        at_end = estimate.value in (low, high)  # of a share: it shrinks with n, not its root
        times = (high - low) / distance if at_end else ((high - low) / 2 / distance) ** 2
        if times < 100:
            return f"measure about {max(2, math.ceil(times))} times as long to tell"
    return (
        "the value is at the bound: more samples will hardly tell; change the system or the bound"
    )


def _mend(run: Run, objective: Objective) -> str:
    """Where to begin with a broken promise: at the failures where they explain it."""
    if _fails(run, objective):
        return _why_failed(run)
    return f"find what costs {objective.metric}: the suspects in its report, then `investigate`"


def _fails(run: Run, objective: Objective) -> bool:
    """Whether failures explain what is measured of the objective."""
    counted = objective.metric in ("throughput", "error_rate") and not objective.label
    return counted and sum(run.errors.values()) > _FEW_FAIL * run.counts.recorded


def _why_failed(run: Run) -> str:
    return f"find out why requests fail first: {_most_frequent(run)}"
