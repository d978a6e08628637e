"""A chunk's way through its stages: what each costs, how it grows with size, what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from perflib.plots.house import (
    BLUE,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    TEAL,
    Drawing,
    in_house_style,
    missing,
    sheet,
    source_line,
)  # fmt: skip
from perflib.plots.marks import bound_line, key, note, row_text, unit_axis
from perflib.units import format_number, format_quantity
from perflib.wording import clean, count, distinct, promised

if TYPE_CHECKING:
    from perflib.desk import Desk

STAGES = (
    ("compress_time", "compress", BLUE),
    ("encrypt_time", "encrypt", ORANGE),
    ("hash_time", "hash", TEAL),
    ("store_time", "store", PURPLE),
    ("rest", "send, wait", PALE),
)


def _processed(desk: Desk) -> pd.DataFrame:
    """The measured chunks that took a time which can be drawn."""
    rows = desk.measured[desk.measured["ok"]]
    if "processing_time" not in rows:
        return rows[:0]
    return rows[(rows["processing_time"] > 0) & (rows["processing_time"] < np.inf)]


def by_size(desk: Desk) -> pd.DataFrame:
    """Means of every stage by label, smallest chunk first; `rest` is what no stage explains (s)."""
    rows = _processed(desk)
    if not len(rows):
        return pd.DataFrame()
    names = [name for name, _, _ in STAGES if name in rows]
    wanted = [*names, "processing_time", *(n for n in ("chunk_size", "stored_size") if n in rows)]
    means = rows.groupby(rows["label"].astype(str))[wanted].mean()
    means["rest"] = (means["processing_time"] - means[names].sum(axis=1)).clip(lower=0)
    means["n"] = rows.groupby(rows["label"].astype(str)).size()
    order = "chunk_size" if "chunk_size" in means else "processing_time"
    return means.sort_values(order).head(12)


@in_house_style
def stages(desk: Desk) -> Drawing:
    """Where a chunk's time goes, by size, as shares of its whole time."""
    means = by_size(desk)
    if not len(means):
        return missing("No chunk was processed", desk)
    shown = [(name, text, color) for name, text, color in STAGES if name in means]
    largest = means.iloc[-1]
    top = max(shown, key=lambda stage: largest[stage[0]])
    part = 100 * largest[top[0]] / largest["processing_time"]
    figure, (axes,) = sheet(
        f"`{top[1]}` takes {part:.0f} % of the time of {clean(means.index[-1])} chunks",
        "mean time by stage as share of the whole, by chunk size; right: the whole",
        source_line(desk.run, int(means["n"].sum())),
        height_in=0.42 * len(means) + 0.15,
        left_in=1.1,
        right_in=1.6,
    )
    key(axes, [(text, color) for _, text, color in shown])
    left = np.zeros(len(means))
    for name, _, color in shown:
        share = (means[name] / means["processing_time"]).to_numpy()
        axes.barh(range(len(means)), share, left=left, color=color, height=0.66)
        _inside(axes, share, left, color)
        left += share
    for row, mean in enumerate(means["processing_time"]):
        row_text(axes, row, f"{format_quantity(mean, 's')}  n {count(int(means['n'].iloc[row]))}")
    axes.set_yticks(range(len(means)), distinct(means.index, 14))
    axes.set(xlim=(0, 1), ylim=(-0.5, len(means) - 0.5), xticks=[])
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    return figure


def _inside(axes: object, share: np.ndarray, left: np.ndarray, color: str) -> None:
    for row, (part, start) in enumerate(zip(share, left, strict=True)):
        if part > 0.07:
            ink = "#1f2933" if color in (ORANGE, SKY, PALE) else "white"
            place = (float(start + part / 2), row)
            note(axes, f"{100 * part:.0f} %", place, shift=(0, 0), ha="center", color=ink)  # type: ignore[arg-type]


@in_house_style
def rates(desk: Desk) -> Drawing:
    """Payload a second and compression ratio by chunk size."""
    means = by_size(desk)
    if not len(means) or "chunk_size" not in means:
        return missing("No chunk size was recorded", desk)
    rate = means["chunk_size"] / means["processing_time"]
    ratio = means["chunk_size"] / means["stored_size"] if "stored_size" in means else None
    best = rate.idxmax()
    figure, (left, right) = sheet(
        f"{clean(best)} chunks go fastest: {format_quantity(float(rate.max()), 'B/s')} each",
        "left: payload a second of one chunk; right: bytes before over after compression; line: 1",
        source_line(desk.run, int(means["n"].sum())),
        height_in=0.34 * len(means) + 0.2,
        columns=2,
        left_in=1.1,
        right_in=0.8,
        gap_in=1.3,
        sharey=True,
    )
    rows = range(len(means))
    left.barh(rows, rate, color=BLUE, height=0.6)
    for row, value in enumerate(rate):
        row_text(left, row, format_quantity(float(value), "B/s"), BLUE)
    if ratio is not None:
        right.barh(rows, ratio, color=TEAL, height=0.6)
        right.axvline(1, color=GREY, linewidth=1)
        for row, value in enumerate(ratio):
            row_text(right, row, f"{format_number(float(value))} ×", TEAL)
    for axes in (left, right):
        axes.set_yticks(rows, distinct(means.index, 14))
        axes.set_xticks([])
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
    return figure


@in_house_style
def growth(desk: Desk) -> Drawing:
    """Does the time grow with the size, or faster? Each chunk a dot, both axes log."""
    rows = _processed(desk)
    rows = rows[rows["chunk_size"] > 0] if "chunk_size" in rows else rows[:0]
    if not len(rows) or rows["chunk_size"].nunique() < 2:
        return missing("Only one chunk size was processed", desk)
    size, time = rows["chunk_size"].to_numpy(), rows["processing_time"].to_numpy()
    middle = rows.groupby("chunk_size")["processing_time"].median()
    step = np.diff(np.log(middle.iloc[-2:])) / np.diff(np.log(middle.index[-2:].to_numpy()))
    power = float(step[0])
    grows = "with" if power < 1.15 else "faster than"
    figure, (axes,) = sheet(
        f"Between the two largest sizes the time grows {grows} the size (power {power:.2f})",
        "processing time by chunk size, each dot a chunk; line: medians; both axes log",
        source_line(desk.run, len(rows)),
        height_in=2.6,
    )
    axes.plot(size, time, "o", color=BLUE, markersize=3.5, alpha=0.25, markeredgewidth=0)
    axes.plot(middle.index, middle, color=ORANGE, linewidth=1.6)
    axes.set(xscale="log", yscale="log")
    labels = rows.groupby("chunk_size")["label"].first().astype(str)
    objective = desk.promise("processing_time")
    if objective is not None and objective.high is not None:
        bound_line(axes, objective.high, f"{objective.statistic} {promised(objective)}")
    unit_axis(axes.yaxis, "s", float(time.max()), log=True)
    axes.set_xticks(labels.index, distinct(labels, 12))
    axes.minorticks_off()
    return figure
