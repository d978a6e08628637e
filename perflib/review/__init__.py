"""Reviews look at what is written and what was measured together: a finding needs both sides.

`findings` is what reports call; `isolate` answers whether performance tests keep to their own.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from perflib.model import Run
from perflib.review.finding import Finding, ranked
from perflib.review.isolation import Hit, isolate
from perflib.review.rules import review
from perflib.review.runs import review_run
from perflib.review.settings import Setting, read_settings

UNREADABLE = "unreadable settings"
"""The code of the finding about a file that could not be read."""

__all__ = [
    "UNREADABLE",
    "Finding",
    "Hit",
    "Setting",
    "findings",
    "isolate",
    "ranked",
    "read_settings",
    "review",
]


def findings(
    run: Run | None = None,
    samples: pd.DataFrame | None = None,
    configs: Path | str | None = None,
    queries: dict[str, str] | None = None,
) -> list[Finding]:
    """What a change would gain, most first: from settings below `configs`, from a run, or both.

    `queries` are SQL texts by name that settings are held against; a database run brings
    its own. Files that cannot be read are findings too. A missing folder raises.
    """
    settings: list[Setting] = []
    result: list[Finding] = []
    if configs is not None:
        settings, problems = read_settings(Path(configs))
        result += [
            Finding(
                code=UNREADABLE,
                message=problem.found,
                evidence=str(problem).splitlines()[0],
                next_step=problem.next_step or "mend the file",
                gain="settings that can be reviewed",
                rank=0.9,
                file=problem.file or "",
                line=problem.line,
            )
            for problem in problems
        ]
        cores = run.environment.cores if run else None
        result += review(settings, (queries or {}) | _queries_of(run), cores)
    if run is not None and samples is not None:
        result += review_run(run, samples, settings)
    return ranked(result)


def _queries_of(run: Run | None) -> dict[str, str]:
    asked = run.workload.get("queries", {}) if run else {}
    return {name: query["sql"] for name, query in asked.items() if isinstance(query, dict)}
