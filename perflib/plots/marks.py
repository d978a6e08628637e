"""What figures share: axes with units, bounds, shades, labels at the things they name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from perflib.model import Outcome, Run
from perflib.plots.house import INK, MUTED, STATES, TEXT, WIDTH_IN
from perflib.units import format_number, format_quantity, scale_of
from perflib.wording import SIGNS, clean, distinct

SHARE = "share"
LINE_PT, NARROW_PT, PAD_PT = 10.0, 4.5, 8.0
"""Height of a line, width of a narrow text's letters, and room around labels (points)."""


def share_unit(unit: str) -> str:
    """For an axis: a ratio is shown in percent or as a factor, not as a bare count."""
    return SHARE if unit == "1" else unit


def unit_axis(axis: Any, base: str, largest: float, *, log: bool = False, count: int = 5) -> None:
    """Ticks that carry their unit: one unit on a linear axis, the fitting one on a log axis.

    Counts stay bare: the subtitle says what is counted.
    """
    if log:
        low, high = axis.get_view_interval()
        fine = high / max(low, 1e-12) < 300 and count > 3
        subs = (1.0, 2.0, 5.0) if fine else (1.0,)
        axis.set_major_locator(LogLocator(10, subs=subs, numticks=12))
        axis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value, base, 1)))
        axis.set_minor_locator(NullLocator())
        return
    symbol, factor = scale_of(largest, base)
    symbol = symbol if base in ("s", "B", "B/s") else ""
    if base == SHARE:
        symbol, factor = ("%", 0.01) if largest <= 1 else ("×", 1.0)
    axis.set_major_locator(_Steps(factor, count))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{_plain(value / factor)} {symbol}".strip())
    )


def _plain(value: float) -> str:
    text = f"{value:.6g}"
    return text if "e" not in text else format_number(value, 3)


class _Steps(MaxNLocator):
    """Round steps in the unit that is shown, not in the base unit."""

    def __init__(self, factor: float, count: int) -> None:
        super().__init__(count, steps=[1, 2, 2.5, 5, 10])
        self.factor = factor

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Ticks between `vmin` and `vmax` (base units)."""
        ticks: Any = super().tick_values(vmin / self.factor, vmax / self.factor)
        return ticks * self.factor


def time_axis(axes: Axes) -> None:
    """Seconds since the run's start."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(value)))
    axes.tick_params(labelbottom=True)


def _clock(value: float) -> str:
    if abs(value) < 600:
        return f"{value:g} s"
    return f"{value / 60:g} min"


def note(
    axes: Axes,
    text: str,
    at: tuple[float, float],
    *,
    coords: str | tuple[str, str] = "data",
    shift: tuple[float, float] = (5, 0),
    color: str = INK,
    halo: bool = False,
    **style: Any,
) -> None:
    """`text` beside a place, `shift` points away from it; `halo` keeps it readable over lines."""
    if halo:
        style["bbox"] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
    style = {"va": "center", "size": 8.5, "zorder": 7, "annotation_clip": False, **style}
    axes.annotate(
        text,
        at,
        xycoords=coords,
        xytext=shift,
        textcoords="offset points",
        color=TEXT.get(color, color),
        **style,
    )


def bound_line(axes: Axes, value: float, text: str, *, vertical: bool = False) -> None:
    """The objective as a labelled line; an arrow points at one beyond limits that were set."""
    style: dict[str, Any] = {"color": INK, "linewidth": 1.1, "linestyle": (0, (5, 3)), "zorder": 3}
    low, high = axes.get_xlim() if vertical else axes.get_ylim()
    grows = axes.get_autoscalex_on() if vertical else axes.get_autoscaley_on()
    if grows or low <= value <= high:
        (axes.axvline if vertical else axes.axhline)(value, **style)
    else:
        text = f"{('←→' if vertical else '↓↑')[int(value > high)]} {text}"
        value = min(max(value, low), high)
    style = {"va": "bottom", "halo": not vertical}
    if vertical:
        style |= {"coords": ("data", "axes fraction"), "ha": side_of(axes, value)}
        note(axes, text, (value, 1), shift=(0, 3), **style)
        return
    style |= {"coords": ("axes fraction", "data"), "ha": "right"}
    note(axes, text, (1, value), shift=(-2, 3), **style)


def side_of(axes: Axes, value: float) -> str:
    """How a text at `value` on the x axis is aligned, so that it stays over the axes."""
    place = axes.transAxes.inverted().transform(axes.transData.transform((value, 1)))[0]
    return "left" if place < 0.12 else "right" if place > 0.88 else "center"


def warmup(axes: Axes, run: Run, *, label: bool = True) -> None:
    """Shade what is not judged: before and after the measured window."""
    shade: dict[str, Any] = {"color": "#e9edf1", "linewidth": 0, "zorder": 0}
    if run.measured_from_s > 0:
        axes.axvspan(0, run.measured_from_s, **shade)
        if label:
            above: dict[str, Any] = {"coords": "axes fraction", "shift": (0, 2)}
            note(axes, "warm-up", (0, 1), va="bottom", size=8, color=MUTED, **above)
    if run.measured_until_s is not None and run.measured_until_s < run.duration_s:
        axes.axvspan(run.measured_until_s, run.duration_s, **shade)


def end_labels(axes: Axes, *lines: tuple[float, str, str]) -> None:
    """Name lines (height, text, colour) at their right ends, apart where the ends meet.

    The limits of the y axis are final.
    """
    beside, lowest = ("axes fraction", "data"), -math.inf
    axes.get_ylim()  # what is plotted counts for the limits only when asked for them
    for y, text, color in sorted(lines):
        own = float(axes.transData.transform((1, y))[1]) * 72 / axes.figure.dpi
        lowest = max(own, lowest + LINE_PT)
        note(axes, clean(text, 40), (1, y), coords=beside, color=color, shift=(5, lowest - own))


def row_names(
    axes: Axes, names: Iterable[object], *, after: float = 0.0, size: float | None = None
) -> None:
    """Name the rows of the axes, each as long as the room left of them allows.

    `after` is where the room begins, as a share of the figure's width.
    """
    names, size = list(names), size or rcParams["ytick.labelsize"]
    room_pt = (axes.get_position().x0 - after) * WIDTH_IN * 72 - PAD_PT
    letters = int(room_pt / NARROW_PT)
    while letters > 4 and any(_width_pt(text, size) > room_pt for text in distinct(names, letters)):
        letters -= 1
    texts = distinct(names, letters)
    axes.set_yticks(range(len(texts)), texts, size=size)


def _width_pt(text: str, size: float) -> float:
    font = FontProperties(size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def interval_row(
    axes: Axes,
    row: float,
    value: float,
    low: float | None,
    high: float | None,
    mark: tuple[str, str],
) -> None:
    """A value with its interval in a row of values, in a colour and a marker."""
    color, marker = mark
    if low is not None and high is not None:
        axes.plot([low, high], [row, row], color=color, linewidth=5, alpha=0.35, zorder=3)
    axes.plot([value], [row], marker=marker, color=color, markersize=7, zorder=5)


def row_text(axes: Axes, row: float, text: str, color: str = MUTED) -> None:
    """What a row amounts to, in a column right of the axes."""
    beside = ("axes fraction", "data")
    note(axes, text, (1, row), coords=beside, shift=(10, 0), size=9, color=color)


def key(axes: Axes, entries: Sequence[tuple[str, str]]) -> None:
    """What the colours of stacked bars mean, in one line above them."""
    at = 0.0
    for text, color in entries:
        square = {"facecolor": color, "edgecolor": "none", "pad": 2.4}
        place: dict[str, Any] = {"coords": "axes fraction", "color": color}
        note(axes, " ", (0, 1), shift=(4 + at, 9), bbox=square, size=5, **place)
        note(axes, text, (0, 1), shift=(13 + at, 8), **place)
        at += 26 + 6 * len(text)


def band(axes: Axes, low: float, high: float, text: str) -> None:
    """A two-sided objective as a labelled band."""
    axes.axhspan(low, high, color="#e3f1ec", linewidth=0, zorder=0)
    beside = ("axes fraction", "data")
    note(axes, text, (1, high), coords=beside, shift=(-2, 2), ha="right", va="bottom")


def state_of(outcome: Outcome | str) -> tuple[str, str, str]:
    """Sign, colour and marker of a verdict or trend state."""
    name = str(outcome) if str(outcome) in STATES else "unknown"
    return SIGNS[name], *STATES[name]
