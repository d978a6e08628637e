import msgspec
import numpy as np
import pandas as pd
import pytest

from perflib import analysis
from perflib.errors import ValuesError
from perflib.model import Caveat, Counts, Estimate, GeneratorHealth, Run
from perflib.objectives import parse_objective
from perflib.samples import SampleWriter, read_samples


def a_run(**changes) -> Run:
    base = Run(
        id="20260101T000000Z-t-0001",
        target="t",
        kind="http",
        started_at="2026-01-01T00:00:00Z",
        duration_s=12.0,
        measured_from_s=2.0,
        measured_until_s=12.0,
        arrival="open",
    )
    return msgspec.structs.replace(base, **changes)


def samples(n=2000, *, latency_s=0.010, failed=0, labels=("a", "b"), seed=1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    intended = np.linspace(0, 12, n, endpoint=False)
    frame = pd.DataFrame(
        {
            "label": pd.Categorical([labels[i % len(labels)] for i in range(n)]),
            "intended_start": intended,
            "start": intended,
            "end": intended + latency_s * rng.lognormal(0, 0.2, n),
            "ok": rng.permutation(np.arange(n) >= failed),
            "error": "",
            "status": 200,
            "size": 10,
        }
    )
    frame["service_time"] = frame["end"] - frame["start"]
    frame["response_time"] = frame["end"] - frame["intended_start"]
    return frame


def estimate(value, low, high, **more) -> Estimate:
    fields = {"metric": "query_time", "statistic": "p95", "unit": "s", "n": 1000} | more
    return Estimate(value=value, low=low, high=high, **fields)


def verdict(text, found, **changes):
    run = a_run(**changes)
    return analysis.judge(run, [found] if found else [], [parse_objective(text)])[0]


@pytest.mark.parametrize(
    ("text", "value", "low", "high", "outcome"),
    [
        ("p95(query_time) < 10 ms", 8e-3, 7e-3, 9e-3, "met"),
        ("p95(query_time) < 10 ms", 12e-3, 11e-3, 13e-3, "missed"),
        ("p95(query_time) < 10 ms", 10e-3, 9e-3, 11e-3, "unknown"),
        ("p95(query_time) < 10 ms", 9e-3, 8e-3, 10e-3, "unknown"),
        ("p95(query_time) <= 10 ms", 9e-3, 8e-3, 10e-3, "met"),
        ("p95(query_time) < 10 ms", 10e-3, 10e-3, 10e-3, "missed"),
        ("p95(query_time) > 10 ms", 12e-3, 11e-3, 13e-3, "met"),
        ("p95(query_time) = 10 ms ± 20 %", 10e-3, 8e-3, 12e-3, "met"),
        ("p95(query_time) = 10 ms ± 20 %", 1e-3, 0.9e-3, 1.1e-3, "missed"),
        ("p95(query_time) = 10 ms ± 20 %", 15e-3, 14e-3, 16e-3, "missed"),
        ("p95(query_time) = 10 ms ± 20 %", 12e-3, 11e-3, 13e-3, "unknown"),
        ("p95(query_time) = 10 ms ± 20 %", 10e-3, 5e-3, 15e-3, "unknown"),
        ("p95(query_time) < 10 ms", 30e-3, 20e-3, None, "missed"),
        ("p95(query_time) < 10 ms", 5e-3, 4e-3, None, "unknown"),
    ],
)
def test_the_whole_interval_decides(text, value, low, high, outcome):
    found = verdict(text, estimate(value, low, high))
    assert found.outcome == outcome
    assert found.reason
    assert found.next_step


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "interrupted"}, "the run was interrupted"),
        ({"status": "failed"}, "the run failed"),
        ({"caveats": [Caveat(code="x", message="slow generator", voids=("*",))]}, "slow generator"),
        ({"caveats": [Caveat(code="x", message="clock", voids=("query_time",))]}, "clock"),
        ({"counts": Counts(recorded=10, engine=12)}, "the load engine counted 12"),
        ({"counts": Counts(recorded=10, target=9)}, "the target counted 9"),
        ({"generator": GeneratorHealth(workers_lost=1)}, "1 load workers died"),
    ],
)
def test_a_run_in_doubt_has_no_verdict(changes, says):
    for value in (1e-3, 1.0):
        found = verdict("p95(query_time) < 10 ms", estimate(value, value, value), **changes)
        assert found.outcome == "unknown"
        assert says in found.reason


@pytest.mark.parametrize(
    ("text", "low", "late_s", "outcome"),
    [
        ("p95(query_time) < 10 ms", 12e-3, 0.2e-3, "missed"),
        ("p95(query_time) < 10 ms", 12e-3, 1.5e-3, "unknown"),  # late at either end
        ("p95(query_time) < 10 ms", 12e-3, None, "missed"),
        ("p95(query_time) < 10 ms", 7e-3, 40e-3, "met"),  # it makes nothing shorter
        ("p95(query_time) > 20 ms", 12e-3, 1.5e-3, "missed"),
        ("p95(query_time) = 20 ms ± 20 %", 12e-3, 1.5e-3, "missed"),  # too quick
        ("p50(query_time) < 10 ms", 12e-3, 1.5e-3, "missed"),  # late once in a hundred
        ("p95(block_time) < 10 ms", 12e-3, 1.5e-3, "missed"),  # the chain's own clock
    ],
)
def test_a_miss_by_less_than_the_generators_lateness_is_unknown(text, low, late_s, outcome):
    promise = parse_objective(text)
    found = verdict(
        text,
        estimate(low, low, low + 1e-3, metric=promise.metric, statistic=promise.statistic),
        generator=GeneratorHealth(loop_lateness_p99_s=late_s),
    )
    assert found.outcome == outcome
    assert ("ran up to 1.50 ms late" in found.reason) == (outcome == "unknown")


@pytest.mark.parametrize(
    ("text", "waited", "outcome"),
    [
        ("throughput > 200 req/s", None, "missed"),
        ("throughput > 200 req/s", 0.2, "missed"),  # of 110, 138 at most with a core of its own
        ("throughput > 200 req/s", 0.5, "unknown"),
        ("throughput > 90 req/s", 0.5, "met"),
        ("throughput < 50 req/s", 0.5, "missed"),  # it would be even more
    ],
)
def test_a_rate_that_a_waiting_generator_could_have_reached_is_unknown(text, waited, outcome):
    rate = estimate(100, 95, 110, metric="throughput", statistic="value", unit="req/s")
    found = verdict(text, rate, generator=GeneratorHealth(cpu_wait_share=waited))
    assert found.outcome == outcome
    assert ("waited for a core 50 % of the time" in found.reason) == (outcome == "unknown")


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("error_rate < 1", "unknown"),
        ("error_rate <= 100 %", "unknown"),
        ("error_rate < 1 %", "met"),
    ],
)
def test_a_bound_that_nothing_breaks_is_no_promise(text, outcome):
    found = verdict(text, estimate(0, 0, 0.005, metric="error_rate", statistic="value", unit="1"))
    assert found.outcome == outcome
    assert ("bound of 100 %" in found.reason) == (outcome == "unknown")


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (0.02, None, "is 30.0 ms (at least 20.0 ms)"),
        (None, 0.04, "is 30.0 ms (at most 40.0 ms)"),
        (None, None, "is 30.0 ms (no interval)"),
        (0.02, 0.04, "is 30.0 ms (20.0 ms to 40.0 ms)"),
    ],
)
def test_an_interval_of_one_end_is_told_in_words(low, high, says):
    assert says in verdict("p95(query_time) < 10 ms", estimate(0.03, low, high)).reason


def test_a_doubt_about_another_metric_changes_nothing():
    caveats = [Caveat(code="x", message="y", voids=("throughput",))]
    found = verdict("p95(query_time) < 10 ms", estimate(1e-3, 1e-3, 2e-3), caveats=caveats)
    assert found.outcome == "met"


@pytest.mark.parametrize(
    ("text", "changes", "says"),
    [
        ("p95(query_time) < 10 ms", {}, "no p95(query_time) was measured"),
        ("p95(response_time) < 1 s", {"arrival": "closed"}, "no intended start"),
        ("error_rate < 1 %", {"arrival": "watch"}, "only watched"),
        ('p95(query_time["x"]) < 1 s', {}, 'no p95(query_time["x"]) was measured'),
    ],
)
def test_nothing_is_met_by_a_missing_value(text, changes, says):
    found = verdict(text, None, **changes)
    assert (found.outcome, found.estimate, found.margin) == ("unknown", None, None)
    assert says in found.reason


def test_what_a_tool_does_not_state_is_not_looked_for_among_errors():
    found = verdict("p99(query_time) < 1 s", None, source={"tool": "k6", "file": "k6.json"})
    assert found.next_step == "promise what the tool states, or import its samples"


@pytest.mark.parametrize(
    ("text", "value", "margin"),
    [
        ("p95(query_time) < 10 ms", 8e-3, 0.2),
        ("p95(query_time) < 10 ms", 12e-3, -0.2),
        ("p95(query_time) > 10 ms", 12e-3, 0.2),
        ("p95(query_time) = 10 ms ± 20 %", 9e-3, 0.125),
        ("p95(query_time) = 10 ms ± 20 %", 16e-3, -1 / 3),
        ("p95(query_time) >= 0 ms", 1e-3, None),
    ],
)
def test_margin(text, value, margin):
    assert verdict(text, estimate(value, value, value)).margin == pytest.approx(margin)


@pytest.mark.parametrize(
    ("value", "half", "low", "high", "why"),
    [
        (5e-3, 0.1e-3, 0, 1e-9, "far from the bound"),
        (8.9e-3, 1e-3, 0.3, 0.5, "just met: a repeat may well be unknown"),
        (10e-3, 1e-3, 0, 0.2, "at the bound a repeat is most likely unknown again"),
        (5e-3, 0, 0, 0, "known exactly"),
    ],
)
def test_flip_tells_the_chance_of_another_outcome(value, half, low, high, why):
    found = verdict("p95(query_time) < 10 ms", estimate(value, value - half, value + half))
    assert low <= found.flip <= high


@pytest.mark.parametrize(
    ("value", "high", "says"),
    [(0.0, 0.4, "about 40 times"), (0.005, 0.02, "about 4 times"), (0.0099, 0.4, "at the bound")],
    ids=["no failure yet: an interval of 3/n", "some failures: one of 1/√n", "at the bound"],
)
def test_an_open_question_tells_how_long_to_measure(value, high, says):
    found = estimate(value, 0.0, high, metric="error_rate", statistic="value", unit="1")
    assert says in verdict("error_rate < 1 %", found).next_step


@pytest.mark.parametrize(
    ("text", "failed", "high", "outcome", "says"),
    [
        ("throughput > 90 req/s", 900, 0.5, "missed", "fail first: status 401 × 900 (no token)"),
        ("error_rate < 1 %", 900, 0.5, "missed", "fail first: status 401 × 900 (no token)"),
        ("throughput > 90 req/s", 2, 0.5, "missed", "what costs throughput"),
        ("throughput > 90 req/s", 90, 200.0, "unknown", "fail first: status 401 × 90 "),
        ("throughput > 90 req/s", 2, 200.0, "unknown", "times as long"),
    ],
    ids=["none succeeds", "the share of those", "a few do not cost it", "an outage", "only noise"],
)
def test_a_broken_promise_names_the_errors_that_explain_it(text, failed, high, outcome, says):
    metric, unit = ("throughput", "req/s") if "throughput" in text else ("error_rate", "1")
    found = estimate(0.5, 0.5, high, metric=metric, statistic="value", unit=unit)
    run = {
        "errors": {"timeout": 1, "status 401": failed},
        "counts": Counts(recorded=1000),
        "details": {"messages": {"status 401": "no token"}},
    }
    given = verdict(text, found, **run)
    assert given.outcome == outcome
    assert says in given.next_step


def test_a_percentile_that_failures_carry_away_names_them():
    kept = Caveat(
        code="failures", message="4 % failed", next_step="find out", voids=("query_time",)
    )
    found = estimate(5e-3, 4e-3, None, caveats=(kept,))
    given = verdict("p95(query_time) < 10 ms", found, errors={"UndefinedTable": 40, "timeout": 2})
    assert given.outcome == "unknown"
    assert "UndefinedTable × 40" in given.next_step


def test_flip_is_the_share_of_repeats_that_differ():
    rng, half = np.random.default_rng(1), 1e-3
    found = verdict("p95(query_time) < 10 ms", estimate(8.5e-3, 7.5e-3, 9.5e-3))
    repeats = 8.5e-3 + rng.normal(size=100_000) * half / 1.96 * np.sqrt(2)
    assert found.flip == pytest.approx(np.mean(repeats + half >= 10e-3), abs=0.01)


OFFERED = {"rate": 600.0, "shape": "constant"}


@pytest.mark.parametrize(
    ("arrival", "workload", "value", "outcome", "why"),
    [
        ("open", OFFERED, 598, "unknown", "it kept up with all that was offered"),
        ("open", {"scenario": OFFERED}, 598, "unknown", "the rate of any kind of workload"),
        ("open", OFFERED | {"rate": 1000.0}, 999, "unknown", "not above the bound"),
        (
            "open",
            OFFERED | {"shape": "ramp", "peak_rate": 1000.0},
            790,
            "unknown",
            "800 on average",
        ),
        ("open", OFFERED, 560, "missed", "it did not even keep up with that"),
        ("open", OFFERED | {"rate": 1100.0}, 990, "missed", "enough was offered"),
        ("open", {}, 598, "missed", "nothing tells what was offered"),
        ("closed", OFFERED, 598, "missed", "closed users offer what the target takes"),
    ],
)
def test_a_throughput_is_not_missed_because_too_little_was_offered(
    arrival, workload, value, outcome, why
):
    found = estimate(
        value, value - 5, value + 5, metric="throughput", statistic="value", unit="1/s"
    )
    given = verdict("throughput > 1000 req/s", found, arrival=arrival, workload=workload)
    assert given.outcome == outcome, why
    assert ("were offered" in given.reason) == (outcome == "unknown")
    assert ("above 1 000 req/s" in given.next_step) == (outcome == "unknown")


def test_an_imported_value_at_a_bucket_edge_is_unknown():
    at_edge = estimate(9.5e-3, None, None, resolution=1e-3)
    assert verdict("p95(query_time) < 10 ms", at_edge).outcome == "unknown"
    assert verdict("p95(query_time) < 12 ms", at_edge).outcome == "met"


def test_a_real_run_from_samples_to_verdicts():
    run = a_run(
        objectives=[
            "throughput > 100 req/s",
            "p95(response_time) < 50 ms",
            'p95(response_time["a"]) < 5 ms',
            "p99.9(response_time) < 50 ms",
            "error_rate < 1 %",
        ]
    )
    found = analysis.estimates(run, samples(3000))
    verdicts = analysis.judge(run, found)
    assert [v.outcome for v in verdicts] == ["met", "met", "missed", "unknown", "met"]
    assert "p99.9 at 95 % needs ≥" in verdicts[3].reason
    assert analysis.overall(verdicts) == "missed"
    assert {e.label for e in found} == {"", "a", "b"}
    throughput = next(e for e in found if (e.metric, e.label) == ("throughput", ""))
    assert throughput.value == pytest.approx(250, rel=0.01)


def test_only_the_measured_window_counts():
    frame = samples(4000)
    frame.loc[frame["start"] < 2, ["response_time", "service_time"]] = 10.0
    found = analysis.estimates(a_run(), frame)
    assert max(e.value for e in found if e.metric == "response_time") < 1


@pytest.mark.parametrize(
    ("failed", "p95", "p99", "errors"),
    [
        (0, "met", "met", "met"),
        (150, "met", "unknown", "missed"),
        (1500, "unknown", "unknown", "missed"),
        (6000, "unknown", "unknown", "missed"),
    ],
)
def test_failures_cannot_improve_a_latency(failed, p95, p99, errors):
    run = a_run(
        objectives=[
            "p95(response_time) < 50 ms",
            "p99(response_time) < 50 ms",
            "error_rate < 1 %",
            "throughput > 1000 req/s",
        ]
    )
    verdicts = analysis.judge(run, analysis.estimates(run, samples(6000, failed=failed)))
    assert [v.outcome for v in verdicts] == [p95, p99, errors, "missed"]


def a_burst(failed: int, slowest: float = 0.0) -> dict[str, Estimate]:
    """Overall estimates of a run whose slow samples all came within half a second.

    All but a share of `slowest`, which came at any time.
    """
    frame, rng = samples(3000, failed=failed), np.random.default_rng(1)
    burst = frame["start"].between(7, 7.5) & (rng.random(3000) < 0.6)
    frame.loc[burst, "response_time"] += 0.06
    frame.loc[rng.random(3000) < slowest, "response_time"] += 0.2
    found = analysis.estimates(a_run(), frame)
    return {e.statistic: e for e in found if (e.metric, e.label) == ("response_time", "")}


def test_no_percentile_is_less_bounded_than_its_neighbours():
    """The burst is worth few samples to p95, but none of p99, which p95 cannot pass."""
    found = a_burst(failed=6, slowest=0.02)
    ends = np.array([(found[p].low, found[p].high) for p in ("p50", "p90", "p95", "p99")])
    assert (np.diff(ends.astype(float), axis=0) >= 0).all()
    assert found["p95"].high == found["p99"].high < 0.3
    assert found["p95"].caveats == ()


@pytest.mark.parametrize(
    ("failed", "codes"),
    [(60, ["short"]), (150, ["short", "failures"]), (300, ["short", "failures"])],
)
def test_only_failures_that_reach_a_percentile_carry_it_away(failed, codes):
    """Two percent do not reach p95; its samples in a burst are too few."""
    assert [caveat.code for caveat in a_burst(failed)["p95"].caveats] == codes


@pytest.mark.parametrize(
    ("failed", "bound", "outcome"),
    [(0, 1.0, "met"), (1, 1.0, "unknown"), (1, 0.001, "missed")],
)
def test_one_endless_wait_is_the_longest(failed, bound, outcome):
    run, frame = a_run(), samples(failed=0)
    frame.loc[frame.index[1000 : 1000 + failed], "ok"] = False
    promise = parse_objective(f"max(response_time) < {bound} s")
    found = analysis.estimates(run, frame, [promise])
    assert analysis.judge(run, found, [promise])[0].outcome == outcome


def test_a_promise_on_a_rare_label_is_judged_however_many_there_are():
    labels = (*(f"GET /{n}" for n in range(150)), "GET /rare")
    frame = samples(151 * 12, labels=labels)
    texts = [
        f'{metric}["GET /rare"] > -1 {unit}'
        for metric, unit in (("throughput", "req/s"), ("error_rate", "%"))
    ]
    promises = [*map(parse_objective, texts)]
    found = analysis.estimates(a_run(), frame, promises)
    assert [v.outcome for v in analysis.judge(a_run(), found, promises)] == ["met", "met"]


def test_a_slow_run_with_failures_is_still_missed():
    run = a_run(objectives=["p95(response_time) < 5 ms"])
    verdicts = analysis.judge(run, analysis.estimates(run, samples(6000, failed=1500)))
    assert verdicts[0].outcome == "missed"


@pytest.mark.parametrize(
    ("column", "says"), [(-1.0, "durations are negative"), (np.inf, "values are infinite")]
)
def test_impossible_values_cannot_be_judged(column, says):
    frame = samples(4000)
    frame.loc[frame.index[-100], "response_time"] = column
    run = a_run(objectives=["p95(response_time) < 50 ms"])
    verdict = analysis.judge(run, analysis.estimates(run, frame))[0]
    assert verdict.outcome == "unknown"
    assert says in verdict.reason


def test_no_samples_at_all_judge_unknown():
    run = a_run(objectives=["throughput > 1 req/s", "error_rate < 1 %"])
    verdicts = analysis.judge(run, analysis.estimates(run, samples(1).iloc[:0]))
    assert [v.outcome for v in verdicts] == ["unknown", "unknown"]


def test_durations_of_a_coarse_clock_are_no_bursts(tmp_path):
    """Equal durations are equal wherever they lie, so that they are ties and no series."""
    writer = SampleWriter(tmp_path / "samples.parquet")
    for at in range(400):
        start = at / 400 * 3600
        writer.append("a", start, start + 0.010, intended_start=start)
    writer.close()
    frame = read_samples(writer.path)
    assert frame["service_time"].nunique() == frame["response_time"].nunique() == 1
    run = a_run(duration_s=3600, measured_until_s=None, objectives=["p95(service_time) < 20 ms"])
    (found,) = analysis.judge(run, analysis.estimates(run, frame))
    assert found.outcome == "met"


def test_the_order_of_rows_does_not_matter():
    frame = samples(3000)
    mixed = frame.sample(frac=1, random_state=1)
    assert analysis.estimates(a_run(), mixed) == analysis.estimates(a_run(), frame)


def test_fresh_connections_are_no_part_of_the_load():
    """Connecting works, every query fails: the error rate is 100 %, and no query a second."""
    frame = samples(400, failed=200, labels=("q",))
    connects = np.arange(len(frame)) % 2 == 0
    frame["label"] = np.where(connects, "connect", "q")
    frame["ok"] = connects
    frame["connection_time"] = np.where(connects, 0.002, np.nan)
    run = a_run(objectives=[])
    found = {(e.metric, e.statistic, e.label): e for e in analysis.estimates(run, frame)}
    assert found["error_rate", "value", ""].value == 1.0
    assert found["error_rate", "value", "connect"].value == 0.0
    assert found["throughput", "value", ""].value == 0.0
    assert found["connection_time", "p95", ""].value == 0.002
    assert found["connection_time", "p95", ""].caveats == ()


def test_an_unanswered_poll_is_no_block_that_failed():
    frame = samples(400, labels=("poll", "block"))
    blocks = frame["label"] == "block"
    frame["ok"] = blocks
    frame["arrival_interval"] = np.where(blocks, 1.0, np.nan)
    frame["consensus_latency"] = np.where(blocks, 0.1, np.nan)
    run = a_run(kind="blocks", arrival="watch", objectives=["p50(consensus_latency) < 1 s"])
    assert analysis.judge(run, analysis.estimates(run, frame))[0].outcome == "met"


def test_a_frame_that_is_no_samples_is_refused():
    with pytest.raises(ValuesError, match="no column `label`"):
        analysis.estimates(a_run(), pd.DataFrame({"value": [1.0]}))


def test_labels_are_data():
    frame = samples(500, labels=("GET /a\nb", '<script>"x"'))
    assert {e.label for e in analysis.estimates(a_run(), frame)} == {
        "",
        "GET /a\nb",
        '<script>"x"',
    }


def test_facts_and_imported_summaries_are_estimates():
    imported = Estimate(
        metric="response_time", statistic="p95", value=0.01, unit="s", n=10, resolution=0.001
    )
    run = a_run(facts={"peak_memory": 1e6}, source={"tool": "x"}, estimates=[imported])
    found = {e.metric: e for e in analysis.estimates(run, samples(1).iloc[:0])}
    assert found["peak_memory"].value == 1e6
    assert (found["response_time"].low, found["response_time"].high) == pytest.approx((9e-3, 11e-3))
