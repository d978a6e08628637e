"""Everything that came from a result is data: text stays text, markup is cut to an allowed list."""

from __future__ import annotations

import re
from functools import cache

import nh3

_STRUCTURE = (
    "section div span p h3 h4 h5 h6 ul ol li dl dt dd strong em b i small sub sup code kbd pre "
    "abbr br hr figure figcaption blockquote time a img"
)
_TABLE = "table caption colgroup col thead tbody tfoot tr th td"
_DRAWING = "svg g path polyline polygon line rect circle ellipse text title desc"
_SHAPES = (
    "viewBox preserveAspectRatio width height x y x1 y1 x2 y2 cx cy r rx ry d points transform "
    "fill stroke stroke-width stroke-linecap stroke-linejoin stroke-dasharray fill-opacity "
    "stroke-opacity opacity text-anchor font-size font-weight"
)
_EVERYWHERE = {"class", "title", "lang", "dir", "role", "aria-label", "aria-hidden"}
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")
_WORD = re.compile(r"[^\s<>&\"']{160,}")
_DANGEROUS_SIGNS = {
    sign: f"[U+{sign:04X}]"
    for sign in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)
}
_DANGEROUS_SIGNS |= {
    sign: "\N{REPLACEMENT CHARACTER}" for sign in range(0x20) if sign not in (9, 10, 13)
}
_DANGEROUS_SIGNS |= dict.fromkeys((*range(127, 160), 65279), "�")
_DANGEROUS_SIGNS |= dict.fromkeys(range(55296, 57344), "�")


@cache
def _cleaner() -> nh3.Cleaner:
    attributes: dict[str, set[str]] = {"*": _EVERYWHERE, "a": {"href"}, "time": {"datetime"}}
    attributes |= {tag: {"scope", "colspan", "rowspan"} for tag in ("th", "td")}
    attributes |= {"col": {"span"}, "img": {"src", "alt", "width", "height"}}
    attributes |= {tag: set(_SHAPES.split()) for tag in _DRAWING.split()}
    return nh3.Cleaner(
        tags=set(f"{_STRUCTURE} {_TABLE} {_DRAWING}".split()),
        attributes=attributes,
        attribute_filter=_attribute,
        clean_content_tags={"script", "style", "iframe", "object", "template", "noscript"},
        generic_attribute_prefixes={"data-state", "data-sort"},
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
    )


def _attribute(_tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if _IMAGE.fullmatch(value) else None
    if name == "href":
        return None if value.strip().lower().startswith("data:") else value
    return value


def markup(html: str) -> str:
    """`html` without scripts, styles, foreign images and anything else that is not allowed."""
    return shortened(_cleaner().clean(html))


def shortened(html: str) -> str:
    """`html` with words beyond 160 characters cut in the middle; images are left alone."""
    return _WORD.sub(_cut, html)


def _cut(match: re.Match[str]) -> str:
    word = match[0]
    return word if word.startswith("data:image/") else f"{word[:110]}…{word[-40:]}"


def visible(page: str) -> str:
    """`page` with signs that turn the direction of text, or that no text has, made visible."""
    return page.translate(_DANGEROUS_SIGNS)
