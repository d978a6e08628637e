"""FastHttpUser's client on our own connection: the same words, a fraction of the steps.

A repeated GET that is answered plainly takes the short way (`_quick`): bytes made earlier, one
exchange, one row. Everything else (redirects, cookies, bodies, checks) takes `request`.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from time import time
from typing import Any

import gevent
import gevent.ssl
from locust.exception import CatchResponseError

from perflib.load.connection import Reply, clock
from perflib.load.faults import (
    NETWORK_ERRORS,
    SUCCESSES,
    BadStatus,
    ClosedEarly,
    Fault,
    fault_of,
)
from perflib.load.messages import (
    ENCODINGS,
    Cookies,
    basic_auth,
    body_of,
    decode,
    split_url,
    with_params,
)
from perflib.load.recorder import FIRED, pack
from perflib.load.response import Asked, CaughtResponse, Headers, Response, StreamedResponse
from perflib.load.transport import Ask, Transport

MOST_READY = 4096
BLINK_NS = 50_000
"""A line that was idle for less is not looked at: hardly anything can have come since."""


class PerfHttpSession:
    """The client of one user: its connections, its cookies and its ready-made requests."""

    def __init__(
        self,
        base_url: str,
        user: Any,
        engine: Any,
        *,
        connection_timeout: float = 60.0,
        network_timeout: float = 60.0,
        max_redirects: int = 30,
        tls: Callable[[], ssl.SSLContext] = gevent.ssl.create_default_context,
        default_headers: dict[str, str] | None = None,
    ) -> None:
        self.user = user
        self._engine = engine
        self._add = engine.recorder.add
        self._event = engine.request_event
        self._listeners: list[Any] = self._event._handlers
        self._origin, _, credentials = split_url(base_url)
        scheme, _, rest = base_url.partition("://")
        place, slash, path = rest.partition("/")
        self.base_url = f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"
        self._fields = {"User-Agent": "perflib", "Accept-Encoding": ENCODINGS, "Accept": "*/*"}
        if credentials:
            self._fields["Authorization"] = basic_auth(credentials)
        self._fields |= default_headers or {}
        self._ready: dict[tuple[str, str | None], tuple[bytes, int, Asked]] = {}
        self.cookiejar = Cookies(self._ready.clear)
        self._transport = Transport(
            engine,
            self.cookiejar,
            connect_timeout_s=connection_timeout,
            timeout_s=network_timeout,
            max_redirects=max_redirects,
            make_tls=tls,
        )
        self._lines = self._transport.idle(self._origin)
        self.request_name: str | None = None

    def get(self, url: str, name: str | None = None, **options: Any) -> Response:
        """Send a GET request."""
        if not options:
            ready = self._ready.get((url, name))
            if ready is not None and self._lines:
                return self._quick(*ready)
        return self.request("GET", url, name, **options)

    def post(self, url: str, data: Any = None, json: Any = None, **options: Any) -> Response:
        """Send a POST request."""
        return self.request("POST", url, data=data, json=json, **options)

    def put(self, url: str, data: Any = None, **options: Any) -> Response:
        """Send a PUT request."""
        return self.request("PUT", url, data=data, **options)

    def patch(self, url: str, data: Any = None, **options: Any) -> Response:
        """Send a PATCH request."""
        return self.request("PATCH", url, data=data, **options)

    def delete(self, url: str, **options: Any) -> Response:
        """Send a DELETE request."""
        return self.request("DELETE", url, **options)

    def head(self, url: str, **options: Any) -> Response:
        """Send a HEAD request."""
        return self.request("HEAD", url, **options)

    def options(self, url: str, **options: Any) -> Response:
        """Send an OPTIONS request."""
        return self.request("OPTIONS", url, **options)

    def iter_lines(self, url: str, method: str = "GET", **options: Any) -> Iterator[str]:
        """The lines of a streamed answer; raises the fault of a failed request."""
        response = self.request(method, url, stream=True, **options)
        response.raise_for_status()
        assert isinstance(response, StreamedResponse)
        yield from response.iter_lines()

    @contextmanager
    def rename_request(self, name: str) -> Iterator[None]:
        """Group all requests inside the with-block under `name`."""
        self._ready.clear()
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def request(  # noqa: PLR0913, PLR0917 (FastHttpUser's own signature)
        self,
        method: str,
        url: str,
        name: str | None = None,
        data: Any = None,
        catch_response: bool = False,
        stream: bool = False,
        headers: dict[str, str] | None = None,
        auth: tuple[str | bytes, str | bytes] | None = None,
        json: Any = None,
        allow_redirects: bool = True,
        context: dict[str, Any] | None = None,
        params: Any = None,
        timeout: float | None = None,
        **unsupported: Any,
    ) -> Response:
        """Send a request; a fault is recorded and returned in `response.error`, not raised.

        `timeout` bounds the whole answer in seconds (with `stream`, each wait for a piece).
        """
        if unsupported:
            raise TypeError(f"PerfHttpUser does not support {', '.join(sorted(unsupported))}=")
        if timeout is not None and not (isinstance(timeout, int | float) and 0 < timeout < inf):
            raise TypeError(f"timeout={timeout!r}; expected seconds for the whole answer")
        if stream and catch_response:
            raise TypeError("PerfHttpUser does not support catch_response= of a stream=")
        label = name or self.request_name or url
        method = method.upper()
        ask = Ask(method, self._absolute(url, params), label, self._engine.label(method, label))
        ask.body, fields = body_of(data, json)
        ask.fields = {**self._fields, **fields}
        if stream:
            ask.fields["Accept-Encoding"] = "identity"
        if auth:
            ask.fields["Authorization"] = basic_auth(auth)
        ask.fields |= headers or {}
        ask.allow_redirects, ask.catch, ask.stream = allow_redirects, catch_response, stream
        ask.timeout_s, ask.context = timeout, context
        response = self._complete(self._begun(ask))
        if not (ask.body or auth or headers or params or timeout or stream or context):
            self._remember(url, name, ask, response)
        return response

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _absolute(self, url: str, params: Any) -> str:
        if not url.lower().startswith(("http://", "https://")):
            url = self.base_url + url
        return with_params(url, params) if params else url

    def _begun(self, ask: Ask) -> Ask:
        ask.start = clock()
        ask.intended = self.user.intended_ns
        if ask.intended >= 0:  # −1: closed; 0: a follow-up inside a task, due when it starts
            self.user.intended_ns = 0
            ask.intended = ask.intended or ask.start
        return ask

    def _remember(self, url: str, name: str | None, ask: Ask, response: Response) -> None:
        """Keep the bytes of a plain GET for the short way, which leads to the base's host only."""
        plain = ask.method == "GET" and ask.allow_redirects and ask.url == response.url
        plain = plain and split_url(ask.url)[0] == self._origin
        if plain and response.status_code == 200 and not (len(self.cookiejar) or self.request_name):
            if len(self._ready) >= MOST_READY:
                self._ready.clear()
            self._ready[url, name] = (ask.payload, ask.label, response.request)

    def _quick(self, payload: bytes, label: int, asked: Asked) -> Response:
        """The short way; any surprise is handed to `_complete`."""
        line = self._lines.pop()
        user = self.user
        intended = user.intended_ns
        start = clock()
        if intended >= 0:
            user.intended_ns = 0
            intended = intended or start
        reply: Reply | BaseException
        try:
            if start - line.idle_since_ns < BLINK_NS or line.usable():
                status, head, body, keep = line.exchange(payload, start)
                end = clock()
                if (
                    status == 200
                    and keep
                    and _is_plain(head)
                    and len(self._listeners) == self._engine.quiet
                ):
                    line.idle_since_ns = end
                    self._lines.append(line)
                    self._add(pack(intended, start, end, len(body), label, 0, 200))
                    return Response(200, head, body, asked)
                reply = Reply(status, head, body, keep)
            else:
                reply = ClosedEarly("connection closed", "while it was idle")
        except BaseException as error:  # recorded by `_complete`, which raises it again if due
            reply = error
        ask = Ask("GET", asked.url, self._engine.recorder.labels[label][1], label)
        ask.intended, ask.start, ask.line = intended, start, line
        ask.fields, ask.payload = self._fields, payload
        return self._complete(ask, reply)

    def _complete(self, ask: Ask, first: Reply | BaseException | None = None) -> Response:
        """Bring `ask` to its end, whatever happens, and record it once."""
        asked = ask.url
        status, head, content, end = 0, b"", None, 0
        fault: Exception | None = None
        try:
            reply = self._transport.travel(ask, first)
            end = clock()  # decoding the content is our own time, not the target's
            status, head = reply.status, reply.head
            encoding = Headers(head).get("content-encoding", "")
            content = decode(reply.body, encoding, gevent.sleep)  # others go on meanwhile
            fault = None if status in SUCCESSES else BadStatus(status, ask.url)
        except NETWORK_ERRORS as error:
            fault = fault_of(error)
        except BaseException as error:
            if self._engine.recording:
                # else the user was killed, or the caller's own time ran out
                fault = error if isinstance(error, Exception) else Fault("cut off")
                self._record(ask, 0, 0, clock(), None, fault)
            raise
        end = end or clock()
        request = Asked(ask.method, asked, ask.body, ask.payload)
        response = Response(status, head, content, request, fault)
        if ask.stream and status:
            return self._stream(ask, response)
        report = partial(self._record, ask, status, len(content or b""), end)
        if ask.catch:
            return CaughtResponse(response, report)
        report(response, fault)
        return response

    def _stream(self, ask: Ask, response: Response) -> StreamedResponse:
        line = ask.line
        assert line is not None

        def finish(whole: bool, streamed: StreamedResponse) -> None:
            end = clock()
            if whole and line.keeps():
                self._transport.give_back(ask)
            else:
                line.close()
            self._record(
                ask, streamed.status_code, streamed.received, end, streamed, streamed.error
            )

        return StreamedResponse(response, line.pieces(response._head), finish)

    def _record(
        self,
        ask: Ask,
        status: int,
        size: int,
        end: int,
        response: Response | None,
        error: Exception | None,
    ) -> None:
        """One row; and Locust's `request` event where somebody else listens to it."""
        kind = 0 if error is None else self._engine.failed(_kind(error), _message(error))
        heard = response is not None and len(self._listeners) != self._engine.quiet
        label = ask.label | FIRED if heard else ask.label
        self._add(pack(ask.intended, ask.start, end, size, label, kind, status))
        if heard:
            due = ask.intended if ask.intended >= 0 else ask.start
            self._event.fire(
                request_type=ask.method,
                name=ask.name,
                response_time=(end - due) * 1e-6,
                response_length=size,
                response=response,
                context={**self.user.context(), **(ask.context or {})},
                exception=error,
                start_time=time() - (clock() - ask.start) * 1e-9,
                url=ask.url,
            )


@functools.lru_cache(256)
def _is_plain(head: bytes) -> bool:
    """Whether nothing in `head` needs the long way. Most heads repeat until their date changes."""
    head = head.lower()
    return b"\r\nset-cookie:" not in head and b"\r\ncontent-encoding:" not in head


def _message(error: Exception) -> str:
    """What the kind of `error` leaves open; a status leaves nothing, its address may be secret."""
    return error.detail if isinstance(error, Fault) and not isinstance(error, BadStatus) else ""


def _kind(error: Exception) -> str:
    if isinstance(error, Fault):
        return error.kind
    said = (
        str(error) if isinstance(error, CatchResponseError) else f"{type(error).__name__}: {error}"
    )
    return f"check: {said[:100]}"
