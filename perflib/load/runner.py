"""`python -m perflib.load.runner PLAN`: Locust itself, headless, under a plan.

Runs in a process of its own, since Locust patches the standard library. `--worker HOST` makes
it a worker of a master on another host, which has a copy of the plan.
"""

from __future__ import annotations

import math
import os
import socket
import sys
from pathlib import Path
from typing import Any

from perflib.load.plan import PLAN_VARIABLE, Plan, read_plan

SPARE_S = 3600.0


def arguments(plan: Plan, extra: list[str]) -> list[str]:
    """Locust's command line for `plan`."""
    locustfile = plan.locustfile or str(Path(__file__).with_name("simple.py"))
    common = ["locust", "-f", locustfile, "--headless", "--host", plan.url]
    if "--worker" in extra:
        return [*common, *extra]
    last_s = plan.users / plan.spawn_rate + plan.warmup_s + plan.run_s + plan.drain_s + SPARE_S
    return [
        *common,
        *("--users", str(plan.users), "--spawn-rate", str(plan.spawn_rate)),
        *("--run-time", f"{int(last_s)}s", "--stop-timeout", f"{math.ceil(plan.drain_s)}s"),
        *("--only-summary", "--exit-code-on-error", "0"),
        *(("--processes", str(plan.processes), *_own_port()) if plan.processes > 1 else ()),
        *plan.options,
        *extra,
    ]


def _own_port() -> list[str]:
    """A free port for this run's master: two runs at once must not share workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]


def main(argv: list[str]) -> None:
    """Run Locust under the plan in file `argv[0]`; further arguments go to Locust."""
    os.environ[PLAN_VARIABLE] = argv[0]
    plan = read_plan(Path(argv[0]))
    sys.argv = arguments(plan, argv[1:])
    import locust
    from locust.main import main as run_locust

    locust.runners.WORKER_REPORT_INTERVAL = 1.0  # the live line's pace
    from perflib.load.recording import record

    def under_plan(environment: Any, **_: Any) -> None:
        record(plan, environment)

    locust.events.init.add_listener(under_plan)  # type: ignore[no-untyped-call]
    run_locust()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(sys.argv[1:])
