"""One process, one service: an ASGI application on granian that counts what it answers.

Every service has `/health` and `/metrics`, and every error is JSON: `{"error": "..."}`.

Metrics of service `S`: `S_requests_total{route, method, status}`, the histogram
`S_request_time_seconds{route}`, `S_throughput_requests_per_second`, `S_build_info{version}`.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, MutableMapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import prometheus_client as prometheus
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perflib import __version__
from perflib.reference.context import Context
from perflib.reference.settings import Configs, read_configs
from perflib.reference.workers import registry, share_metrics

BUCKETS_S = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
Scope = MutableMapping[str, Any]
Send = Callable[[Any], Any]
Form = TypeVar("Form")
MODULES = {
    "gateway": "gateway",
    "chain": "chain",
    "sessions": "processing",
    "exporter": "exporter",
}
"""Service → the module of this package that is it."""


Serving = Callable[[Context, Configs], AbstractAsyncContextManager[list[BaseRoute]]]
"""What a service's module calls `serving`: yields its routes while it runs."""


class Json(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """`content` as JSON bytes."""
        return msgspec.json.encode(content)


def refuse(status: int, message: str) -> HTTPException:
    """An error answer; raise it."""
    return HTTPException(status, message)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, or 413 as soon as it is known to be larger than `limit` bytes."""
    too_large = refuse(413, f"the body is larger than {limit} bytes")
    too_large.headers = {"connection": "close"}  # what is not read stands in the next one's way
    if int(request.headers.get("content-length") or 0) > limit:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large
        parts.append(part)
    return b"".join(parts)


async def read_json(request: Request, limit: int, kind: type[Form]) -> Form:
    """The body as a `kind`, or a 4xx that names the wrong place."""
    try:
        return msgspec.json.decode(await read_body(request, limit), type=kind)
    except msgspec.ValidationError as error:
        raise refuse(422, str(error)) from None
    except msgspec.DecodeError as error:
        raise refuse(400, f"no JSON: {error}") from None


class Counted:
    """Counts and times each answer of the application it wraps."""

    def __init__(self, app: Starlette, service: str, window_s: float) -> None:
        self.app = app
        self.window_s = window_s
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self._marks: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._count = 0
        self._requests = prometheus.Counter(
            f"{service}_requests", "Answered requests", ["route", "method", "status"]
        )
        self._times = prometheus.Histogram(
            f"{service}_request_time_seconds",
            "Time from the request to the end of its answer",
            ["route"],
            buckets=BUCKETS_S,
        )
        self._throughput = prometheus.Gauge(
            f"{service}_throughput_requests_per_second",
            f"Answered requests a second over the last {window_s:g} s",
            multiprocess_mode="livesum",
        )

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        """The ASGI entry."""
        start, status = time.perf_counter(), 500

        async def watch(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            self._record(scope, status, time.perf_counter() - start)

    def _record(self, scope: Scope, status: int, duration_s: float) -> None:
        self._count += 1
        route = getattr(scope.get("route"), "path", "unknown")
        key = (route, scope["method"], status)
        if key not in self._children:
            self._children[key] = (self._requests.labels(*key), self._times.labels(route))
        requests, times = self._children[key]
        requests.inc()
        times.observe(duration_s)

    async def keep_throughput(self) -> None:
        """Renew the throughput each second, for as long as the service runs."""
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            self._marks.append((now, self._count))
            while now - self._marks[0][0] > self.window_s and len(self._marks) > 2:
                self._marks.popleft()
            then, before = self._marks[0]
            self._throughput.set((self._count - before) / max(now - then, 1e-9))


def application(service: str, routes: list[BaseRoute]) -> Starlette:
    """The service's routes, `/health`, `/metrics`, and errors as JSON."""

    async def health(_: Request) -> Response:
        return Json({"status": "ok", "service": service, "version": __version__})

    async def metrics(_: Request) -> Response:
        page = await asyncio.to_thread(prometheus.generate_latest, registry())
        return Response(page, media_type=prometheus.CONTENT_TYPE_LATEST)

    async def on_refusal(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # for mypy
        return Json({"error": error.detail}, error.status_code, error.headers)

    async def on_failure(_: Request, error: Exception) -> Response:
        traceback.print_exception(error)
        return Json({"error": f"{type(error).__name__}: {error}"[:300]}, 500)

    common = [Route("/health", health), Route("/metrics", metrics)]
    handlers: Any = {HTTPException: on_refusal, Exception: on_failure}
    return Starlette(routes=[*common, *routes], exception_handlers=handlers)


def in_background(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run `work` beside the answers; a service whose work fails ends, for its starter to tell."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            traceback.print_exception(error)
            os.kill(os.getpid(), signal.SIGTERM)

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    return task


async def run(context: Context) -> None:
    """Serve until SIGTERM or until the starter is gone."""
    share_metrics(context.shared_metrics)
    module = importlib.import_module(f"perflib.reference.{MODULES[context.service]}")
    configs = read_configs(Path(context.configs))
    serving: Serving = module.serving
    info = prometheus.Gauge(
        f"{context.service}_build_info", "1, with the version", ["version"], multiprocess_mode="max"
    )
    info.labels(__version__).set(1)
    async with serving(context, configs) as routes:
        app = application(context.service, routes)
        counted = Counted(app, context.service, configs.gateway.server.throughput_window)
        server = Server(
            counted,
            port=context.ports[context.service],
            interface=Interfaces.ASGINL,
            websockets=False,
            backlog=configs.gateway.server.backlog,
            log_enabled=False,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        threading.Thread(target=_stop_with_starter, daemon=True).start()
        renewing = in_background(counted.keep_throughput())
        await server.serve()
        renewing.cancel()


def _stop_with_starter() -> None:
    os.read(0, 1)  # standard input is the nursery's pipe: it ends, it never brings anything
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(1)
