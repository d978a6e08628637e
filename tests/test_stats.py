import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import stdtrit
from scipy.stats import sem

from perflib import stats
from perflib.analysis.estimate import Column, describe
from perflib.errors import ValuesError
from perflib.stats.longrun import long_run

FLOATS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400)


def autocorrelated(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    from scipy.signal import lfilter

    return lfilter([1], [1, -phi], rng.normal(size=n + 300))[300:]


@pytest.mark.parametrize(
    ("q", "needed", "why"),
    [
        (0.5, 6, "1 − 2·½⁶ = .969"),
        (95, 59, "0.95⁵⁹ = .0485"),
        (0.95, 59, "a fraction and a percentage are the same"),
        (99, 299, "0.99²⁹⁹ = .0495"),
        (99.9, 2995, ""),
        (1, 299, "the low end is the mirror"),
    ],
)
def test_needed_samples(q, needed, why):
    assert stats.needed_samples(q) == needed


@pytest.mark.parametrize(
    ("values", "q", "value", "low_known", "high_known", "why"),
    [
        (range(1000), 50, 499.5, True, True, ""),
        (range(1000), 0.5, 499.5, True, True, "a fraction"),
        (range(299), 99, 295.02, True, True, "just enough"),
        (range(298), 99, 294.03, True, False, "one too few: no upper end"),
        ([7.0], 50, 7.0, False, False, "one point"),
        ([3.0] * 100, 95, 3.0, True, True, "constant"),
        ([math.inf] * 50 + [1.0] * 50, 25, 1.0, True, True, "infinity is a slow value"),
    ],
)
def test_percentile_interval(values, q, value, low_known, high_known, why):
    found = stats.percentile_interval(values, q)
    assert found.value == pytest.approx(value)
    assert (found.low is not None, found.high is not None) == (low_known, high_known)
    assert bool(found.caveats) == (not (low_known and high_known))


def test_a_short_sample_says_how_many_it_needs():
    found = stats.percentile_interval(range(100), 99)
    assert found.warning == "p99 at 95 % needs ≥ 299 samples, has 100"
    assert found.low is not None
    assert found.low > 90


def test_percentiles_of_a_list_need_no_order():
    (found,) = stats.percentiles([3.0, 1.0, math.nan, 2.0], [50])
    assert (found.value, found.n) == (2.0, 3)
    assert "1 of 4 values are NaN" in found.caveats[0].message


def test_nan_is_left_out_and_told():
    found = stats.percentile_interval([1.0, math.nan] * 20, 50)
    assert (found.value, found.n) == (1.0, 20)
    assert "20 of 40 values are NaN" in found.caveats[0].message


def test_what_is_masked_or_none_is_missing():
    masked = np.ma.masked_greater([1.0, 2.0, 3.0, 99.0], 10)
    for values in (masked, [1.0, 2.0, 3.0, None]):
        found = stats.mean_interval(values)
        assert (found.value, found.n) == (2.0, 3)
        assert "1 of 4 values are NaN" in found.caveats[0].message


def test_a_missing_flag_is_neither():
    found = stats.share_interval([1.0, 0.0, math.nan, None])
    assert (found.value, found.n) == (0.5, 2)
    assert "2 of 4 flags are NaN" in found.caveats[0].message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.percentile_interval([], 95), "no values"),
        (lambda: stats.percentile_interval([math.nan], 95), "no values"),
        (lambda: stats.percentile_interval([1.0], 0), "0 is no percentile"),
        (lambda: stats.percentile_interval([1.0], 100), "100 is no percentile"),
        (lambda: stats.percentile_interval(["x"], 50), "values are no numbers"),
        (lambda: stats.percentile_interval([1.0], "95"), "95 is no percentile"),
        (lambda: stats.percentiles(["x"], [50]), "values are no numbers"),
        (lambda: stats.percentiles([], [50]), "no values"),
        (lambda: stats.mean_interval(["1", "2"]), "values are no numbers"),
        (lambda: stats.mean_interval(np.array(["2026-01-01"], "M8[s]")), "values are no numbers"),
        (lambda: stats.ratio_interval(["x"], [1.0]), "values are no numbers"),
        (lambda: stats.difference_interval([[1], [2, 3]], [1.0]), "values are no numbers"),
        (lambda: stats.ratio_interval([1.0], [1.01]), "one run a side without errors"),
        (lambda: stats.ratio_interval([1.0], [1.01], [0.1], [0.0]), "one run a side without"),
        (lambda: stats.ratio_interval([1.0, 2.0], [1.0], [0.1], [0.1]), "a set without runs"),
        (lambda: stats.ratio_interval([1.0], [1.0], ["x"], [0.1]), "errors are no numbers"),
        (lambda: stats.difference_interval([0.0], [0.0]), "one run a side without errors"),
        (lambda: stats.benjamini_hochberg(["x"]), "p-values are no numbers"),
        (lambda: stats.share_interval(["yes"]), "flags are no numbers"),
        (lambda: stats.share_interval(np.array(["yes"])), "flags are no numbers"),
        (lambda: stats.mean_interval(np.array(["1", "2"], object)), "values are no numbers"),
        (lambda: stats.mean_interval(np.array([1j])), "values are no numbers"),
        (lambda: stats.long_run([1.0]), "1 values have no variance"),
        (lambda: stats.mean_interval([]), "no values"),
        (lambda: stats.share_interval([]), "no values"),
        (lambda: stats.rate_interval([1.0], 2, 2), "the window lasts 0 s"),
    ],
)
def test_input_that_has_no_answer(call, message):
    with pytest.raises(ValuesError) as caught:
        call()
    assert message in caught.value.found


@given(FLOATS, st.sampled_from([0.05, 0.5, 0.9, 0.95, 0.99]), st.floats(-100, 100))
def test_an_interval_holds_its_value_and_moves_with_the_data(values, q, shift):
    here = stats.percentile_interval(values, q)
    there = stats.percentile_interval(np.asarray(values) + shift, q)
    for one, two in zip(
        (here.low, here.value, here.high), (there.low, there.value, there.high), strict=True
    ):
        assert (one is None) == (two is None)
        assert one is None or two == pytest.approx(one + shift, abs=1e-6)
    assert here.low is None or here.low <= here.value
    assert here.high is None or here.value <= here.high


@given(FLOATS, st.sampled_from([0.05, 0.5, 0.95]))
def test_a_percentile_of_the_mirrored_data_is_the_mirrored_percentile(values, q):
    here = stats.percentile_interval(values, q)
    there = stats.percentile_interval(-np.asarray(values), 1 - q)
    assert there.value == pytest.approx(-here.value, abs=1e-6)
    assert (here.low is None) == (there.high is None)
    if here.low is not None:
        assert there.high == pytest.approx(-here.low, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    "values", [[1e308, -1e308], [1e308] * 3, [1e200, 3e200] * 20, [math.inf] * 2]
)
def test_a_mean_whose_spread_is_beyond_all_numbers_has_no_interval(values):
    found = stats.mean_interval(values)
    assert (found.low, found.high, found.caveats[0].code) == (None, None, "short")


@given(FLOATS, st.floats(0.1, 10))
@example([0.0, 1e-134], 1.0)
def test_a_mean_scales_with_the_data(values, factor):
    here, there = stats.mean_interval(values), stats.mean_interval(np.asarray(values) * factor)
    assert there.value == pytest.approx(here.value * factor, rel=1e-6, abs=1e-6)
    assert (here.low is None) == (len(values) < 2)
    if here.low is not None:
        assert there.low == pytest.approx(here.low * factor, rel=1e-6, abs=1e-4)


@pytest.mark.parametrize(
    ("n", "q", "inflation"), [(60, 0.5, 1), (100, 0.95, 1), (400, 0.99, 1), (2000, 0.99, 1)]
)
def test_percentiles_cover(n, q, inflation):
    rng, truth, hits = np.random.default_rng(n), -math.log(1 - q), 0
    for _ in range(1500):
        found = stats.percentile_interval(rng.exponential(size=n), q)
        hits += found.low <= truth <= found.high
    assert 0.93 <= hits / 1500 <= 0.97


@pytest.mark.parametrize(("n", "phi"), [(200, 0.0), (300, 0.6), (1000, 0.8), (6000, 0.9)])
def test_means_cover_under_autocorrelation(n, phi):
    rng, hits, rounds = np.random.default_rng(n), 0, 1000
    for _ in range(rounds):
        found = stats.mean_interval(autocorrelated(rng, n, phi))
        hits += found.low <= 0 <= found.high
    assert 0.925 <= hits / rounds <= 0.975


@pytest.mark.parametrize(
    ("n", "phi", "least"),
    [(8, 0.0, 0.94), (8, 0.3, 0.89), (8, 0.6, 0.80), (16, 0.3, 0.90), (16, 0.6, 0.84)],
)
def test_means_of_few_values_hardly_overstate_what_is_known(n, phi, least):
    rng, hits, wider, rounds = np.random.default_rng(n), 0, [], 2000
    for _ in range(rounds):
        values = autocorrelated(rng, n, phi)
        found = stats.mean_interval(values)
        hits += found.low <= 0 <= found.high
        wider.append((found.high - found.low) / (2 * stdtrit(n - 1, 0.975) * sem(values)))
    assert hits / rounds >= least
    assert phi > 0 or np.mean(wider) <= 1.3  # what independent values pay


def test_means_of_skewed_values_are_seldom_taken_for_too_small():
    rng, truth, below, above = np.random.default_rng(5), math.exp(0.5), 0, 0
    for _ in range(1500):
        found = stats.mean_interval(rng.lognormal(size=36))
        below, above = below + (found.high < truth), above + (truth < found.low)
    assert below / 1500 <= 0.065  # 0.08 without the shift, on average
    assert above / 1500 <= 0.05


def test_what_is_slow_under_noise_is_seen():
    rng, hits, rounds = np.random.default_rng(6), 0, 300
    for _ in range(rounds):
        found = stats.mean_interval(autocorrelated(rng, 2000, 0.97) / 4 + 2 * rng.normal(size=2000))
        hits += found.low <= 0 <= found.high
    assert hits / rounds >= 0.9


def test_long_run_variance_of_a_constant_is_nothing():
    assert long_run(np.ones(500)).variance == 0
    assert long_run(np.ones(5)).variance == 0


@pytest.mark.parametrize(
    ("failed", "n", "low", "high"),
    [(0, 1000, 0.0, 0.0037), (1000, 1000, 0.9963, 1.0), (0, 10, 0.0, 0.3085)],
)
def test_shares_at_the_ends_keep_an_interval(failed, n, low, high):
    found = stats.share_interval([True] * failed + [False] * (n - failed))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


def test_a_counted_share_is_that_of_outcomes_in_no_order() -> None:
    counted = stats.counted_share_interval(0.0, 300)
    assert (counted.low, counted.high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 300)))


def test_bursts_of_failures_widen_the_share():
    burst = [False] * 900 + [True] * 100
    mixed = np.random.default_rng(1).permutation(burst)
    wide, narrow = stats.share_interval(burst), stats.share_interval(mixed)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


@pytest.mark.parametrize(
    ("times", "value", "why"),
    [
        (np.arange(0, 10, 0.01), 100.0, "even arrivals"),
        ([], 0.0, "nothing happened: the interval still has an upper end"),
        ([1.0, 2.0, 3.0], 0.3, "few events"),
        ([*np.arange(0, 10, 0.01), 10.0, 11.0, -1.0], 100.0, "events outside do not count"),
    ],
)
def test_rates(times, value, why):
    found = stats.rate_interval(times, 0, 10)
    assert found.value == pytest.approx(value)
    assert found.low <= found.value <= found.high


def test_a_rate_is_known_to_one_event_at_best():
    found = stats.rate_interval(np.arange(0, 20, 0.2), 0, 20)
    assert (found.low, found.value, found.high) == pytest.approx((4.95, 5.0, 5.05))


def test_poisson_rates_cover():
    rng, hits, rounds = np.random.default_rng(3), 0, 500
    for _ in range(rounds):
        times = rng.uniform(0, 30, rng.poisson(30 * 20))
        found = stats.rate_interval(times, 0, 30)
        hits += found.low <= 20 <= found.high
    assert 0.92 <= hits / rounds <= 0.98


@pytest.mark.parametrize("burst", [1, 5])
def test_rates_of_few_events_cover_in_bursts_too(burst):
    rng, hits, rounds = np.random.default_rng(4), 0, 500
    for _ in range(rounds):
        times = np.repeat(rng.uniform(0, 10, rng.poisson(50 / burst)), burst)
        found = stats.rate_interval(times, 0, 10)
        hits += found.low <= 5 <= found.high
    assert hits / rounds >= 0.9


@pytest.mark.parametrize("events", [8, 20])
def test_rates_of_few_weighted_events_cover(events):
    rng, hits, rounds = np.random.default_rng(4), 0, 500
    for _ in range(rounds):
        n = rng.poisson(events)
        found = stats.rate_interval(rng.uniform(0, 1, n), 0, 1, weights=rng.choice([1, 8], n))
        hits += found.low <= 4.5 * events <= found.high
    assert hits / rounds >= 0.93


def test_weighted_rate_is_bytes_a_second():
    times = np.arange(0, 10, 0.1)
    found = stats.rate_interval(times, 0, 10, weights=np.full(100, 2e6))
    assert found.value == pytest.approx(2e7)


def test_values_that_were_rounded_are_no_burst():
    rng, widened = np.random.default_rng(7), 0
    for _ in range(50):
        values = rng.choice([0.005, 0.006, 0.007], 200, p=[0.3, 0.66, 0.04])
        (found,) = describe(Column("result_rows", "", values, 0), ["p95"])
        widened += found.high is None
    assert not widened


def test_percentiles_of_a_time_series_cover():
    rng, hits, rounds = np.random.default_rng(6), 0, 150
    truth = math.exp(0.5 * 1.6448536)
    for _ in range(rounds):
        values = np.exp(0.5 * autocorrelated(rng, 4000, 0.9) * math.sqrt(1 - 0.81))
        (found,) = describe(Column("result_rows", "", values, 0), ["p95"])
        hits += found.low <= truth <= found.high
    assert hits / rounds >= 0.88


@pytest.mark.parametrize("n", [2, 5, 9, 40])
def test_the_error_of_a_median_is_what_medians_differ_by(n):
    samples = np.random.default_rng(n).normal(5, 1, (2000, n))
    told = np.mean([stats.median_error(sample) for sample in samples])
    assert told == pytest.approx(np.median(samples, axis=1).std(), rel=0.2)


def test_one_value_tells_no_error_of_its_median():
    assert stats.median_error([3.0]) == math.inf


THREE = [1.0, 2.0, 3.0]
WRONG = {
    "an inflation that is no number": lambda: stats.percentile_interval(THREE, 50, inflation=None),
    "an endless inflation": lambda: stats.percentile_interval(THREE, 50, inflation=math.inf),
    "one percentile for many": lambda: stats.percentiles(np.array(THREE), ["p50"]),
    "a table of text": lambda: stats.percentiles(np.array([["a"]]), [50]),
    "too many inflations": lambda: stats.percentiles(THREE, [50], inflations=[1, 2]),
    "a count of text": lambda: stats.too_few("many", 50),
    "a share in percent": lambda: stats.counted_share_interval(12, 100),
    "a share of nothing": lambda: stats.counted_share_interval(0.5, 0),
    "an endless window": lambda: stats.rate_interval(THREE, 0, math.inf),
    "a window of text": lambda: stats.rate_interval(THREE, "now", 3),
    "too few weights": lambda: stats.rate_interval(THREE, 0, 4, weights=[1.0]),
    "no stretches": lambda: stats.usual_spread(3),
    "an unknown kind": lambda: stats.usual_spread([THREE], "quotient"),
    "a bare number for a spread": lambda: stats.ratio_interval([1.0], [2.0], usual=0.1),
    "a change to nothing": lambda: stats.ratio_interval(THREE, THREE).power(-1),
    "a change of text": lambda: stats.ratio_interval(THREE, THREE).power("5 %"),
    "a power in percent": lambda: stats.ratio_interval(THREE, THREE).runs_to_see(0.05, 80),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_arguments_of_another_kind_are_told(call):
    with pytest.raises(ValuesError) as caught:
        call()
    assert caught.value.expected


def test_times_that_are_missing_take_their_weights_along():
    known = stats.rate_interval([1.0, 2.0], 0, 4, weights=[5.0, 7.0])
    assert stats.rate_interval([1.0, math.nan, 2.0], 0, 4, weights=[5.0, 9.0, 7.0]).low == known.low


def test_nothing_seen_does_not_bound_what_it_would_weigh():
    assert stats.rate_interval([], 0, 4, weights=[]).high is None
    assert stats.rate_interval([], 0, 4).high == pytest.approx(3.689 / 4, rel=1e-3)


@pytest.mark.parametrize(("metric", "below"), [("service_time", False), ("own_balance", True)])
def test_what_is_never_negative_has_no_negative_mean(metric, below):
    (found,) = describe(Column(metric, "", np.array([0.001, 0.002, 0.9]), 0), ["mean"])
    assert (found.low < 0) == below
    assert found.high > 0.9
