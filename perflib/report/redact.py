"""What leaves the machine: credentials never do, host names only while nobody asks them away.

Replacement works on text and on values, never on markup, keys or pictures, so that a host
called `table` breaks no page. What is drawn in a picture cannot be redacted.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from perflib.hidden import HIDDEN, SECRET

_LOOPBACK = re.compile(r"localhost|127\.[\d.]+|\[?::1\]?|0\.0\.0\.0", re.IGNORECASE)
_CERTAIN = (
    (re.compile(r"(?<=://)[^\s/@:'\"<>]*:[^\s/@'\"<>]+(?=@)"), f"{HIDDEN}:{HIDDEN}"),
    (
        re.compile(
            r"(?i)(authorization\W{1,8}(?:bearer|basic)\s+|\bbearer\s+(?=\S*\d))[\w.~+/=-]{12,}"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bxox[baprs]-[\w-]{10,}"), HIDDEN),
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
        ),
        HIDDEN,
    ),
)
_NAMED = (
    re.compile(
        r"(?i)\b((?:[\w-]*[_-])?(?:password|passwd|secret|token|api[_-]?key))"
        r"((?:&quot;|&#34;|&#39;|['\"])?\s*[:=]\s*(?:&quot;|&#34;|&#39;|['\"])?)"
        r"(?!\*\*\*)[^\s'\"&<>,;)}\]]{4,}"
    ),
    rf"\1\2{HIDDEN}",
)
_URL_HOST = re.compile(r"://(?:[^\s/@'\"<>]*@)?(\[[0-9a-fA-F:.]+\]|[^\s/:?#'\"<>&\\]+)")
_HOST_KEY = re.compile(r'"(?:host|hostname|server)"\s*:\s*"([^"\s]+)"')
_MARKUP = re.compile(r"(<(?:style|script)\b.*?</(?:style|script)>|<(?!wbr>)[^>]*>)", re.DOTALL)
_BREAK = re.compile(r"<wbr>|\\(?=[!-/:-@\[-`{-~])")
"""Where a page may break a long name, and Markdown's escape: neither is seen by a reader."""
_WORD = re.compile(r"(?:\S+\s*[:=]\s*)?(?i:(?:bearer|basic)\s+)?\S+")
_TOLD = re.compile(r'\b(alt|title|aria-label|href)="([^"]*)"')
_STRUCTURE = ("cell_type", "output_type", "id", "kernelspec", "language_info")


def certain(text: str) -> str:
    """`text` without what is a credential beyond doubt; none may reach a notebook or a page."""
    return _as_read(_certain, text)


def _as_read(redact: Callable[[str], str], text: str) -> str:
    """`text` after `redact`, which sees its words without what breaks them."""

    def word(found: re.Match[str]) -> str:
        whole = _BREAK.sub("", found[0])
        told = found[0] if whole == found[0] else redact(whole)
        return found[0] if told == whole else told

    return redact(_WORD.sub(word, text) if _BREAK.search(text) else text)


def _certain(text: str) -> str:
    for value in _secret_values():
        text = text.replace(value, HIDDEN)
    for pattern, instead in _CERTAIN:
        text = pattern.sub(instead, text)
    return text


@cache
def _secret_values() -> list[str]:
    """The values of the environment's secrets, longest first."""
    named = {name for name in os.environ if SECRET.search(name)} - {"PWD", "OLDPWD"}  # folders
    values = {os.environ[name] for name in named}
    return sorted((value for value in values if len(value) >= 8), key=len, reverse=True)


class Redactor:
    """Replaces credentials, and host names if `hosts` are given, each by a steady `host-<n>`."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        names = sorted({host for host in hosts if host and not _LOOPBACK.fullmatch(host)})
        self._hosts = {name: f"host-{number}" for number, name in enumerate(names, start=1)}
        longest = sorted(map(re.escape, names), key=len, reverse=True)
        self._host = re.compile(rf"(?<![\w-])(?:{'|'.join(longest)})(?![\w-])") if names else None

    def text(self, text: str) -> str:
        """`text` without what must not be told."""
        return _as_read(self._text, text)

    def _text(self, text: str) -> str:
        pattern, instead = _NAMED
        text = pattern.sub(instead, _certain(text))
        if self._host is not None:
            text = self._host.sub(lambda found: self._hosts[found[0]], text)
        return text

    def markup(self, page: str) -> str:
        """HTML or SVG: its text and what its attributes tell."""
        parts = _MARKUP.split(page)
        parts[::2] = map(self.text, parts[::2])
        parts[1::2] = [_TOLD.sub(self._attribute, tag) for tag in parts[1::2]]
        return "".join(parts)

    def _attribute(self, found: re.Match[str]) -> str:
        return f'{found[1]}="{self.text(found[2])}"'

    def values(self, value: Any) -> Any:
        """JSON: every text in it but what names the structure of a notebook, and its pictures."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            if value and all(isinstance(one, str) for one in value):
                return (
                    self.text("".join(value)).splitlines(keepends=True)
                    if _lines(value)
                    else [self.text(one) for one in value]
                )
            return [self.values(one) for one in value]
        if isinstance(value, dict):
            return {key: self._entry(key, one) for key, one in value.items()}
        return value

    def _entry(self, key: str, value: Any) -> Any:
        if key in _STRUCTURE or key in ("image/png", "image/jpeg"):
            return value
        if isinstance(value, str) and value and SECRET.search(key):
            return HIDDEN
        if key in ("text/html", "image/svg+xml"):
            page = value if isinstance(value, str) else "".join(value)
            return self.markup(page).splitlines(keepends=True)
        return self.values(value)

    def line(self, data: bytes) -> bytes:
        """JSON as JSON in one line."""
        return json.dumps(self.values(json.loads(data)), ensure_ascii=False).encode()

    def json(self, data: bytes) -> bytes:
        """JSON as JSON."""
        told = json.dumps(self.values(json.loads(data)), ensure_ascii=False, indent=1)
        return told.encode() + b"\n"


def _lines(texts: list[str]) -> bool:
    return any(text.endswith("\n") for text in texts)


def hosts_in(text: str) -> set[str]:
    """The hosts of all URLs in `text`, and those that JSON names as such."""
    return {host.strip(".,;") for host in _URL_HOST.findall(text) + _HOST_KEY.findall(text)}


def own_hosts() -> set[str]:
    """The names of this machine."""
    name = socket.gethostname()
    return {name, name.split(".")[0]}
