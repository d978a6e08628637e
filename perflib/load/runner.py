"""`python -m perflib.load.runner PLAN`: Locust itself, headless, under a plan.

Runs in a process of its own, since Locust patches the standard library. On another host,
`python -m perflib.load.runner --join HOST[:PORT] [LOCUSTFILE]` joins a run as a worker; the plan
comes from the master.
"""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from perflib.load.plan import PLAN_VARIABLE, Plan, read_plan

SPARE_S = 3600.0
SIMPLE = str(Path(__file__).with_name("simple.py"))


def arguments(plan: Plan) -> list[str]:
    """Locust's command line for `plan`."""
    last_s = plan.users / plan.spawn_rate + plan.warmup_s + plan.run_s + plan.drain_s + SPARE_S
    return [
        *("locust", "-f", plan.locustfile or SIMPLE, "--headless", "--host", plan.url),
        *("--users", str(plan.users), "--spawn-rate", str(plan.spawn_rate)),
        *("--run-time", f"{int(last_s)}s", "--stop-timeout", f"{math.ceil(plan.drain_s)}s"),
        # without its log set up only what is wrong is said, and not on which host
        *("--only-summary", "--exit-code-on-error", "0", "--skip-log-setup"),
        *_workers(plan),
    ]


def _workers(plan: Plan) -> list[str]:
    if plan.joining:
        host, _, port = plan.bind.rpartition(":")
        place = ["--master-bind-host", host, "--master-bind-port", port]
        return ["--master", "--expect-workers", str(plan.joining), *place]
    return ["--processes", str(plan.processes), *_own_port()] if plan.processes > 1 else []


def join_arguments(master: str, locustfile: str = "") -> list[str]:
    """Locust's command line for a worker of the master at `HOST[:PORT]`."""
    host, _, port = master.partition(":")
    place = ["--master-host", host, "--master-port", port or "5557"]
    return ["locust", "-f", locustfile or SIMPLE, "--worker", *place]


def _own_port() -> list[str]:
    """A free port for this run's master: two runs at once must not share workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]


def main(argv: list[str]) -> None:
    """Run Locust under the plan in file `argv[0]`, or join a run on another host."""
    plan: Plan | None = None
    if argv[0] == "--join":
        sys.argv = join_arguments(*argv[1:])
    else:
        os.environ[PLAN_VARIABLE] = argv[0]
        plan = read_plan(Path(argv[0]))
        sys.argv = arguments(plan)
    import locust
    from locust.main import main as run_locust

    locust.runners.WORKER_REPORT_INTERVAL = 1.0  # the live line's pace
    # by the wall clock a step forward ends all workers, one back discards their orders
    vars(locust.runners)["time"] = SimpleNamespace(**{**vars(time), "time": time.monotonic})
    from perflib.load.recording import await_plan, record

    if plan is None:
        await_plan()
    else:
        known = plan
        locust.events.init.add_listener(  # type: ignore[no-untyped-call]
            lambda environment, **_: record(known, environment)
        )
    run_locust()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(sys.argv[1:])
