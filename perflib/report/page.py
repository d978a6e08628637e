"""The page of an executed notebook and a run: what the notebook has no place to tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perflib.report.notebook import parse
from perflib.report.parameters import declared
from perflib.report.plan import Summary
from perflib.report.render import About, Rendered, render
from perflib.report.safe import shortened


def make_page(data: bytes, stem: str, run: Summary | None) -> Rendered:
    """Render the executed notebook `data`, kept as `<stem>.ipynb`, about `run` if it is of one."""
    notebook = parse(data, Path(f"{stem}.ipynb"))
    told = notebook["metadata"]["perflib"]
    given = told["parameters"]  # by the alphabet; the notebook's cell has them in their order
    given = {name: given[name] for name in [*declared(notebook), *given] if name in given}
    parameters = [(name, repr(value)) for name, value in given.items()]
    name = Path(told["notebook"]).stem
    heading = shortened(run.target) if run and run.target != name else ""
    facts = _facts(run) if run else _chosen(given)
    about = About(name.replace("_", " "), facts, parameters, f"{stem}.ipynb", heading)
    return render(notebook, about)


def _facts(run: Summary) -> list[tuple[str, str]]:
    told = [
        ("Target", run.target),
        ("Measured", f"{run.when} UTC"),
        ("Run", run.id),
        ("Commit", run.environment.git_commit[:10]),
    ]
    return [(name, value) for name, value in told if value]


def _chosen(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """What a report that is of no run was asked for, such as the target of a trend."""
    told = {name: value for name, value in parameters.items() if value and name != "data"}
    return [(name.replace("_", " ").capitalize(), str(value)) for name, value in told.items()]
