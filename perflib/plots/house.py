"""A figure states its finding in the title, names things where they are, and costs little to draw.

Layout is fixed in inches: no tight bounding box, no layout engine; same inputs give the same
bytes. Nothing here uses pyplot, so no state leaks between figures.
"""

from __future__ import annotations

import base64
import functools
import io
import re
import textwrap
import warnings
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from PIL import Image

from perflib.model import Run
from perflib.wording import clean, count

if TYPE_CHECKING:
    from perflib.desk import Desk

INK, MUTED, FAINT = "#1f2933", "#52606d", "#87919d"
BLUE, SKY, ORANGE, PURPLE, TEAL = "#0072b2", "#3f98cf", "#bf8300", "#aa4499", "#00735a"
RED, GREEN, GREY, PALE = "#a83e00", "#00735a", "#616e7c", "#8a949f"
SERIES = (BLUE, ORANGE, TEAL, PURPLE, SKY, GREY)
"""Colours that colour-blind readers tell apart (after Okabe and Ito), none under 3:1 on white."""

TEXT = {ORANGE: "#8a5a00", PALE: GREY, SKY: "#1f6f9f", FAINT: GREY}
"""Colours too light for text, and what to write in instead."""

STATES = {
    "met": (GREEN, "o"),
    "missed": (RED, "X"),
    "unknown": (GREY, "D"),
    "improved": (GREEN, "^"),
    "unchanged": (BLUE, "o"),
    "regressed": (RED, "v"),
    "inconclusive": (ORANGE, "D"),
    "no data": (GREY, "s"),
}
"""A state is told by colour and marker together, and by its sign where there are words."""

WIDTH_IN = 8.75
LEFT_IN, RIGHT_IN, FOOT_IN = 0.78, 0.35, 0.62
PIXEL_RATIO = 1.5
COLOURS = 40
HOUSE = mpl.rc_params_from_file(
    Path(__file__).with_name("house.mplstyle"), use_default_template=False
)
SCRIPTS = (
    "Noto Sans CJK JP", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic",
    "Noto Sans Devanagari", "Nirmala UI", "Noto Sans Thai",
)  # fmt: skip
"""Fonts for labels in scripts that the first one lacks; those installed, also in bold, are used."""
_BOLD = {font.name for font in fontManager.ttflist if font.weight in (700, "bold")}
HOUSE["font.family"] += [name for name in SCRIPTS if name in _BOLD]

P = ParamSpec("P")
R = TypeVar("R")


def in_house_style(draw: Callable[P, R]) -> Callable[P, R]:
    """Run `draw` under the house style and leave matplotlib's settings as they were.

    A sign that no font has is drawn as a box, and nobody can do more about it.
    """

    @functools.wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(HOUSE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")
            return draw(*args, **kwargs)

    return styled


class Drawing(Figure):
    """A figure that carries its alt text and shows itself at a fixed size, sharper than that."""

    alt = ""

    @in_house_style
    def png(self) -> bytes:
        """The figure as PNG without date or version, so equal figures are equal bytes."""
        raw = io.BytesIO()
        self.savefig(raw, format="rgba", dpi=96 * PIXEL_RATIO)
        width = int(self.get_size_inches()[0] * 96 * PIXEL_RATIO)
        return _compact(raw.getvalue(), width)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        width, height = (round(inches * 96) for inches in self.get_size_inches())
        return picture(self.png(), width, height, self.alt)


def _compact(rgba: bytes, width: int) -> bytes:
    """Pixels as a PNG of a few colours: a quarter of the bytes, no visible loss."""
    pixels = Image.frombytes("RGBA", (width, len(rgba) // 4 // width), rgba).convert("RGB")
    drawn = pixels.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    shades = drawn.getpalette() or []
    drawn.putpalette([255 if shade >= 254 else shade for shade in shades])
    out = io.BytesIO()
    drawn.save(out, "png", compress_level=8)
    return out.getvalue()


def picture(png: bytes, width: int, height: int, alt: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A PNG as output of a cell: data and metadata with its size on the page and its alt text."""
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
    return data, {"image/png": {"width": width, "height": height, "alt": alt}, "alt": alt}


class Missing(Drawing):
    """The place of a figure for which nothing was measured: one line that says so."""

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(self.alt))
        html = f'<p class="missing">○ {text}</p>'
        return {"text/html": html, "text/plain": self.alt}, {}


def missing(why: str, desk: Desk | None = None) -> Missing:
    """A figure that says why it is not there; samples that are not kept explain it first."""
    if desk is not None and desk.only_summary:
        why = "Not drawn: of this run only the summary is here, not its samples"
    drawing = Missing(figsize=(WIDTH_IN, 0.5))
    drawing.alt = clean(why, 200)
    return drawing


def show(*drawings: Drawing) -> None:
    """Display figures with their alt text (output metadata `alt`)."""
    from IPython.display import display

    for drawing in drawings:
        display(drawing)  # type: ignore[no-untyped-call]


def sheet(
    title: str,
    subtitle: str,
    source: str,
    *,
    height_in: float = 3.3,
    rows: int = 1,
    columns: int = 1,
    left_in: float = LEFT_IN,
    right_in: float = RIGHT_IN,
    gap_in: float = 0.45,
    **grid: Any,
) -> tuple[Drawing, list[Axes]]:
    """A figure with its finding, what is drawn, its source, and `rows` × `columns` axes.

    `height_in` is the height of the axes' area; title and foot come on top, and
    for small multiples (three columns) room for their labels. Options in `grid` go to
    `Figure.subplots`.
    """
    title = re.sub(r"`([^`]*)`", r"“\1”", clean(title, 200))
    lines = textwrap.wrap(title, 76) or [""]
    head_in = 0.62 + 0.24 * len(lines) + (0.25 if columns > 2 else 0.0)
    total_in = head_in + height_in + FOOT_IN
    figure = Drawing(figsize=(WIDTH_IN, total_in), dpi=96 * PIXEL_RATIO)
    figure.alt = f"{title}. {clean(subtitle, 200)}."
    margins = {
        "left": left_in / WIDTH_IN,
        "right": 1 - right_in / WIDTH_IN,
        "top": 1 - head_in / total_in,
        "bottom": FOOT_IN / total_in,
    }
    spaces = {"wspace": columns * gap_in / (WIDTH_IN - left_in - right_in)}
    spaces["hspace"] = rows * gap_in / height_in
    axes = figure.subplots(
        rows,
        columns,
        squeeze=False,
        gridspec_kw={**margins, **spaces, **grid.pop("gridspec", {})},
        **grid,
    )
    at = 0.12 / WIDTH_IN
    figure.text(
        at,
        1 - 0.12 / total_in,
        "\n".join(lines),
        size=12.5,
        weight="bold",
        va="top",
        linespacing=1.25,
    )
    under_in = 0.19 + 0.24 * len(lines)
    figure.text(at, 1 - under_in / total_in, clean(subtitle, 130), size=9.5, color=MUTED, va="top")
    figure.text(at, 0.1 / total_in, clean(source, 150), size=7.5, color=GREY, va="bottom")
    return figure, list(axes.flat)


def source_line(run: Run, n: int | None = None) -> str:
    """Where the numbers come from: run, number of samples if they are known, moment."""
    size = f" · {count(n)} samples" if n else ""
    return f"run {run.id}{size} · {run.started_at[:16].replace('T', ' ')} UTC"
