"""papermill's engine `perflib`: the same forks under papermill's own command and interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from papermill.engines import Engine, NBClientEngine, NotebookExecutionManager

from perflib.report.flow import CAN_FORK
from perflib.report.notebook import is_python, joined
from perflib.report.parameters import check
from perflib.report.warm import Task, WarmParent

NEVER_S = 10 * 365 * 86400.0


class ForkEngine(Engine):  # type: ignore[misc]
    """Executes a notebook in a child of a warm parent; other languages get their kernel.

    Parameters that the notebook does not declare, or of another type, raise `ConfigError`
    before any cell runs. `execution_timeout` (seconds) interrupts, then kills.
    """

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        input_path: str = "notebook",
        execution_timeout: float | None = None,
        **options: Any,
    ) -> None:
        """Run the cells of `nb_man.nb` and keep papermill's record of each."""
        notebook = _plain(nb_man.nb)
        told = nb_man.nb.metadata.get("papermill", {}).get("parameters", {})
        check(notebook, told, Path(input_path).name)
        if not CAN_FORK or not is_python(notebook):
            NBClientEngine.execute_managed_notebook(
                nb_man, kernel_name, execution_timeout=execution_timeout, **options
            )
            return

        def follow(event: list[Any]) -> None:
            if event[0] == "start":
                nb_man.cell_start(nb_man.nb.cells[event[1]], event[1])
            elif event[0] == "end":
                _copy(notebook, nb_man, event[1])

        task = Task(notebook, Path.cwd(), execution_timeout or NEVER_S, follow)
        with WarmParent() as parent:
            for _ in parent.run([task]):
                pass
        for index, cell in enumerate(notebook["cells"]):
            if cell["cell_type"] == "code":
                _copy(notebook, nb_man, index, done=False)
        if task.record.failed is not None:
            cell = nb_man.nb.cells[task.record.failed]
            nb_man.cell_exception(cell, task.record.failed)


def _plain(node: Any) -> dict[str, Any]:
    """A copy of a notebook node as plain dicts, sources as single strings."""
    notebook: dict[str, Any] = json.loads(json.dumps(node))
    for cell in notebook["cells"]:
        cell["source"] = joined(cell["source"])
    return notebook


def _copy(
    notebook: dict[str, Any], nb_man: NotebookExecutionManager, index: int, *, done: bool = True
) -> None:
    ran, cell = notebook["cells"][index], nb_man.nb.cells[index]
    cell["outputs"] = [
        nbformat.from_dict(output)  # type: ignore[no-untyped-call]
        for output in ran["outputs"]
    ]
    cell["execution_count"] = ran["execution_count"]
    if done:
        nb_man.cell_complete(cell, index)
