"""Cutting samples over time: nothing is lost, extremes stay, and a brush is exact to one step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perflib.analysis.scraped import Track, companion, tracks
from perflib.analysis.series import (
    TimeIndex,
    bin_edges,
    envelope,
    heat,
    in_flight,
    log_edges,
    quantiles_over,
    rate,
)
from perflib.samples import began


@pytest.fixture
def index() -> TimeIndex:
    rng = np.random.default_rng(3)
    times = rng.uniform(0, 100, 20_000)
    labels = pd.Series(rng.choice(list("abcdefghijklmnopqrst"), 20_000))
    return TimeIndex(times, rng.lognormal(-5, 1, 20_000), labels, steps=1000)


def test_began_prefers_the_intended_start() -> None:
    frame = pd.DataFrame({"start": [1.0, 2.0], "intended_start": [0.5, np.nan]})
    assert began(frame).tolist() == [0.5, 2.0]
    assert began(frame[["start"]]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("until", [0.0, 0.4, 23.0, 3600.0, 86_400.0, 1e7])
def test_bin_edges_cover_all_with_few_bins(until: float) -> None:
    edges = bin_edges(until)
    assert edges[0] == 0
    assert edges[-1] >= until
    assert 2 <= len(edges) < 100


def test_rate_and_in_flight_count_every_event() -> None:
    starts, ends = np.array([0.0, 1.0, 2.0]), np.array([5.0, 1.5, 2.5])
    edges = np.array([0.0, 2.0, 4.0, 6.0])
    assert rate(ends, edges).tolist() == [0.5, 0.5, 0.5]
    assert in_flight(starts, ends, np.array([0.5, 1.2, 3.0, 6.0])).tolist() == [1, 2, 1, 0]


def test_quantiles_need_five_values_a_bin() -> None:
    times = np.array([0.5] * 5 + [1.5] * 4)
    (found,) = quantiles_over(times, np.arange(9.0), np.array([0.0, 1.0, 2.0]), (0.5,))
    assert found[0] == 2.0
    assert np.isnan(found[1])


def test_heat_keeps_every_positive_value() -> None:
    rng = np.random.default_rng(1)
    times, values = rng.uniform(0, 10, 5000), rng.lognormal(0, 2, 5000)
    counts = heat(times, values, bin_edges(10.0), log_edges(values))
    assert counts.sum() == 5000


class TestEnvelope:
    def test_extremes_stay(self) -> None:
        times = np.linspace(0, 100, 1_000_000)
        values = np.sin(times)
        values[123_456], values[777_777] = 99.0, -99.0
        x, y = envelope(times, values, 500)
        assert len(x) <= 2000
        assert (y.max(), y.min()) == (99.0, -99.0)
        assert (np.diff(x) >= 0).all()

    def test_few_points_come_back_unchanged(self) -> None:
        times, values = np.arange(5.0), np.arange(5.0)
        assert envelope(times, values, 10)[1] is values


class TestTimeIndex:
    def test_a_brush_counts_what_lies_inside(self, index: TimeIndex) -> None:
        brush = index.between(20.0, 60.0)
        width = index.marks[1]
        inside = ((index.times >= 20) & (index.times < 60)).sum()
        assert abs(brush.counts.sum() - inside) <= 2 * 20_000 * width / 100 + 20
        assert brush.counts.sum() == brush.rows.stop - brush.rows.start

    def test_rare_labels_become_one(self, index: TimeIndex) -> None:
        assert len(index.names) == 12
        assert index.names[-1] == "9 others"
        assert index.between(0, 100).counts.sum() == 20_000

    def test_heat_and_histogram_agree(self, index: TimeIndex) -> None:
        assert index.heat(10, 30).sum() == index.between(10, 30).counts.sum()

    def test_quantiles_are_right_to_a_bin(self, index: TimeIndex) -> None:
        found = index.between(0, 100).quantiles(index.edges, 0.95)
        exact = np.quantile(index.values[index.codes == 0], 0.95)
        assert found[0] == pytest.approx(exact, rel=index.edges[1] / index.edges[0] - 1 + 0.02)

    def test_slowest_are_the_slowest(self, index: TimeIndex) -> None:
        rows = index.between(0, 50).rows
        found = index.values[index.slowest(rows, 5)]
        assert found.tolist() == sorted(index.values[rows], reverse=True)[:5]

    @pytest.mark.parametrize(("since", "until"), [(50, 20), (200, 300), (-5, 0)])
    def test_an_empty_brush_is_empty(self, index: TimeIndex, since: float, until: float) -> None:
        brush = index.between(since, until)
        assert brush.counts.sum() == 0
        assert len(index.slowest(brush.rows)) == 0

    def test_no_samples_at_all(self) -> None:
        empty = TimeIndex(np.empty(0), np.empty(0), pd.Series([], dtype=object))
        assert empty.between(0, 1).counts.sum() == 0


class TestTracks:
    def table(self, **series: list[float]) -> pd.DataFrame:
        return pd.concat(
            pd.DataFrame({"time_s": range(len(v)), "name": name, "labels": "{}", "value": v})
            for name, v in series.items()
        )

    def test_counters_become_growth_and_sums_become_means(self) -> None:
        metrics = self.table(
            gc_total=[0, 5, 15, 20], t_seconds_sum=[0, 1, 3, 3], t_seconds_count=[0, 2, 4, 4]
        )
        found = {track.name: track for track in tracks(metrics)}
        assert found["gc_total, a second"].values.tolist() == [5, 10, 5]
        mean = found["t_seconds, mean"]
        assert mean.values[:2].tolist() == [0.5, 1.0]
        assert np.isnan(mean.values[2])
        assert mean.unit == "s"

    def test_labels_add_up_and_cpu_leads(self) -> None:
        one = self.table(queue=[1, 9, 2], process_cpu_seconds_total=[0, 1, 3])
        found = tracks(pd.concat([one, one]))
        assert [track.name for track in found] == ["process_cpu_seconds_total, a second", "queue"]
        assert found[1].values.tolist() == [2, 18, 4]

    @pytest.mark.parametrize("name", ["x_created", "x_bucket", "python_info", "still"])
    def test_what_says_nothing_is_left_out(self, name: str) -> None:
        assert tracks(self.table(**{name: [3.0, 3.0, 3.0]})) == []

    def test_quantiles_do_not_add_up(self) -> None:
        shown = self.table(pause_seconds=[1.0, 5.0, 9.0]).assign(labels='{quantile="0.5"}')
        assert tracks(shown) == []
        assert [one.name for one in tracks(pd.concat([shown, self.table(q=[1, 5, 9])]))] == ["q"]

    def test_a_restart_is_no_negative_rate(self) -> None:
        (found,) = tracks(self.table(n_total=[5, 9, 1, 4]), names=["n_total"])
        assert np.isnan(found.values[1])

    @pytest.mark.parametrize(
        ("steps", "sign", "found"),
        [
            (40, 1, ("waiting", 1.0)),
            (40, -1, ("waiting", -1.0)),  # what falls while times rise leads as well
            (10, 1, None),  # too few to tell from chance
        ],
    )
    def test_what_goes_with_the_times_is_found(self, steps, sign, found) -> None:
        rng, at = np.random.default_rng(1), np.arange(1.0, steps + 1)
        slow = np.exp(rng.normal(size=steps))
        series = [
            Track("noise", at, rng.normal(size=steps), "1"),
            Track("waiting", at, sign * slow**2, "1"),
        ]
        ends = np.concatenate([at - 0.2, at - 0.7])
        told = companion(series, ends, np.concatenate([slow, slow]))
        assert (told and (told[0].name, pytest.approx(told[1]))) == found

    def test_nothing_scraped(self) -> None:
        assert tracks(None) == []
