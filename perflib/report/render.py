"""A page is one file that asks nobody for anything: finding first, code folded, data as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from perflib.report.assets import environment
from perflib.report.notebook import Notebook
from perflib.report.outputs import without_colours
from perflib.report.pieces import data_url, highlighted, pre, shape
from perflib.report.safe import markup, shortened, visible

_PREFERRED = ("text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
LONG_TABLE_ROWS = 25


@dataclass
class Entry:
    """A line of the table of contents."""

    id: str
    title: str
    inner: list[Entry] = field(default_factory=list)


@dataclass
class Section:
    """What stands under one heading of the second level; the first section has none."""

    id: str = ""
    title: Markup = field(default_factory=Markup)
    pieces: list[Markup] = field(default_factory=list)


@dataclass(frozen=True)
class Failure:
    """The cell that stopped the notebook."""

    name: str
    text: str
    id: str


@dataclass
class About:
    """What the page tells beside the notebook: a title if the notebook has none, facts, links.

    `heading` stands for the notebook's own, where that is of another target.
    """

    title: str
    facts: Sequence[tuple[str, str]] = ()
    parameters: Sequence[tuple[str, str]] = ()
    notebook: str = ""
    heading: str = ""


class _Page:
    def __init__(self) -> None:
        self.heading = ""
        self.sections = [Section()]
        self.contents: list[Entry] = []
        self.failure: Failure | None = None
        self._ids: set[str] = {"content", "theme", "code", "filter", "shown"}
        self._code: list[str] = []
        self._figures = 0
        self._under = "this page"

    def add(self, piece: str) -> None:
        self.sections[-1].pieces.append(Markup(visible(piece)))

    def cell(self, cell: dict[str, Any]) -> None:
        if cell["cell_type"] == "markdown":
            self._fold()
            self._prose(cell["source"])
        elif cell["cell_type"] == "code":
            self._code_cell(cell)

    def end(self) -> None:
        self._fold()

    def _code_cell(self, cell: dict[str, Any]) -> None:
        if cell["source"].strip():
            self._code.append(cell["source"])
        if not cell.get("outputs"):
            return
        self._fold()
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                may_fail = "raises-exception" in cell["metadata"].get("tags", ())
                self._error(output, stopped=not may_fail)
            else:
                self._output(output, cell["metadata"])

    def _fold(self) -> None:
        if self._code:
            text = "\n\n".join(self._code)
            self.add(
                f'<details class="code"><summary>code<span class="unseen"> of '
                f"{escape(self._under)}</span></summary>"
                f"<pre><code>{highlighted(text)}</code></pre></details>"
            )
            self._code.clear()

    def _prose(self, source: str) -> None:
        tokens = _markdown().parse(source)
        start = 0
        for index, token in enumerate(tokens):
            if token.type != "heading_open" or token.level != 0:
                continue
            self._paragraphs(tokens[start:index])
            self._heading(int(token.tag[1]), tokens[index + 1])
            start = index + 3
        self._paragraphs(tokens[start:])

    def _paragraphs(self, tokens: Sequence[Token]) -> None:
        if tokens:
            html = _markdown().renderer.render(tokens, _markdown().options, {})
            self.add(f'<div class="prose">{self._tabled(shortened(html))}</div>')

    def _heading(self, level: int, inline: Token) -> None:
        title = shortened(_markdown().renderer.render([inline], _markdown().options, {}))
        text = shortened(_plain(inline))
        if level == 1 and not self.heading:
            self.heading = text
            return
        anchor, self._under = self._anchor(text), text
        if level <= 2:
            self.sections.append(Section(anchor, Markup(visible(title))))
            self.contents.append(Entry(anchor, text))
            return
        level = min(level, 4 if self.contents else 3)
        self.add(f'<h{level} id="{anchor}">{title}</h{level}>')
        if level == 3 and self.contents:
            self.contents[-1].inner.append(Entry(anchor, text))

    def _anchor(self, text: str) -> str:
        stem = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48] or "section"
        anchor, number = stem, 1
        while anchor in self._ids:
            number += 1
            anchor = f"{stem}-{number}"
        self._ids.add(anchor)
        return anchor

    def _error(self, output: dict[str, Any], *, stopped: bool) -> None:
        anchor = self._anchor("stopped-here")
        name, text = (
            without_colours(output["ename"]),
            shortened(without_colours(output["evalue"]))[:2000],
        )
        if stopped:  # the last one tells why: a timeout comes after its KeyboardInterrupt
            self.failure = Failure(name, text, anchor)
        trace = without_colours("\n".join(output["traceback"]))
        self.add(
            f'<div class="failed" id="{anchor}">'
            f"<p><strong>{escape(name)}</strong>: {escape(text)}</p>"
            f"<details><summary>Traceback</summary><pre>{escape(trace)}</pre></details></div>"
        )

    def _output(self, output: dict[str, Any], cell: dict[str, Any]) -> None:
        if output["output_type"] == "stream":
            self._stream(output)
            return
        data, metadata = output["data"], output.get("metadata", {})
        mime = next((mime for mime in _PREFERRED if mime in data), "")
        value = data.get(mime, "")
        if mime == "text/html":
            self.add(f'<div class="output">{self._tabled(markup(value))}</div>')
        elif mime.startswith("image/"):
            self._image(mime, value, metadata, data, cell)
        elif mime == "text/markdown":
            self._prose(value)
        elif "application/json" in data:
            pretty = msgspec.json.format(msgspec.json.encode(data["application/json"])).decode()
            self.add(f'<div class="output">{pre(pretty)}</div>')
        elif "text/plain" in data:
            self.add(f'<div class="output">{pre(data["text/plain"])}</div>')

    def _stream(self, output: dict[str, Any]) -> None:
        text = pre(output["text"])
        if output["name"] == "stderr":
            text = f"<details><summary>What it wrote to stderr</summary>{text}</details>"
            self.add(f'<div class="output told">{text}</div>')
        else:
            self.add(f'<div class="output stream">{text}</div>')

    def _image(
        self,
        mime: str,
        value: str,
        metadata: dict[str, Any],
        data: dict[str, Any],
        cell: dict[str, Any],
    ) -> None:
        if mime != "image/svg+xml" and not _BASE64.fullmatch(value):
            self.add("<p>A picture that cannot be shown.</p>")
            return
        self._figures += 1
        own = metadata.get(mime) if isinstance(metadata.get(mime), dict) else {}
        alt = (own or {}).get("alt") or metadata.get("alt") or cell.get("alt")
        if not isinstance(alt, str):
            plain = data.get("text/plain", "")
            alt = plain if plain and not plain.startswith("<") else f"Figure {self._figures}"
        source, text = escape(data_url(mime, value)), escape(visible(shortened(alt)))
        size = shape(mime, value, own or {})
        picture = f'<figure class="plot"><img src="{source}" alt="{text}"{size}></figure>'
        self.sections[-1].pieces.append(Markup(picture))

    def _tabled(self, html: str) -> str:
        """Each table of `html` in a frame that scrolls when the table is wide or long."""

        def framed(found: re.Match[str]) -> str:
            look = "scroll long" if found[0].count("<tr") > LONG_TABLE_ROWS else "scroll"
            frame = f'class="{look}" role="group" aria-label="{escape(self._under)}" tabindex="0"'
            return f"<div {frame}>{found[0]}</div>"

        return _TABLE.sub(framed, html)


class Rendered(NamedTuple):
    """A page, its heading, and why it is not complete."""

    html: str
    heading: str
    failure: Failure | None


def render(notebook: Notebook, about: About) -> Rendered:
    """The page of an executed `notebook`; depends on nothing but its arguments."""
    page = _Page()
    for cell in notebook["cells"]:
        page.cell(cell)
    page.end()
    heading = about.heading or page.heading or about.title
    html = (
        environment()
        .get_template("page.html.jinja")
        .render(
            title=f"{heading}{_which(dict(about.facts))}",
            heading=heading,
            facts=about.facts,
            parameters=about.parameters,
            notebook=about.notebook,
            contents=page.contents,
            sections=[section for section in page.sections if section.id or section.pieces],
            failure=page.failure,
        )
    )
    return Rendered(html, heading, page.failure)


def _which(facts: dict[str, str]) -> str:
    """What tells this page from others of its notebook in a browser's tab."""
    told = facts.get("Measured") or facts.get("Target")
    return f" · {told}" if told else ""


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    # a picture from elsewhere would be a request to another host
    markdown.add_render_rule(
        "image", lambda _, tokens, index, *__: str(escape(tokens[index].content))
    )
    return markdown


def _plain(inline: Token) -> str:
    return "".join(token.content for token in inline.children or ())
