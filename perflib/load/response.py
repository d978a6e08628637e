"""An answer as a locustfile sees it; everything that costs time is worked out when asked for."""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gevent import GreenletExit
from locust.exception import (
    CatchResponseError,
    InterruptTaskSet,
    LocustError,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

from perflib.load.faults import NETWORK_ERRORS, Fault, fault_of

LEAVING = (
    GreenletExit,
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)
_CHARSET = re.compile(r"charset=[\"']?([\w-]+)", re.IGNORECASE)


class Headers(dict[str, str]):
    """Header fields by lower-case name; reading ignores case, repeated fields are joined."""

    def __init__(self, head: bytes) -> None:
        super().__init__()
        for line in head.split(b"\r\n")[1:]:
            name, colon, value = line.decode("latin-1").partition(":")
            if colon:
                key, value = name.lower(), value.strip()
                super().__setitem__(key, f"{self[key]}, {value}" if key in self else value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """The field called `name` in any case, or `default`."""
        return super().get(name.lower(), default)


class Asked(NamedTuple):
    """The request behind an answer."""

    method: str
    url: str
    body: bytes
    payload: bytes

    @property
    def headers(self) -> Headers:
        """The header fields that were sent."""
        return Headers(self.payload.partition(b"\r\n\r\n")[0])


class Response:
    """What `client.get` and its like return. `status_code` is 0 and `error` set when none came."""

    __slots__ = (
        "_encoding",
        "_head",
        "_headers",
        "content",
        "error",
        "js",
        "request",
        "status_code",
    )

    def __init__(
        self,
        status_code: int,
        head: bytes,
        content: bytes | None,
        request: Asked,
        error: Exception | None = None,
    ) -> None:
        self.status_code = status_code
        self.content = content
        self.request = request
        self.error = error
        self._head = head
        self._headers: Headers | None = None
        self._encoding: str | None = None

    @property
    def headers(self) -> Headers:
        """The header fields of the answer; empty when none came."""
        if self._headers is None:
            self._headers = Headers(self._head)
        return self._headers

    @property
    def url(self) -> str:
        """The address that was asked for."""
        return self.request.url

    @property
    def ok(self) -> bool:
        """Whether an answer came and its status is below 400."""
        return 0 < self.status_code < 400

    @property
    def encoding(self) -> str:
        """The charset of `text`: set by the caller, else told by the answer, else UTF-8."""
        if self._encoding is None:
            found = _CHARSET.search(self.headers.get("content-type", ""))
            self._encoding = found[1] if found else "utf-8"
        return self._encoding

    @encoding.setter
    def encoding(self, value: str) -> None:
        self._encoding = value

    @property
    def text(self) -> str | None:
        """The content as text, or None when no answer came."""
        if self.content is None:
            return None
        try:
            return self.content.decode(self.encoding, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The content parsed as JSON; raises `json.JSONDecodeError` as FastHttpUser does."""
        return json_module.loads(self.text or "")

    def raise_for_status(self) -> None:
        """Raise the fault of this request, if it had one."""
        if self.error is not None:
            raise self.error

    def success(self) -> None:
        """Only inside `with … catch_response=True`."""
        raise LocustError("to mark a request, pass catch_response=True and use a with-block")

    def failure(self, _reason: Any = None) -> None:
        """Only inside `with … catch_response=True`."""
        self.success()

    def __enter__(self) -> Response:
        raise LocustError("to use a with-block, pass catch_response=True")

    def __exit__(self, *_: Any) -> bool | None:
        return None

    def __getattr__(self, name: str) -> Any:
        if name == "js":
            raise AttributeError(name)
        raise AttributeError(
            f"PerfHttpUser's response has no `{name}`; it has content, text, json(), headers, "
            "status_code, ok, error, url, request, encoding and iter_content/iter_lines (stream)"
        )


class CaughtResponse(Response):
    """A response whose success is decided by the caller's with-block."""

    __slots__ = ("_entered", "_report", "_verdict")

    def __init__(
        self, plain: Response, report: Callable[[Response, Exception | None], None]
    ) -> None:
        super().__init__(plain.status_code, plain._head, plain.content, plain.request, plain.error)
        self._report: Callable[[Response, Exception | None], None] | None = report
        self._verdict: Exception | bool | None = None
        self._entered = False

    def __enter__(self) -> CaughtResponse:
        self._entered = True
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> bool:
        if self._verdict is not None:
            self._settle(None if self._verdict is True else self._verdict)  # type: ignore[arg-type]
            return kind is None
        if kind is None:
            self._settle(self.error)
            return True
        if isinstance(value, CatchResponseError | Fault):
            self._settle(value)
            return True
        # a check that raised is a failed request; leaving a task early is not
        self._settle(self.error if isinstance(value, LEAVING) else value)
        return False

    def __del__(self) -> None:
        self._settle(self.error)  # asked for, never entered: counted by its status

    def _settle(self, error: Exception | None) -> None:
        report, self._report = self._report, None
        if report is not None:
            report(self, error)

    def success(self) -> None:
        """Count the request as a success whatever its status."""
        self._needs_block()
        self._verdict = True

    def failure(self, reason: Any = "failed") -> None:
        """Count the request as failed, for `reason`."""
        self._needs_block()
        self._verdict = reason if isinstance(reason, Exception) else CatchResponseError(reason)

    def raise_for_status(self) -> None:
        """Raise the verdict given, else the fault of this request."""
        if isinstance(self._verdict, Exception):
            raise self._verdict
        if self._verdict is None:
            super().raise_for_status()

    def _needs_block(self) -> None:
        if not self._entered:
            raise LocustError("mark a request inside its with-block, not before")


class StreamedResponse(Response):
    """A response whose content is read in pieces and never held.

    Its sample ends when the content does, when it is closed, or when nobody holds it any more.
    """

    __slots__ = ("_finish", "_pieces", "_whole", "received")

    def __init__(
        self,
        plain: Response,
        pieces: Iterator[bytes],
        finish: Callable[[bool, StreamedResponse], None],
    ) -> None:
        super().__init__(plain.status_code, plain._head, None, plain.request, plain.error)
        self._pieces = pieces
        self._whole: bytes | None = None
        self._finish: Callable[[bool, StreamedResponse], None] | None = finish
        self.received = 0

    @property
    def content(self) -> bytes:
        """The rest of the content, read now."""
        if self._whole is None:
            self._whole = b"".join(self.iter_content())
        return self._whole

    @content.setter
    def content(self, _: bytes | None) -> None: ...

    def iter_content(self, chunk_size: int = 65536, decode_content: bool = False) -> Iterator[Any]:
        """The content in pieces of at most `chunk_size` bytes (text with `decode_content`)."""
        try:
            for piece in self._pieces:
                self.received += len(piece)
                for at in range(0, len(piece), chunk_size):
                    part = piece[at : at + chunk_size]
                    yield part.decode(self.encoding, "replace") if decode_content else part
        except NETWORK_ERRORS as error:
            self.error = fault_of(error)
            self.close()
        else:
            self.close(whole=True)

    def iter_lines(self) -> Iterator[str]:
        """The content as lines of text without their ends."""
        rest = b""
        for piece in self.iter_content():
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.rstrip(b"\r").decode(self.encoding, "replace") for line in lines)
        if rest:
            yield rest.decode(self.encoding, "replace")

    def close(self, *, whole: bool = False) -> None:
        """End the sample now; what was not read is given up with its connection."""
        finish, self._finish = self._finish, None
        if finish is not None:
            finish(whole, self)

    def __enter__(self) -> StreamedResponse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
