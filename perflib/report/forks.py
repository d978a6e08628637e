"""Notebooks in children of a warm parent: how reports are executed unless asked otherwise."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from perflib.environment import usable_cores
from perflib.report.notebook import Notebook
from perflib.report.parameters import inject
from perflib.report.plan import Order
from perflib.report.settings import Follow, Settings
from perflib.report.warm import Task, imported, warm_parent


def execute(
    orders: Sequence[Order], settings: Settings, follow: Follow
) -> Iterator[tuple[Order, Notebook]]:
    """Each order with its notebook, as they end, one a core at a time."""
    modules = [name for order in orders for name in imported(order.content)]
    with warm_parent(settings.environment, keep=settings.keep_warm) as parent:
        parent.prepare(modules)
        importlib.import_module("perflib.report.page")  # while the parent imports, so do we
        tasks = (_task(order, settings, follow) for order in orders)
        for task in parent.run(tasks, settings.workers or usable_cores()):
            yield task.label, task.notebook


def _task(order: Order, settings: Settings, follow: Follow) -> Task:
    inject(order.content, order.parameters)
    return Task(
        order.content,
        Path.cwd(),
        settings.timeout_s,
        on_event=lambda event: follow(order, event),
        label=order,
    )
