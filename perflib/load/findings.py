"""What makes a load's numbers doubtful, each with the number that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from perflib.load.faults import CREDENTIALS, DENIALS, UNDECLARED, UNSERVED
from perflib.load.plan import Outcome, Plan
from perflib.load.steady import BATCH, steady_from
from perflib.model import Caveat, GeneratorHealth
from perflib.units import format_quantity
from perflib.wording import percent

JUDGED = ("throughput", "response_time", "service_time", "lateness", "error_rate")
BUSY_SHARE = 0.9
LATE_LOOP_S = 0.05
NEAR_CEILING = 0.8
GENERATORS_OWN = ("too many open files", "no free local port")
UNREACHED = (
    "connection refused",
    "connection reset",
    "connection closed",
    "connect timeout",
    "host unreachable",
    "host not found",
    "certificate not trusted",
    "TLS failed",
    "broken answer",
)
NEXT_STEPS = {
    "certificate not trusted": "name its authority in `SSL_CERT_FILE`, or set `insecure: true`",
    "TLS failed": "write `http://` in its `url` if it speaks no TLS, or mend its TLS",
    "broken answer": "correct its `url` if something else than HTTP answers there, or mend it",
}
DENIED_SHARE = 0.9
_UNTESTED = (
    (
        DENIALS,
        "not authorised",
        "nothing was allowed",
        f"{CREDENTIALS}; a locustfile sends its own",
    ),
    (
        UNSERVED,
        "not served",
        "nothing of the service was measured",
        "correct the `url`, paths, methods and bodies of the target; where they are right, the "
        "service has lost them: mend that",
    ),
)
"""Answers after which a promise is neither kept nor broken: their statuses, code, reason, step."""
LOST_SHARE = 0.001
"""So small a share of what was never sent changes no verdict."""
SLOT_S = 0.2
LEAST_DRIFT = 0.25


def health_of(
    outcome: Outcome, late_s: npt.NDArray[np.float64], errors: Mapping[str, int]
) -> GeneratorHealth:
    """The health of all generator processes together: the worst of each number."""
    alive = [worker.health for worker in outcome.workers if not worker.lost]
    limits = [h.open_files_limit for h in alive if h.open_files_limit]
    return GeneratorHealth(
        processes=max(len(outcome.workers), 1),
        workers_lost=sum(worker.lost for worker in outcome.workers),
        cpu_share=_worst(h.cpu_share for h in alive),
        cpu_wait_share=_worst(h.cpu_wait_share for h in alive),
        loop_lateness_p99_s=_worst(h.loop_lateness_p99_s for h in alive),
        late_starts=float((late_s > 1e-3).mean()) if len(late_s) else None,
        lateness_p99_s=float(np.quantile(late_s, 0.99)) if len(late_s) else None,
        socket_errors=sum(errors.get(kind, 0) for kind in GENERATORS_OWN),
        open_files_limit=min(limits, default=None),
    )


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def share_of_ceiling(health: GeneratorHealth, rate: float) -> float | None:
    """The share of its ceiling that the generator took; None where the run itself tells better.

    Starts on schedule prove that the rate is within reach, whatever was measured before. Else a
    rate near the ceiling may be the generator's own; one far above shows that the ceiling was
    measured while the machine was busy, and bounds nothing.
    """
    if not health.ceiling:
        return None
    share, late_s = rate / health.ceiling / health.processes, health.lateness_p99_s
    on_time = late_s is not None and late_s <= LATE_LOOP_S
    disproved = share > 1 / NEAR_CEILING or (on_time and share > NEAR_CEILING)
    return None if disproved else share


def bottleneck(health: GeneratorHealth, rate: float) -> Iterator[Caveat]:
    """Whether the generator, not the target, set the numbers; `rate` is in requests a second."""
    found = []
    busy, waited = health.cpu_share or 0.0, health.cpu_wait_share or 0.0
    if busy + waited > BUSY_SHARE:
        text = f"a process used {percent(busy)} of a core"
        found.append(
            text + (f" and waited for one {percent(waited)} of the time" if waited else "")
        )
    if health.loop_lateness_p99_s is not None and health.loop_lateness_p99_s > LATE_LOOP_S:
        late = format_quantity(health.loop_lateness_p99_s, "s")
        found.append(f"its event loop ran up to {late} late (p99)")
    if health.socket_errors:
        found.append(
            f"{health.socket_errors} requests found no free file descriptor or port; "
            f"{health.open_files_limit} files may be open"
        )
    share = share_of_ceiling(health, rate)
    if share is not None and share > NEAR_CEILING:
        found.append(
            f"{format_quantity(rate, 'req/s')} is {percent(share)} "
            "of what it reaches on this machine at all"
        )
    if found:
        yield Caveat(
            code="generator was the bottleneck",
            message=f"the generator was the bottleneck: {'; '.join(found)}",
            next_step="raise `ulimit -n` or lower the `users`"
            if health.socket_errors
            else "use more `processes` or another machine for the generator, or a lower rate",
            voids=JUDGED,
        )


def refusals(failed: Mapping[int, int], total: int) -> Iterator[Caveat]:
    """429 and 503: the target chose not to work; neither a failure nor a success.

    `failed` counts failures by their status, whatever the locustfile calls them.
    """
    if limited := failed.get(429, 0):
        yield Caveat(
            code="rate limited",
            message=f"{limited} of {total} requests were answered 429: a limit was measured, "
            "not the target's capacity",
            next_step="lift the rate limit for the generator's address, or lower the rate",
            voids=JUDGED,
        )
    if refused := failed.get(503, 0):
        yield Caveat(
            code="overloaded",
            message=f"{refused} of {total} requests were refused with 503; the error rate holds "
            "them, the throughput does not",
            next_step="lower the rate, or find what the target ran out of",
        )


def denials(failed: Mapping[int, int], total: int) -> Iterator[Caveat]:
    """Hardly anything was allowed, or is there: the work that the promise is about was not done.

    A few denials are errors like others. `failed` is as for `refusals`.
    """
    for statuses, code, why, step in _UNTESTED:
        denied = {status: failed[status] for status in statuses if failed.get(status)}
        if sum(denied.values()) > DENIED_SHARE * total:
            told = " or ".join(map(str, denied))
            yield Caveat(
                code=code,
                message=f"{sum(denied.values())} of {total} requests were answered {told}: {why}, "
                "so the promise was not tested",
                next_step=step,
                voids=("*",),
            )


def elsewhere(
    errors: Mapping[str, int], total: int, messages: Mapping[str, str]
) -> Iterator[Caveat]:
    """What we did not ask, because the target sent us to a host that nobody declared."""
    if errors.get(UNDECLARED, 0) > DENIED_SHARE * total:
        yield Caveat(
            code="sent elsewhere",
            message=f"{errors[UNDECLARED]} of {total} requests led to a host that is not declared "
            f"({messages.get(UNDECLARED, 'see the locustfile')}) and were not sent there",
            next_step="write that host in the target's `url` if it is the one to load",
            voids=("*",),
        )


def unreached(
    errors: Mapping[str, int], total: int, messages: Mapping[str, str]
) -> Iterator[Caveat]:
    """Nothing that speaks HTTP was there: no statement on the target is possible.

    `messages` tell more of a kind of error.
    """
    kinds = [kind for kind in UNREACHED if errors.get(kind)]
    # what the end of the run cut off had no answer either
    if kinds and sum(errors[kind] for kind in kinds) + errors.get("cut off", 0) == total:
        told = [f"{kind} ({messages[kind]})" if kind in messages else kind for kind in kinds]
        yield Caveat(
            code="no contact",
            message=f"none of {total} requests was answered: {', '.join(told)}",
            next_step=NEXT_STEPS.get(kinds[0], "start the target, or correct its `url`"),
            voids=("*",),
        )


def lost_workers(outcome: Outcome) -> Iterator[Caveat]:
    """Generator processes that died: what they sent last was recorded by nobody."""
    if lost := [worker.id for worker in outcome.workers if worker.lost]:
        yield Caveat(
            code="workers",
            message=f"{len(lost)} of {len(outcome.workers)} load workers died: {', '.join(lost)}",
            next_step="see their memory and limits, and measure again with all workers",
            voids=("*",),
        )


def unfinished(outcome: Outcome, plan: Plan) -> Iterator[Caveat]:
    """Arrivals that were due and could never be sent: what was measured is too good."""
    undone = sum(worker.arrivals_undone for worker in outcome.workers)
    due = undone + sum(worker.arrivals_begun for worker in outcome.workers)
    if due and undone > LOST_SHARE * due:
        yield Caveat(
            code="backlog",
            message=f"{undone} of {due} arrivals were due and never sent: none of {plan.users} "
            "users was free for them until the end, so times and errors are lower bounds",
            next_step="the target does not take this rate: lower it, or give it more `users`",
            voids=("response_time", "service_time", "lateness", "error_rate"),
        )


def users_gone(outcome: Outcome, plan: Plan) -> Iterator[Caveat]:
    """Users that stopped by themselves: a closed load was lighter than it says."""
    left = plan.users if outcome.users_left is None else outcome.users_left
    if plan.arrival == "closed" and left < plan.users:
        yield Caveat(
            code="users gone",
            message=f"only {left} of {plan.users} users were there until the end",
            next_step="see what stops the others: an `on_start` that fails, or a `StopUser`",
            voids=JUDGED,
        )


def broken_off(outcome: Outcome, total: int) -> Iterator[Caveat]:
    """Tasks that an error of their own ended: what they still had to ask, nobody measured."""
    raised = sum(worker.raised for worker in outcome.workers)
    if raised:
        first = next(worker.first_raised for worker in outcome.workers if worker.raised)
        yield Caveat(
            code="tasks broke off",
            message=f"{raised} times a task or a user's `on_start` broke off, although no request "
            f"of it had failed: {first}",
            next_step="mend the locustfile, or let it mark such answers as failures",
            voids=JUDGED if raised > LOST_SHARE * total else (),
        )


def unasked(outcome: Outcome, total: int) -> Iterator[Caveat]:
    """Bytes after whole answers: each can have been taken for the answer to a later request.

    In a tight loop a line is seldom looked at between two requests, so that one such answer can
    shift many.
    """
    if count := sum(worker.unasked for worker in outcome.workers):
        doubtful = sum(worker.doubtful for worker in outcome.workers)
        yield Caveat(
            code="unasked answers",
            message=f"{count} times a connection held more than the answers to its requests, and "
            "was closed: the target answers twice, or sends more than it announces; "
            f"{doubtful} of {total} answers may belong to other requests",
            next_step="mend the target, or the proxy before it",
            voids=JUDGED if doubtful > LOST_SHARE * total else (),
        )


def steadiness(
    began_s: npt.NDArray[np.float64],
    times_s: npt.NDArray[np.float64],
    since_s: float,
    until_s: float,
    failed: npt.NDArray[np.bool_] | None = None,
) -> tuple[float, list[Caveat]]:
    """Seconds after `since_s` from which the run is steady, with a caveat when it never is.

    `began_s` and `times_s` are the start and response times of the requests; the series is the
    logarithm of their mean in equal slots, so that a drift is relative. A slow start is one from
    the first second on, and holds none of the `failed` requests: a stall or an outage that comes
    early is no warm-up, and must be judged.
    """
    edges = np.arange(since_s, until_s + SLOT_S / 2, SLOT_S)
    slot = np.searchsorted(edges, began_s, side="right") - 1
    inside = (slot >= 0) & (slot < len(edges) - 1)
    counts = np.bincount(slot[inside], minlength=max(len(edges) - 1, 1))
    sums = np.bincount(slot[inside], weights=times_s[inside], minlength=len(counts))
    series = np.log(sums[counts > 0] / counts[counts > 0] + 1e-9)
    found = steady_from(series, LEAST_DRIFT)
    if found.reached is False:
        caveat = Caveat(
            code="not steady",
            message=f"response times were still changing: by {np.expm1(found.drift):+.0%} from the "
            "early to the late part of the measured time",
            next_step="lengthen the warm-up or the run, or lower the rate if they keep growing",
            voids=("throughput", "response_time", "service_time"),
        )
        return 0.0, [caveat]
    cut = found.cut
    if not cut or abs(series[:BATCH].mean() - series[cut:].mean()) <= LEAST_DRIFT:
        return 0.0, []
    cut_s = cut * SLOT_S
    early = (began_s >= since_s) & (began_s < since_s + cut_s)
    outage = failed is not None and (failed & early).sum() > LOST_SHARE * inside.sum()
    return (0.0 if outage else cut_s), []
