"""Many machines: a Dask cluster executes the notebooks; each worker has a warm parent of its own.

The workers must see the same files at the same places as the caller (a shared folder), and
run the same perflib; both are checked before a notebook is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from perflib.errors import ReportError
from perflib.report.cache import library
from perflib.report.notebook import Notebook
from perflib.report.parameters import inject
from perflib.report.plan import Order
from perflib.report.settings import Follow, Settings
from perflib.report.warm import Task, warm_parent

PATIENCE = "10s"


def execute(
    orders: Sequence[Order], settings: Settings, follow: Follow
) -> Iterator[tuple[Order, Notebook]]:
    """Each order with its notebook, in the order in which the cluster finishes them."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise ReportError(
            "Dask is not installed", next_step="install the extra: `pip install perflib[dask]`"
        ) from None
    try:
        client = Client(settings.dask, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError):
        raise ReportError(
            f"no Dask scheduler answers at {settings.dask}",
            expected="an address such as tcp://host:8786",
            next_step="start one with `dask scheduler` and workers with `dask worker`",
        ) from None
    with client:
        _agree(client)
        for order in orders:
            inject(order.content, order.parameters)
        here = str(Path.cwd())
        sent = {
            client.submit(
                run_here, order.content, here, settings.timeout_s, settings.environment, pure=False
            ): order
            for order in orders
        }
        for future in as_completed(list(sent), loop=client.loop):  # type: ignore[no-untyped-call]
            follow(sent[future], ["end"])
            yield sent[future], future.result()


def _agree(client: Any) -> None:
    others = client.run(library_here, str(Path.cwd()))
    odd = sorted(worker for worker, told in others.items() if told != library())
    if not others or odd:
        raise ReportError(
            f"{len(odd)} workers have other libraries or cannot see this folder: {', '.join(odd)}"
            if others
            else "the cluster has no workers",
            expected="workers with the same perflib and the same files",
            next_step="start the workers in the same environment, in a shared folder",
        )


def library_here(folder: str) -> str:
    """What a worker has installed; empty when it cannot see `folder`."""
    return library() if Path(folder).is_dir() else ""


def run_here(
    notebook: Notebook, folder: str, timeout_s: float, environment: dict[str, str]
) -> Notebook:
    """Execute `notebook` on a worker, in a child of the parent that the worker keeps warm."""
    with warm_parent(environment, keep=True) as parent:
        for task in parent.run([Task(notebook, Path(folder), timeout_s)]):
            return task.notebook
    raise AssertionError("a task always ends")
