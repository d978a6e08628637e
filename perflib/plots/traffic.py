"""What went in and came out over time: requests, arrivals, errors, the service's own metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from perflib.analysis.scraped import Track, companion, tracks
from perflib.analysis.series import bin_edges, in_flight, rate
from perflib.plots.house import (
    BLUE,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SERIES,
    Drawing,
    in_house_style,
    missing,
    sheet,
    source_line,
)  # fmt: skip
from perflib.plots.marks import (
    bound_line,
    end_labels,
    note,
    row_names,
    time_axis,
    unit_axis,
    warmup,
)
from perflib.samples import began, is_probe
from perflib.units import format_number
from perflib.wording import against, clean, count, percent, promised, words

if TYPE_CHECKING:
    from perflib.desk import Desk
    from perflib.stats.values import Floats

GOES_WITH = 0.6
"""A weaker rank correlation leads nowhere."""


@in_house_style
def throughput(desk: Desk) -> Drawing:
    """Completed and failed requests a second over time, with what was not judged shaded."""
    rows = desk.samples[~is_probe(desk.samples)]
    if not len(rows):
        return missing("No request was made", desk)
    edges = bin_edges(float(rows["end"].max()))
    done = rate(rows.loc[rows["ok"], "end"].to_numpy(), edges)
    failed = rate(rows.loc[~rows["ok"], "end"].to_numpy(), edges)
    estimate, objective = desk.estimate("throughput", "value"), desk.promise("throughput")
    mean = estimate.value if estimate else float(done.mean())
    title = f"{format_number(mean)} requests a second complete"
    far = against(mean, objective)
    figure, (axes,) = sheet(
        f"{title}, {far}" if far else title,
        f"requests a second, in steps of {edges[1]:g} s",
        source_line(desk.run, len(rows)),
        height_in=2.4,
        right_in=0.95,
    )
    axes.stairs(done, edges, color=BLUE, linewidth=1.5)
    axes.stairs(done, edges, color=BLUE, fill=True, alpha=0.12, linewidth=0)
    if failed.any():
        axes.stairs(failed, edges, color=RED, fill=True, alpha=0.9)
        top = int(np.argmax(failed))
        note(axes, "failed", (edges[top], failed[top]), shift=(3, 6), color=RED)
    if objective is not None and objective.low is not None:
        bound_line(axes, objective.low, promised(objective))
    top = max(done.max(), failed.max(), (objective.low or 0) if objective else 0)
    axes.set(ylim=(0, top * 1.15), xlim=(0, edges[-1]))
    end_labels(axes, (_last(done), "completed", BLUE))
    unit_axis(axes.yaxis, "req/s", top)
    time_axis(axes)
    warmup(axes, desk.run)
    return figure


def _last(values: Floats) -> float:
    """The height at which a line's label reads well: the last full bin's."""
    return float(values[-2] if len(values) > 1 else values[-1])


@in_house_style
def arrivals(desk: Desk) -> Drawing:
    """Do answers keep up with arrivals, and how many requests are inside meanwhile?"""
    rows = desk.samples[~is_probe(desk.samples)]
    if not len(rows):
        return missing("No request was made", desk)
    came, left = began(rows), rows["end"].to_numpy()
    edges = bin_edges(float(left.max()), 120)
    inside = in_flight(came, left, edges)
    figure, (top, low) = sheet(
        _keeping_up(inside[edges <= came.max()], edges, desk),
        "above: arrivals and ends a second, failures too; below: requests due and not yet answered",
        source_line(desk.run, len(rows)),
        height_in=3.1,
        rows=2,
        right_in=0.95,
        gap_in=0.25,
        sharex=True,
    )
    came_rate, left_rate = rate(came, edges), rate(left, edges)
    what = "arrived" if desk.run.arrival == "open" else "started"
    top.stairs(came_rate, edges, color=ORANGE, linewidth=1.5)
    top.stairs(left_rate, edges, color=BLUE, linewidth=1.2)
    note(top, what, (1, 0.9), coords="axes fraction", color=ORANGE)
    note(top, "ended", (1, 0.65), coords="axes fraction", color=BLUE)
    top.set_ylim(0, max(came_rate.max(), left_rate.max()) * 1.15)
    unit_axis(top.yaxis, "req/s", came_rate.max(), count=3)
    low.fill_between(edges, inside, step="post", color=PURPLE, alpha=0.18, linewidth=0)
    low.step(edges, inside, where="post", color=PURPLE, linewidth=1.2)
    note(low, "unanswered", (1, 0.5), coords="axes fraction", color=PURPLE)
    low.set(ylim=(0, max(inside.max() * 1.15, 1)), xlim=(0, edges[-1]))
    unit_axis(low.yaxis, "1", inside.max(), count=3)
    for axes in (top, low):
        warmup(axes, desk.run, label=axes is top)
    time_axis(low)
    return figure


def _keeping_up(inside: Floats, edges: Floats, desk: Desk) -> str:
    rows = desk.samples
    if not rows["ok"].any():
        return f"No request was answered: all {count(len(rows))} failed"
    judged = inside[edges[: len(inside)] >= desk.run.measured_from_s][:-1]
    if len(judged) < 8:
        return f"At most {format_number(inside.max(), 3)} requests are unanswered at once"
    quarter, usual = len(judged) // 4, float(np.median(judged))
    first, last = judged[:quarter].mean(), judged[-quarter:].mean()
    if last > 2 * first + 2:
        grown = f"from {format_number(first, 2)} to {format_number(last, 2)}"
        return f"Answers do not keep up: unanswered requests grow {grown}"
    due = rows["end"] - began(rows)
    share = (rows["end"] - rows["start"]).sum() / max(due.sum(), 1e-9)
    sent = usual * float(share)  # Little's law
    if usual > 2 + 2 * sent:
        told = f"about {format_number(usual, 2)} requests are due, {format_number(sent, 2)} sent"
        return f"Answers do not keep up: {told}"
    return f"Answers keep up: about {format_number(usual, 2)} requests are unanswered at once"


@in_house_style
def monitored(desk: Desk, names: tuple[str, ...] = ()) -> Drawing:
    """The service's own metrics under the load, on one time axis."""
    series = tracks(desk.metrics, since_s=desk.run.measured_from_s, names=names)
    if not series:
        return missing("The service's own metrics were not collected")
    rows = desk.samples
    edges = bin_edges(float(rows["end"].max()) if len(rows) else desk.run.duration_s, 90)
    figure, axes = sheet(
        _what_goes_with_it(series, desk),
        "the load, then what the service says of itself; counters as growth a second; "
        "ρ: rank correlation",
        source_line(desk.run),
        height_in=0.85 * (len(series) + 1),
        rows=len(series) + 1,
        gap_in=0.22,
        left_in=0.85,
        sharex=True,
    )
    load = rate(rows["end"].to_numpy(), edges)
    axes[0].stairs(load, edges, color=INK, fill=True, alpha=0.25, linewidth=0)
    note(axes[0], "completed requests a second", (0, 1), coords="axes fraction", shift=(3, 2))
    axes[0].set_ylim(0, max(load.max() * 1.1, 1))
    unit_axis(axes[0].yaxis, "1", load.max(), count=2)
    for index, (name, times, values, unit) in enumerate(series):
        part, color = axes[index + 1], SERIES[index % len(SERIES)]
        part.plot(times, values, color=color, linewidth=1.4)
        lone = _lone(values)  # a line has no end without a neighbour
        part.plot(times[lone], values[lone], ".", color=color, markersize=4)
        note(
            part,
            clean(name, 76),
            (0, 1),
            coords="axes fraction",
            shift=(3, 3),
            color=color,
            halo=True,
        )
        known = values[np.isfinite(values)]
        largest = float(np.max(known, initial=0.0))
        part.set_ylim(min(0.0, float(np.min(known, initial=0.0))), largest * 1.2 or 1.0)
        unit_axis(part.yaxis, unit, largest, count=2)
    axes[0].set_xlim(0, edges[-1])
    for part in axes:
        warmup(part, desk.run, label=False)
    time_axis(axes[-1])
    return figure


def _lone(values: Floats) -> Floats:
    """Which values have no known neighbour."""
    known = np.pad(np.isfinite(values), 1)
    lone: Floats = known[1:-1] & ~known[:-2] & ~known[2:]
    return lone


def _what_goes_with_it(series: list[Track], desk: Desk) -> str:
    """The track that may tell why the headline metric rises, or that none does."""
    name = desk.headline
    values = desk.values(name)
    ends = np.asarray(desk.measured.loc[values.index, "end"], dtype=np.float64)
    found = companion(series, ends, np.asarray(values, dtype=np.float64))
    if found is None:
        return f"Too few moments to tell what goes with the {words(name)}"
    track, rho = found
    if abs(rho) < GOES_WITH:
        return f"Nothing here goes with the {words(name)}: ρ is {rho:.2f} at most"
    verb = "goes with" if rho > 0 else "goes against"
    return f"`{clean(track.name, 44)}` {verb} the {words(name)}: ρ {rho:.2f}"


@in_house_style
def errors(desk: Desk) -> Drawing:
    """Failures by kind, and when each happened."""
    rows = desk.samples[~desk.samples["ok"]]
    kinds = rows["error"].astype(str).value_counts()
    if not len(kinds):
        return missing(f"None of {count(len(desk.samples))} requests failed", desk)
    shown = kinds.head(8)
    share = len(rows) / len(desk.samples)
    figure, (axes,) = sheet(
        f"`{clean(shown.index[0])}` makes {percent(shown.iloc[0] / len(rows))} of "
        f"the failures; {percent(share)} of all requests fail",
        "each stroke is one failed request, at the moment it ended",
        source_line(desk.run, len(desk.samples)),
        height_in=0.34 * len(shown) + 0.3,
        left_in=1.9,
        right_in=1.0,
    )
    for row, (kind, number) in enumerate(shown.items()):
        at = rows.loc[rows["error"].astype(str) == kind, "end"].to_numpy()
        axes.vlines(at[:3000], row - 0.3, row + 0.3, color=RED, linewidth=0.8, alpha=0.7)
        note(axes, count(int(number)), (1, row), coords=("axes fraction", "data"), shift=(10, 0))
    row_names(axes, shown.index)
    axes.set(ylim=(len(shown) - 0.4, -0.6), xlim=(0, desk.run.duration_s))
    axes.grid(visible=False)
    time_axis(axes)
    warmup(axes, desk.run, label=False)
    return figure
