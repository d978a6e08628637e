"""The small pieces of a page: printed text, code, pictures."""

from __future__ import annotations

import contextlib
from base64 import b64decode
from functools import cache
from typing import Any
from urllib.parse import quote

from markupsafe import escape
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

from perflib.report.outputs import without_colours

LONG_TEXT = 4000


def pre(text: str) -> str:
    """Text as it was printed; a long one scrolls in a frame that the keyboard reaches."""
    frame = ' class="long" tabindex="0"' if len(text) > LONG_TEXT else ""
    return f"<pre{frame}>{escape(without_colours(text))}</pre>"


@cache
def _highlighter() -> tuple[Any, Any]:
    return PythonLexer(), HtmlFormatter(nowrap=True)


def highlighted(code: str) -> str:
    """Python code as escaped spans with classes."""
    return str(highlight(code, *_highlighter())).rstrip("\n")


def data_url(mime: str, value: str) -> str:
    """A picture inside the page: SVG as text, others as the base64 that they come in."""
    if mime == "image/svg+xml":
        return f"data:{mime},{quote(value, safe=' /:=,;')}"
    return f"data:{mime};base64,{''.join(value.split())}"


def shape(mime: str, value: str, told: dict[str, Any]) -> str:
    """The attributes `width` and `height` as `told`, else of the PNG itself, else none."""
    width, height = told.get("width"), told.get("height")
    if isinstance(width, int | float) and isinstance(height, int | float):
        return f' width="{round(width)}" height="{round(height)}"'
    head = b""
    with contextlib.suppress(ValueError):
        head = b64decode(value[:32]) if mime == "image/png" else b""
    if len(head) < 24 or head[12:16] != b"IHDR":
        return ""
    wide, high = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    return f' width="{wide}" height="{high}"'
