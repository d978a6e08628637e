"""The desk for digging: choose a run and a label, brush a stretch of time, and every view follows.

The widgets only carry choices to `perflib.plots.linked`; numbers come from an index that
answers a brush without a pass over the samples. Without a browser the same object shows the
same views as a picture.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
from matplotlib.widgets import SpanSelector
from PIL import Image

from perflib.analysis.scraped import tracks
from perflib.analysis.suspects import suspects
from perflib.cards import Card, Cell, Code, Number, Table
from perflib.cards.run import ranked
from perflib.desk import Desk, open_desk, open_store
from perflib.model import find_metric
from perflib.plots.house import PIXEL_RATIO, Drawing, picture
from perflib.plots.linked import Timeline, Views, indexed
from perflib.samples import began
from perflib.units import format_quantity
from perflib.wording import clean, count, words

WHOLE = "all labels"
MOST_RUNS = 40
SUSPECT_ROWS = 50_000
"""Suspects of a brush are looked for among at most so many of its samples, evenly chosen."""
_WIDE = widgets.Layout(width="auto")


class Investigation:
    """Linked views of one run at a time, of any target in a store."""

    def __init__(self, target: str, run_id: str = "latest", data: str | Path = "data") -> None:
        self.data = data
        self.store = open_store(data)
        self.span: tuple[float, float] = (0.0, 0.0)
        self._updating = False
        self._make_controls(target)
        self.stage = widgets.VBox()
        self.box = widgets.VBox([widgets.HBox([self.target, self.run, self.label]), self.stage])
        self.open(target, run_id)

    def _make_controls(self, target: str) -> None:
        targets = sorted({*self.store.runs()["target"], target})
        self.target = widgets.Dropdown(options=targets, value=target, description="target")
        self.run = widgets.Dropdown(description="run", layout=widgets.Layout(width="26em"))
        self.label = widgets.Dropdown(description="label")
        self.range = widgets.FloatRangeSlider(
            description="seconds", layout=widgets.Layout(width="98%"), continuous_update=False
        )
        self.told = widgets.HTML(layout=_WIDE)
        self.target.observe(self._target_chosen, "value")
        self.run.observe(self._run_chosen, "value")
        self.label.observe(lambda _: self.brush(*self.span), "value")
        self.range.observe(lambda _: self.brush(*self.range.value), "value")

    def open(self, target: str, run_id: str = "latest") -> None:
        """Show this run, brushed where it was measured."""
        self.desk: Desk = open_desk(target, run_id, self.data)
        samples, metric = self.desk.samples, self.desk.headline
        self.index = indexed(samples, metric)
        failed = samples.loc[~samples["ok"], "end"].to_numpy(dtype=np.float64)
        ends = samples["end"].to_numpy(dtype=np.float64)
        run = self.desk.run
        found = tracks(self.desk.metrics, since_s=run.measured_from_s, most=2)
        self.timeline = Timeline(run, self.index, ends, failed, found)
        self.views = Views(self.index, metric)
        self._set_choices()
        self._mount()
        self.brush(0.0, 0.0)

    def _set_choices(self) -> None:
        self._updating = True
        run, last = self.desk.run, float(self.index.marks[-1])
        runs = self.store.runs(run.target, limit=MOST_RUNS)["run_id"].tolist()[::-1]
        self.run.options = runs if run.id in runs else [run.id, *runs]
        self.run.value = run.id
        self.label.options = [WHOLE, *self.index.names]
        self.label.value = WHOLE
        self.range.min, self.range.max = min(0.0, self.range.min), max(last, 1e-6)
        self.range.step = last / 1000 or 1e-3
        self.range.value = (0.0, last)
        self._updating = False

    def _mount(self) -> None:
        canvases = [canvas_of(self.timeline.figure), canvas_of(self.views.figure)]
        self.selectors = [
            SpanSelector(axes, self.brush, "horizontal", useblit=True, props={"alpha": 0.15})
            for axes in self.timeline.axes
        ]
        self.stage.children = [canvases[0], self.range, canvases[1], self.told]

    def brush(self, since_s: float, until_s: float) -> None:
        """Look between two moments (s from the run's start); all views follow.

        Until 0 is the end, and from 0 until 0 the measured time: warm-up and tail are not judged.
        """
        if self._updating:
            return
        last, run = float(self.index.marks[-1]), self.desk.run
        if not since_s and not until_s:
            since_s, until_s = run.measured_from_s, min(run.measured_until_s or last, last)
        until_s = until_s or last
        if until_s - since_s < 1e-6:  # a click
            since_s, until_s = 0.0, last
        self.span = (since_s, until_s)
        self._updating = True
        self.range.value = self.span
        self._updating = False
        chosen = "" if self.label.value == WHOLE else str(self.label.value)
        self.timeline.mark(since_s, until_s, shown=until_s - since_s < 0.99 * last)
        self.finding = self.views.update(since_s, until_s, chosen)
        for figure in (self.timeline.figure, self.views.figure):
            figure.canvas.draw_idle()
        self.told.value = self.slowest()._repr_html_() + self.suspects()._repr_html_()

    def slowest(self, most: int = 8) -> Card:
        """The slowest samples inside the brush."""
        index, unit = self.index, find_metric(self.desk.headline, "s").unit
        rows = index.between(*self.span).rows
        samples = self.desk.samples
        there = samples[samples[self.desk.headline].notna()]
        found = index.slowest(rows, most)
        table: list[list[Cell]] = [
            [
                Number(format_quantity(float(index.values[i]), unit), float(index.values[i])),
                Number(f"{index.times[i]:.3f} s", float(index.times[i])),
                Code(str(there["label"].iloc[index.order[i]])),
                "ok"
                if there["ok"].iloc[index.order[i]]
                else str(there["error"].iloc[index.order[i]]),
            ]
            for i in found
        ]
        if not table:
            return Card("No sample inside the brush")
        headings = [words(self.desk.headline), "began at", "label", "outcome"]
        return Card(
            f"The {len(table)} slowest of {count(rows.stop - rows.start)}",
            blocks=[Table(headings, table)],
        )

    def suspects(self, most: int = 6) -> Card:
        """What most likely costs the time inside the brush, strongest first."""
        at, (since_s, until_s) = began(self.desk.samples), self.span
        inside = self.desk.samples[(at >= since_s) & (at <= until_s)]
        every = max(-(-len(inside) // SUSPECT_ROWS), 1)
        inside = inside.iloc[::every]
        metrics = self.desk.metrics
        if metrics is not None:
            metrics = metrics[metrics["time_s"].between(since_s, until_s)]
        found = suspects(self.desk.run, inside, metrics, self.desk.findings, every=every)[:most]
        if not found:
            return Card("Nothing stands out here")
        return Card(f"First suspect: {found[0].title}", blocks=[ranked(found)])

    def _target_chosen(self, change: dict[str, Any]) -> None:
        if not self._updating:
            self.open(str(change["new"]))

    def _run_chosen(self, change: dict[str, Any]) -> None:
        if not self._updating and change["new"]:
            self.open(str(self.target.value), str(change["new"]))

    def _repr_mimebundle_(self, **given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live widgets; where there are none, a picture of the views as they are now."""
        run = self.desk.run
        alt = (
            f"{self.finding}. Timeline of {run.target}, run {clean(run.id, 60)}, and for the "
            "brushed time the distribution, heat map and labels."
        )
        png, width, height = stacked(self.timeline.figure, self.views.figure)
        data, metadata = picture(png, width, height, alt)
        live = self.box._repr_mimebundle_(**given) or {}
        return {**live, **data}, metadata


def stacked(*figures: Drawing) -> tuple[bytes, int, int]:
    """Figures of one width below each other, as PNG, with the size on the page."""
    images = [Image.open(BytesIO(figure.png())) for figure in figures]
    size = images[0].width, sum(image.height for image in images)
    whole, out, at = Image.new("RGB", size, "white"), BytesIO(), 0
    for image in images:
        whole.paste(image, (0, at))
        at += image.height
    whole.save(out, "PNG")
    width, height = (round(side / PIXEL_RATIO) for side in size)
    return out.getvalue(), width, height


def canvas_of(figure: Drawing) -> Any:
    """The figure as a live widget."""
    from ipympl.backend_nbagg import (  # type: ignore[import-untyped]
        Canvas,
        FigureManager,
    )

    canvas = Canvas(figure)
    FigureManager(canvas, 0)
    canvas.header_visible = canvas.footer_visible = canvas.toolbar_visible = False
    canvas.resizable = False
    return canvas
