"""Change points: what must be found, what must not, and what never changes."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflib.analysis import History, change_points
from perflib.analysis.changes import LEAST, WINDOW, drift, study
from perflib.errors import PerflibError


def series(seed=1, n=200, steps=(), slope=0.0, cv=0.02, phi=0.0):
    """100 with noise of `cv`; `steps` are (place, relative change), `slope` the whole drift."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(n)
    for t in range(1, n):
        noise[t] = phi * noise[t - 1] + math.sqrt(1 - phi * phi) * noise[t]
    level = np.full(n, 100.0) * (1 + slope * np.arange(n) / n)
    for place, change in steps:
        level[place:] *= 1 + change
    return level * (1 + cv * noise)


def places(values, **more):
    return [change.index for change in change_points(values, **more)]


FOUND = {
    "a step up": ({"steps": [(100, 0.05)]}, [100]),
    "a step down and up again": ({"steps": [(70, -0.06), (140, 0.08)]}, [70, 140]),
    "a large step early": ({"steps": [(10, 0.3)]}, [10]),
    "three results of a 10 % step at the end": ({"n": 103, "steps": [(100, 0.12)]}, [100]),
    "nothing": ({}, []),
    "a straight drift is no step": ({"slope": 0.2}, []),
    "a step in a drift": ({"slope": 0.15, "steps": [(100, 0.1)]}, [100]),
    "noise that remembers": ({"phi": 0.6}, []),
    "a step in noise that remembers": ({"phi": 0.5, "steps": [(100, 0.12)]}, [100]),
}


@pytest.mark.parametrize(("case", "expected"), FOUND.values(), ids=FOUND)
def test_finds(case, expected):
    for seed in range(3):
        found = places(series(seed, **case))
        assert len(found) == len(expected), (seed, found)
        assert all(abs(a - b) <= 5 for a, b in zip(found, expected, strict=True)), (seed, found)


def test_spikes_are_not_steps():
    values = series(3)
    values[[20, 60, 61, 110, 170]] *= 1.6
    assert places(values) == []


def test_two_levels_of_noise_are_not_steps():
    rng = np.random.default_rng(4)
    values = 100 + rng.standard_normal(300) * 0.5 + 5 * (rng.random(300) < 0.3)
    assert places(values) == []


def test_drift_is_reported_as_drift():
    slow = drift(series(5, slope=0.2))
    assert slow is not None
    assert slow.low < slow.change < slow.high
    assert 0.15 < slow.change < 0.25
    assert drift(series(5)) is None


def test_size_has_an_interval():
    (change,) = change_points(series(6, steps=[(100, 0.05)]))
    assert change.low < change.change < change.high
    assert change.low < 0.05 < change.high
    assert change.after / change.before == pytest.approx(1 + change.change)
    assert change.p_value < 1e-6
    assert change.status == "confirmed"


def test_small_changes_are_left_out_unless_asked_for():
    values = series(7, cv=0.0005, steps=[(100, LEAST / 2)])
    assert places(values) == []
    assert places(values, least=0) == [100]


def test_false_alarms_are_rare():
    alarms = sum(bool(places(series(seed))) for seed in range(200))
    assert alarms <= 10


@pytest.mark.parametrize(
    ("n", "place", "change", "phi"),
    [(10, 5, 0.5, 0.0), (14, 7, 0.6, 0.0), (24, 18, -0.25, 0.0), (20, 10, 0.5, 0.5)],
)
def test_a_clear_step_in_a_short_series_is_found(n, place, change, phi):
    told = [places(series(seed, n, [(place, change)], phi=phi)) for seed in range(100)]
    assert sum(found == [place] for found in told) >= 95


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_short_series_alarm_rarely_too(phi):
    short = [series(seed, n, phi=phi) for n in (10, 14, 24, 40) for seed in range(50)]
    assert sum(bool(places(values)) for values in short) <= 10


def test_a_drift_in_noise_that_remembers_needs_more():
    calm, slow = (drift(series(15, slope=0.2, phi=phi)) for phi in (0.0, 0.6))
    assert calm.p_value < slow.p_value < 0.05
    assert calm.high - calm.low < slow.high - slow.low


@pytest.mark.parametrize("first", [9, 15])
def test_results_before_a_great_change_are_louder(first):
    steps = [(first, -0.75), (80, 0.1)]
    found = [places(series(seed, 120, steps)) for seed in range(30)]
    assert sum(f == [first, 80] for f in found) >= 28, found


def test_a_step_in_noise_in_proportion_to_a_loud_level_is_found():
    """Latencies of a busy system: skewed, half as loud as their level. Ratios are what is told."""
    found, inside = [], []
    for seed in range(40):
        values = np.random.default_rng(seed).gamma(4, 2.5, 60)
        values[30:] *= 3
        told = change_points(values)
        mirrored = change_points(-values)
        assert [c.index for c in told] == [c.index for c in mirrored]
        near = [c for c in told if abs(c.index - 30) <= 3]
        found.append(bool(near))
        inside += [c.low <= 2 <= c.high for c in near]
        assert all(c.after / c.before - 1 == pytest.approx(c.change) for c in told)
    assert np.mean(found) >= 0.9
    assert np.mean(inside) >= 0.9


def test_what_never_moved_before_does_not_make_later_noise_steps():
    """An error rate of nothing for long, then one that varies: a single change."""
    found = []
    for seed in range(30):
        values = np.zeros(150)
        values[75:] = np.random.default_rng(seed).normal(0.02, 0.004, 75)
        found.append(places(values) == [75])
    assert sum(found) >= 22


def test_noisy_runs_weigh_less():
    values, spread = series(8, cv=0.005), np.full(200, 0.5)
    values[120:126] += 6
    spread[120:126] = 30
    assert places(values)
    assert places(values, spread=spread) == []


# what never changes ------------------------------------------------------------------------

histories = st.builds(
    lambda seed, n, place, change, phi: series(seed, n, [(place % n, change)], 0.0, 0.02, phi),
    st.integers(0, 10_000),
    st.integers(7, 150),
    st.integers(5, 140),
    st.floats(-0.2, 0.3),
    st.sampled_from([0.0, 0.5]),
)


@settings(max_examples=40, deadline=None)
@given(histories, st.floats(0.01, 1000), st.floats(-500, 500))
def test_scale_and_shift(values, scale, shift):
    found = change_points(values, least=0)
    moved = change_points(values * scale, least=0)
    assert [c.index for c in found] == [c.index for c in moved]
    assert [c.change for c in found] == pytest.approx([c.change for c in moved])
    assert [c.index for c in found] == places(values + shift, least=0)


@settings(max_examples=40, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_results_may_come_in_any_order_with_their_times(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    times = np.array([float(3 * i) for i in order])
    in_order = change_points(values, times=np.arange(len(values)) * 3.0)
    assert change_points(values[order], times=times) == in_order


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 140), st.floats(0.08, 0.3))
def test_a_clear_step_is_found_from_both_directions(seed, place, change):
    values = series(seed, steps=[(place, change)])
    forward, backward = places(values), places(values[::-1])
    assert any(abs(f - (200 - b)) <= 2 for f in forward for b in backward)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_appending_gives_what_a_full_run_gives(seed):
    rng = np.random.default_rng(seed)
    values = series(seed, 90, [(int(rng.integers(10, 80)), 0.08)])
    values[rng.random(90) < 0.05] = np.nan
    times = np.sort(rng.integers(0, 80, 90)).astype(float)
    times[rng.integers(0, 90, 4)] = 5.0
    history = History()
    for i in range(90):
        changes = history.append(None if np.isnan(values[i]) else values[i], times[i])
        assert changes == change_points(values[: i + 1], times=times[: i + 1])
    assert len(history) == 90


def test_long_histories_settle_and_still_agree():
    values = series(9, 2 * WINDOW + 300, [(300, 0.05), (555, -0.05), (900, 0.05), (1500, 0.04)])
    history = History()
    for i, value in enumerate(values):
        changes = history.append(value)
        if i % 97 == 0:
            assert changes == change_points(values[: i + 1])
    assert history.changes == change_points(values)
    assert {300, 555, 900, 1500} <= {round(c.index, -1) + d for c in changes for d in (-5, 0, 5)}


def test_a_change_lives():
    history, told = History(), []
    for value in series(10, 120, [(100, 0.1)]):
        history.append(value)
        told += [(len(history), change.status) for change in history.news]
    assert told[-1][1] == "confirmed"
    assert told[-1][0] <= 106
    for value in series(11, 30, cv=0.02):
        history.append(value)
        told += [(len(history), change.status) for change in history.news]
    statuses = [status for _, status in told]
    assert set(statuses) <= {"provisional", "confirmed", "retracted"}


def test_deterministic_in_a_new_process():
    code = (
        "from tests.test_changes import series; from perflib.analysis import change_points;"
        "print(change_points(series(12, steps=[(100, 0.05)])))"
    )
    once, again = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert once.stdout == again.stdout == f"{change_points(series(12, steps=[(100, 0.05)]))}\n"


# bad input ---------------------------------------------------------------------------------

QUIET = {
    "empty": [],
    "one point": [1.0],
    "six points": [1, 2, 1, 2, 9, 9],
    "constant": [5.0] * 50,
    "all zero": [0.0] * 50,
    "all missing": [math.nan] * 50,
    "one spike in a constant": [5.0] * 20 + [9.0] + [5.0] * 20,
}


@pytest.mark.parametrize("values", QUIET.values(), ids=QUIET)
def test_nothing_to_say(values):
    assert study(values) == ([], None)


def test_a_step_without_noise():
    assert places([5.0] * 20 + [6.0] * 20) == [20]
    assert places([0.0] * 20 + [6.0] * 20) == [20]
    assert places([-5.0] * 20 + [6.0] * 20) == [20]


def test_missing_results_keep_their_places():
    values = series(13, steps=[(100, 0.1)])
    values[[3, 50, 98]] = np.nan
    assert places(values) == [100]


def test_future_and_equal_times():
    values = series(14, steps=[(100, 0.1)])
    times = np.repeat(np.arange(100.0), 2)
    times[-1] = 4e18
    assert places(values, times=times) == [100]


@pytest.mark.parametrize("scale", [1e-90, 1e-140, 1e-160, 1e-320])
def test_tiny_values_have_intervals_or_are_nothing(scale):
    """Squares of the smallest floats are 0: intervals were empty or nan."""
    values = series(15, 60, steps=[(30, 0.5)]) * scale
    history = History()
    for value in values:
        history.append(value)
    found = change_points(values)
    assert history.changes == found
    assert [round(c.low, 1) < c.change < c.high for c in found] == [True] * (scale > 1e-100)


BAD = {
    "infinite": ([1.0, math.inf], {}, "infinite"),
    "beyond all squares": ([1e308] * 20 + [-1e308] * 20, {}, r"1e\+308 at place 0"),
    "beyond all floats": ([10**400, 1], {}, "not a list of numbers"),
    "words": (["fast", "slow"], {}, "not a list of numbers"),
    "a table": ([[1.0, 2.0]], {}, "shape"),
    "too few times": ([1.0, 2.0], {"times": [1.0]}, "shape"),
    "a missing time": ([1.0, 2.0], {"times": [1.0, math.nan]}, "times"),
    "negative spread": ([1.0, 2.0], {"spread": [0.1, -0.1]}, r"spread: -0\.1 at place 1"),
    "infinite spread": ([1.0, 2.0], {"spread": [1.0, math.inf]}, "spread"),
    "numbers as text": (["1", "2"], {}, "not a list of numbers"),
    "dates": (np.array(["2026-01-01"], "M8[D]"), {}, "not a list of numbers"),
    "a missing date": ([1.0, 2.0], {"times": np.array(["2026-01-01", "NaT"], "M8[D]")}, "times"),
    "dates one by one": ([1.0], {"times": [datetime(2026, 1, 1, tzinfo=UTC)]}, "times"),
}


@pytest.mark.parametrize(("values", "more", "found"), BAD.values(), ids=BAD)
def test_bad_input_is_told(values, more, found):
    with pytest.raises(PerflibError, match=found) as caught:
        change_points(values, **more)
    assert caught.value.next_step


def test_masked_results_are_missing():
    values = series(15, 60, steps=[(30, 0.5)])
    spoilt = np.ma.masked_array(np.where(np.arange(60) % 6, values, 99.0), np.arange(60) % 6 == 0)
    assert change_points(spoilt) == change_points(np.where(np.arange(60) % 6, values, np.nan))


def test_an_array_of_dates_is_an_order():
    values = series(15, 60, steps=[(30, 0.5)])
    days = np.datetime64("2026-01-01") + np.arange(60)
    (there,), (back,) = (
        change_points(values, times=days),
        change_points(values[::-1], times=days[::-1]),
    )
    assert (there.index, there.change) == (back.index, back.change)


def test_a_history_with_times_keeps_times():
    history = History()
    history.append(1.0, 1.0)
    with pytest.raises(PerflibError, match=r"time is .*2026"):
        history.append(1.0, np.datetime64("2026-01-01"))
    with pytest.raises(PerflibError, match="time"):
        history.append(1.0)
    with pytest.raises(PerflibError, match="infinite"):
        history.append(math.inf, 2.0)
    assert len(history) == 1


@pytest.mark.parametrize("private", [True, False], ids=["a private folder", "no folder at all"])
def test_a_package_that_can_only_be_read_is_compiled_for_a_user_without_a_home(tmp_path, private):
    code = tmp_path / "leaf.py"
    code.write_text(
        "from perflib.analysis.compiled import compiled\n\n\n"
        "@compiled\ndef twice(x):\n    return 2 * x\n\n\nprint(twice(21.0))\n"
    )
    taken, folder = tmp_path / "__pycache__", tmp_path / f"perflib-{os.getuid()}"
    taken.touch()  # a file where a folder is needed holds up root as well
    if not private:
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)  # others could put code there
    env = {**os.environ, "XDG_CACHE_HOME": str(taken), "IPYTHONDIR": str(taken)}
    env |= {"TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, code]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.stdout == "42.0\n", run.stderr
    assert bool([*folder.rglob("leaf.twice*")]) == private
