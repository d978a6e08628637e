"""A page tells the finding first and treats everything from a result as data."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from perflib.report.render import About, render
from perflib.report.safe import markup, shortened, visible
from tests.reporting import cell, text

HOSTILE = [
    "<script>alert(1)</script>",
    "</pre></td></table><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "\u202egnp.exe\u202c\u2066x\u2069",
    "n" * 10_000,
    '" onmouseover="alert(1)" x="',
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "]]><!--<svg onload=alert(1)>",
    "\x00\x1b[31mred\x07",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]
PIXEL = base64.b64encode(
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x02\x80\x00\x00\x01\xe0\x08\x06\x00\x00\x00"
).decode()


class Parts(HTMLParser):
    """The tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def shown(output: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    made = cell("show()")
    made["metadata"] |= metadata
    made["outputs"] = [{"output_type": "display_data", "metadata": {}} | output]
    return made


def page(*cells: dict[str, Any], title: str = "A title") -> str:
    return render({"cells": list(cells), "metadata": {}}, About(title)).html


def harmless(html: str) -> None:
    parts = Parts(html)
    assert len(parts.all("script")) == 1, "ours only"
    for tag, attributes in parts.tags:
        assert tag not in ("iframe", "object", "embed", "base", "form", "link")
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style"
            if name in ("href", "src"):
                scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", value or "", re.IGNORECASE)
                assert scheme is None or scheme[1] in ("https", "http", "mailto", "data")
                assert scheme is None or scheme[1] != "data" or (tag, name) == ("img", "src")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08\x1b]", html)


def every_way(sign: str) -> list[dict[str, Any]]:
    """`sign` at each place where a result can put text."""
    failed = cell("x")
    failed["outputs"] = [
        {"output_type": "error", "ename": sign, "evalue": sign, "traceback": [sign, sign]},
        {"output_type": "stream", "name": "stdout", "text": sign},
        {"output_type": "stream", "name": "stderr", "text": sign},
    ]
    kinds = ("text/plain", "text/html", "text/markdown", "application/json", "image/svg+xml")
    return [
        text(f"# {sign}\n\n## {sign}\n\n{sign}\n\n[{sign}]({sign}) ![{sign}]({sign})"),
        *(shown({"data": {kind: sign}}) for kind in kinds),
        shown({"data": {"image/png": PIXEL, "text/plain": sign}, "metadata": {"alt": sign}}),
        shown({"data": {"image/png": sign}}),
        cell(f"x = '''{sign}'''", name=sign),
        failed,
    ]


@pytest.mark.parametrize("sign", HOSTILE)
def test_hostile_text_is_text(sign):
    about = About(sign, facts=[(sign, sign)], parameters=[(sign, repr(sign))])
    html = render({"cells": every_way(sign), "metadata": {}}, about).html
    harmless(html)
    assert "49" not in "".join(Parts(html).words) or "{{" not in sign


def test_pandas_styler_does_not_escape_and_we_do():
    import pandas as pd

    styled = pd.DataFrame({"<script>a</script>": HOSTILE}).style.to_html()
    assert "<script>" in styled
    harmless(page(shown({"data": {"text/html": styled}})))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<p class='finding'>a <b>b</b></p>", '<p class="finding">a <b>b</b></p>'),
        ("<p style='color:red' onclick='x()' id='theme'>a</p>", "<p>a</p>"),
        ("<style>p{}</style><script>x</script>a", "a"),
        ("<a href='javascript:x()'>a</a>", '<a rel="noopener noreferrer">a</a>'),
        ("<a href='data:text/html,x'>a</a>", '<a rel="noopener noreferrer">a</a>'),
        ("<img src='https://elsewhere/x.png'>a", "a"),
        ("<img src='data:image/svg+xml,<svg/>'>a", "a"),
        ("<iframe src=x></iframe><form><input></form>a", "a"),
        ("<td data-sort='0.5'>1</td>", "1"),
        (
            "<svg viewBox='0 0 1 1'><path d='M0 0' onload='x'/></svg>",
            '<svg viewBox="0 0 1 1"><path d="M0 0"></path></svg>',
        ),
        ("<svg><use href='https://x/y#z'/><foreignObject>a</foreignObject></svg>", "<svg>a</svg>"),
        ("<svg><style><!--</style><img src=x onerror=x()>--></svg>", None),
    ],
)
def test_markup_is_cut_to_an_allowed_list(given, kept):
    cut = markup(given)
    assert kept is None or cut == kept
    assert "onerror" not in cut or "<img" not in cut
    assert "elsewhere" not in cut


def test_long_words_are_cut():
    assert len(shortened("x" * 10_000)) < 200
    assert shortened("words of a usual length") == "words of a usual length"


def test_signs_that_turn_text_are_shown():
    assert visible("a\u202eb\x00") == "a[U+202E]b\ufffd"


def test_policy_lets_only_our_own_script_run():
    parts = Parts(page(text("# A")))
    policy = next(meta["content"] for meta in parts.all("meta") if "http-equiv" in meta)
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert len(re.findall("sha256-", policy)) == 2


def test_structure():
    html = page(
        text("# The title\n\nA question?"),
        cell("import x"),
        text("## Verdict\n\nMet."),
        shown(
            {
                "data": {"image/png": PIXEL},
                "metadata": {"image/png": {"alt": "A finding", "width": 640, "height": 240}},
            }
        ),
        text(
            "## Evidence\n\n### One\n\n### Two\n\n# Late first level\n\n"
            "| a | b |\n|---|---|\n| 1 | 2 |"
        ),
    )
    parts = Parts(html)
    levels = [int(tag[1]) for tag, _ in parts.tags if re.fullmatch("h[1-6]", tag)]
    assert levels == [1, 2, 2, 3, 3, 2]
    for landmark in ("header", "nav", "main", "footer"):
        assert len(parts.all(landmark)) == 1
    ids = [attributes["id"] for _, attributes in parts.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {link["href"] for link in parts.all("a") if (link["href"] or "").startswith("#")}
    assert links <= {f"#{anchor}" for anchor in ids}
    assert {"#verdict", "#evidence", "#one", "#two"} <= links
    image = parts.all("img")[0]
    assert (image["alt"], image["width"], image["height"]) == ("A finding", "640", "240")
    assert parts.all("html")[0]["lang"] == "en"
    assert not any("open" in fold for fold in parts.all("details") if fold.get("class") == "code")
    assert html.index("Met.") < html.index("<img")


@pytest.mark.parametrize(
    ("output", "alt", "width"),
    [
        ({"data": {"image/png": PIXEL}, "metadata": {"alt": "told"}}, "told", "640"),
        ({"data": {"image/png": PIXEL, "text/plain": "told"}}, "told", "640"),
        ({"data": {"image/png": PIXEL, "text/plain": "<Figure size 1x1>"}}, "Figure 1", "640"),
        ({"data": {"image/jpeg": "AAAA"}, "metadata": {"alt": "told"}}, "told", None),
        (
            {"data": {"image/svg+xml": "<svg onload='x'/>"}, "metadata": {"alt": "told"}},
            "told",
            None,
        ),
    ],
)
def test_every_figure_has_its_text(output, alt, width):
    image = Parts(page(shown(output))).all("img")[0]
    assert image["alt"] == alt
    assert image.get("width") == width
    assert (image["src"] or "").startswith("data:image/")


def test_pages_ask_no_other_host():
    html = page(text("![a](https://elsewhere.example/a.png) [link](https://elsewhere.example)"))
    parts = Parts(html)
    assert not parts.all("img")
    assert not parts.all("link")
    assert parts.all("a")[-1]["href"] in ("https://elsewhere.example", "index.html")


def test_same_notebook_same_page():
    cells = [
        text("# A\n\n## B"),
        cell("x = 1"),
        shown({"data": {"text/html": "<table><tr><td>1</td></tr></table>"}}),
    ]
    assert page(*cells) == page(*cells)


def test_without_a_title_the_page_has_one():
    parts = Parts(page(cell("1"), title="given"))
    assert "given" in parts.words
    assert len(parts.all("h1")) == 1
