"""How much a target holds: each step of load, and the law that the steps follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from perflib.plots.house import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Drawing,
    in_house_style,
    missing,
    sheet,
    source_line,
)
from perflib.plots.marks import bound_line, note, unit_axis
from perflib.units import format_quantity
from perflib.wording import percent, promised

if TYPE_CHECKING:
    from perflib.desk import Desk

OUTCOMES = {"held": ("o", GREEN), "broke": ("X", RED), "unknown": ("D", GREY)}
WHY_NOT = "No capacity search of this target was recorded: `perflib capacity` finds the knee"


@in_house_style
def capacity(desk: Desk) -> Drawing:
    """Latency against throughput, a mark a step, with the fitted scalability law."""
    run = desk.capacity_run
    found = run.details["capacity"] if run else {}
    steps = [s for s in found.get("steps", []) if s.get("p95_s") is not None]
    if run is None or not steps:
        return missing(WHY_NOT)
    steps.sort(key=lambda step: float(step["rate"]))
    figure, (left, right) = sheet(
        _title(found),
        "left: p95 response time by completed requests a second, a mark a step (✗: broke a "
        "promise); right: throughput by concurrency",
        source_line(run),
        height_in=2.9,
        columns=2,
        gap_in=0.95,
        right_in=0.5,
    )
    _latency(left, steps, desk)
    _law(right, steps, found.get("usl"))
    return figure


def _title(found: dict[str, Any]) -> str:
    low, high = found.get("low"), found.get("high")
    if low is None:
        return "No rate held every promise: the capacity is below what was tried"
    if high is None:
        return f"It holds {format_quantity(low, 'req/s')}, the most that was tried"
    ends = f"{format_quantity(low, 'req/s')}; it breaks at {format_quantity(high, 'req/s')}"
    return f"It holds {ends}"


def _latency(axes: Axes, steps: list[dict[str, Any]], desk: Desk) -> None:
    x = np.array([s["throughput"] for s in steps], dtype=np.float64)
    y = np.array([s["p95_s"] for s in steps], dtype=np.float64)
    axes.plot(x, y, color=FAINT, linewidth=1, zorder=2)
    for outcome, (marker, color) in OUTCOMES.items():
        chosen = [s.get("outcome") == outcome for s in steps]
        axes.plot(x[chosen], y[chosen], marker, color=color, markersize=7, zorder=4)
    axes.set(yscale="log", xlim=(0, x.max() * 1.1))
    unit_axis(axes.yaxis, "s", float(y.max()), log=True)
    unit_axis(axes.xaxis, "req/s", float(x.max()), count=4)
    objective = desk.promise("response_time", "p95")
    if objective is not None and objective.high is not None:
        bound_line(axes, objective.high, f"p95 {promised(objective)}")


def _law(axes: Axes, steps: list[dict[str, Any]], usl: dict[str, Any] | None) -> None:
    ran = [s for s in steps if s.get("mean_s") is not None]
    x = np.array([s["throughput"] for s in ran], dtype=np.float64)
    inside = x * np.array([s["mean_s"] for s in ran], dtype=np.float64)
    axes.plot(inside, x, "o", color=BLUE, markersize=6, zorder=4)
    axes.set(xlim=(0, inside.max() * 1.1), ylim=(0, x.max() * 1.15))
    unit_axis(axes.xaxis, "1", float(inside.max()), count=4)
    unit_axis(axes.yaxis, "req/s", float(x.max()), count=4)
    note(
        axes,
        "requests inside (Little)",
        (1, 0),
        coords="axes fraction",
        shift=(0, 8),
        ha="right",
        color=GREY,
    )
    if usl is None:
        note(axes, "too few steps for a fit", (0, 1), coords="axes fraction", color=GREY)
        return
    rate, contention, coherency = (usl[n]["value"] for n in ("rate", "contention", "coherency"))
    n = np.linspace(0.01, inside.max() * 1.1, 200)
    fitted = rate * n / (1 + contention * (n - 1) + coherency * n * (n - 1))
    axes.plot(n, fitted, color=ORANGE, zorder=3)
    told = f"fit: {percent(contention)} of the work waits for others"
    note(axes, told, (0, 1), coords="axes fraction", shift=(4, 6), color=ORANGE, halo=True)
