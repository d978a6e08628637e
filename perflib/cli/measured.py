"""One number of one fresh run, for `perflib bisect`: TARGET METRIC STATISTIC CONFIG."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from perflib import campaign, config


def main(target: str, metric: str, statistic: str, file: str) -> int:
    """Measure `target` with the settings of `file` and print the estimate; 1 when there is none."""
    settings = config.load(Path(file))
    with contextlib.redirect_stdout(sys.stderr):
        (run,) = campaign.measure(settings, (target,), settings.scenario())
    wanted = (metric, statistic, "")
    found = [e.value for e in run.estimates if (e.metric, e.statistic, e.label) == wanted]
    if run.status != "complete" or not found:
        return 1
    print(found[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
