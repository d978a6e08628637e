"""Small recorded runs and small notebooks, made on the spot: what the report tests report on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from perflib.model import Estimate, Objective, Outcome, Run, Verdict, to_json

KINDS = {"api": "http", "chain": "blocks", "sessions": "chunks", "db": "sql"}
STATES = {
    "api": Outcome.MET,
    "chain": Outcome.UNKNOWN,
    "sessions": Outcome.MISSED,
    "db": Outcome.MET,
}


def verdict(outcome: Outcome, value: float, text: str = "p95(query_time) < 10 ms") -> Verdict:
    objective = Objective(text=text, metric="query_time", statistic="p95", unit="s", high=0.01)
    estimate = Estimate(
        metric="query_time",
        statistic="p95",
        value=value,
        unit="s",
        n=100,
        low=value * 0.9,
        high=value * 1.1,
    )
    return Verdict(
        objective=objective,
        outcome=outcome,
        reason="measured",
        next_step="go on",
        estimate=estimate,
    )


def add_run(
    root: Path, target: str, number: int, outcome: Outcome | None = None, **changes: Any
) -> Run:
    """Record a run of `target` under `root`; its samples are a few bytes that nobody reads."""
    run = Run(
        id=changes.pop("id", f"20261101T{number:06d}Z-{target}-0000"),
        target=target,
        kind=KINDS.get(target, "sql"),
        started_at=f"2026-11-{1 + number // 24:02d}T{number % 24:02d}:00:00Z",
        duration_s=10.0,
        verdicts=[
            verdict(outcome or STATES.get(target, Outcome.MET), 0.004 + 0.0005 * (number % 7))
        ],
    )
    run.environment.git_commit = f"{number:x}".rjust(40, "a")
    for name, value in changes.items():
        setattr(run, name, value)
    folder = root / "runs" / run.id
    folder.mkdir(parents=True)
    (folder / "run.json").write_bytes(to_json(run))
    (folder / "samples.parquet").write_bytes(f"samples of {run.id}".encode())
    return run


def cell(source: str, *tags: str, kind: str = "code", name: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {
        "cell_type": kind,
        "id": name or f"cell-{abs(hash(source)) % 10**8}",
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source,
    }
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def text(source: str) -> dict[str, Any]:
    return cell(source, kind="markdown")


PARAMETERS = cell(
    'run_id: str = ""  # the run\ntarget: str = ""  # the target\ndata: str = "data"  # the folder',
    "parameters",
    name="parameters",
)


def write_notebook(file: Path, cells: list[dict[str, Any]]) -> Path:
    for number, one in enumerate(cells):
        one.setdefault("id", f"cell-{number}")
        if one["id"].startswith("cell-"):
            one["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(notebook, indent=1))
    return file


def small(file: Path, *extra: str) -> Path:
    """A notebook that imports nothing heavy."""
    body = [cell("print(run_id, target)"), *(cell(source) for source in extra)]
    return write_notebook(file, [text("# Is it fast?\n\n## Verdict"), PARAMETERS, *body])


def drawn(file: Path, figures: int = 1) -> Path:
    """A notebook with pandas tables and matplotlib figures, as a report has them."""
    cells = [
        text("# Is the database fast enough?"),
        PARAMETERS,
        cell("import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt"),
        text("## Verdict\n\nMet, by *far*."),
        cell(
            "frame = pd.DataFrame({'query': ['a', 'b', 'c'], 'p95 (ms)': [3.5, 12.25, 7.0]})\nframe"
        ),
        text("## Evidence\n\n### Latency over time"),
    ]
    cells += [
        cell(
            f"rng = np.random.default_rng({number})\n"
            "figure, axes = plt.subplots(figsize=(8, 3.5))\n"
            "axes.plot(rng.normal(size=200).cumsum())\n"
            f"axes.set_title('Figure {number}');"
        )
        for number in range(figures)
    ]
    cells.append(
        text("## What to do next\n\n- nothing\n\n## How it was measured\n\nBy `perflib run`.")
    )
    return write_notebook(file, cells)


def workbench(root: Path, targets: tuple[str, ...] = ("api", "chain", "sessions", "db")) -> Path:
    """A folder with a run of each target in `data` and a notebook for each in `notebooks`."""
    for target in targets:
        add_run(root / "data", target, 1)
        small(root / "notebooks" / f"{target}.ipynb")
    return root
