"""Figures tell the finding, survive hostile and empty runs, and are the same twice."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import msgspec
import numpy as np
import pandas as pd
import pytest

from perflib import analysis, plots
from perflib.desk import Desk, no_samples
from perflib.model import Estimate, Run
from perflib.objectives import parse_objective
from perflib.plots import Drawing, chain, house, latency, pipeline, queries, traffic
from perflib.plots.house import Missing, sheet
from perflib.plots.linked import Timeline, Views, indexed
from perflib.plots.marks import bound_line, end_labels
from perflib.units import format_number, format_quantity
from perflib.wording import (
    bound,
    clean,
    distinct,
    interval_text,
    listed,
    percent_change,
    promised,
    shown,
)
from tests import fabricate

GENERAL = (
    plots.distribution,
    plots.percentiles,
    plots.heatmap,
    plots.by_label,
    traffic.throughput,
    traffic.arrivals,
    traffic.errors,
    traffic.monitored,
    plots.capacity,
)
SPECIAL = {
    "blockchain": (chain.intervals, chain.arrivals, chain.proposers, chain.confirmation),
    "session_processing": (pipeline.stages, pipeline.rates, pipeline.growth),
    "database": (queries.time_by_query, queries.waiting),
}
EVIL = "<script>alert(1)</script> $x^{2}$ \u202e\u0000 </pre>{{7*7}}\n" + "W" * 10_000


def contrast(colour: str) -> float:
    """Against white (WCAG 2): 3 is wanted of marks, 4.5 of text."""
    r, g, b = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in mpl.colors.to_rgb(colour)
    )
    return 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05)


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Desk]:
    folder = tmp_path_factory.mktemp("samples")
    made = {target: fabricate.recorded(target, folder / target) for target in fabricate.KINDS}
    metrics = fabricate.service_metrics()
    return {target: Desk(*pair, metrics=metrics) for target, pair in made.items()}


def desk_of(frame: pd.DataFrame, tmp_path: Path, **given: object) -> Desk:
    run, _ = fabricate.run_of("api_gateway", **given)  # type: ignore[arg-type]
    fabricate.write_samples(frame, tmp_path / "samples.parquet")
    return Desk(run, fabricate.read_samples(tmp_path / "samples.parquet"))


class TestEveryFigure:
    @pytest.mark.parametrize("draw", GENERAL, ids=lambda draw: draw.__name__)
    def test_general_ones_suit_every_kind(
        self, draw: Callable[[Desk], Drawing], desks: dict[str, Desk]
    ) -> None:
        for desk in desks.values():
            drawing = draw(desk)
            data, metadata = drawing._repr_mimebundle_()
            assert drawing.alt == data["text/plain"]
            assert isinstance(drawing, Missing) or metadata["alt"] == drawing.alt
            assert isinstance(drawing, Missing) or metadata["image/png"]["width"] == 840

    @pytest.mark.parametrize("target", SPECIAL)
    def test_special_ones_find_what_they_need(self, target: str, desks: dict[str, Desk]) -> None:
        for draw in SPECIAL[target]:
            drawing = draw(desks[target])
            assert not isinstance(drawing, Missing)
            assert drawing.png().startswith(b"\x89PNG")

    def test_source_line_names_the_run(self, desks: dict[str, Desk]) -> None:
        texts = [text.get_text() for text in plots.percentiles(desks["database"]).texts]
        assert any(desks["database"].run.id in text for text in texts)

    def test_same_input_same_bytes(self, desks: dict[str, Desk]) -> None:
        first, second = (plots.heatmap(desks["api_gateway"]) for _ in range(2))
        assert first.png() == second.png()

    @pytest.mark.parametrize("colour", [*house.SERIES, *house.TEXT, house.RED, house.GREEN])
    def test_marks_stand_out_from_white(self, colour: str) -> None:
        assert contrast(colour) >= 3

    def test_text_in_a_colour_can_be_read(self) -> None:
        written = [house.TEXT.get(colour, colour) for colour, _ in house.STATES.values()]
        assert min(map(contrast, written)) >= 4.5

    def test_labels_in_any_script_raise_no_warning(self, desks: dict[str, Desk]) -> None:
        run, samples = desks["database"].run, desks["database"].samples
        label = samples["label"].cat.rename_categories(lambda name: f"名前で検索 {name}")
        desk = Desk(run, samples.assign(label=label))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            plots.by_label(desk).png()
        assert not told

    def test_matplotlib_is_left_as_it_was(self, desks: dict[str, Desk]) -> None:
        before = dict(mpl.rcParams)
        plots.distribution(desks["database"]).png()
        assert dict(mpl.rcParams) == before


class TestFindings:
    def test_the_title_says_by_how_much(self, desks: dict[str, Desk]) -> None:
        desk = desks["database"]
        p95 = desk.estimate("query_time", "p95")
        assert p95 is not None
        under = 100 * (1 - p95.value / 0.010)
        assert f"{under:.0f} % under the promise" in plots.percentiles(desk).alt

    def test_each_promised_level_has_its_row(self) -> None:
        promises = ["p99.9(query_time) < 1 s", "mean(query_time) < 5 ms"]
        axes = plots.percentiles(Desk(*fabricate.run_of("database", objectives=promises))).axes[0]
        rows = [tick.get_text() for tick in axes.get_yticklabels()]
        assert rows == ["mean", "p50", "p90", "p95", "p99", "p99.9"]

    def test_missed_slots_are_counted(self, desks: dict[str, Desk]) -> None:
        assert "1 of 36 slots went without a block" in chain.intervals(desks["blockchain"]).alt

    def test_the_mean_block_time_is_the_judged_one(self, desks: dict[str, Desk]) -> None:
        run, samples = desks["blockchain"].run, desks["blockchain"].samples
        changed = fabricate.run_of("blockchain", details={"blocks": run.details["blocks"][20:]})[0]
        desk = Desk(changed, samples)
        judged = desk.estimate("block_time", "mean")
        assert judged is not None
        said = f"A block each {format_quantity(judged.value, 's')} on average"
        assert said in chain.intervals(desk).alt

    def test_a_stall_is_the_worst_moment(self, desks: dict[str, Desk]) -> None:
        assert "The worst moment is 14–14.5 s" in plots.heatmap(desks["api_gateway"]).alt

    def test_a_clock_that_lies_is_told(self, desks: dict[str, Desk]) -> None:
        run, samples = desks["blockchain"].run, desks["blockchain"].samples
        lying = [b | {"timestamp": b["timestamp"] * 1.5} for b in run.details["blocks"]]
        changed = fabricate.run_of("blockchain", details={"blocks": lying})[0]
        assert "do not match the clock" in chain.arrivals(Desk(changed, samples)).alt

    def test_blocks_without_a_time_have_no_spacing(self) -> None:
        run, samples = fabricate.run_of("blockchain")
        undated = [block | {"timestamp": None} for block in run.details["blocks"]]
        desk = Desk(fabricate.run_of("blockchain", details={"blocks": undated})[0], samples)
        for draw in (chain.intervals, chain.arrivals, chain.proposers):
            assert draw(desk).alt
        assert "told their time" in chain.intervals(desk).alt

    def test_a_growing_queue_is_told(self, tmp_path: Path) -> None:
        _, frame = fabricate.run_of("api_gateway")
        frame["end"] = frame["intended_start"] + 0.01 + frame["intended_start"] * 0.4
        assert "Answers do not keep up" in traffic.arrivals(desk_of(frame, tmp_path)).alt

    def test_requests_that_wait_for_a_connection_are_told(self, tmp_path: Path) -> None:
        _, frame = fabricate.run_of("api_gateway")
        frame["start"] = frame["intended_start"] + 2.0
        frame["end"] = frame["start"] + 0.01
        alt = traffic.arrivals(desk_of(frame, tmp_path)).alt
        assert re.search(r"do not keep up: about 260 requests are due, 1\.3 sent", alt)

    def test_a_value_without_neighbours_is_drawn(self, desks: dict[str, Desk]) -> None:
        values = np.array([np.nan, 1, np.nan, 2, 3, np.nan, 4])
        assert traffic._lone(values).tolist() == [False, True, False, False, False, False, True]


class TestMarks:
    def test_a_bound_beyond_the_limits_is_pointed_at(self) -> None:
        _, (axes,) = sheet("a", "b", "c")
        axes.set(xlim=(1, 10), ylim=(1, 10))
        bound_line(axes, 5, "inside", vertical=True)
        bound_line(axes, 0.5, "left", vertical=True)
        bound_line(axes, 50, "high")
        assert [text.get_text() for text in axes.texts] == ["inside", "← left", "↑ high"]
        assert len(axes.lines) == 1

    def test_lines_that_meet_have_readable_names(self) -> None:
        _, (axes,) = sheet("a", "b", "c")
        axes.set_ylim(0, 10)
        end_labels(axes, (5.0, "second", "k"), (4.99, "first", "k"), (9.0, "far", "k"))
        shifts = {text.get_text(): text.xyann[1] for text in axes.texts}
        assert shifts["first"] == shifts["far"] == 0
        assert shifts["second"] == pytest.approx(10, abs=0.5)

    def test_row_names_fit_beside_the_axes(self, tmp_path: Path) -> None:
        _, frame = fabricate.run_of("api_gateway")
        names = [f"GET /api/v{n}7/resources/{{id}}/sub" for n in range(3)] + ["W" * 40]
        frame["label"] = [names[n % 4] for n in range(len(frame))]
        figure = plots.by_label(desk_of(frame, tmp_path))
        figure.canvas.draw()
        names = figure.axes[0].get_yticklabels()
        assert len({name.get_text() for name in names}) == 4
        assert all(name.get_window_extent().x0 > 0 for name in names)

    def test_ratios_on_an_axis_keep_apart(self) -> None:
        _, (axes,) = sheet("a", "b", "c")
        axes.set(xscale="log", xlim=(0.5, 3.5))
        plots.comparing._ratio_axis(axes)
        ticks = np.sort(axes.get_xticks())
        assert 1 in ticks
        assert np.diff(np.log(ticks)).min() > 0.1 * np.log(7)


class TestSadRuns:
    def test_no_samples_at_all(self, tmp_path: Path) -> None:
        _, frame = fabricate.run_of("api_gateway")
        desk = desk_of(frame[:0], tmp_path)
        assert all(isinstance(draw(desk), Missing) for draw in GENERAL)

    def test_all_failed(self, tmp_path: Path) -> None:
        _, frame = fabricate.run_of("api_gateway")
        frame["ok"], frame["error"] = False, "connection refused"
        desk = desk_of(frame, tmp_path)
        assert "100 % of all requests fail" in traffic.errors(desk).alt
        assert "No request was answered" in traffic.arrivals(desk).alt
        assert all(draw(desk).alt for draw in GENERAL)

    def test_hostile_names_are_harmless(self, tmp_path: Path) -> None:
        _, frame = fabricate.run_of("api_gateway")
        frame["label"] = [f"{EVIL}{n % 30}" for n in range(len(frame))]
        frame.loc[frame.index[:9], "ok"] = False
        frame.loc[frame.index[:9], "error"] = EVIL
        desk = desk_of(frame, tmp_path)
        for draw in GENERAL:
            drawing = draw(desk)
            assert len(drawing.alt) < 500
            assert "\u202e" not in drawing.alt
            drawing._repr_mimebundle_()

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("target", fabricate.KINDS)
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda values: 0 * values,
            lambda values: -values,
            lambda values: values.where(values.index % 7 > 0, np.inf),
            lambda values: np.inf * values,
        ],
        ids=["zero", "negative", "some infinite", "infinite"],
    )
    def test_values_that_a_log_scale_does_not_hold(
        self, spoil: Callable[[pd.Series], pd.Series], target: str, tmp_path: Path
    ) -> None:
        run, frame = fabricate.run_of(target)
        if target == "api_gateway":
            frame["end"] = frame["start"] + spoil(frame["end"] - frame["start"]).clip(-9, 9)
        measured = [name for name in frame if str(name).endswith(("_time", "_latency", "_wait"))]
        frame[measured] = frame[measured].apply(spoil)
        fabricate.write_samples(frame, tmp_path / "samples.parquet")
        desk = Desk(run, fabricate.read_samples(tmp_path / "samples.parquet"))
        for draw in (*GENERAL, *SPECIAL.get(target, ())):
            drawing = draw(desk)
            assert not re.search(r"\b(nan|inf)\b", drawing.alt)
            drawing.canvas.draw()
        Views(indexed(desk.samples, desk.headline), desk.headline)

    def test_failures_above_what_completes_are_not_cut_off(self, tmp_path: Path) -> None:
        _, frame = fabricate.run_of("api_gateway")
        frame["ok"] = frame.index % 50 == 0
        (axes,) = traffic.throughput(desk_of(frame, tmp_path, objectives=[])).axes
        assert axes.get_ylim()[1] > 120, "of 130 a second most fail"

    @pytest.mark.parametrize("n", [1, 2, 5])
    def test_very_few_samples(self, n: int, tmp_path: Path) -> None:
        _, frame = fabricate.run_of("api_gateway")
        desk = desk_of(frame[1000 : 1000 + n], tmp_path)
        assert all(draw(desk)._repr_mimebundle_() for draw in GENERAL)
        if n > 1:
            assert "the slowest of" in plots.distribution(desk).alt
        assert "one in a hundred" not in plots.distribution(desk).alt

    @pytest.mark.parametrize(
        ("low", "far"),
        [
            (0.051, "27 % over the promise."),
            (0.04, "over the promise, but not surely"),
            (0.0, "over the promise, but not surely"),
            (None, "over the promise, but not surely"),
        ],
    )
    def test_a_label_is_over_only_with_its_whole_interval(
        self, low: float | None, far: str
    ) -> None:
        slow = Estimate(
            metric="response_time", statistic="p95", value=0.0635, low=low, high=0.07,
            unit="s", n=99, label="GET /slow",
        )  # fmt: skip
        run, _ = fabricate.run_of("api_gateway", estimates=[slow])
        assert far in plots.by_label(Desk(run, no_samples()), "response_time").alt


class TestLinked:
    def test_a_brush_says_what_it_holds(self, desks: dict[str, Desk]) -> None:
        desk = desks["api_gateway"]
        views = Views(indexed(desk.samples, "response_time"), "response_time")
        inside = desk.samples[desk.samples["intended_start"].between(14, 14.6)]
        found = views.update(14, 14.6)
        p95 = np.quantile(inside["response_time"], 0.95)
        told = float(found.split(" is ")[1].split(" ms")[0]) / 1000
        assert math.isclose(told, p95, rel_tol=0.1)
        assert "no sample" in views.update(5000, 6000)

    def test_cells_without_values_stay_white_and_names_beside_them(self, tmp_path: Path) -> None:
        _, frame = fabricate.run_of("api_gateway")
        frame["label"] = [f"{n % 3} {'W' * 30}" for n in range(len(frame))]
        views = Views(indexed(desk_of(frame, tmp_path).samples, "response_time"), "response_time")
        _, middle, right = views.axes
        shown = middle.images[0].get_array()
        assert 0 < shown.count() < shown.size
        views.figure.canvas.draw()
        ends = middle.get_window_extent().x1
        assert all(name.get_window_extent().x0 > ends for name in right.get_yticklabels())

    def test_the_timeline_marks_the_brush(self, desks: dict[str, Desk]) -> None:
        desk = desks["api_gateway"]
        ends = desk.samples["end"].to_numpy()
        timeline = Timeline(desk.run, indexed(desk.samples, "response_time"), ends, ends[:0])
        timeline.mark(3, 5)
        assert all((s.get_x(), s.get_width()) == (3, 2) for s in timeline.spans)


class TestComparing:
    def test_a_slower_run_is_told(self, tmp_path: Path) -> None:
        fast, slow = (
            [
                fabricate.recorded("database", tmp_path / f"{factor}{n}", seed=n, slow=factor)
                for n in (1, 2, 3)
            ]
            for factor in (1.0, 1.5)
        )
        for run, samples in fast + slow:
            run.estimates = analysis.estimates(run, samples)
        comparison = analysis.compare(fast, slow)
        assert "+5" in plots.comparing.shift(comparison, "query_time").alt
        assert plots.comparing.ratios(comparison).png()
        assert plots.comparing.labels(comparison, "query_time").png()
        assert isinstance(plots.comparing.shift(comparison, "no_such"), Missing)

    def test_a_ratio_beyond_the_axis_stands_at_its_end(self) -> None:
        rng = np.random.default_rng(1)
        fast, slow = (rng.lognormal(shift, 0.1, (3, 50)) for shift in (0, 5))
        (axes,) = plots.comparing.ratios(analysis.compare(fast, slow)).axes
        low, high = axes.get_xlim()
        marks = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "v"]
        assert marks
        assert all(low < mark < high for mark in marks)


@pytest.mark.parametrize(
    ("given", "width", "expected"),
    [
        ("plain", 32, "plain"),
        ("two\nlines\tand  gaps", 32, "two lines and gaps"),
        ("a\u202eb\u0000c", 32, "a b c"),
        ("x" * 100, 10, "xxxxxx…xxx"),
    ],
)
def test_clean(given: str, width: int, expected: str) -> None:
    assert clean(given, width) == expected


LONG = "GET /api/v3/organisations/{organisation}/projects/%s/artifacts?page=100"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b"], ["a", "b"]),
        (["n" * 50] * 2, ["nnnnnnnnnnnnnn…nnnnnn"] * 2),  # the same name twice
        (
            [LONG % "7", LONG % "12", "GET /"],
            ["…ojects/7/arti…ge=100", "…ojects/12/art…ge=100", "GET /"],
        ),
        (
            [f"{'x' * 40}{one}{'y' * 40}{two}{'z' * 40}" for one, two in ("ab", "ac", "db")],
            ["…yyyyyyb", "…yyyyyyc", "…xxxxxxxd"],
        ),
    ],
)
def test_names_that_differ_stay_different(names: list[str], told: list[str]) -> None:
    found = distinct(names, 21)
    assert len(set(found)) == len(set(names))
    assert all(len(name) <= 23 for name in found)
    assert all(name.startswith(start) for name, start in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("value", "text"), [(9.998, "10.0"), (0.99996, "1.00"), (999.7, "1 000"), (-0.0123, "-0.0123")]
)
def test_numbers_keep_their_digits_when_rounded_up(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d", "e"], "a, b, c, d and e"),
        ([*"abcdef"], "a, b, c, d and 2 others"),
    ],
)
def test_names_are_listed(names: list[str], text: str) -> None:
    assert listed(names) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [("error_rate < 1 %", "promise < 1 %"), ("error_rate <= 0", "promise ≤ 0 %")],
)
def test_a_promise_is_told_with_its_sign(text: str, told: str) -> None:
    assert promised(parse_objective(text)) == told


@pytest.mark.parametrize(
    ("change", "text"), [(0.234, "+23 % [18, 29]"), (math.inf, "+∞ %"), (-math.inf, "−∞ %")]
)
def test_changes_are_told_in_percent(change: float, text: str) -> None:
    assert percent_change(SimpleNamespace(change=change, low=0.18, high=0.29)) == text


def test_values_are_said_in_their_unit() -> None:
    assert bound(0.05, "s") == "50 ms"
    assert bound(0.01, "1") == "1 %"
    assert shown(2.6, "1") == "2.60 ×"
    assert shown(0.0123, "1") == "1.23 %"
    assert shown(12345.0, "req") == "12\u2009345 req", "a count is told to the last one"
    assert shown(0.5, "rows") == "0.500 rows"


def test_interval_text_keeps_one_unit() -> None:
    estimate = Estimate(
        metric="query_time", statistic="p95", value=0.0062, low=0.0059, high=0.0066, unit="s", n=9
    )
    assert interval_text(estimate) == "6.20 ms [5.90, 6.60]"
    second = msgspec.structs.replace(estimate, value=0.9996, low=0.988, high=1.01)
    assert interval_text(second) == "1.00 s [0.988, 1.01]", "the unit is that of what is shown"


def test_sheet_puts_the_finding_first() -> None:
    figure, axes = sheet("`a` is slow", "time, ms", "run x")
    assert figure.texts[0].get_text() == "“a” is slow"
    assert figure.alt == "“a” is slow. time, ms."
    assert len(axes) == 1


def test_import_is_light() -> None:
    code = (
        "import sys, perflib.plots; "
        "bad = {'matplotlib.pyplot', 'locust', 'gevent', 'IPython'} & set(sys.modules); "
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_labels_beyond_the_most_are_counted(tmp_path: Path) -> None:
    _, frame = fabricate.run_of("api_gateway")
    frame["label"] = [f"GET /{n % 20}" for n in range(len(frame))]
    desk = desk_of(frame, tmp_path)
    assert f"the slowest {latency.MOST_LABELS} of 20" in plots.by_label(desk).alt
    assert isinstance(desk.run, Run)
