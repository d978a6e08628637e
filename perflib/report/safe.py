"""Everything that came from a result is data: text stays text, markup is cut to an allowed list."""

from __future__ import annotations

import re
from functools import cache

import nh3

_STRUCTURE = (
    "section div span p h3 h4 h5 h6 ul ol li dl dt dd strong em b i small sub sup code kbd pre "
    "abbr br wbr hr figure figcaption blockquote time a"
)
_TABLE = "table caption colgroup col thead tbody tfoot tr th td"
_DRAWING = "svg g path polyline polygon line rect circle ellipse text title desc"
_SHAPES = (
    "viewBox preserveAspectRatio width height x y x1 y1 x2 y2 cx cy r rx ry d points transform "
    "fill stroke stroke-width stroke-linecap stroke-linejoin stroke-dasharray fill-opacity "
    "stroke-opacity opacity text-anchor font-size font-weight"
)
_EVERYWHERE = {"class", "title", "lang", "dir", "role", "aria-label", "aria-hidden"}
_WORD = re.compile(r"[^\s<>&\"']{160,}")
_TURNING = "\u202a-\u202e\u2066-\u2069\u200e\u200f"
_DANGEROUS = re.compile(
    f"[{_TURNING}\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ufeff\\ud800-\\udfff]"
)


@cache
def _cleaner() -> nh3.Cleaner:
    attributes: dict[str, set[str]] = {"*": _EVERYWHERE, "a": {"href"}, "time": {"datetime"}}
    attributes |= {tag: {"scope", "colspan", "rowspan"} for tag in ("th", "td")}
    attributes["col"] = {"span"}
    attributes |= {tag: set(_SHAPES.split()) for tag in _DRAWING.split()}
    return nh3.Cleaner(
        tags=set(f"{_STRUCTURE} {_TABLE} {_DRAWING}".split()),
        attributes=attributes,
        clean_content_tags={"script", "style", "iframe", "object", "template", "noscript"},
        generic_attribute_prefixes={"data-state", "data-sort"},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )


def markup(html: str) -> str:
    """`html` without scripts, styles, pictures and anything else that is not allowed."""
    return shortened(_cleaner().clean(html))


def shortened(html: str) -> str:
    """`html` with words beyond 160 characters cut in the middle."""
    return _WORD.sub(_cut, html)


def _cut(match: re.Match[str]) -> str:
    return f"{match[0][:110]}…{match[0][-40:]}"


def visible(text: str) -> str:
    """`text` with signs that turn its direction, or that no text has, made visible."""
    return _DANGEROUS.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    sign = match[0]
    return f"[U+{ord(sign):04X}]" if "\u2000" <= sign <= "\u2070" else "\N{REPLACEMENT CHARACTER}"
