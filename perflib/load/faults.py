"""What can go wrong with a request, in words that are few enough to be counted."""

from __future__ import annotations

import errno
import socket
import ssl
import zlib


class Fault(Exception):  # noqa: N818 (it is what happened, not a mistake of ours)
    """A request that failed; `kind` is the short name under which it is counted."""

    kind = "failed"

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail = kind, detail


class BadStatus(Fault):
    """An answer whose status is not a success; 429 and 503 are refusals, told apart."""

    def __init__(self, status: int, url: str) -> None:
        super().__init__(kind_of_status(status), url)
        self.status = status


class BrokenAnswer(Fault):
    """An answer that is not HTTP, is cut short, or is followed by garbage."""


class ClosedEarly(Fault):
    """A connection that ended before any byte of the answer; when it was reused, worth a retry."""


class TimedOut(Fault):
    """No answer in time."""


class Refused(Fault):
    """Something that this client does not do, or must not do."""


UNDECLARED = "undeclared host"
REFUSALS = {429: "refused 429", 503: "refused 503"}
DENIALS = (401, 403, 407)
CREDENTIALS = (
    "give its credentials in the target's `headers`, such as `Authorization: Bearer ${TOKEN}`, or "
    "as `user:${PASSWORD}@` before the host in its `url`"
)
"""The next step where a target answers by one of `DENIALS`."""
UNSERVED = (400, 404, 405, 410, 415, 422)
"""What a target answers to requests that it does not take as they are."""
SUCCESSES = frozenset({*range(200, 209), 226, 301, 302, 303, 304, 307, 308})
_ERRNO = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "host unreachable",
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
    errno.EBUSY: "too many open files",  # to look up a name takes some, too
    errno.EADDRNOTAVAIL: "no free local port",
    errno.ETIMEDOUT: "connect timeout",
}


def kind_of_status(status: int) -> str:
    """How a failing status is counted."""
    return REFUSALS.get(status) or f"status {status}"


_NAMED: tuple[tuple[type[BaseException], type[Fault], str], ...] = (
    (ssl.SSLCertVerificationError, Fault, "certificate not trusted"),
    (ssl.SSLError, Fault, "TLS failed"),
    (socket.gaierror, Fault, "host not found"),
    (TimeoutError, TimedOut, "timeout"),
    (zlib.error, BrokenAnswer, "broken content encoding"),
)


def fault_of(error: BaseException) -> Fault:
    """`error` of the network as a counted fault."""
    if isinstance(error, Fault):
        return error
    for kind, fault, name in _NAMED:
        if isinstance(error, kind):
            return fault(name, str(error))
    if isinstance(error, OSError):
        known = _ERRNO.get(error.errno or 0)
        return Fault(known) if known else Fault("socket error", str(error))
    return Fault("failed", f"{type(error).__name__}: {error}")


NETWORK_ERRORS = (Fault, OSError, zlib.error)
"""What a request may raise because of the network or the target."""
