"""The desk for digging: choices and brushes change every view, with and without a browser."""

from __future__ import annotations

import pytest

from perflib.investigate import WHOLE, Investigation
from perflib.store import Store
from tests import fabricate

pytestmark = pytest.mark.filterwarnings("ignore:Passing unrecognized arguments:DeprecationWarning")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Investigation:
    store = Store(tmp_path_factory.mktemp("data"))
    for moment in range(2):
        fabricate.commit(store, "api_gateway", moment)
    fabricate.commit(store, "database")
    return Investigation("api_gateway", data=store.root)


def shaded(bench: Investigation) -> tuple[float, float]:
    span = bench.timeline.spans[0]
    return span.get_x(), span.get_x() + span.get_width()


def test_a_brush_moves_every_view(bench: Investigation) -> None:
    bench.brush(0, 0)
    before, heat = bench.finding, bench.views._image.get_array().copy()
    bench.brush(13.5, 15.0)
    assert bench.finding != before
    assert (bench.views._image.get_array() != heat).any()
    assert shaded(bench) == (13.5, 15.0)
    assert bench.range.value == (13.5, 15.0)
    assert "The 8 slowest" in bench.told.value


def test_the_slider_brushes_for_those_without_a_mouse(bench: Investigation) -> None:
    bench.range.value = (5.0, 9.0)
    assert bench.finding.startswith("5–9 s")


def test_a_label_narrows_the_views(bench: Investigation) -> None:
    bench.label.value = "POST /auth/login"
    assert "POST /auth/login" in bench.finding
    bench.label.value = WHOLE
    assert "POST /auth/login" not in bench.finding


def test_another_run_and_another_target_open(bench: Investigation) -> None:
    older = bench.run.options[1]
    bench.run.value = older
    assert bench.desk.run.id == older
    bench.target.value = "database"
    assert bench.desk.run.target == "database"
    assert "query time" in bench.finding
    bench.target.value = "api_gateway"
    assert bench.desk.run.target == "api_gateway"


def test_without_a_browser_it_is_a_picture(bench: Investigation) -> None:
    data, metadata = bench._repr_mimebundle_()
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= set(data)
    assert metadata["image/png"]["width"] == 840
    assert "Timeline of api_gateway" in metadata["alt"]


def test_an_empty_stretch_says_so(bench: Investigation) -> None:
    bench.brush(1000.0, 2000.0)
    assert bench.finding.endswith("no sample")
    assert "No sample inside the brush" in bench.told.value


def test_a_brush_without_an_end_goes_on_to_the_end(bench: Investigation) -> None:
    bench.brush(5.0, 0.0)
    assert bench.span == (5.0, float(bench.index.marks[-1]))
    assert bench.finding.startswith("5–")
    bench.brush(0.0, 0.0)


def test_first_the_measured_time_is_shown_as_in_the_report(bench: Investigation) -> None:
    """A warm-up would be the slowest of all, and the numbers others than the verdict's."""
    bench.open("api_gateway")
    assert bench.span[0] == bench.desk.run.measured_from_s == 3.0
    at = bench.index.between(*bench.span).rows
    assert at.stop - at.start == len(bench.desk.measured)
