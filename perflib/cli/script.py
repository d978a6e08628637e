"""What the scripts in `tests/performance` are made of, so that each stays a few lines long."""

from __future__ import annotations

import sys
from pathlib import Path

from perflib import config
from perflib.cli import show
from perflib.cli.run import measure
from perflib.errors import PerflibError
from perflib.headline import write_headline

RESULTS = Path("tests/performance/results")


def benchmark(target: str, result: str) -> int:
    """Measure `target` under the default scenario, write `results/RESULT`, return the exit code.

    Settings are read from `tests/performance`; run it from the project's root.
    """
    try:
        settings = config.load()
        runs = measure(settings, (target,), settings.scenario())
    except PerflibError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for run in runs:
        write_headline(run, RESULTS / result)
        show.console.print(f"{RESULTS / result}: the headline of run {run.id}")
    return show.print_runs(runs)
