"""One number of one fresh run, for `perflib bisect`: TARGET METRIC STATISTIC CONFIG."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from perflib import campaign, config
from perflib.errors import ExitCode, PerflibError


def main(target: str, metric: str, statistic: str, file: str) -> int:
    """Measure `target` with the settings of `file` and print the estimate; without one not 0."""
    try:
        settings = config.load(Path(file))
        with contextlib.redirect_stdout(sys.stderr):
            (run,) = campaign.measure(settings, (target,), settings.scenario())
    except PerflibError as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return error.exit_code
    found = [each.value for each in run.estimates if each.key == (metric, statistic, "")]
    if run.status != "complete" or not found:
        print(f"the run is {run.status} and has no {statistic}({metric})", file=sys.stderr)
        return ExitCode.UNKNOWN
    print(found[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
