"""Around a query: waiting for the pool, opening a connection, and the query itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from perflib.analysis.series import bin_edges, quantiles_over
from perflib.plots.house import (
    BLUE,
    ORANGE,
    PURPLE,
    Drawing,
    in_house_style,
    missing,
    sheet,
    source_line,
)  # fmt: skip
from perflib.plots.marks import end_labels, key, row_names, row_text, time_axis, unit_axis, warmup
from perflib.units import format_number, format_quantity
from perflib.wording import count, distinct

if TYPE_CHECKING:
    from perflib.desk import Desk


@in_house_style
def time_by_query(desk: Desk) -> Drawing:
    """Which query the time goes to: its share of all query time, waiting shown apart."""
    rows = desk.measured[desk.measured["ok"]]
    rows = rows[np.isfinite(rows["query_time"])] if "query_time" in rows else rows[:0]
    if not len(rows) or not (rows["query_time"] > 0).any():
        return missing("No query was measured", desk)
    wait = rows["pool_wait"] if "pool_wait" in rows else rows["query_time"] * 0
    wait = wait.where(np.isfinite(wait), 0)
    label = rows["label"].astype(str)
    query = rows["query_time"].groupby(label).sum().sort_values(ascending=False).head(12)
    waits = wait.groupby(label).sum()[query.index]
    whole = float(rows["query_time"].sum() + wait.sum())
    share = 100 * float(query.iloc[0] + waits.iloc[0]) / whole
    sizes = label.value_counts()
    part = 100 * sizes[query.index[0]] / len(rows)
    first = distinct(query.index, 44)[0]
    figure, (axes,) = sheet(
        f"`{first}` takes {share:.0f} % of the time, {part:.0f} % of queries",
        "share of all time by query: the query itself, and waiting for a pooled connection",
        source_line(desk.run, len(rows)),
        height_in=0.36 * len(query) + 0.3,
        left_in=1.9,
        right_in=1.6,
    )
    place = range(len(query))
    axes.barh(place, query / whole, color=BLUE, height=0.6)
    axes.barh(place, waits / whole, left=query / whole, color=ORANGE, height=0.6)
    for row, name in enumerate(query.index):
        share = 100 * (query[name] + waits[name]) / whole
        row_text(axes, row, f"{format_number(share, 2)} %  n {count(int(sizes[name]))}")
    key(axes, [("query", BLUE), ("pool wait", ORANGE)])
    row_names(axes, query.index)
    axes.set(ylim=(len(query) - 0.4, -0.75), xticks=[])
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    return figure


WAITS = (
    ("query_time", "query p95", BLUE),
    ("pool_wait", "pool wait p95", ORANGE),
    ("connection_time", "connect p95", PURPLE),
)


@in_house_style
def waiting(desk: Desk) -> Drawing:
    """Query, pool and connection times over the run: which of them moves when it gets slow?"""
    rows = desk.samples[desk.samples["ok"]]
    lines = []
    edges = bin_edges(float(rows["end"].max()) if len(rows) else 1.0, 24)
    for name, text, color in WAITS:
        part = rows[np.isfinite(rows[name])] if name in rows else rows[:0]
        if len(part) >= 5:
            values = part[name].to_numpy()
            tail = quantiles_over(part["start"].to_numpy(), values, edges, (0.95,))[0]
            if name == "connection_time":
                tail = np.full(len(edges) - 1, float(np.quantile(values, 0.95)))
            lines.append((text, color, tail, float(np.quantile(values, 0.95))))
    if not any(p95 > 0 for *_, p95 in lines):
        return missing("Neither pool nor connection times were measured", desk)
    figure, (axes,) = sheet(
        _waiting_title({text: p95 for text, _, _, p95 in lines}),
        f"95th percentile in steps of {edges[1]:g} s, log scale; connecting: over the whole run",
        source_line(desk.run, len(rows)),
        height_in=2.3,
        right_in=1.25,
    )
    middle, ends = (edges[:-1] + edges[1:]) / 2, []
    for text, color, tail, _ in lines:
        axes.plot(middle, tail, color=color)
        ends += [(float(end), text, color) for end in tail[~np.isnan(tail)][-1:]]
    axes.set_yscale("log")
    axes.margins(y=0.15)
    end_labels(axes, *ends)
    unit_axis(axes.yaxis, "s", max(p95 for *_, p95 in lines), log=True)
    axes.set_xlim(0, edges[-1])
    time_axis(axes)
    warmup(axes, desk.run)
    return figure


def _waiting_title(p95: dict[str, float]) -> str:
    pool, query = p95.get("pool wait p95"), p95.get("query p95")
    if pool is None or query is None:
        return "Times around the query"
    if pool > 0.5 * query:
        return (
            f"The pool is the bottleneck: waiting {format_quantity(pool, 's')}, "
            f"querying {format_quantity(query, 's')} at p95"
        )
    return f"The pool is no bottleneck: p95 of waiting is {format_quantity(pool, 's')}"
