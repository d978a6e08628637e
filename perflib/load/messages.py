"""Requests as bytes: written once, sent often. No Locust and no sockets in here."""

from __future__ import annotations

import base64
import functools
import json as json_module
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from http.cookiejar import Cookie, CookieJar
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit
from urllib.request import Request

import brotli

from perflib.headers import TOKEN
from perflib.load.faults import BrokenAnswer, Refused

ENCODINGS = "gzip, deflate, br"
FED, PIECE = 32 * 1024, 256 * 1024
"""Bytes that a decoder takes and gives at a time: some 2 ms, in which no other user can start."""
LARGEST = 256 * 1024 * 1024
"""Bytes of an answer that is held, also when decoded: a few KiB can be made to fill any memory."""
STREAM_IT = "read it with stream=True"
CUT = "broken content encoding", "the compressed content is cut short"
_UNSENDABLE = re.compile(r"[\r\n\0]|[^\0-\xff]")
_KEPT = "/%:?#[]@!$&'()*+,;=~-._|"


class Origin(NamedTuple):
    """Where a connection goes; equal origins share connections."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The `Host` field: brackets around IPv6, no default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == default else f"{host}:{self.port}"


@functools.lru_cache(4096)
def split_url(url: str) -> tuple[Origin, str, str]:
    """The origin, the request target and the `user:password` of an absolute URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Refused("not an http address", f"`{url}`: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused("not an http address", f"`{url}`; expected http://host[:port]/path")
    target = quote(parts.path or "/", safe=_KEPT)
    if parts.query:
        target += "?" + quote(parts.query, safe=_KEPT)
    credentials = ""
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Origin(parts.scheme, parts.hostname, port), target, credentials


def basic_auth(auth: tuple[str | bytes, str | bytes] | str) -> str:
    """The value of an `Authorization: Basic` field."""
    if isinstance(auth, str):
        raw = auth.encode("latin-1")
    else:
        raw = b":".join(p.encode("latin-1") if isinstance(p, str) else p for p in auth)
    return "Basic " + base64.b64encode(raw).decode("ascii")


def with_params(url: str, params: Any) -> str:
    """`url` with `params` (a mapping, pairs or a string) added to its query."""
    if not params:
        return url
    if isinstance(params, Mapping):
        params = {key: value for key, value in params.items() if value is not None}
    query = params if isinstance(params, str) else urlencode(params, doseq=True)
    url, hash_, fragment = url.partition("#")
    return f"{url}{'&' if '?' in url else '?'}{query}{hash_}{fragment}"


def body_of(data: Any, json: Any) -> tuple[bytes, dict[str, str]]:
    """The bytes of a body and the fields that describe it."""
    if data is not None and data not in ("", b"", {}):
        if isinstance(data, str):
            return data.encode(), {}
        if isinstance(data, bytes | bytearray | memoryview):
            return bytes(data), {}
        if isinstance(data, Mapping):
            form = urlencode(data, doseq=True).encode()
            return form, {"Content-Type": "application/x-www-form-urlencoded"}
        raise TypeError(
            f"data of type {type(data).__name__} is not supported; pass str, bytes or a mapping"
        )
    if json is not None:
        fields = {"Content-Type": "application/json", "Accept": "application/json"}
        return json_module.dumps(json).encode(), fields
    return b"", {}


def write_request(
    method: str, origin: Origin, target: str, fields: Mapping[str, Any], body: bytes
) -> bytes:
    """The request as bytes; fields that could smuggle a second request are refused."""
    merged = {"host": ("Host", origin.authority)}
    merged |= {name.lower(): (name, _value(name, value)) for name, value in fields.items()}
    if body or method in ("POST", "PUT", "PATCH"):
        merged["content-length"] = ("Content-Length", str(len(body)))
    if not TOKEN.fullmatch(method) or _UNSENDABLE.search(target):
        raise ValueError(
            f"`{method}` is no method, or a line break in the path; expected GET /path"
        )
    lines = [
        f"{method} {target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in merged.values()),
    ]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def _value(name: str, value: Any) -> str:
    """The text of a header field's value."""
    if not TOKEN.fullmatch(name) or name.lower() == "transfer-encoding":
        raise ValueError(f"the header field `{name}` cannot be sent; expected a name such as X-Id")
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str | int | float):
        raise TypeError(f"header field `{name}` is {value!r}; expected str, bytes or a number")
    text = str(value)
    if _UNSENDABLE.search(text):
        raise ValueError(f"a line break or a character beyond Latin-1 in header field `{name}`")
    return text


def decode(
    body: bytes,
    encoding: str,
    breathe: Callable[[], None] = lambda: None,
    largest: int = LARGEST,
) -> bytes:
    """`body` without its content encoding(s), unless it becomes more than `largest` bytes.

    `breathe` is called between pieces of a large one.
    """
    if not body:  # of HEAD, 204 and 304, whatever their head says
        return body
    for name in reversed(encoding.lower().split(",")):
        match name.strip():
            case "" | "identity":
                continue
            case "gzip" | "x-gzip":
                body = _joined(_inflated(body, 31), breathe, largest)
            case "deflate":
                window = 15 if body[:1] and body[0] & 0x0F == 8 else -15
                body = _joined(_inflated(body, window), breathe, largest)
            case "br":
                body = _joined(_unpacked(body), breathe, largest)
            case other:
                raise BrokenAnswer("unknown content encoding", other)
    return body


def _joined(pieces: Iterator[bytes], breathe: Callable[[], None], largest: int) -> bytes:
    whole = [next(pieces)]
    size = len(whole[0])
    for piece in pieces:
        size += len(piece)
        if size > largest:
            told = f"more than {largest >> 20} MiB when decoded; {STREAM_IT}"
            raise Refused("content too large", told)
        breathe()
        whole.append(piece)
    return b"".join(whole)


def _inflated(body: bytes, window: int) -> Iterator[bytes]:
    stream, at = zlib.decompressobj(window), 0
    while not stream.eof:
        data = stream.unconsumed_tail
        if not data:
            data, at = body[at : at + FED], at + FED
        piece = stream.decompress(data, PIECE)
        if not data and not piece:
            raise BrokenAnswer(*CUT)
        yield piece


def _unpacked(body: bytes) -> Iterator[bytes]:
    stream, at = brotli.Decompressor(), 0
    try:
        while at < len(body) or not stream.is_finished():
            data = b""
            if stream.can_accept_more_data():
                data, at = body[at : at + FED], at + FED
            piece = stream.process(data, output_buffer_limit=PIECE)
            if not (data or piece or stream.is_finished()):
                raise BrokenAnswer(*CUT)
            yield piece
    except brotli.error as error:
        raise BrokenAnswer("broken content encoding", str(error)) from None


class Cookies(CookieJar):
    """The standard cookie jar with the `Cookie` field kept ready.

    Working out the field is slow, so it is kept for up to a second, or until a cookie changes.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed = changed
        self._fields: dict[str, str | None] = {}
        self._until = 0.0

    def set_cookie(self, cookie: Cookie) -> None:
        """Add or replace a cookie."""
        self._fields.clear()
        self._changed()
        super().set_cookie(cookie)

    def clear(self, *place: Any) -> None:
        """Forget cookies."""
        self._fields.clear()
        self._changed()
        super().clear(*place)

    def learn(self, url: str, head: bytes) -> None:
        """Take the `Set-Cookie` fields of an answer's head from `url`."""
        message = Message()
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "set-cookie":
                message["Set-Cookie"] = value.strip()
        self.extract_cookies(_Answer(message), Request(url))  # type: ignore[arg-type]

    def field(self, url: str) -> str | None:
        """The `Cookie` field to send to `url`."""
        if not getattr(self, "_cookies", None):  # the jar's own; most users have none
            return None
        now = time.monotonic()
        if now > self._until:
            self._fields.clear()
            self._until = now + 1
        if url not in self._fields:
            request = Request(url)
            self.add_cookie_header(request)
            self._fields[url] = request.get_header("Cookie")
        return self._fields[url]


class _Answer:
    """What `CookieJar.extract_cookies` asks of an answer."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def info(self) -> Message:
        return self._message
