"""How one request travels: kept connections, a retry where it is safe, redirects, cookies."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

from perflib.load.connection import Connection, Reply, clock
from perflib.load.faults import ClosedEarly, Fault, Refused
from perflib.load.messages import Cookies, Origin, basic_auth, split_url, write_request
from perflib.load.response import Headers

REDIRECTS = frozenset({301, 302, 303, 307, 308})
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


class Ask:
    """A request under way: what was asked, when, and by which bytes on which connection."""

    __slots__ = (
        "allow_redirects", "body", "catch", "context", "fields", "intended", "label", "line",
        "method", "name", "payload", "start", "stream", "timeout_s", "url",
    )  # fmt: skip

    def __init__(self, method: str, url: str, name: str, label: int) -> None:
        self.method, self.url, self.name, self.label = method, url, name, label
        self.body = self.payload = b""
        self.fields: dict[str, Any] = {}
        self.allow_redirects, self.catch, self.stream = True, False, False
        self.timeout_s: float | None = None
        self.context: dict[str, Any] | None = None
        self.line: Connection | None = None
        self.intended = self.start = 0


class Transport:
    """The connections and cookies of one user. `engine` says where requests may go."""

    def __init__(
        self,
        engine: Any,
        cookies: Cookies,
        *,
        connect_timeout_s: float,
        timeout_s: float,
        max_redirects: int,
        make_tls: Callable[[], ssl.SSLContext],
    ) -> None:
        self._engine = engine
        self._cookies = cookies
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s
        self._max_redirects = max_redirects
        self._make_tls = make_tls
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[Origin, list[Connection]] = {}

    def idle(self, origin: Origin) -> list[Connection]:
        """The idle connections to `origin`; the list itself, not a copy."""
        return self._idle.setdefault(origin, [])

    def close(self) -> None:
        """Close all idle connections, after a last look at what they hold."""
        for lines in self._idle.values():
            while lines:
                line = lines.pop()
                if line.usable():
                    line.close()

    def travel(self, ask: Ask, first: Reply | BaseException | None = None) -> Reply:
        """The final answer to `ask`; `first` is what a first exchange gave already."""
        reply = self._first(ask, first)
        for count in itertools.count():
            headers = Headers(reply.head)
            if "set-cookie" in headers:
                self._cookies.learn(ask.url, reply.head)
            followed = ask.allow_redirects and reply.status in REDIRECTS and "location" in headers
            self._release(ask, reply, drop=followed and ask.stream)
            if not followed:
                return reply
            if count >= self._max_redirects:
                raise Fault("too many redirects", f"more than {self._max_redirects}")
            self._redirect(ask, reply.status, headers["location"])
            self._engine.extra_exchanges += 1
            reply = self._exchange(ask)
        raise AssertionError

    def _first(self, ask: Ask, first: Reply | BaseException | None) -> Reply:
        if isinstance(first, Reply):
            return first
        try:
            if first is not None:
                raise first
            return self._exchange(ask)
        except ClosedEarly:  # a kept line that the server gave up meanwhile
            if ask.line is None or ask.line.used == 0 or ask.method not in IDEMPOTENT:
                raise
        self._engine.retries += 1
        return self._exchange(ask)

    def _exchange(self, ask: Ask) -> Reply:
        origin, target, credentials = split_url(ask.url)
        ask.line = None
        fields = ask.fields
        if credentials:
            fields = {"Authorization": basic_auth(credentials), **fields}
        if cookie := self._cookies.field(ask.url):
            fields = {"Cookie": cookie, **fields}
        ask.payload = write_request(ask.method, origin, target, fields, ask.body)
        ask.line = line = self._line(origin, ask.timeout_s or self._timeout_s)
        send = line.open if ask.stream else line.exchange
        return Reply(*send(ask.payload, clock(), ask.method == "HEAD"))

    def _line(self, origin: Origin, timeout_s: float) -> Connection:
        self._engine.check_host(origin)
        lines = self.idle(origin)
        while lines:
            line = lines.pop()
            if line.usable():
                if line.timeout_s != timeout_s:
                    line.set_timeout(timeout_s)
                return line
        if origin.scheme == "https" and self._tls is None:
            self._tls = self._make_tls()
        return Connection(
            (origin.host, origin.port),
            connect_timeout_s=self._connect_timeout_s,
            timeout_s=timeout_s,
            tls=self._tls if origin.scheme == "https" else None,
        )

    def _release(self, ask: Ask, reply: Reply, drop: bool) -> None:
        """Put the line back, unless the answer still streams from it or it ended."""
        line = ask.line
        assert line is not None
        if drop or not reply.keep:
            line.close()
        elif not ask.stream:
            self.give_back(ask)

    def give_back(self, ask: Ask) -> None:
        """Put the line of a finished request among the idle ones."""
        assert ask.line is not None
        if ask.line.timeout_s != self._timeout_s:
            ask.line.set_timeout(self._timeout_s)
        self.idle(split_url(ask.url)[0]).append(ask.line)

    def _redirect(self, ask: Ask, status: int, location: str) -> None:
        try:
            url = urljoin(ask.url, location)
        except ValueError as error:
            raise Refused("not an http address", f"`{location}`: {error}") from None
        old, new = split_url(ask.url)[0], split_url(url)[0]
        ask.url = url
        drops_body = status == 303 or (status in (301, 302) and ask.method == "POST")
        if drops_body and ask.method != "HEAD":
            ask.method, ask.body = "GET", b""
            dropped = {"content-type", "content-length"}
            ask.fields = {k: v for k, v in ask.fields.items() if k.lower() not in dropped}
        if old != new:  # credentials stay with the origin they were given to
            dropped = {"authorization", "cookie", "host"}
            ask.fields = {k: v for k, v in ask.fields.items() if k.lower() not in dropped}
