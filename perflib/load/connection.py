"""One kept-alive HTTP/1.1 connection: bytes out, one parsed answer in, as few steps as possible.

llhttp (through httptools) parses. Its callbacks are lists' own methods where they can be, since
those need no Python frame: `append` takes the pieces of the body, `pop` takes a marker off when
the answer ends, and a second answer in the same bytes finds no marker: that is garbage.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gevent.socket
import gevent.ssl
import httptools
from gevent import get_hub, getcurrent

from perflib.load.faults import BrokenAnswer, ClosedEarly, Refused, TimedOut
from perflib.load.messages import LARGEST, STREAM_IT

READ = 16 * 1024
LONG_READ = 256 * 1024
LARGEST_HEAD = 256 * 1024
NEVER_NS = 1 << 62
EMPTY_LINE = b"\r\n\r\n"
UNSETTLED = (b"1", b"")
"""How the status of an interim answer (100, 103) begins, which the final one follows, and none."""
clock = time.monotonic_ns
_FRAMED = re.compile(rb"\r\n(?:content-length:|transfer-encoding:[^\r]*chunked)", re.IGNORECASE)


Parts = tuple[int, bytes, bytes, bool]
"""The parts of a `Reply`; a bare tuple costs a fifth of a named one."""


class Reply(NamedTuple):
    """An answer as it came: status, head bytes up to its blank line, body bytes."""

    status: int
    head: bytes
    body: bytes
    keep: bool


class Connection:
    """A connected socket with its parser, used by one greenlet at a time.

    `timeout_s` bounds a whole answer, not one read, so a server that dribbles cannot hold a
    request for ever. One timer serves many answers: when it rings, it looks whether the answer
    under way is late, and is set anew if not. After any error the connection is closed.
    """

    now = most = 0
    """Open connections of this process, and the most there were at a time."""
    unasked = 0
    """How often one of them held bytes that nobody had asked for, after a whole answer."""
    doubtful = 0
    """How many answers such bytes may have shifted: those since a line was last seen silent."""

    def __init__(
        self,
        address: tuple[str, int],
        *,
        connect_timeout_s: float,
        timeout_s: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._socket = _connect(address, connect_timeout_s, tls)
        self.tls = tls is not None
        raw = self._socket if self.tls else self._socket._sock
        self._send: Callable[[bytes], int] = raw.send
        self._recv: Callable[..., bytes] = raw.recv
        self._hub = get_hub()
        self._readable = self._hub.loop.io(self._socket.fileno(), 1)
        self._timer: Any = None
        self._owner: Any = None
        self._resume: Any = None
        self._until_ns = NEVER_NS
        self.set_timeout(timeout_s)
        self.used = self.idle_since_ns = self._silent_at = 0
        self.closed = False
        self._keep = False
        self._pieces: list[bytes] = []
        self._begun: list[None] = []
        self._unfinished: list[None] = []
        self.on_body = self._pieces.append
        self.on_message_begin = self._begun.pop
        self.on_message_complete = self._unfinished.pop
        self._parser: Any = httptools.HttpResponseParser(self)
        Connection.now += 1
        Connection.most = max(Connection.most, Connection.now)

    def on_headers_complete(self) -> None:
        """llhttp forgets whether the line stays open as soon as the answer ends: ask now."""
        self._keep = self._parser.should_keep_alive()

    def set_timeout(self, timeout_s: float) -> None:
        """Bound the following answers to `timeout_s`."""
        self.timeout_s = timeout_s
        self._timeout_ns = int(timeout_s * 1e9)
        self._disarm()

    def _disarm(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.stop()
            timer.close()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self._hub.loop.timer(seconds)
        self._timer.start(self._ring)

    def _ring(self) -> None:
        left_s = (self._until_ns - clock()) * 1e-9
        if not self._unfinished:
            self._disarm()  # nothing is under way; the next request sets it again
        elif left_s > 0:
            self._arm(min(left_s, self.timeout_s))
        else:
            self._owner.throw(TimedOut, "timeout")

    def _wait_from(self, now_ns: int) -> None:
        """The current greenlet waits for an answer, for at most `timeout_s` from `now_ns` on."""
        me = getcurrent()
        if me is not self._owner:
            self._owner, self._resume = me, me.switch
        self._until_ns = now_ns + self._timeout_ns
        if self._timer is None:
            self._arm(self.timeout_s)

    def close(self) -> None:
        """Close the socket and free its watchers; harmless when closed already."""
        if not self.closed:
            self.closed = True
            Connection.now -= 1
            self._disarm()
            self._readable.stop()
            self._readable.close()
            self._parser = self._owner = self._resume = None  # they hold this object
            self._socket.close()

    def usable(self) -> bool:
        """Whether an idle line is silent; else the server closed it or sent garbage: close it, too.

        A second answer to one request would be taken for the answer to the next one.
        """
        try:
            left = self._socket._sock.recv(READ, socket.MSG_PEEK)  # of TLS the bytes as they came
        except BlockingIOError:
            self._silent_at = self.used
            return True
        except OSError:
            left = b""
        # of TLS it may be the end; a 408 is said by a server that has waited long enough
        if left and not self.tls and left[9:12] != b"408":
            Connection.unasked += 1
            Connection.doubtful += self.used - self._silent_at
        self.close()
        return False

    def exchange(self, payload: bytes, now_ns: int, without_body: bool = False) -> Parts:
        """Send `payload` at `now_ns` and return its answer; raises a Fault or OSError."""
        try:
            data = self._first(payload, now_ns)
            self._parser.feed_data(data)
            if self._unfinished or without_body:
                return self._long(data, without_body)
            pieces = self._pieces
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
        except BaseException as error:
            self.close()
            raise _named(error) from None
        self.used += 1
        # chunks end with an empty line; else the head is what the body leaves, without a search
        end = data.find(EMPTY_LINE) if data.endswith(EMPTY_LINE) else len(data) - len(body) - 4
        return self._parser.get_status_code(), data[: end + 2], body, self._keep

    def open(self, payload: bytes, now_ns: int, without_body: bool = False) -> Parts:
        """Send `payload` and return the answer's head; its body follows from `pieces`."""
        try:
            data = self._first(payload, now_ns)
            self._parser.feed_data(data)
            head = self._head(data)
            status = self._parser.get_status_code()
            if without_body:
                self._expect_no_body(head)
        except BaseException as error:
            self.close()
            raise _named(error) from None
        self._until_ns = NEVER_NS
        return status, head, b"", True

    def pieces(self, head: bytes) -> Iterator[bytes]:
        """The body of the answer that `open` began, as it comes; each wait is bounded alone."""
        try:
            while True:
                yield from self._pieces
                self._pieces.clear()
                if not self._unfinished:
                    break
                self._wait_from(clock())
                self._feed_more(head)
                self._until_ns = NEVER_NS
            self.used += 1
        except BaseException as error:
            self.close()
            raise _named(error) from None

    def keeps(self) -> bool:
        """Whether the server keeps the line open after the finished answer."""
        return not self.closed and self._keep

    def _first(self, payload: bytes, now_ns: int) -> bytes:
        """Send `payload` and return the first bytes of the final answer."""
        self._begun.append(None)
        self._unfinished.append(None)
        self._wait_from(now_ns)
        try:
            if len(payload) > READ:
                self._socket.sendall(payload)
            else:  # fits into the empty buffer of an idle line
                self._send(payload)
            data = self._receive(READ)
        except (ConnectionResetError, BrokenPipeError):
            raise ClosedEarly("connection reset") from None
        if not data:
            raise ClosedEarly("connection closed", "before any answer")
        while data[9:10] in UNSETTLED:
            data = self._after_interim(data)
        return data

    def _after_interim(self, data: bytes) -> bytes:
        while len(data) < 12:
            data += self._receive_some(len(data))
        if data[9:10] != b"1":
            return data
        if data[9:12] == b"101":
            raise Refused("protocol upgrade", "this client speaks HTTP/1.1 only")
        while EMPTY_LINE not in data:
            data += self._receive_some(len(data))
        data = data.partition(EMPTY_LINE)[2]
        return data or self._receive_some(0)

    def _long(self, data: bytes, without_body: bool) -> Parts:
        """The rest of an answer whose first bytes did not finish it, or that has no body."""
        head = self._head(data)
        status = self._parser.get_status_code()
        if without_body:
            self._expect_no_body(head)
        size = 0
        while self._unfinished:
            size += self._feed_more(head)
            if size > LARGEST:  # it may never end, and each user holds one
                raise Refused("content too large", f"more than {LARGEST >> 20} MiB; {STREAM_IT}")
        body = b"".join(self._pieces)
        self._pieces.clear()
        self.used += 1
        return status, head, body, self._keep

    def _expect_no_body(self, head: bytes) -> None:
        """End the answer to HEAD here, whatever length its head tells."""
        if self._pieces:
            raise BrokenAnswer("garbage after the answer", "a body answers HEAD")
        if self._unfinished:
            self._keep = b"\r\nconnection: close" not in head.lower()
            self._parser = httptools.HttpResponseParser(self)
            self._unfinished.clear()

    def _head(self, data: bytes) -> bytes:
        """The whole head, of which `data` has been parsed already."""
        while (end := data.find(EMPTY_LINE)) < 0:
            more = self._receive_some(len(data))
            self._parser.feed_data(more)
            data += more
        return data[: end + 2]

    def _feed_more(self, head: bytes) -> int:
        """Take more of the body, or its end; returns how many bytes came."""
        data = self._receive(LONG_READ)
        if data:
            self._parser.feed_data(data)
        elif _FRAMED.search(head):
            raise BrokenAnswer("connection closed", "in the middle of the answer")
        else:  # neither length nor chunks: the end of the connection is the end of the answer
            self._unfinished.clear()
        return len(data)

    def _receive_some(self, so_far: int) -> bytes:
        if so_far > LARGEST_HEAD:
            raise BrokenAnswer("broken answer", f"a head longer than {LARGEST_HEAD} bytes")
        data = self._receive(READ)
        if not data:
            raise BrokenAnswer("connection closed", "in the middle of the head")
        return data

    def _receive(self, size: int) -> bytes:
        if self.tls:
            return self._recv(size)  # gevent's TLS socket waits by itself
        self._readable.start(self._resume)
        self._hub.switch()  # when it raises, the line is closed and its watcher with it
        self._readable.stop()
        try:
            return self._recv(size)
        except BlockingIOError:  # a spurious wake-up
            return self._receive(size)


def _connect(
    address: tuple[str, int], timeout_s: float, tls: ssl.SSLContext | None
) -> gevent.socket.socket:
    with gevent.Timeout(timeout_s, TimedOut("connect timeout")):
        line = _dialled(address, timeout_s)
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return line if tls is None else tls.wrap_socket(line, server_hostname=address[0])
        except BaseException:
            line.close()
            raise


def _dialled(address: tuple[str, int], timeout_s: float) -> gevent.socket.socket:
    """A line to the first address of a host that answers, each in its share of `timeout_s`.

    One after the other, not a few at once (RFC 8305): that would load a slow target with more.
    """
    places = gevent.socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    for others, (family, kind, protocol, _, place) in zip(
        range(len(places) - 1, -1, -1), places, strict=True
    ):
        line = None
        try:
            line = gevent.socket.socket(family, kind, protocol)
            if others:  # the last one has what is left
                line.settimeout(timeout_s / len(places))
            line.connect(place)
        except BaseException as error:
            if line is not None:
                line.close()
            if not (others and isinstance(error, OSError)):
                raise
        else:
            line.settimeout(None)
            return line
    raise AssertionError


def _named(error: BaseException) -> BaseException:
    if isinstance(error, httptools.HttpParserUpgrade):
        return Refused("protocol upgrade", "this client speaks HTTP/1.1 only")
    if isinstance(error, httptools.HttpParserCallbackError):
        return BrokenAnswer("garbage after the answer", "more than one answer came")
    if isinstance(error, httptools.HttpParserError):
        return BrokenAnswer("broken answer", str(error))
    return error
