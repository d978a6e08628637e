"""Open arrivals as a Locust `wait_time`: users do not wait for answers, they take what is due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent import getcurrent

from perflib.load.engine import engine_of
from perflib.load.schedule import Schedule, Shape, make_schedule


def arrivals(
    rate: float,
    *,
    shape: Shape = "constant",
    peak_rate: float | None = None,
    over_s: float = 60.0,
    steps: int = 5,
    seed: int = 1,
) -> Callable[[Any], float]:
    """A `wait_time` that starts `rate` tasks a second, whatever the target does.

    The rate is that of all users of the class together, over all processes. The schedule
    begins when all users are spawned. The first request of a task counts from the time at which
    the task was due; later requests of the same task count from their own start.
    """
    return wait_for(
        make_schedule(rate, shape=shape, peak_rate=peak_rate, over_s=over_s, steps=steps, seed=seed)
    )


def wait_for(schedule: Schedule) -> Callable[[Any], float]:
    """A `wait_time` on `schedule`, shared by all users that have it."""

    def wait(instance: Any) -> float:
        user = getattr(instance, "user", instance)
        user.intended_ns = engine_of(user.environment).pacer(schedule, id(wait)).next()
        getcurrent().perflib_user = user  # how a foreign client's request finds its due time
        return 0.0

    wait.is_open = True  # type: ignore[attr-defined]
    return wait
