"""Ordinary Jupyter kernels, where forking is not possible or was asked off; the same outputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from perflib.report.notebook import Notebook
from perflib.report.outputs import Record
from perflib.report.parameters import inject
from perflib.report.plan import Order
from perflib.report.settings import Follow, Settings
from perflib.report.warm import FIXED


def execute(
    orders: Sequence[Order], settings: Settings, follow: Follow
) -> Iterator[tuple[Order, Notebook]]:
    """Each order with its notebook, executed one after the other in a kernel of its own."""
    for order in orders:
        inject(order.content, order.parameters)
        follow(order, ["start", 0])
        yield order, run_kernel(order.content, settings.timeout_s, settings.environment)


def run_kernel(
    notebook: Notebook, timeout_s: float, environment: Mapping[str, str] | None = None
) -> Notebook:
    """`notebook` after an ordinary kernel executed it; an error is among its outputs."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    Record(notebook["cells"])  # clears what an earlier execution left
    client = NotebookClient(
        nbformat.from_dict(notebook),  # type: ignore[no-untyped-call]
        timeout=timeout_s,
        kernel_name="python3",
        interrupt_on_timeout=False,
        resources={"metadata": {"path": str(Path.cwd())}},
    )
    failure: tuple[str, str] | None = None
    try:
        client.execute(env=os.environ | FIXED | dict(environment or {}))
    except CellExecutionError:
        pass  # the cell has the error among its outputs
    except CellTimeoutError:
        failure = "TimeoutError", f"the notebook took longer than {timeout_s:g} s"
    except DeadKernelError:
        failure = "ProcessDied", "the notebook's process ended before its last cell"
    done: Notebook = json.loads(json.dumps(client.nb))
    if failure:
        record = Record(done["cells"], fresh=False)
        ran = [n for n, cell in enumerate(done["cells"]) if cell.get("execution_count")]
        record.at = ran[-1] if ran else -1
        record.error(*failure)
    return done
