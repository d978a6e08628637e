"""Other people's answers are read by dotted paths, so that a new API needs no new code.

A field is written as `header.height` or, where the answer's unit is not the base unit,
`stages.compress in ms`; numbers may arrive as text, decimal or hexadecimal.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from perflib.load.faults import CREDENTIALS, DENIALS, Fault, fault_of
from perflib.load.messages import ENCODINGS, decode
from perflib.units import find_unit

TIMEOUT = "timeout"
LARGEST = 32 * 1024 * 1024
"""Bytes of an answer, also when decoded: each user may hold one."""
MOST_SAID = 200
_EPOCH_STEPS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))


class AnswerError(Exception):
    """An answer that is not what was asked for; its text is the kind of error counted."""


def open_client(url: str, timeout_s: float, headers: Mapping[str, str]) -> httpx.Client:
    """A client for `url` whose answers are read within `LARGEST` bytes."""
    return httpx.Client(
        timeout=timeout_s,
        trust_env=False,
        headers={"accept-encoding": ENCODINGS, **headers},
        # certificates, also those of `SSL_CERT_FILE`, take a while to load
        transport=_Bounded(verify=url.startswith("https")),
    )


class _Bounded(httpx.HTTPTransport):
    """Reads and decodes an answer, both within a limit, of which httpx knows none."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        body = bytearray()
        try:
            for piece in answer.iter_raw():
                body += piece
                if len(body) > LARGEST:
                    raise httpx.DecodingError("content too large")
            coding = answer.headers.pop("content-encoding", "")
            content = decode(bytes(body), coding, largest=LARGEST)
        except (Fault, zlib.error) as error:
            raise httpx.DecodingError(fault_of(error).kind) from None
        finally:
            answer.close()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


def find(answer: Any, path: str) -> Any:
    """The value at dotted `path` of `answer`; raises `AnswerError` naming what is missing."""
    value = answer
    for key in path.partition(" in ")[0].strip().split("."):
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise AnswerError(f"the answer has no `{path}`")
    return value


def number(answer: Any, path: str) -> float:
    """The finite number at `path` in base units; a list counts its items."""
    value, unit = find(answer, path), path.partition(" in ")[2].strip()
    try:
        result = float(as_number(value)) * find_unit(unit or "1").factor
    except (TypeError, ValueError):
        raise AnswerError(f"`{path}` is no number") from None
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise AnswerError(f"`{path}` is not finite")
    return result


def as_number(value: Any) -> int | float:
    """`12`, `1.5`, `"12"`, `"0xc"` or the length of a list; raises `ValueError` or `TypeError`."""
    if isinstance(value, list):
        return len(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("not a number")
    if isinstance(value, str):
        return int(value, 16) if value[:2].lower() == "0x" else float(value)
    return value


def timestamp(answer: Any, path: str) -> float:
    """The time at `path` as seconds since 1970, from ISO 8601 or epoch s, ms, µs or ns.

    NaN where it is null, as in the place before the first block.
    """
    value = find(answer, path)
    if value is None:
        return math.nan
    try:
        seconds = float(as_number(value))
    except (TypeError, OverflowError):
        raise AnswerError(f"`{path}` is no time") from None
    except ValueError:
        return _from_iso(str(value), path)
    for limit, factor in _EPOCH_STEPS:
        if abs(seconds) >= limit:
            return seconds * factor
    return seconds


def _from_iso(text: str, path: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise AnswerError(f"`{path}` is no time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


NEXT_STEPS = {
    "certificate not trusted": "name its authority in `SSL_CERT_FILE`",
    "status 429": "lift the rate limit for this client, or ask less often",
    **{f"status {status}": CREDENTIALS for status in DENIALS},
}
"""What to do about a kind of error, where that is known better than to start the target."""


def accept(response: httpx.Response) -> None:
    """Raise `AnswerError` unless the status tells of success."""
    if not response.is_success:
        raise AnswerError(f"status {response.status_code}")


def answer_of(response: httpx.Response) -> Any:
    """The JSON of a successful answer; raises `AnswerError` for any other."""
    accept(response)
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise AnswerError("the answer is no JSON") from None


def first_words(text: str) -> str:
    """The first line of what an error says, shortened: some say all that they were given."""
    return next(iter(text.strip().splitlines()), "")[:MOST_SAID]


def kind_of(error: BaseException) -> str:
    """A short name of what went wrong with a request."""
    if isinstance(error, AnswerError | httpx.DecodingError):
        return str(error)
    if isinstance(error, httpx.TimeoutException):
        return TIMEOUT
    if isinstance(error, httpx.ConnectError):
        return fault_of(_origin(error)).kind
    if isinstance(error, httpx.RemoteProtocolError):
        return "broken answer"
    if isinstance(error, httpx.NetworkError):
        return "connection lost"
    return type(error).__name__


def _origin(error: BaseException) -> BaseException:
    """What the system said, which the client's own errors wrap."""
    while error.__context__ is not None:
        error = error.__context__
    return error
