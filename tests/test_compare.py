import math
import subprocess

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from perflib import analysis, stats
from perflib.cli.compare import compare as verb
from perflib.errors import PerflibError, ValuesError
from perflib.model import Caveat, Environment, Estimate, Run
from perflib.selection import pick_runs
from perflib.store import Store


def recorded(
    store: Store, target="api", *, p95=0.010, at=0, machine="x", commit="", **changes
) -> str:
    run_id, staging = store.begin(target)
    estimates = [
        Estimate(
            metric=metric,
            statistic=statistic,
            value=value,
            unit=unit,
            n=1000,
            low=value * 0.99,
            high=value * 1.01,
        )
        for metric, statistic, value, unit in (
            ("response_time", "p95", p95, "s"),
            ("response_time", "mean", p95 / 2, "s"),
            ("throughput", "value", 1000.0, "req/s"),
            ("response_time", "max", 5 * p95, "s"),
        )
    ]
    run = Run(
        id=run_id,
        target=target,
        kind="http",
        started_at=f"2026-01-01T{at:02d}:00:00+00:00",
        duration_s=10,
        estimates=estimates,
        environment=Environment(
            cpu=machine, git_commit=commit or f"{at:02d}aabbcc", kernel="Linux 6 x86"
        ),
    )
    store.commit(msgspec.structs.replace(run, **changes), staging)
    return run_id


RUN = Run(id="r1", target="api", kind="http", started_at="2026-01-01T00:00:00Z", duration_s=1.0)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def noisy(rng, centre, runs, n=400, between=0.02):
    return [centre * rng.lognormal(rng.normal(0, between), 0.2, n) for _ in range(runs)]


@pytest.mark.parametrize(
    ("factor", "runs", "state"),
    [(1.10, 8, "regressed"), (0.90, 8, "improved"), (1.0, 40, "unchanged"), (1.04, 2, "incon")],
)
def test_sets_of_runs(factor, runs, state):
    rng = np.random.default_rng(8)
    found = analysis.compare(noisy(rng, 0.01, runs), noisy(rng, 0.01 * factor, runs))
    change = found.find("service_time")
    assert change.state.startswith(state)
    assert change.contrast.low <= factor <= change.contrast.high


def test_the_ratio_covers():
    rng, hits, rounds = np.random.default_rng(2), 0, 400
    for _ in range(rounds):
        a, b = (np.exp(rng.normal(0, 0.03, 5)), np.exp(rng.normal(0.1, 0.03, 5)))
        found = stats.ratio_interval(a, b, np.full(5, 0.01), [0.01] * 5)
        hits += found.low <= math.exp(0.1) <= found.high
    assert 0.92 <= hits / rounds <= 0.98


def test_a_run_is_the_unit_and_not_its_samples():
    rng = np.random.default_rng(3)
    a, b = noisy(rng, 1, 3, n=20_000, between=0.05), noisy(rng, 1, 3, n=20_000, between=0.05)
    by_run = analysis.compare(a, b).find("service_time").contrast
    pooled = [rng.permutation(np.concatenate(side)) for side in (a, b)]
    by_sample = analysis.compare(*pooled).find("service_time").contrast
    assert by_run.error > 5 * by_sample.error


@given(
    st.lists(st.floats(0.1, 10), min_size=2, max_size=8),
    st.lists(st.floats(0.1, 10), min_size=2, max_size=8),
    st.floats(0.01, 100),
)
def test_a_ratio_does_not_depend_on_the_scale_and_inverts(a, b, scale):
    here = stats.ratio_interval(a, b)
    scaled = stats.ratio_interval(np.asarray(a) * scale, np.asarray(b) * scale)
    inverse = stats.ratio_interval(b, a)
    assert scaled.value == pytest.approx(here.value, rel=1e-6)
    assert scaled.high == pytest.approx(here.high, rel=1e-4)
    assert inverse.value == pytest.approx(1 / here.value, rel=1e-6)
    assert inverse.low == pytest.approx(1 / here.high, rel=1e-4)


@given(st.lists(st.floats(-5, 5), min_size=1), st.lists(st.floats(-5, 5), min_size=1))
def test_rank_statistics_are_antisymmetric(a, b):
    assert stats.cliffs_delta(a, b) == pytest.approx(-stats.cliffs_delta(b, a))
    assert stats.hodges_lehmann(a, b) == pytest.approx(-stats.hodges_lehmann(b, a))
    assert stats.rank_test(a, b) == pytest.approx(stats.rank_test(b, a))
    assert 0 <= stats.rank_test(a, b) <= 1


@pytest.mark.parametrize(
    ("n", "m", "shift"), [(3, 3, 0), (5, 9, 1), (20, 15, 0.5), (60, 80, 0.3), (500, 400, 0.1)]
)
def test_the_rank_test_agrees_with_scipy(n, m, shift):
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(n)
    a, b = rng.normal(size=n), rng.normal(shift, 1, m)
    method = "exact" if max(n, m) <= 50 else "asymptotic"
    assert stats.rank_test(a, b) == pytest.approx(mannwhitneyu(a, b, method=method).pvalue)


def test_benjamini_hochberg_agrees_with_scipy():
    from scipy.stats import false_discovery_control

    p = np.random.default_rng(1).uniform(size=50) ** 2
    assert stats.benjamini_hochberg(p) == pytest.approx(false_discovery_control(p))
    assert np.isnan(stats.benjamini_hochberg([0.01, np.nan])).tolist() == [False, True]


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([], [1.0, 2.0], "without runs"),
        ([np.nan, np.nan], [1.0, 2.0], "without values"),
        (["x"], [1.0], "without a store"),
        (None, [1.0], "`None` is no run"),
        ([10**400], [1.0], "no numbers"),
        ([RUN, RUN], [1.0], "twice on one side"),
    ],
)
def test_sides_that_cannot_be_compared(a, b, message):
    with pytest.raises(ValuesError) as caught:
        analysis.compare(a, b)
    assert message in caught.value.found


def test_a_level_in_percent_is_the_same_level():
    rng = np.random.default_rng(8)
    sides = noisy(rng, 0.01, 8), noisy(rng, 0.011, 8)
    assert analysis.compare(*sides, level=95) == analysis.compare(*sides)


def test_a_label_that_not_every_run_has_is_named():
    one, two = (
        [
            Estimate(metric="query_time", statistic="p95", value=1.0, unit="s", n=9, label=label)
            for label in labels
        ]
        for labels in ("ab", "bc")
    )
    runs = [
        msgspec.structs.replace(RUN, id=id_, estimates=e) for id_, e in (("r1", one), ("r2", two))
    ]
    found = analysis.compare(*runs)
    assert {change.label for change in found.changes} == {"b"}
    assert "not every run has it: a and c" in found.caveats[0].message


def test_infinite_values_are_left_out():
    with_them, without = (
        analysis.compare([*more, 1.0, 2.0, 3.0], [2.0, 3.0, 4.0]).find("service_time")
        for more in ([math.inf], [])
    )
    assert (with_them.contrast, with_them.shift) == (without.contrast, without.shift)


def test_one_constant_value_a_side_tells_nothing():
    change = analysis.compare([2.0], [3.0]).find("service_time")
    assert (change.contrast, change.state) == (None, "inconclusive")


@pytest.mark.parametrize("p95", [0.010, 0.0101, 0.020], ids=["equal", "near", "twice"])
def test_one_run_a_side_shows_its_ratio_and_calls_nothing(store, p95):
    found = analysis.compare(recorded(store), recorded(store, p95=p95), store=store)
    change = found.find("response_time", "p95")
    assert (change.state, change.contrast.value) == ("inconclusive", pytest.approx(p95 / 0.010))
    assert "how much runs differ by themselves" in change.reason
    assert [caveat.code for caveat in found.caveats] == ["one run"]


@pytest.mark.parametrize(
    ("p95", "state"), [(0.0101, "unchanged"), (0.0110, "inconclusive"), (0.020, "regressed")]
)
def test_one_run_a_side_is_measured_by_how_earlier_runs_differ(store, p95, state):
    jitter = np.random.default_rng(4).normal(0, 0.03 if state != "unchanged" else 0.003, 12)
    for at, by in enumerate(jitter):
        recorded(store, p95=0.010 * (1 + by), at=at)
    recorded(store, p95=0.040, at=12, environment=Environment(cpu="y", kernel="Linux 6 x86"))
    a, b = recorded(store, at=13), recorded(store, p95=p95, at=14)
    found = analysis.compare(a, b, store=store)
    change = found.find("response_time", "p95")
    assert (change.state, change.contrast.between is None) == (state, False)
    assert "earlier runs" in found.caveats[0].message


def test_a_small_ratio_with_a_wide_interval_is_not_called_significant(store):
    for at, by in enumerate(np.random.default_rng(4).normal(0, 0.03, 12)):
        recorded(store, p95=0.010 * (1 + by), at=at)
    a, b = recorded(store, at=13), recorded(store, p95=0.0101, at=14)
    change = analysis.compare(a, b, store=store).find("response_time", "p95")
    assert (change.state, change.reason) == ("inconclusive", "the interval is too wide")


def test_one_run_a_side_covers_what_runs_differ():
    rng, inside = np.random.default_rng(8), 0
    for _ in range(400):
        runs = rng.lognormal(0, 0.1, 14)
        usual = stats.usual_spread([runs[:6], 1.5 * runs[6:12]])  # a change of the past
        found = stats.ratio_interval(runs[12:13], runs[13:], [0.01], [0.01], usual=usual)
        inside += found.low <= 1 <= found.high
    assert inside / 400 == pytest.approx(0.95, abs=0.03)
    assert stats.usual_spread([runs[:3], runs[3:7]]) is None


def test_numbers_in_two_units_are_not_compared():
    runs = [
        Run(id=unit, target="x", kind="http", started_at="2026-01-01", duration_s=1)
        for unit in ("s", "B", "s")
    ]
    for run in runs:
        run.estimates = [Estimate(metric="own", statistic="mean", value=2.0, unit=run.id, n=1)]
    assert analysis.compare(runs[0], runs[1]).changes == ()
    assert len(analysis.compare(runs[0], runs[2]).changes) == 1


def test_bare_numbers_are_taken_at_their_word():
    a = np.random.default_rng(2).normal(0.1, 0.01, 400)
    assert analysis.compare(a, a * 1.2).find("service_time").state == "regressed"


def test_recorded_runs_with_their_environments(store):
    a = [recorded(store, p95=0.010 * f, at=i) for i, f in enumerate((1, 1.01, 0.99))]
    b = [recorded(store, p95=0.012 * f, at=i + 3) for i, f in enumerate((1, 1.01, 0.99))]
    found = analysis.compare(a, b, store=store)
    assert found.comparable
    assert found.find("response_time", "p95").state == "regressed"
    assert found.find("throughput", "value").state == "unchanged"
    assert found.find("response_time", "max") is None, "an extreme has no interval"
    assert len(found.frame()) == 3


@pytest.mark.parametrize(
    ("changes", "difference", "comparable"),
    [
        ({"environment": Environment(cpu="y", kernel="Linux 6 x86")}, "CPU: x → y", False),
        ({"workload": {"scenario": {"rate": 5}}}, "workload scenario: ", True),
        ({"workload": {"rate": 5}}, "workload rate: – → 5", False),
        (
            {"environment": Environment(cpu="x", kernel="Linux 6 x86", target_version="2")},
            "target's version: – → 2",
            True,
        ),
    ],
)
def test_environments_come_first(store, changes, difference, comparable):
    found = analysis.compare(recorded(store), recorded(store, **changes), store=store)
    assert any(difference in text for text in found.differences)
    assert found.comparable is comparable
    assert bool(found.changes) is comparable
    if not comparable:
        anyway = analysis.compare(*found.runs_a, *found.runs_b, store=store, anyway=True)
        assert anyway.changes


@pytest.mark.parametrize(("target", "comparable"), [("api", False), ("api_capacity", True)])
def test_a_rate_that_was_searched_for_can_be_compared(store, target, comparable):
    ids = [recorded(store, target, workload={"rate": rate}) for rate in (900, 700)]
    assert analysis.compare(*ids, store=store).comparable is comparable


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "interrupted"},
        {"caveats": [Caveat(code="x", message="slow generator", voids=("*",))]},
    ],
)
def test_a_run_in_doubt_makes_the_comparison_inconclusive(store, changes):
    found = analysis.compare(recorded(store), recorded(store, p95=1.0, **changes), store=store)
    assert {change.state for change in found.changes} == {"inconclusive"}
    assert found.caveats


def test_many_unchanged_statistics_raise_few_alarms():
    rng, alarms = np.random.default_rng(4), 0
    for _ in range(25):
        found = analysis.compare(noisy(rng, 1, 4, n=60), noisy(rng, 1, 4, n=60))
        alarms += any(change.state == "regressed" for change in found.changes)
    assert alarms <= 4


def test_power_is_the_share_of_changes_that_are_seen():
    rng, seen, told = np.random.default_rng(5), 0, []
    for _ in range(400):
        a, b = np.exp(rng.normal(0, 0.03, 6)), np.exp(rng.normal(math.log(1.05), 0.03, 6))
        found = stats.ratio_interval(a, b)
        seen += found.p_value <= 0.05
        told.append(found.power(0.05))
    assert np.mean(told) == pytest.approx(seen / 400, abs=0.08)


@pytest.mark.parametrize("turned", [False, True])
def test_two_scattered_runs_are_not_as_alike_as_the_many_beside_them(turned):
    """One common spread covered 68 % here: every third comparison of equals was a change."""
    rng, false = np.random.default_rng(7), 0
    for _ in range(500):
        sides = [np.exp(rng.normal(0, 0.06, 2)), np.exp(rng.normal(0, 0.02, 8))]
        false += stats.ratio_interval(*(sides[::-1] if turned else sides)).p_value <= 0.05
    assert false <= 0.18 * 500


@pytest.mark.parametrize(("runs", "spread"), [(2, 0.02), (3, 0.03), (3, 0.02), (5, 0.03)])
def test_power_of_few_runs_is_not_told_too_high(runs, spread):
    """With their spread taken as known, 2 and 3 runs a side were told to see half as much again."""
    rng, seen, told = np.random.default_rng(6), 0, []
    for _ in range(600):
        a, b = (np.exp(rng.normal(centre, spread, runs)) for centre in (0, math.log(1.05)))
        found = stats.ratio_interval(a, b)
        seen += found.p_value <= 0.05
        told.append(found.power(0.05))
    assert np.mean(told) <= seen / 600 + 0.06


@pytest.mark.parametrize(("change", "least", "most"), [(1e-9, 0.049, 0.051), (0.05, 0.1, 0.2)])
def test_power_of_few_runs_is_at_least_that_of_chance(change, least, most):
    """A quantile of the normal distribution told 0 % here."""
    found = stats.ratio_interval([0.95, 1.0, 1.05], [0.95, 1.0, 1.05])
    assert least <= found.power(change) <= most
    assert found.power(1e9) == 1.0


def test_more_runs_would_do():
    found = stats.ratio_interval([1.0, 1.05, 0.95], [1.0, 1.04, 0.96])
    needed = found.runs_to_see(0.05)
    assert 6 <= needed <= 40
    assert stats.ratio_interval([1.0], [1.1], [0.01], [0.01]).runs_to_see(0.05) is None


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("api", [3]),
        ("api@-2", [2]),
        ("api@-3..-2", [1, 2]),
        ("api@01aa", [1]),
        ("api,api@-4", [3, 0]),
    ],
)
def test_names_of_runs(store, text, places):
    ids = [recorded(store, at=at) for at in range(4)]
    assert pick_runs(store, text) == [ids[place] for place in places]
    assert pick_runs(store, ids[0]) == [ids[0]]


def test_a_tag_names_the_runs_of_its_commit(store, tmp_path, monkeypatch):
    def git(*arguments):
        owner = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        done = subprocess.run(
            ["git", *owner, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "a release")
    git("tag", "v1.2")
    commit = git("rev-parse", "v1.2")
    ids = [recorded(store, at=at, commit=commit) for at in range(2)]
    monkeypatch.chdir(tmp_path)
    assert pick_runs(store, "api@v1.2") == ids
    with pytest.raises(PerflibError, match=r"no run is called `api@v1\.3`"):
        pick_runs(store, "api@v1.3")


@pytest.mark.parametrize("text", ["apj", "api@-9", "api@ffff", "", "api@-1..x"])
def test_names_of_no_run(store, text):
    recorded(store)
    with pytest.raises(PerflibError):
        pick_runs(store, text)


def test_the_verb(store):
    for at in range(6):
        recorded(store, at=at, p95=(0.01 if at < 3 else 0.02) * (1 + at / 100))
    arguments = ["api@-6..-4", "api@-3..-1", "--data", str(store.root)]
    done = CliRunner().invoke(verb, arguments, standalone_mode=False)
    assert done.return_value == 1
    assert "✗ regressed" in done.output
    assert "would have been seen" in done.output
    assert '"state":"regressed"' in CliRunner().invoke(verb, [*arguments, "--json"]).output


def test_the_verb_knows_the_metrics_of_both_sides(store):
    for at in range(2):
        recorded(store, at=at)
    words = ["api@-2", "api", "--data", str(store.root), "--metric"]
    assert CliRunner().invoke(verb, [*words, "throughput"]).exit_code == 0
    fault = CliRunner().invoke(verb, [*words, "troughput"]).exception
    assert "the nearest, `throughput`" in str(fault)


def test_the_verb_tells_what_one_run_a_side_lacks(store):
    for at in range(2):
        recorded(store, at=at, p95=0.01 * (1 + at))
    arguments = ["api@-2", "api", "--data", str(store.root)]
    done = CliRunner().invoke(verb, arguments, standalone_mode=False)
    assert done.return_value == 3
    assert "next: compare several runs a side" in done.output
    assert "would have been seen" not in done.output
