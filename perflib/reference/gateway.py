"""The door of the system: log in, keep sessions, look at the chain.

Queries wait beside each other on the event loop, password hashes run in threads, so that a
slow one delays nobody else. Who asks for somebody else's session hears that there is none.

Metrics: `gateway_requests_total{route, method, status}` counts what was answered, to be
compared with what a load generator counted; `gateway_throughput_requests_per_second`,
the histograms `gateway_request_time_seconds{route}`, `gateway_query_time_seconds{query}`
and `gateway_hash_time_seconds`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, Any

import argon2
import jwt
import msgspec
import prometheus_client as prometheus
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perflib.reference.context import Context
from perflib.reference.ledger import keep_secret
from perflib.reference.pool import DatabaseError, PoolBusyError, open_pool
from perflib.reference.schema import hasher, sessions, users
from perflib.reference.service import BUCKETS_S, Json, read_json, refuse
from perflib.reference.settings import Configs, Gateway

_COLUMNS = (sessions.c.id, sessions.c.name, sessions.c.state, sessions.c.created_at)
_USER = sa.select(users.c.id, users.c.password_hash).where(
    users.c.username == sa.bindparam("username")
)
_REHASH = (
    users.update()
    .where(users.c.id == sa.bindparam("user"))
    .values(password_hash=sa.bindparam("hash"))
)
_OWN = (sessions.c.user_id == sa.bindparam("user"), sessions.c.id == sa.bindparam("session"))
_GET = sa.select(*_COLUMNS).where(*_OWN)
_DELETE = sessions.delete().where(*_OWN)
_LIST = (
    sa.select(*_COLUMNS)
    .where(sessions.c.user_id == sa.bindparam("user"))
    .order_by(sessions.c.created_at.desc())
    .limit(sa.bindparam("count"))
)


class LoginForm(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /auth/login`."""

    username: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class SessionForm(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /sessions`."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Door:
    """The gateway's answers."""

    def __init__(self, context: Context, settings: Gateway) -> None:
        self.context, self.settings = context, settings
        self.secret = keep_secret(context.folder / "keys" / "token.key", secrets.token_bytes(32))
        self.hasher = hasher(settings.login)
        self.threads = ThreadPoolExecutor(settings.server.threads, thread_name_prefix="gateway")
        size, timeout_s = settings.pool.pool_size, settings.pool.pool_timeout
        self.pool = open_pool(context.database_url, size, timeout_s)
        self.cache: dict[str, tuple[float, Response]] = {}
        self.asking: dict[str, asyncio.Lock] = {}
        self.query_times = prometheus.Histogram(
            "gateway_query_time_seconds",
            "Time of a query, waiting for its connection included",
            ["query"],
            buckets=BUCKETS_S,
        )
        self.hash_times = prometheus.Histogram(
            "gateway_hash_time_seconds", "Time of a password hash", buckets=BUCKETS_S
        )
        workers = prometheus.Gauge("gateway_workers", "Processes", multiprocess_mode="max")
        workers.set(settings.server.workers)
        threads = prometheus.Gauge("gateway_threads", "Threads", multiprocess_mode="livesum")
        threads.set(settings.server.threads)

    def routes(self) -> list[BaseRoute]:
        """What the gateway answers."""
        return [
            Route("/sessions", self.list_sessions, methods=["GET"]),
            Route("/sessions/{session}", self.get_session, methods=["GET"]),
            Route("/sessions", self.create_session, methods=["POST"]),
            Route("/sessions/{session}", self.delete_session, methods=["DELETE"]),
            Route("/chain/info", self.proxy, methods=["GET"]),
            Route("/chain/blocks/latest", self.proxy, methods=["GET"]),
            Route("/chain/blocks/{height:int}", self.proxy, methods=["GET"]),
            Route("/auth/login", self.login, methods=["POST"]),
        ]

    async def in_thread(self, work: Callable[..., Any], *values: Any) -> Any:
        """`work(*values)` in one of the gateway's threads."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *values)

    async def query(self, name: str, statement: sa.Executable, /, **values: Any) -> Any:
        """Rows of a select, or the number of rows another statement touched."""
        start = time.perf_counter()
        try:
            return await self.pool.run(statement, values)
        except PoolBusyError:
            raise refuse(503, "every database connection of the pool is busy") from None
        except DatabaseError as error:
            raise refuse(503, f"the database did not answer: {error}") from None
        finally:
            self.query_times.labels(name).observe(time.perf_counter() - start)

    def user(self, request: Request) -> int:
        """The id of the user whose token the request carries, or 401."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise refuse(401, "no token; log in at POST /auth/login and send it as Bearer")
        try:
            return int(jwt.decode(token, self.secret, algorithms=["HS256"])["sub"])
        except (jwt.InvalidTokenError, KeyError, ValueError) as error:
            raise refuse(401, f"the token is refused: {error}") from None

    async def login(self, request: Request) -> Response:
        """A token for a name and a password."""
        form = await read_json(request, self.settings.server.body_limit, LoginForm)
        found = await self.query("user_by_name", _USER, username=form.username)
        if not found or not await self.in_thread(self._verify, found[0], form.password):
            raise refuse(401, "the name or the password is wrong")
        user, life_s = found[0]["id"], self.settings.login.token_lifetime
        if self.hasher.check_needs_rehash(found[0]["password_hash"]):
            fresh = await self.in_thread(self.hasher.hash, form.password)
            await self.query("rehash", _REHASH, user=user, hash=fresh)
        claims = {"sub": str(user), "iat": int(time.time()), "exp": time.time() + life_s}
        token = jwt.encode(claims, self.secret, algorithm="HS256")
        return Json({"token": token, "token_type": "bearer", "expires_in_s": life_s})

    def _verify(self, row: Any, password: str) -> bool:
        try:
            with self.hash_times.time():
                return self.hasher.verify(row["password_hash"], password)
        except argon2.exceptions.VerifyMismatchError:
            return False

    async def list_sessions(self, request: Request) -> Response:
        """The user's newest sessions."""
        limit = self.settings.server.sessions_limit
        asked = request.query_params.get("limit", str(limit))
        if not asked.isdecimal() or not 1 <= int(asked) <= limit:
            raise refuse(422, f"limit is `{asked}`; expected 1 to {limit}")
        rows = await self.query("list", _LIST, user=self.user(request), count=int(asked))
        return Json({"sessions": rows, "count": len(rows)})

    async def create_session(self, request: Request) -> Response:
        """A new session of the user."""
        user = self.user(request)
        form = await read_json(request, self.settings.server.body_limit, SessionForm)
        row = {
            "id": uuid.uuid4().hex,
            "name": form.name,
            "state": "open",
            "created_at": round(time.time(), 6),
        }
        await self.query("create", sessions.insert(), **row, user_id=user)
        return Json(row, 201)

    async def get_session(self, request: Request) -> Response:
        """One session of the user."""
        values = {"user": self.user(request), "session": request.path_params["session"]}
        rows = await self.query("get", _GET, **values)
        if not rows:
            raise refuse(404, "no such session")
        return Json(rows[0])

    async def delete_session(self, request: Request) -> Response:
        """Remove one session of the user."""
        values = {"user": self.user(request), "session": request.path_params["session"]}
        if not await self.query("delete", _DELETE, **values):
            raise refuse(404, "no such session")
        return Response(status_code=204)

    async def proxy(self, request: Request) -> Response:
        """The chain's answer, asked for at most once in `chain_cache`."""
        path = request.url.path
        kept = self.cache.get(path)
        if kept and time.monotonic() - kept[0] < self.settings.server.chain_cache:
            return kept[1]
        async with self.asking.setdefault(path, asyncio.Lock()):
            kept = self.cache.get(path)
            if kept and time.monotonic() - kept[0] < self.settings.server.chain_cache:
                return kept[1]
            answer: Response = await self.in_thread(self._ask_chain, path)
        if len(self.cache) > 1000:
            self.cache.clear()
            self.asking.clear()
        self.cache[path] = (time.monotonic(), answer)
        return answer

    def _ask_chain(self, path: str) -> Response:
        inner = path if path == "/chain/info" else path.removeprefix("/chain")
        timeout_s = self.settings.server.chain_timeout
        try:
            status, body = self.context.ask("chain", f"/api/v1{inner}", timeout_s)
        except TimeoutError:
            raise refuse(504, "the chain did not answer in time") from None
        except OSError as error:
            raise refuse(502, f"the chain cannot be reached: {error}") from None
        return Response(body, status, media_type="application/json")


@asynccontextmanager
async def serving(context: Context, configs: Configs) -> AsyncIterator[list[BaseRoute]]:
    """The gateway's routes, for as long as its pool and threads live."""
    door = Door(context, configs.gateway)
    yield door.routes()
    door.threads.shutdown(cancel_futures=True)
    await door.pool.close()
