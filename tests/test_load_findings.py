"""What makes a load doubtful is found when it is there, and not when it is not."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perflib.cli import capacity
from perflib.cli.capacity import judged, step_time_s
from perflib.errors import PerflibError, StoreError, TargetError
from perflib.load import calibrate
from perflib.load import plan as plans
from perflib.load.capacity import Step, search
from perflib.load.findings import (
    bottleneck,
    broken_off,
    denials,
    elsewhere,
    refusals,
    steadiness,
    unasked,
    unfinished,
    unreached,
)
from perflib.load.lateness import lateness_p99
from perflib.load.plan import Plan, Worker
from perflib.load.steady import steady_from
from perflib.load.usl import fit_usl, peak_of, usl
from perflib.model import GeneratorHealth, Outcome, Run, Verdict
from perflib.objectives import parse_objective
from perflib.samples import SampleWriter
from perflib.store import Store
from perflib.target import Scenario
from perflib.workloads.http import HttpTarget

RNG = np.random.default_rng(7)
PARAMETERS = ("rate", "contention", "coherency")


@pytest.mark.parametrize(
    ("health", "rate", "says"),
    [
        ({}, 1000, None),
        ({"cpu_share": 0.5, "loop_lateness_p99_s": 0.002, "ceiling": 10_000}, 5000, None),
        ({"cpu_share": 0.97}, 1000, "97 % of a core"),
        ({"cpu_share": 0.5, "cpu_wait_share": 0.45}, 1000, "waited for one 45 %"),
        ({"loop_lateness_p99_s": 0.08}, 1000, "80.0 ms late"),
        ({"socket_errors": 3}, 1000, "3 requests found no free file descriptor"),
        ({"ceiling": 10_000}, 9000, "90 % of what it reaches"),
        ({"ceiling": 10_000, "processes": 2}, 9000, None),
        ({"ceiling": 10_000}, 12_000, "120 % of what it reaches"),  # within what varies
        ({"ceiling": 10_000}, 13_100, None),  # measured on a busy machine
        ({"ceiling": 10_000, "lateness_p99_s": 0.001}, 9000, None),  # kept its schedule
        ({"ceiling": 10_000, "lateness_p99_s": 0.001, "cpu_share": 0.95}, 9000, "95 % of a core"),
        ({"ceiling": 10_000, "lateness_p99_s": 0.4}, 9000, "90 % of what it reaches"),
        ({"ceiling": 10_000, "lateness_p99_s": 0.4}, 13_100, None),  # sent, if late
    ],
)
def test_the_generator_as_bottleneck(health, rate, says):
    found = list(bottleneck(GeneratorHealth(**health), rate))
    assert bool(found) is (says is not None)
    if says:
        assert says in found[0].message
        assert found[0].forbids("throughput")
        assert found[0].forbids("response_time")


@pytest.mark.parametrize(
    ("late_s", "p99_s"),
    [
        ([], None),
        ([-0.001] * 50, 0.0),  # a clock that is read early
        ([0.0] * 500, 0.0),
        ([0.0] * 350 + [3.0], 2.9),  # 10 s, of which 0.1 s are later than this
        ([0.0] * 340 + [3.0, 0.2], 2.9),  # a shorter one adds nothing beyond it
        ([0.03] * 200, 0.0295),  # each time; a random moment is a little luckier
        ([0.0] * 9900 + [0.1] * 100, 0.079),
    ],
)
def test_a_stall_counts_by_the_time_that_it_takes(late_s, p99_s):
    assert lateness_p99(late_s) == (None if p99_s is None else pytest.approx(p99_s, abs=5e-4))


@pytest.mark.parametrize(
    ("failed", "codes", "void"),
    [
        ({}, [], False),
        ({500: 3}, [], False),
        ({429: 1}, ["rate limited"], True),
        ({503: 5}, ["overloaded"], False),
    ],
)
def test_refusals_are_told_apart(failed, codes, void):
    found = list(refusals(failed, 100))
    assert [caveat.code for caveat in found] == codes
    assert any(caveat.forbids("throughput") for caveat in found) is void


@pytest.mark.parametrize(
    ("failed", "says"),
    [
        ({401: 100}, "answered 401:"),
        ({401: 50, 403: 41}, "answered 401 or 403:"),
        ({407: 95, 500: 5}, "answered 407:"),
        ({404: 100}, "answered 404: nothing of the service was measured"),
        ({400: 50, 405: 41}, "answered 400 or 405:"),
        ({404: 90}, None),  # what the others answered is of the service
        ({401: 90}, None),  # as many may do something else than ask for what is theirs
        ({500: 100}, None),
        ({}, None),
    ],
)
def test_a_load_that_was_not_allowed_tested_nothing(failed, says):
    found = list(denials(failed, 100))
    assert bool(found) is (says is not None)
    if says:
        assert says in found[0].message
        assert found[0].forbids("throughput")
        step = "`url`" if found[0].code == "not served" else "`headers`"
        assert step in found[0].next_step


@pytest.mark.parametrize(("count", "found"), [(100, 1), (90, 0), (0, 0)])
def test_a_load_that_was_sent_elsewhere_tested_nothing(count, found):
    caveats = [*elsewhere({"undeclared host": count}, 100, {"undeclared host": "h:9; see …"})]
    assert ["(h:9; see …)" in caveat.message for caveat in caveats] == [True] * found
    assert all(caveat.forbids("throughput") for caveat in caveats)


@pytest.mark.parametrize(
    ("errors", "messages", "says", "step"),
    [
        ({"connection refused": 9}, {}, "answered: connection refused", "start the target"),
        (
            {"certificate not trusted": 5, "timeout": 0, "connection reset": 4},
            {"certificate not trusted": "self-signed"},
            "answered: connection reset, certificate not trusted (self-signed)",
            "start the target",
        ),
        ({"certificate not trusted": 9}, {}, "certificate", "SSL_CERT_FILE"),
        ({"TLS failed": 9}, {"TLS failed": "wrong version"}, "(wrong version)", "speaks no TLS"),
        # a slow look-up of the name was still under way at the end
        ({"host not found": 7, "cut off": 2}, {}, "answered: host not found", "correct its `url`"),
        # a proxy without a backend accepts and closes
        ({"connection closed": 9}, {}, "answered: connection closed", "start the target"),
    ],
)
def test_no_contact_says_what_was_in_the_way(errors, messages, says, step):
    (caveat,) = unreached(errors, 9, messages)
    assert says in caveat.message
    assert step in caveat.next_step


@pytest.mark.parametrize(
    "errors",
    [{"connection refused": 8}, {"status 500": 1, "host not found": 8}, {"cut off": 9}, {}],
)
def test_a_target_that_answered_or_only_hung_was_in_contact(errors):
    assert not list(unreached(errors, 9, {}))


@pytest.mark.parametrize(("undone", "found"), [(0, 0), (1, 0), (50, 1)])
def test_arrivals_that_were_never_sent_make_times_lower_bounds(undone, found):
    plan = Plan(url="http://h", folder="", zero_ns=0)
    outcome = plans.Outcome(workers=[Worker(id="a", arrivals_begun=5000, arrivals_undone=undone)])
    caveats = list(unfinished(outcome, plan))
    assert len(caveats) == found
    assert all(caveat.forbids("error_rate") for caveat in caveats), "they might have failed"


@pytest.mark.parametrize(("raised", "found", "void"), [(0, 0, 0), (1, 1, 0), (50, 1, 1)])
def test_tasks_that_broke_off_are_told_and_many_of_them_void(raised, found, void):
    outcome = plans.Outcome(workers=[Worker(id="a", raised=raised, first_raised="KeyError: 'id'")])
    caveats = list(broken_off(outcome, 5000))
    assert [f"{raised} times" in caveat.message for caveat in caveats] == [True] * found
    assert sum(caveat.forbids("error_rate") for caveat in caveats) == void


@pytest.mark.parametrize(
    ("count", "doubtful", "found", "void"),
    [(0, 0, 0, 0), (1, 1, 1, 0), (50, 50, 1, 1), (1, 50, 1, 1)],
)
def test_answers_that_nobody_asked_for_void_by_how_many_they_may_have_shifted(
    count, doubtful, found, void
):
    workers = [Worker(id="a", unasked=count, doubtful=doubtful), Worker(id="b")]
    caveats = list(unasked(plans.Outcome(workers=workers), 5000))
    said = [f"{count} times" in c.message and f"{doubtful} of 5000" in c.message for c in caveats]
    assert said == [True] * found
    assert sum(caveat.forbids("throughput") for caveat in caveats) == void


@pytest.mark.parametrize(
    ("series", "reached"),
    [
        (lambda n: RNG.normal(size=n), True),
        (lambda n: RNG.lognormal(size=n), True),
        (lambda n: RNG.normal(size=n) + 9 * np.exp(-np.arange(n) / 20), True),
        (lambda n: RNG.normal(size=n) + np.linspace(0, 9, n), False),
        (lambda n: np.linspace(0, 1, n), False),
        (np.ones, True),
        (lambda n: RNG.normal(size=n)[:20], None),
    ],
    ids=["noise", "skewed", "slow start", "drift", "line", "flat", "too few"],
)
def test_steady_state(series, reached):
    assert steady_from(series(300), 0.1).reached is reached


def test_false_alarms_are_rare():
    alarms = [steady_from(RNG.lognormal(size=150), 0.1).reached is False for _ in range(200)]
    assert np.mean(alarms) < 0.02


def test_a_slow_start_is_cut_off_and_a_drift_is_told():
    began = np.arange(0, 30, 0.001)
    slow = 0.01 + 0.1 * np.exp(-began / 1.0)
    noise = RNG.lognormal(sigma=0.2, size=len(began))
    cut, caveats = steadiness(began, slow * noise, 0, 30)
    assert 1 < cut < 12
    assert not caveats
    _, caveats = steadiness(began, (0.01 + 0.01 * began) * noise, 0, 30)
    assert [caveat.code for caveat in caveats] == ["not steady"]
    assert steadiness(began, 0.01 * noise, 0, 30) == (0.0, [])
    assert steadiness(began[:0], began[:0], 0, 30) == (0.0, [])


def test_an_early_stall_or_outage_is_judged_and_not_cut_off_as_a_slow_start():
    began = np.arange(0, 30, 0.001)
    noise = np.random.default_rng(3).lognormal(sigma=0.2, size=len(began))
    stalled = (began >= 4) & (began < 6)
    assert steadiness(began, np.where(stalled, 0.5, 0.01) * noise, 0, 30) == (0.0, [])
    refused = began < 2
    times = np.where(refused, 0.0002, 0.01) * noise
    assert steadiness(began, times, 0, 30, refused) == (0.0, [])
    cut, _ = steadiness(began, times, 0, 30, began == 0)
    assert 2 <= cut <= 6, "one failure in 30 000 is no outage"


def test_the_scalability_law_is_found_again():
    n = np.array([1, 2, 4, 8, 16, 32, 64])
    x = usl(n, 1000, 0.05, 0.001) * RNG.normal(1, 0.01, len(n))
    found = fit_usl(x, n / x)
    for name, value in (("rate", 1000), ("contention", 0.05), ("coherency", 0.001)):
        assert found[name]["low"] <= value <= found[name]["high"]
    assert found["peak_concurrency"] == pytest.approx(30.8, rel=0.15)
    assert fit_usl(x[:3], (n / x)[:3]) is None
    assert fit_usl([5.0] * 5, [0.1] * 5) is None


@pytest.mark.parametrize(
    ("contention", "coherency", "peak"),
    [(0.19, 0.0001, 90), (0.1, 0, None), (1, 0.01, None), (0, 5e-324, 4.5e161)],
)
@pytest.mark.filterwarnings("error")
def test_throughput_turns_where_the_law_says(contention, coherency, peak):
    """The fit of a law without coherency ends anywhere down to the least number there is."""
    found = peak_of(*np.array([contention, coherency]))
    assert found == (peak and pytest.approx(peak, rel=0.01))


@pytest.mark.parametrize("law", [(1000, 0.05, 0.001), (200, 0.3, 0.0), (1000, 0.01, 0.02)])
def test_the_laws_intervals_hold_the_truth_as_often_as_they_say(law):
    n, held = np.array([1, 2, 4, 8, 16, 32, 64]), np.zeros(3)
    x = usl(n, *law)
    for _ in range(150):
        found = fit_usl(x, n / x * RNG.normal(1, 0.03, len(n)))
        bounds = [(found[name]["low"], found[name]["high"]) for name in PARAMETERS]
        held += [low <= value <= high for (low, high), value in zip(bounds, law, strict=True)]
    assert (held / 150 > 0.88).all(), held / 150


@pytest.mark.parametrize(
    ("rate", "seconds"), [(1000, 10), (100, 10), (50, 20), (20, 50), (1, 80)], ids=str
)
def test_a_step_lasts_until_it_can_be_judged(rate, seconds):
    assert step_time_s(rate, 10.0) == seconds


@pytest.mark.parametrize(
    ("outcomes", "answered", "held"),
    [
        ([Outcome.MET, Outcome.MET], 1000, "held"),
        ([Outcome.MET, Outcome.MISSED], 1000, "broke"),
        ([Outcome.MET, Outcome.UNKNOWN], 1000, "unknown"),
        ([Outcome.UNKNOWN, Outcome.MISSED], 1000, "broke"),
        ([Outcome.MET, Outcome.MET], 960, "broke"),
        ([Outcome.MET, Outcome.UNKNOWN], 960, "broke"),
    ],
)
def test_a_step_holds_only_when_all_is_kept(outcomes, answered, held):
    promise = parse_objective("error_rate < 1 %")
    verdicts = [
        Verdict(objective=promise, outcome=outcome, reason="", next_step="") for outcome in outcomes
    ]
    assert judged(verdicts, answered, 1000.0)[0] == held


def test_a_step_that_broke_tells_how_most_requests_failed():
    assert judged([], 500, 1000.0, "refused 429")[1].endswith("most others: refused 429")


def attempt_up_to(most):
    def attempt(rate):
        held = rate <= most
        return Step(
            rate=rate,
            throughput=rate,
            p50_s=None,
            p95_s=None,
            p99_s=None,
            mean_s=None,
            error_rate=0.0,
            held=held,
            outcome="held" if held else "broke",
            reason="",
        )

    return attempt


@pytest.mark.parametrize(
    ("start", "limit", "low", "high"),
    [
        (100, 1e5, (665, 740), (740, 822)),
        (5000, 1e5, (665, 740), (740, 822)),
        (100, 500, (500, 500), None),
        (1e5, 1e5, None, (0, 1e5)),
    ],
)
def test_the_search_brackets_then_bisects(start, limit, low, high):
    truth = 740 if low else 0.1
    steps = list(search(attempt_up_to(truth), start, limit=limit, precision=0.1))
    bracket = steps[-1][1]
    assert len(steps) <= 12
    for value, bounds in ((bracket.low, low), (bracket.high, high)):
        assert value is None if bounds is None else bounds[0] <= value <= bounds[1]


def test_a_step_that_left_no_sample_did_not_hold(tmp_path, monkeypatch):
    def nothing(target, scenario, store):
        run_id, staging = store.begin("t")
        SampleWriter(staging / "samples.parquet").close()
        run = Run(
            id=run_id,
            target="t",
            kind="http",
            started_at="2026-11-25T00:00:00Z",
            duration_s=1.0,
            status="failed",
            measured_until_s=1.0,
        )
        store.commit(run, staging)
        return run

    monkeypatch.setattr(capacity, "execute", nothing)
    target = HttpTarget(name="t", kind="http", url="http://127.0.0.1:1")
    store = Store(tmp_path)
    step = capacity.Seeker(target, Scenario(), store, aside=store).attempt(10.0)
    assert (step.held, step.p95_s, step.throughput) == (False, None, 0.0)


def test_a_generator_that_cannot_start_ends_the_search(tmp_path):
    target = HttpTarget(name="t", kind="http", url="http://127.0.0.1:1", locustfile="no/file.py")
    store = Store(tmp_path)
    seeker = capacity.Seeker(target, Scenario(), store, aside=store)
    with pytest.raises(TargetError, match="did not start"):
        seeker.attempt(10.0)


def test_a_search_in_a_full_disk_promises_nothing_to_be_found_again(tmp_path, monkeypatch):
    def full(*_):
        raise StoreError("cannot be written", next_step="the next `perflib run` records it")

    monkeypatch.setattr(capacity, "execute", full)
    target = HttpTarget(name="t", kind="http", url="http://127.0.0.1:1")
    store = Store(tmp_path)
    with pytest.raises(StoreError) as caught:
        capacity.Seeker(target, Scenario(), store, aside=store).attempt(10.0)
    assert "then search again" in caught.value.next_step
    assert "perflib run" not in caught.value.next_step


def test_failures_raise_no_ceiling(monkeypatch):
    def failing(plan, stop):
        writer = SampleWriter(Path(plan.folder) / "samples.parquet")
        for number in range(100):
            ok = number % 10 == 0
            writer.append("GET /", 0.1, 0.2, ok=ok, error="" if ok else "too many open files")
        writer.close()
        return plans.Outcome(measured_from_s=0.0, measured_until_s=1.0)

    monkeypatch.setattr(calibrate, "generate", failing)
    assert calibrate.measure_ceiling(4, seconds=1.0) == 10


def test_a_generator_that_got_no_answer_has_no_ceiling(monkeypatch):
    def silent(plan, stop):
        SampleWriter(Path(plan.folder) / "samples.parquet").close()
        return plans.Outcome(measured_from_s=0.0, measured_until_s=1.0)

    monkeypatch.setattr(calibrate, "generate", silent)
    assert calibrate.measure_ceiling(4, seconds=1.0) is None


def test_more_users_than_can_connect_in_time_lower_no_ceiling(tmp_path, monkeypatch):
    monkeypatch.setattr(calibrate, "measure_ceiling", float)
    assert calibrate.machine_ceiling(10_000, tmp_path) == calibrate.MOST_USERS


def test_the_responder_ends_with_the_process_that_started_it():
    command = [sys.executable, "-m", "perflib.load.responder"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as responder:
        assert responder.stdout.readline().strip().isdigit()
        responder.stdin.close()
        assert responder.wait(30) == 0


def test_a_generator_that_does_not_start_has_no_ceiling(tmp_path, monkeypatch):
    def broken(users):
        raise PerflibError("the load generator did not start")

    monkeypatch.setattr(calibrate, "measure_ceiling", broken)
    assert calibrate.machine_ceiling(4, tmp_path) is None
