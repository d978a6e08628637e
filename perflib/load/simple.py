"""The locustfile of a target that brings none: its configured requests, by weight."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from locust import constant

from perflib.load.plan import PLAN_VARIABLE, Plan, Request, read_plan
from perflib.load.user import PerfHttpUser


def _task(request: Request) -> Callable[[PerfHttpUser], None]:
    path, name, method = request.path, request.name or None, request.method.upper()
    if method == "GET" and not request.expect and request.json is None:

        def get(user: PerfHttpUser) -> None:
            user.client.get(path, name)

        return get

    def ask(user: PerfHttpUser) -> None:
        more: dict[str, Any] = {} if request.json is None else {"json": request.json}
        with user.client.request(method, path, name, catch_response=True, **more) as answer:
            if request.expect and answer.status_code == request.expect:
                answer.success()
            elif request.expect and answer.status_code:
                answer.failure(f"status {answer.status_code}, expected {request.expect}")

    return ask


class ConfiguredRequests(PerfHttpUser):
    """Asks for the configured paths."""

    wait_time = constant(0)

    @classmethod
    def equip(cls, plan: Plan) -> None:
        """Take requests and settings from `plan`; a worker on another host gets it late."""
        cls.default_headers = plan.headers
        cls.insecure = plan.insecure
        cls.network_timeout = cls.connection_timeout = plan.timeout_s
        cls.tasks = [_task(r) for r in plan.requests for _ in range(r.weight)]


if PLAN_VARIABLE in os.environ:
    ConfiguredRequests.equip(read_plan(Path(os.environ[PLAN_VARIABLE])))
