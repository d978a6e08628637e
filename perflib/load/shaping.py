"""A scenario laid over a locustfile: open arrivals for all users, weights by name, known hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from locust import TaskSet

from perflib.errors import PerflibError, nearest
from perflib.load.messages import split_url
from perflib.load.plan import Plan
from perflib.load.waiting import wait_for


def apply_plan(plan: Plan, environment: Any, engine: Any) -> None:
    """Give the users of `environment` the arrivals, weights and hosts of `plan`."""
    if plan.weights:
        set_weights(environment.user_classes, plan.weights)
    if plan.hosts:
        engine.hosts = frozenset(split_url(url)[0].authority for url in plan.hosts)
    if plan.arrival == "open":
        wait = wait_for(plan.schedule())
        for holder in holders(environment.user_classes):
            holder.wait_time = wait
        engine.end_after_s = plan.warmup_s + plan.run_s


def holders(classes: list[Any]) -> Iterator[Any]:
    """User classes and, inside them, task sets: all that may have a wait time of their own."""
    for cls in classes:
        yield cls
        yield from holders([t for t in dict.fromkeys(cls.tasks) if _is_task_set(t)])


def set_weights(classes: list[Any], weights: dict[str, int]) -> None:
    """Set the weights of user classes and tasks by name; 0 leaves one out.

    Raises `PerflibError` for a name that no class and no task has.
    """
    known = {name for holder in holders(classes) for name in _names(holder)}
    for name in weights:
        if name not in known:
            raise PerflibError(
                f"no user class or task is called `{name}`", expected=nearest(name, sorted(known))
            )
    for holder in list(holders(classes)):
        if not _is_task_set(holder) and holder.__name__ in weights:
            holder.weight = weights[holder.__name__]
        present = dict.fromkeys(holder.tasks)
        holder.tasks = [
            t for t in present for _ in range(weights.get(t.__name__, holder.tasks.count(t)))
        ]
    classes[:] = [cls for cls in classes if cls.weight > 0 or cls.fixed_count > 0]


def _names(holder: Any) -> Iterator[str]:
    yield holder.__name__
    task: Callable[..., Any]
    for task in holder.tasks:
        yield task.__name__


def _is_task_set(task: Any) -> bool:
    return isinstance(task, type) and issubclass(task, TaskSet)
