"""Schedules are arithmetic: what is due when can be said without any load."""

import itertools

import numpy as np
import pytest

from perflib.load.schedule import make_schedule


def until(schedule, end_s):
    return np.array(list(itertools.takewhile(lambda t: t < end_s, schedule.times())))


@pytest.mark.parametrize(
    ("options", "end_s", "count"),
    [
        ({"rate": 100}, 10, 1000),
        ({"rate": 0.5}, 10, 5),
        ({"rate": 100, "shape": "ramp", "peak_rate": 300, "over_s": 10}, 10, 2000),
        ({"rate": 300, "shape": "ramp", "peak_rate": 100, "over_s": 10}, 10, 2000),
        ({"rate": 100, "shape": "ramp", "peak_rate": 300, "over_s": 10}, 20, 5000),
        (
            {"rate": 100, "shape": "steps", "peak_rate": 300, "steps": 3, "over_s": 9},
            9,
            1800,
        ),
        ({"rate": 100, "shape": "steps", "peak_rate": 300, "steps": 1, "over_s": 9}, 9, 900),
    ],
)
def test_the_number_of_arrivals_is_the_area_under_the_rate(options, end_s, count):
    schedule = make_schedule(**options)
    times = until(schedule, end_s)
    assert len(times) == pytest.approx(count, abs=1)
    assert (np.diff(times) >= 0).all()


def test_constant_arrivals_are_evenly_spaced():
    assert until(make_schedule(2000), 1) == pytest.approx(np.arange(2000) / 2000)


def test_a_ramps_rate_grows_linearly():
    schedule = make_schedule(100, shape="ramp", peak_rate=1100, over_s=10)
    times = until(schedule, 10)
    counts = np.histogram(times, bins=np.arange(11))[0]
    assert counts == pytest.approx(100 + 100 * (np.arange(10) + 0.5), abs=1)


def test_poisson_arrivals_are_exponential_and_repeat_with_their_seed():
    first, again, other = (
        until(make_schedule(1000, shape="poisson", seed=seed), 20) for seed in (1, 1, 2)
    )
    gaps = np.diff(first)
    assert len(first) == pytest.approx(20_000, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # the mark of an exponential
    assert (first == again).all()
    assert len(other) != len(first) or (first != other).any()


@pytest.mark.parametrize("parts", [2, 3])
def test_processes_share_an_even_schedule_exactly(parts):
    schedule = make_schedule(100, shape="ramp", peak_rate=900, over_s=5)
    shares = [until(schedule.split(part, parts), 10) for part in range(parts)]
    assert np.sort(np.concatenate(shares)) == pytest.approx(until(schedule, 10))


def test_processes_share_poisson_arrivals_independently():
    schedule = make_schedule(1000, shape="poisson")
    shares = [until(schedule.split(part, 2), 20) for part in range(2)]
    assert [len(share) for share in shares] == pytest.approx([10_000, 10_000], rel=0.05)
    assert abs(np.corrcoef(*(np.histogram(s, 2000, (0, 20))[0] for s in shares))[0, 1]) < 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        *({"rate": rate} for rate in (0, -1, float("nan"), float("inf"))),
        {"rate": 1, "peak_rate": 0},
        {"rate": 1, "shape": "zigzag"},
    ],
)
def test_what_is_no_schedule_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        make_schedule(**wrong)
