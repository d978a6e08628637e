"""A chain block by block: was each on time, did it arrive when it claimed, who proposed it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from perflib.plots.house import (
    BLUE,
    FAINT,
    ORANGE,
    RED,
    TEAL,
    Drawing,
    in_house_style,
    missing,
    sheet,
    source_line,
)  # fmt: skip
from perflib.plots.marks import band, bound_line, end_labels, note, row_names, row_text, unit_axis
from perflib.units import format_quantity
from perflib.wording import clean, count, percent, promised

if TYPE_CHECKING:
    from perflib.desk import Desk

MISSED_SLOT = 1.5
"""An interval beyond this many slots holds at least one slot without a block."""


def observed(desk: Desk) -> pd.DataFrame:
    """The blocks seen, by height: height, timestamp, arrived_s, proposer, transactions."""
    blocks = pd.DataFrame(desk.run.details.get("blocks") or [])
    needed = {"height", "timestamp", "arrived_s"}
    if not len(blocks) or not needed <= set(blocks):
        return pd.DataFrame(columns=[*needed, "proposer", "transactions"])
    return blocks.drop_duplicates("height").sort_values("height", ignore_index=True)


def _dated(desk: Desk) -> pd.DataFrame:
    """The blocks that tell their time."""
    blocks = observed(desk)
    blocks["timestamp"] = pd.to_numeric(blocks["timestamp"])
    return blocks.dropna(subset="timestamp")


def slot_s(desk: Desk, intervals: np.ndarray) -> float:
    """The promised time between blocks, else the usual one (s)."""
    objective = desk.promise("block_time")
    if objective is not None and objective.low is not None and objective.high is not None:
        return (objective.low + objective.high) / 2
    return float(np.median(intervals))


@in_house_style
def intervals(desk: Desk) -> Drawing:
    """The time between blocks against what was promised, with missed slots told apart."""
    blocks = _dated(desk)
    if len(blocks) < 3:
        return missing(f"Only {len(blocks)} blocks told their time: no spacing to show", desk)
    gaps = np.diff(blocks["timestamp"]) / np.maximum(np.diff(blocks["height"]), 1)
    heights = blocks["height"].to_numpy()[1:]
    slot, objective = slot_s(desk, gaps), desk.promise("block_time")
    missed = gaps > MISSED_SLOT * slot
    judged = desk.estimate("block_time", "mean")
    figure, (axes,) = sheet(
        _interval_title(judged.value if judged else float(gaps.mean()), gaps, missed, slot),
        "time between the timestamps of consecutive blocks, by height; ✗: a slot without a block",
        source_line(desk.run, len(gaps)),
        height_in=2.7,
    )
    if objective is not None and objective.low is not None and objective.high is not None:
        band(axes, objective.low, objective.high, promised(objective))
    axes.plot(heights, gaps, color=FAINT, linewidth=0.9, zorder=2)
    axes.plot(heights[~missed], gaps[~missed], "o", color=BLUE, markersize=5, zorder=4)
    axes.plot(heights[missed], gaps[missed], "X", color=RED, markersize=8, zorder=5)
    axes.set_ylim(0, max(gaps.max(), slot * 1.3) * 1.12)
    axes.margins(x=0.02)
    unit_axis(axes.yaxis, "s", float(gaps.max()))
    _height_axis(axes)
    return figure


def _height_axis(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(lambda value, _: f"block {count(round(value))}")
    axes.locator_params(axis="x", nbins=6, integer=True)


def _interval_title(mean_s: float, gaps: np.ndarray, missed: np.ndarray, slot: float) -> str:
    mean = f"A block each {format_quantity(mean_s, 's')} on average"
    if not missed.any():
        return f"{mean}, and no slot was missed"
    lost = int(np.round(gaps[missed] / slot - 1).sum())
    return f"{mean}; {lost} of {len(gaps) + lost} slots went without a block"


@in_house_style
def arrivals(desk: Desk) -> Drawing:
    """How long after its own timestamp each block was seen: a claim checked against a clock."""
    blocks = _dated(desk)
    if len(blocks) < 3:
        return missing("Too few blocks to check their timestamps", desk)
    lag = blocks["arrived_s"].to_numpy() - (blocks["timestamp"] - blocks["timestamp"].iloc[0])
    lag = lag - lag.min()
    claimed, seen = np.diff(blocks["timestamp"]), np.diff(blocks["arrived_s"])
    drift = float(abs(seen.sum() - claimed.sum()) / max(claimed.sum(), 1e-9))
    title = (
        f"Timestamps are honest: claimed and observed time differ by {100 * drift:.1f} %"
        if drift < 0.05
        else f"Timestamps do not match the clock: they differ by {100 * drift:.0f} %"
    )
    figure, (axes,) = sheet(
        title,
        "delay of each block's arrival over its own timestamp, the smallest set to zero",
        source_line(desk.run, len(blocks)),
        height_in=1.9,
        right_in=0.8,
    )
    heights = blocks["height"].to_numpy()
    axes.vlines(heights, 0, lag, color=FAINT, linewidth=1)
    axes.plot(heights, lag, "o", color=BLUE, markersize=4)
    middle = float(np.median(lag))
    axes.axhline(middle, color=ORANGE, linewidth=1)
    axes.set_ylim(0, max(float(lag.max()) * 1.15, 1e-3))
    end_labels(axes, (middle, "median", ORANGE))
    unit_axis(axes.yaxis, "s", float(lag.max()) or 1e-3, count=4)
    _height_axis(axes)
    return figure


@in_house_style
def proposers(desk: Desk) -> Drawing:
    """Who proposed how many of the blocks, beside an even share."""
    blocks = observed(desk)
    names = blocks["proposer"].dropna().astype(str) if "proposer" in blocks else pd.Series()
    shares = names.value_counts().sort_index().sort_values(ascending=False, kind="stable")[:12]
    if not len(shares):
        return missing("The chain does not tell who proposed its blocks", desk)
    even = len(names) / names.nunique()
    figure, (axes,) = sheet(
        _share_title(shares, even, len(names)),
        f"blocks proposed by each of {names.nunique()} validators; line: an even share",
        source_line(desk.run, len(names)),
        height_in=0.34 * len(shares) + 0.25,
        left_in=1.9,
        right_in=1.2,
    )
    color = [BLUE if abs(n - even) < 3 * np.sqrt(even) else RED for n in shares]
    axes.barh(range(len(shares)), shares, color=color, alpha=0.75, height=0.6)
    for row, number in enumerate(shares):
        row_text(axes, row, f"{number}  ({100 * number / len(names):.0f} %)")
    row_names(axes, shares.index)
    axes.set_ylim(len(shares) - 0.4, -0.6)
    bound_line(axes, even, "even share", vertical=True)
    axes.grid(visible=False)
    unit_axis(axes.xaxis, "1", float(shares.max()), count=4)
    return figure


def _share_title(shares: pd.Series, even: float, total: int) -> str:
    top = int(shares.iloc[0])
    if len(shares) == 1:
        return f"One validator proposed all {total} blocks"
    if top - even < 3 * np.sqrt(even):
        return f"The {len(shares)} proposers share the {total} blocks evenly"
    part = 100 * top / total
    return f"`{clean(shares.index[0])}` proposed {part:.0f} % of the blocks, more than its share"


STEPS = (
    ("consensus_latency", "consensus", TEAL),
    ("anchoring_time", "anchoring", BLUE),
    ("validation_time", "validation", ORANGE),
)


@in_house_style
def confirmation(desk: Desk) -> Drawing:
    """How long consensus, anchoring and validation took, each value a stroke, on one log axis."""
    known = ((*step, desk.values(step[0])) for step in STEPS)
    finite = ((name, text, color, v[np.isfinite(v)]) for name, text, color, v in known)
    found = [item for item in finite if (item[3] > 0).any()]
    if not found:
        return missing("The chain tells no consensus or anchoring times", desk)
    figure, (axes,) = sheet(
        _confirmation_title(desk, *found[0][:2], found[0][3]),
        "each stroke one value; ◆ p95; the promise as a heavy mark; log scale",
        source_line(desk.run, sum(len(item[3]) for item in found)),
        height_in=0.6 * len(found) + 0.2,
        left_in=1.2,
        right_in=1.9,
    )
    largest, least = 0.0, np.inf
    for row, (name, _, color, values) in enumerate(found):
        axes.vlines(values, row - 0.22, row + 0.22, color=color, linewidth=0.9, alpha=0.5)
        p95 = float(np.quantile(values, 0.95))
        axes.plot([p95], [row], "D", color=color, markersize=7, zorder=6)
        row_text(axes, row, f"p95 {format_quantity(p95, 's')}  n {count(len(values))}")
        objective = desk.promise(name)
        ends = [float(values.max())]
        if objective is not None and objective.high is not None:
            axes.plot([objective.high] * 2, [row - 0.36, row + 0.36], color="black", linewidth=2)
            note(axes, promised(objective), (objective.high, row), shift=(-4, 13), ha="right")
            ends.append(objective.high)
        largest, least = max(largest, *ends), min(least, float(values[values > 0].min()))
    axes.set_xscale("log")
    axes.set_xlim(least / 1.5, largest * 1.3)
    unit_axis(axes.xaxis, "s", largest, log=True)
    axes.set_yticks(range(len(found)), [item[1] for item in found])
    axes.set_ylim(len(found) - 0.4, -0.65)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x")
    return figure


def _confirmation_title(desk: Desk, metric: str, text: str, values: pd.Series[float]) -> str:
    p95 = float(values.quantile(0.95))
    objective = desk.promise(metric)
    title = f"{text.capitalize()} takes {format_quantity(p95, 's')} at p95"
    if objective is None or objective.high is None:
        return title
    return f"{title}, {percent(p95 / objective.high)} of what is allowed"
