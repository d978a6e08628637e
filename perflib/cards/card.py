"""A card says one thing first, in words, and shows the rest in a table; all of it is escaped.

A card is made of data and becomes HTML for JupyterLab and for the rendered page, Markdown for
a pull request and plain text for a terminal. Classes (`card`, `state`, `num`) carry the look of
the page; the few inline styles serve JupyterLab, which has no style of ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from perflib.model import CARD
from perflib.spark import line
from perflib.wording import SIGNS, clean

_COLORS = {"met": "#00735a", "improved": "#00735a", "missed": "#c24e00", "regressed": "#c24e00"}
_COLORS |= {"unchanged": "#0072b2", "inconclusive": "#8a5a00"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$!])")
_QUANTITY = re.compile(r"(?<=[<>=±]) (?=\d)|(?<=\d) (?=(?:%|[nµm]?s|min|[kMG]?B|req)(?![\w%]))")
LONGEST = 400
_ROOM = "padding:.3em .8em"


@dataclass(frozen=True)
class State:
    """A verdict or trend state in a cell."""

    name: str


@dataclass(frozen=True)
class Number:
    """A number in a cell: what is shown, and what it sorts by (base units)."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Code:
    """A name, a setting or a command in a cell."""

    text: str


@dataclass(frozen=True)
class Spark:
    """A small line of values in a cell, with the bound and a text for those who cannot see it."""

    values: Sequence[float]
    alt: str
    bound: float | None = None
    state: str = "unknown"


Part = str | State | Number | Code | Spark
Cell = Part | tuple[Part, ...]
"""What stands in a cell; a tuple stands on lines of its own."""


@dataclass(frozen=True)
class Table:
    """Rows under headings; every cell is data."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""


@dataclass(frozen=True)
class Pre:
    """Text whose layout matters, such as a query plan."""

    text: str


@dataclass(frozen=True)
class Steps:
    """Things to do, in order."""

    items: Sequence[Sequence[Cell]]


Block = str | Table | Pre | Steps


@dataclass(frozen=True)
class Card:
    """A finding, its state, and what stands under it."""

    finding: str
    state: str = ""
    blocks: Sequence[Block] = field(default_factory=tuple)

    def _repr_mimebundle_(self, **_: object) -> dict[str, dict[str, str]]:
        """The state and the finding for programs, such as the index of the reports."""
        return {CARD: {"state": self.state, "finding": self.finding}} if self.state else {}

    def _repr_html_(self) -> str:
        color = _COLORS.get(self.state, "#8a939d")
        edge = (
            f' style="border-left:5px solid {color};padding:.2em 0 .2em 1em"' if self.state else ""
        )
        sign = f"{_state(State(self.state))} " if self.state else ""
        body = "".join(_html(block) for block in self.blocks)
        strong = f"{sign}<strong>{_rich(self.finding)}</strong>"
        finding = f'<p class="finding" style="font-size:1.15em">{strong}</p>'
        names = f"card {self.state.replace(' ', '-')}".strip()
        return f'<div class="{names}"{edge}>{finding}{body}</div>'

    def _repr_markdown_(self) -> str:
        sign = f"{SIGNS[self.state]} **{self.state}** – " if self.state else ""
        return "\n\n".join([f"{sign}**{_plain_md(self.finding)}**", *map(_markdown, self.blocks)])

    def __repr__(self) -> str:
        return "\n".join([_line(self.finding, self.state), *map(_words, self.blocks)])


def _line(text: str, state: str = "") -> str:
    return f"{SIGNS[state]} {state}: {clean(text, LONGEST)}" if state else clean(text, LONGEST)


def _text(value: object) -> str:
    return escape(clean(value, LONGEST))


def _rich(value: object) -> str:
    """Escaped text in which `code` between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _breakable(value))


def _breakable(value: object) -> str:
    """Escaped text that breaks inside long names, but not between a sign, a number and its unit."""
    kept = _QUANTITY.sub("\u00a0", clean(value, LONGEST))
    return re.sub(r"(?<=[_./(])(?=[^\W\d]{3})", "<wbr>", escape(kept))


def _state(state: State) -> str:
    """The state in its colour, mixed with the text's to be read on a dark page too."""
    color = f"color-mix(in srgb,{_COLORS.get(state.name, '#616e7c')},currentColor 35%)"
    return (
        f'<span class="state {state.name.replace(" ", "-")}" style="color:{color};font-weight:650;'
        f'white-space:nowrap"><span aria-hidden="true">{SIGNS.get(state.name, "?")}</span> '
        f"{escape(state.name)}</span>"
    )


def _html(block: Block) -> str:
    match block:
        case str():
            return f"<p>{_rich(block)}</p>"
        case Pre(text):
            return f"<pre>{escape(text[:20_000])}</pre>"
        case Steps(items):
            inner = "".join(f"<li>{' '.join(map(_cell, item))}</li>" for item in items)
            return f"<ol>{inner}</ol>"
    left = f' style="text-align:left;{_ROOM}"'
    head = "".join(f'<th scope="col"{left}>{_text(name)}</th>' for name in block.headings)
    rows = "".join(f"<tr>{''.join(map(_td, row))}</tr>" for row in block.rows)
    caption = f"<caption>{_text(block.caption)}</caption>" if block.caption else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _td(cell: Cell) -> str:
    if isinstance(cell, Number):
        sort = "" if cell.value is None else f' data-sort="{cell.value!r}"'
        return f'<td class="num"{sort} style="text-align:right;{_ROOM}">{_text(cell.text)}</td>'
    return f'<td style="text-align:left;{_ROOM}">{_cell(cell)}</td>'


def _cell(cell: Cell) -> str:
    match cell:
        case State():
            return _state(cell)
        case Number(text):
            return _text(text)
        case Code(text):
            return f"<code>{_breakable(text)}</code>"
        case Spark():
            return sparkline(cell)
        case tuple():
            return "<br>".join(map(_cell, cell))
    return _rich(cell)


def sparkline(spark: Spark, width: int = 132, height: int = 26) -> str:
    """An inline SVG: the values from oldest to newest, the newest marked, the bound dashed."""
    drawn = line(spark.values, spark.bound, width, height)
    if drawn is None:
        return f'<span title="{_text(spark.alt)}">–</span>'
    color, (x, y) = _COLORS.get(spark.state, "#616e7c"), drawn.end
    dashed = ""
    if drawn.bound is not None:
        dashed = (
            f'<line x1="0" x2="{width}" y1="{drawn.bound}" y2="{drawn.bound}" stroke="#8a939d" '
            'stroke-dasharray="3 2"></line>'
        )
    return (
        f'<svg role="img" aria-label="{_text(spark.alt)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{dashed}<polyline points="{drawn.points}" fill="none" '
        f'stroke="{color}" stroke-width="1.5"></polyline><circle cx="{x}" cy="{y}" r="2.8" '
        f'fill="{color}"></circle></svg>'
    )


def _plain_md(value: object) -> str:
    return _MARKDOWN.sub(r"\\\1", clean(value, LONGEST))


def _cell_md(cell: Cell) -> str:
    match cell:
        case State(name):
            return f"{SIGNS.get(name, '?')} {name}"
        case Number(text):
            return _plain_md(text)
        case Code(text):
            return "`" + clean(text, LONGEST).replace("`", "'").replace("|", "¦") + "`"
        case Spark(alt=alt):
            return _plain_md(alt)
        case tuple():
            return ", ".join(map(_cell_md, cell))
    return _plain_md(cell)


def _markdown(block: Block) -> str:
    match block:
        case str():
            return _plain_md(block)
        case Pre(text):
            return "\n".join(f"    {line}" for line in text[:20_000].splitlines())
        case Steps(items):
            return "\n".join(f"{n}. {' '.join(map(_cell_md, i))}" for n, i in enumerate(items, 1))
    sides = ["--:" if any(isinstance(r[i], Number) for r in block.rows) else ":--"
             for i in range(len(block.headings))]  # fmt: skip
    lines = [list(map(_plain_md, block.headings)), sides]
    lines += [[_cell_md(cell) for cell in row] for row in block.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _words(block: Block) -> str:
    match block:
        case str():
            return clean(block, LONGEST)
        case Pre(text):
            return text[:20_000]
        case Steps(items):
            return "\n".join(
                f"{n}. {' '.join(map(_word, item))}" for n, item in enumerate(items, 1)
            )
    rows = [list(block.headings), *([_word(cell) for cell in row] for row in block.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(block.headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _word(cell: Cell) -> str:
    match cell:
        case State(name):
            return f"{SIGNS.get(name, '?')} {name}"
        case Number(text) | Code(text):
            return clean(text, LONGEST)
        case Spark(alt=alt):
            return clean(alt, LONGEST)
        case tuple():
            return ", ".join(map(_word, cell))
    return clean(cell, LONGEST)
