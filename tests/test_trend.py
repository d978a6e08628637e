import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import click
import msgspec
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from perflib import analysis
from perflib.analysis import gating, triage
from perflib.analysis.behind import Causes
from perflib.analysis.standing import visible
from perflib.cli import main
from perflib.cli.gate import gate as gate_verb
from perflib.cli.trend import sparkline as bars_of
from perflib.cli.trend import trend as trend_verb
from perflib.cli.triage import triage as triage_verb
from perflib.desk import open_all
from perflib.environment import environment_key
from perflib.errors import PerflibError, ValuesError
from perflib.model import Environment, Estimate, Objective, Run, Verdict
from perflib.objectives import parse_objective
from perflib.report import faces
from perflib.store import Store
from perflib.units import format_number
from tests.fabricate import keep


def noise(seed: int, n: int, cv: float = 0.01) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(0, cv, n)


def points(
    values, *, metric="query_time", machine="m", target="db", label="", bad=()
) -> pd.DataFrame:
    n = len(values)
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(n), unit="h")
    return pd.DataFrame(
        {
            "run_id": [f"{target}-{machine}-{i:04d}" for i in range(n)],
            "started_at": times,
            "bad": [i in bad for i in range(n)],
            "target": target,
            "metric": metric,
            "statistic": "p95",
            "label": label,
            "environment_key": machine,
            "load_key": "",
            "status": "complete",
            "unit": "s",
            "value": np.asarray(values, dtype=float),
            "low": np.nan,
            "high": np.nan,
        }
    )


STEP = np.r_[np.ones(30), np.full(30, 1.2)]
BACK = np.r_[np.ones(30), np.full(20, 1.2), np.ones(30)]


@pytest.mark.parametrize(
    ("values", "metric", "state", "why"),
    [
        (noise(1, 60), "query_time", "unchanged", ""),
        (noise(2, 60) * STEP, "query_time", "regressed", "slower"),
        (noise(2, 60) / STEP, "query_time", "improved", "faster"),
        (noise(2, 60) * STEP, "throughput", "improved", "more is better here"),
        (noise(2, 60) * STEP, "block_time", "inconclusive", "neither direction is better"),
        (noise(8, 14) * np.repeat([1, 1.6], 7), "query_time", "regressed", "short but clear"),
        (noise(9, 10) * np.repeat([1, 1.5], 5), "query_time", "regressed", "ten will do"),
        (noise(3, 80) * BACK, "query_time", "unchanged", "it was made good"),
        (noise(3, 80) / BACK, "query_time", "regressed", "what was won is lost"),
        (noise(4, 5), "query_time", "inconclusive", "too few"),
        (noise(5, 30, cv=0.5), "query_time", "inconclusive", "too noisy to tell"),
        (np.ones(30), "query_time", "unchanged", "constant"),
        (np.r_[noise(6, 30), [np.nan, np.nan], noise(7, 30)], "query_time", "unchanged", "gaps"),
    ],
)
def test_states(values, metric, state, why):
    assert analysis.trend(points(values, metric=metric)).state == state


def test_a_low_too_short_to_count_is_no_level_to_come_back_to():
    """Four good results between noise and a regression that was made good since."""
    noisy = [6.37, 7.36, 15.7, 13.3, 4.6, 7.11, 2.51, 2.52, 5.53, 5.37, 1.56, 1.77, 1.26, 1.7]
    slow = [10.1, 13.7, 11.8, 13.9, 9.3, 14.4, 10.8, 15.5, 15.3, 15.8, 13.4, 12.2, 10.5]
    again = [2.24, 4.36, 3.35, 3.1, 4.83, 4.58, 4.6, 4.03, 4.88, 4.67, 4.43, 4.64, 3.69]
    found = analysis.trend(points([*noisy, *slow, *again]))
    assert [shift.counts for shift in found.shifts][-3:] == [False, True, True]
    assert found.state != "regressed"
    medians = [np.median(part) for part in (noisy, slow, again)]
    told = [(s.point.before, s.point.after) for s in found.shifts if s.counts]
    assert told[0] == pytest.approx(medians[:2]), "the figure draws these levels"
    assert told[1] == pytest.approx(medians[1:], rel=0.07)
    (point,) = [s.point for s in found.shifts if s.point.index == 14]
    assert point.change == pytest.approx(medians[1] / medians[0] - 1)
    assert 0 < point.low < point.change < point.high


def test_a_shift_out_of_a_low_that_does_not_count_is_none():
    """Of the whole level before, it is no change that matters."""
    values = noise(11, 60, cv=0.005) * np.repeat([1, 0.972, 1.004], [25, 10, 25])
    found = analysis.trend(points(values))
    assert [(s.point.index, s.counts) for s in found.shifts] == [(25, False), (35, False)]
    assert found.state == "unchanged"


def test_a_shift_tells_its_place_and_its_size():
    found = analysis.trend(points(noise(2, 60) * STEP))
    (shift,) = [shift for shift in found.shifts if shift.counts]
    assert shift.run_after == "db-m-0030"
    assert shift.run_before == "db-m-0029"
    assert shift.point.low <= 0.2 <= shift.point.high
    assert found.since == "db-m-0030"
    assert found.level == pytest.approx(1.2, rel=0.02)
    assert "since run db-m-0030" in found.reason


def test_a_small_shift_is_significant_but_does_not_matter():
    values = noise(2, 400, cv=0.01) * np.r_[np.ones(200), np.full(200, 1.02)]
    assert analysis.trend(points(values)).state == "unchanged"
    assert analysis.trend(points(values), tolerance=0.01).state == "regressed"


def test_who_tolerates_little_is_told_of_small_shifts():
    values = noise(2, 400, cv=0.002) * np.r_[np.ones(200), np.full(200, 1.008)]
    assert analysis.trend(points(values)).shifts == ()
    assert analysis.trend(points(values), tolerance=0.005).state == "regressed"


def test_bad_runs_are_left_out():
    values = noise(8, 40)
    values[20:24] = 5
    found = analysis.trend(points(values, bad=(20, 21, 22, 23)))
    assert len(found.values) == 36
    assert found.state == "unchanged"


def test_only_the_newest_machine_counts():
    old = points(noise(1, 40) * 3, machine="old")
    new = points(noise(2, 40), machine="new")
    new["started_at"] += pd.Timedelta(days=30)
    both = pd.concat([old, new])
    assert analysis.trend(both).state == "unchanged"
    assert [one.current for one in analysis.trends(both)] == [False, True]


def test_order_of_rows_does_not_matter():
    frame = points(noise(2, 60) * STEP)
    assert analysis.trend(frame.sample(frac=1, random_state=1)).since == "db-m-0030"


def test_no_points_and_too_many_series():
    assert analysis.trend(points([])).state == "no data"
    assert analysis.trends(points([])) == []
    with pytest.raises(ValuesError) as caught:
        analysis.trend(pd.concat([points(noise(1, 9)), points(noise(1, 9), label="x\ny")]))
    assert "2 series" in caught.value.found


def test_points_in_two_units_are_two_series():
    seconds, bytes_ = points(noise(1, 20)), points(noise(2, 20) * 1e6)
    bytes_["unit"] = "B"
    found = analysis.trends(pd.concat([seconds, bytes_]))
    assert [(one.unit, one.state) for one in found] == [("s", "unchanged"), ("B", "unchanged")]


@pytest.mark.parametrize("tail", ["normal", "outliers", "t"])
def test_a_cluster_of_outliers_is_no_shift_among_many_series(tail):
    rng = np.random.default_rng(9)
    noises = {
        "normal": lambda: rng.normal(0, 0.02, 100),
        "outliers": lambda: rng.normal(0, 0.02, 100) + (rng.random(100) < 0.04) * 0.3,
        "t": lambda: 0.015 * rng.standard_t(3, 100),
    }
    frames = [points(np.exp(noises[tail]()), target=f"t{i}") for i in range(300)]
    found = analysis.trends(pd.concat(frames))
    assert sum(one.state in ("regressed", "improved") for one in found) <= 1


def test_many_unchanged_series_raise_few_alarms():
    frames = [points(noise(100 + i, 60, cv=0.03), target=f"t{i}") for i in range(150)]
    found = analysis.trends(pd.concat(frames))
    assert sum(one.state == "regressed" for one in found) <= 1


def test_what_an_older_machine_showed_is_not_looked_at_together():
    new = points(noise(2, 60) * STEP, machine="new")
    new["started_at"] += pd.Timedelta(days=30)
    others = [points(noise(i, 60), machine="new", metric=f"m{i}") for i in range(3)]
    for other in others:
        other["started_at"] += pd.Timedelta(days=30)
    old = [points(noise(9 + i, 60) * STEP, machine="old", metric=f"m{i}") for i in range(3)]
    alone, together = (
        [one.shifts for one in analysis.trends(pd.concat(frames)) if one.current]
        for frames in ([new, *others], [*old, new, *others])
    )
    assert alone == together
    assert any(alone)


def recorded(
    store: Store,
    values,
    *,
    target="db",
    commits=None,
    outcome=None,
    rates=None,
    cut=(),
    cpu="x",
    since=0,
) -> list[str]:
    """Real runs in a real store, an hour apart."""
    runs = []
    for at, value in enumerate(values, since):
        moment = f"2026-01-{1 + at // 24:02d}T{at % 24:02d}:00:00+00:00"
        estimate = Estimate(
            metric="query_time", statistic="p95", value=float(value), unit="s", n=1000
        )
        run = Run(
            id=moment.replace("-", "").replace(":", "")[:15] + f"Z-{target}-{at:04x}",
            target=target,
            kind="sql",
            started_at=moment,
            duration_s=1,
            estimates=[estimate],
            environment=Environment(cpu=cpu, git_commit=(commits or {}).get(at, "")),
            workload={"scenario": {"rate": rates[at]}} if rates else {},
            status="interrupted" if at in cut else "complete",
        )
        if outcome:
            objective = parse_objective("p95(query_time) < 10 s")
            run.verdicts = [a_verdict(objective, outcome, estimate)]
        runs.append(run)
    return keep(store, [run for run in runs if not store.folder(run.id).exists()])


def a_verdict(objective: Objective, outcome: str, estimate: Estimate) -> Verdict:
    found = Verdict(
        objective=objective, outcome="met", reason="because", next_step="x", estimate=estimate
    )
    return msgspec.structs.replace(found, outcome=outcome)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "data")


def states(store):
    return [one.state for one in analysis.follow(store, metric="query_time")]


@pytest.mark.parametrize(
    ("action", "place", "state", "why"),
    [
        ("acknowledge", 30, "unchanged", "known"),
        ("acknowledge", 31, "unchanged", "the place of a shift is known to a few runs"),
        ("acknowledge", 10, "regressed", "about another shift"),
        ("explain", 30, "regressed", "a remark is no permission"),
        ("baseline", 30, "unchanged", "a new normal"),
        ("baseline", 45, "unchanged", "shifts before it are settled"),
        ("baseline", 10, "regressed", "the shift came later"),
    ],
)
def test_decisions_last_and_can_be_undone(store, action, place, state, why):
    ids = recorded(store, noise(2, 60) * STEP)
    assert states(store) == ["regressed"]
    decision = triage.decide(store, action, ids[place], "because")
    assert states(Store(store.root)) == [state]
    store.undo_triage(decision.number)
    assert states(store) == ["regressed"]
    assert [d.undone for d in triage.read(store, undone=True)] == [True]


def test_a_bad_run_is_left_out_of_the_history(store):
    values = noise(8, 40)
    values[-1] = 9
    ids = recorded(store, values)
    triage.decide(store, "bad", ids[-1], "the disk was full")
    (one,) = analysis.follow(store, metric="query_time")
    assert len(one.values) == 39


@pytest.mark.parametrize("action", ["acknowledge", "baseline"])
def test_a_decision_outlasts_its_run_that_is_marked_bad(store, action):
    ids = recorded(store, noise(2, 60) * STEP)
    triage.decide(store, action, ids[30], "because")
    bad = triage.decide(store, "bad", ids[30], "the disk was full")
    assert states(store) == ["unchanged"]
    store.undo_triage(bad.number)
    assert states(store) == ["unchanged"]


@pytest.mark.parametrize(
    ("action", "place", "state", "why"),
    [
        ("acknowledge", 0, "unchanged", "the run that the drift is told since"),
        ("acknowledge", 60, "regressed", "nothing is told of this run"),
        ("explain", 0, "regressed", "a remark is no permission"),
        ("baseline", 115, "unchanged", "a new normal"),
        ("baseline", 30, "regressed", "it drifts since then as well"),
    ],
)
def test_a_drift_can_be_decided_about(store, action, place, state, why):
    ids = recorded(store, noise(2, 120) * np.linspace(1, 1.6, 120))
    (one,) = analysis.follow(store, metric="query_time")
    assert (one.state, one.since) == ("regressed", ids[0])
    triage.decide(store, action, ids[place], "because")
    assert states(store) == [state]


@pytest.mark.parametrize(
    ("rates", "values", "state", "why"),
    [
        ([100] * 30 + [500] * 60, np.r_[STEP, np.full(30, 1.2)], "unchanged", "another load"),
        ([100] * 28 + [500] * 62, np.r_[STEP, np.full(30, 1.2)], "unchanged", "a place off by two"),
        ([100] * 90, np.r_[STEP, np.full(30, 1.2)], "regressed", "the same load"),
        ([100] * 60 + [500] * 30, np.r_[STEP, np.full(30, 1.6)], "unchanged", "settles the first"),
        ([100] * 30 + [500] * 60, np.r_[STEP, np.full(30, 1.6)], "regressed", "slower since then"),
        ([100, 500] * 45, np.tile([1, 3], 45), "unchanged", "loads that take turns"),
        ([100, 500] * 45, np.repeat([1, 1.2], [46, 44]), "regressed", "slower, whatever the turn"),
        ([100] * 88 + [500] * 2, np.ones(90), "inconclusive", "too few of the new load"),
    ],
)
def test_runs_of_another_load_are_another_series(store, rates, values, state, why):
    recorded(store, noise(2, 90) * values, rates=rates)
    (one,) = analysis.follow(store, metric="query_time")
    assert (one.state, len(one.values)) == (state, rates.count(rates[-1]))


def test_runs_that_were_interrupted_are_no_history(store):
    recorded(store, noise(2, 60) * STEP, cut=range(30, 60))
    (one,) = analysis.follow(store, metric="query_time")
    assert (one.state, len(one.values)) == ("unchanged", 30)


def test_a_decision_about_a_run_of_another_load_settles_nothing(store):
    ids = recorded(store, noise(2, 90) * np.repeat([1, 1.2], [46, 44]), rates=[100, 500] * 45)
    triage.decide(store, "baseline", ids[60], "the other load's new normal")
    assert states(store) == ["regressed"]
    triage.decide(store, "baseline", ids[61], "this one's")
    assert states(store) == ["unchanged"]


def test_a_bad_newest_run_does_not_choose_what_is_followed(store):
    values = noise(2, 60) * STEP
    recorded(store, values[:59], outcome="met")
    (last,) = recorded(store, values, outcome=None)  # as by hand, without promises
    assert [one.name for one in analysis.follow(store)] == []
    triage.decide(store, "bad", last, "a trial")
    assert [one.name for one in analysis.follow(store)] == ["p95(query_time)"]


def test_a_decision_about_another_metric_changes_nothing(store):
    ids = recorded(store, noise(2, 60) * STEP)
    triage.decide(store, "acknowledge", ids[30], "because", metric="throughput")
    assert states(store) == ["regressed"]


def test_decisions_travel_in_a_file(store, tmp_path):
    ids = recorded(store, noise(2, 60) * STEP)
    first = triage.decide(store, "acknowledge", ids[30], "index dropped: ask, »why?«", author="a")
    triage.decide(store, "bad", ids[3], "x")
    store.undo_triage(first.number)
    file = tmp_path / "triage.yml"
    assert triage.write_file(store, file) == 2
    other = Store(tmp_path / "other")
    assert triage.read_file(other, file) == 2
    assert triage.read_file(other, file) == 0, "reading twice changes nothing"
    file.write_bytes(b"triage: \xff\xfe")
    with pytest.raises(PerflibError, match="cannot be read as text"):
        triage.read_file(other, file)
    before, after = (
        [msgspec.structs.replace(d, number=None) for d in triage.read(s, undone=True)]
        for s in (store, other)
    )
    assert before == after


def test_a_file_that_git_merged_brings_each_decision_once(store, tmp_path):
    (run,) = recorded(store, [1.0])
    one = f"- {{target: db, action: explain, run_id: {run}, reason: x, created_at: '2026-11-24'}}"
    file = tmp_path / "triage.yml"
    undone = one.replace("}", ", undone: true}")
    file.write_text(f"triage:\n{one}\n{undone}\n{one}\n")
    assert (triage.read_file(store, file), triage.read_file(store, file)) == (1, 0)
    assert [decision.undone for decision in triage.read(store, undone=True)] == [True]


def test_a_file_written_by_hand_can_be_read_again(store, tmp_path):
    ids = recorded(store, [1.0])
    file = tmp_path / "triage.yml"
    row = "{target: db, action: bad, run_id: %s, reason: x%s}"
    file.write_text(f"triage: [{row % (ids[0], '')}]")
    assert [triage.read_file(store, file) for _ in range(2)] == [1, 0]
    file.write_text(f"triage: [{row % (ids[0], ', undone: true')}]")
    assert (triage.read_file(store, file), triage.read(store)) == (0, [])


def test_a_reason_that_was_mended_in_the_file_is_taken_in(store, tmp_path):
    ids = recorded(store, [1.0, 2.0])
    for run_id in ids:
        triage.decide(store, "explain", run_id, "the dikc", author="a")
    old, file = [tmp_path / name for name in ("old.yml", "triage.yml")]
    triage.write_file(store, old)
    mended = old.read_text().replace("dikc", "disk")
    file.write_text(mended.replace("author: a", "author: b", 1))
    assert [triage.read_file(store, file) for _ in range(2)] == [2, 0]
    told = [(d.reason, d.author) for d in triage.read(store)]
    assert told == [("the disk", "b"), ("the disk", "a")]
    row = f"- {{target: db, action: bad, run_id: {ids[0]}, reason: %s}}\n"
    file.write_text(f"triage:\n{row % 'one'}{row % 'two'}")
    assert [triage.read_file(store, file) for _ in range(2)] == [1, 0], "the first of two counts"
    store.merge_decisions([{**r, "reason": "x"} for r in store.triage().to_dict("records")])
    assert "x" not in {d.reason for d in triage.read(store)}, "a backup rewords nothing"


def test_times_and_reasons_in_a_file_need_no_quotes(store, tmp_path):
    ids = recorded(store, [1.0])
    file = tmp_path / "triage.yml"
    file.write_text(
        f"triage:\n- target: db\n  action: bad\n  run_id: {ids[0]}\n"
        "  reason: no\n  created_at: 2026-11-23T18:00:00+00:00\n"
    )
    assert [triage.read_file(store, file) for _ in range(2)] == [1, 0]
    (found,) = triage.read(store)
    assert (found.reason, found.created_at) == ("no", "2026-11-23T18:00:00+00:00")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("triage: [", "broken YAML"),
        ("- a", "not decisions"),
        ("triage: [{target: a}]", "not decisions"),
        ("triage: [{target: a, action: dance, run_id: x, reason: y}]", "not decisions"),
        ("triage: [{target: a, action: bad, run_id: x, reason: y, metrics: z}]", "`metrics`"),
        (
            "triage:\n- {target: a, action: dance, run_id: x, reason: y}",
            "yml:2: not decisions: `action`",
        ),
        (
            "triage:\n- {target: a, action: bad, run_id: x,\n   reason: ''}",
            "yml:3: not decisions: `reason`",
        ),
        ("triage:\n- {target: a}\n- {target: b}", "yml:3: "),
        ("triage: [{target: a, action: bad, run_id: x, reason: y, created_at: now}]", "no time"),
        ("triage:\n<<<<<<< here\n- {}\n=======\n- {}\n>>>>>>> there", "yml:2: a merge left"),
        ("triage: []\ntraige: []", "not decisions"),
        ("", "not decisions"),
        (None, "no such file"),
    ],
)
def test_files_that_hold_no_decisions(store, tmp_path, text, says):
    file = tmp_path / "triage.yml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PerflibError) as caught:
        triage.read_file(store, file)
    assert says in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("action", "reason", "about", "says"),
    [
        ("acknowlege", "x", {}, "`acknowledge`"),
        ("bad", " ", {}, "without a reason"),
        ("bad", "x", {"metric": "query_time"}, "the whole run is left out"),
        ("acknowledge", "x", {"metric": "qery_time"}, "the nearest, `query_time`"),
        ("acknowledge", "x", {"label": "by id"}, "no label `by id`"),
    ],
)
def test_decisions_that_are_refused(store, action, reason, about, says):
    ids = recorded(store, [1.0])
    with pytest.raises(PerflibError) as caught:
        triage.decide(store, action, ids[0], reason, **about)
    assert says in str(caught.value)
    assert triage.read(store) == []


def series_of(store: Store) -> dict[str, str]:
    machine = store.runs()["environment_key"].iloc[0]
    names = {"target": "db", "metric": "query_time", "statistic": "p95", "label": ""}
    return {**names, "environment_key": machine}


def test_a_change_point_lives_in_the_history(store):
    values = noise(2, 60) * STEP
    recorded(store, values[:40])
    news = analysis.remember(store, analysis.follow(store, metric="query_time"))
    assert [row["status"] for row in news] == ["confirmed"]
    assert analysis.remember(store, analysis.follow(store, metric="query_time")) == []
    kept = store.changes("db")
    assert kept["run_id"].str.endswith("001e").tolist() == [True]


def test_two_shifts_near_each_other_are_kept_apart(store):
    ids = recorded(store, noise(2, 45, 0.005) * np.repeat([1, 2, 4], [20, 3, 22]))
    kept = {"run_id": ids[20], "status": "confirmed", "detail": {}}
    store.keep_changes([{**series_of(store), **kept}])
    news = analysis.remember(store, analysis.follow(store, metric="query_time"))
    assert [row["run_id"] for row in news] == [ids[23]]


def test_a_change_point_that_goes_away_is_retracted(store):
    ids = recorded(store, noise(2, 60))
    kept = {"run_id": ids[50], "status": "provisional", "detail": {}}
    store.keep_changes([{**series_of(store), **kept}])
    analysis.remember(store, analysis.follow(store, metric="query_time"))
    assert store.changes("db")["status"].tolist() == ["retracted"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros(20), "no step of any size"),
        (np.tile([0.0, 0.0, 0.1], 7), "too uneven around zero to tell a step"),
        (noise(1, 30), "no step of "),
    ],
)
def test_what_could_have_been_seen_is_told_in_words(values, says):
    (one,) = analysis.trends(points(values, metric="error_rate"))
    assert one.reason.startswith(says)
    assert "inf" not in one.reason


@pytest.mark.parametrize(
    ("newest", "state", "says"),
    [
        ([1.3, 1.31], "inconclusive", "the newest two results lie above all 38 before"),
        ([0.7, 0.69], "inconclusive", "the newest two results lie below all 38 before"),
        ([1.3, 1.0], "unchanged", "no step"),
        ([1.0, 1.3], "unchanged", "no step"),
        ([1.029, 1.029], "unchanged", "no step"),
    ],
)
def test_two_results_that_lie_apart_are_not_unchanged(newest, state, says):
    one = analysis.trend(points(np.r_[noise(1, 20), noise(2, 18), newest]))
    assert (one.state, one.reason[: len(says)]) == (state, says)


@pytest.mark.parametrize("n", [9, 12, 20, 40])
def test_a_step_that_is_called_visible_is_mostly_seen(n):
    """Of nine results the last four lay 40 % higher under "no step of 29 % or more"."""
    seen = 0
    for seed in range(30):
        values = noise(seed, n, 0.05)
        values[n // 2 :] *= 1 + visible(values)
        seen += any(shift.counts for shift in analysis.trend(points(values)).shifts)
    assert seen >= 12


def test_a_step_that_does_not_count_is_not_denied():
    """Among many series it may be chance; that there is no such step is not known."""
    values = noise(9, 30, 0.05) * np.repeat([1, 1.5], 15)
    one = analysis.trend(points(values), rate=1e-15)
    (shift,) = one.shifts
    assert not shift.counts
    assert one.reason == f"no step of {format_number(100 * shift.point.change, 2)} % or more"


FAILING = np.random.default_rng(1).uniform(0.08, 0.1, 20)


@pytest.mark.parametrize(
    ("values", "state", "says"),
    [
        (np.r_[np.zeros(20), FAILING], "regressed", "0 % → 8.9"),
        (np.r_[np.zeros(20), np.full(20, 0.1)], "regressed", "0 % → 10.0 % since"),
        (np.r_[np.zeros(20), FAILING, np.zeros(20)], "unchanged", "no step"),
    ],
)
def test_a_rise_from_nothing_is_told_without_a_percentage(values, state, says):
    frame = points(values, metric="error_rate")
    frame["unit"] = "1"
    one = analysis.trend(frame)
    assert (one.state, one.reason[: len(says)]) == (state, says)


def invoke(verb, store, *arguments):
    done = CliRunner().invoke(verb, [*arguments, "--data", str(store.root)], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.return_value, done.output


def test_the_trend_verb_names_what_may_be_behind(store, tmp_path, monkeypatch):
    recorded(store, noise(2, 60) * STEP, commits={29: "a" * 40, 30: "b" * 40})
    code, text = invoke(trend_verb, store, "--metric", "query_time")
    assert code == 1
    assert "✗ regressed" in text
    assert "since run" in text
    assert "aaaaaaaaaa..bbbbbbbbbb are not in this repository" in text
    code, text = invoke(trend_verb, store, "--metric", "query_time", "--json")
    assert json.loads(text)[0]["state"] == "regressed"
    (tmp_path / "none").mkdir()
    assert invoke(trend_verb, Store(tmp_path / "none"))[0] == 3


@pytest.mark.parametrize(
    ("values", "bars"), [([1.0, 3.0, 2.0], "▁█▅"), ([100.0, 99.0], "▅▄"), ([0.0, 0.0], "▁▁")]
)
def test_bars_of_next_to_no_change_are_no_cliff(values, bars):
    assert bars_of(SimpleNamespace(values=np.array(values))) == bars


def test_a_named_target_shows_its_earlier_shifts_too(store):
    ids = recorded(store, noise(2, 60) * np.repeat([1.5, 2.0, 1.0], 20))
    _, text = invoke(trend_verb, store, "--metric", "query_time")
    assert (ids[40] in text, ids[20] in text) == (True, False)
    _, text = invoke(trend_verb, store, "db", "--metric", "query_time")
    assert ids[40] in text.split(ids[20])[0]


def test_what_was_changed_leads_and_many_commits_are_counted():
    commits = tuple(f"{number:07x} change {number}" for number in range(9))
    told = Causes(commits=commits, differences=("setting a.yml: x: 1 → 2",)).leads()
    assert told[0] == "setting a.yml: x: 1 → 2"
    assert told[1:] == [*commits[:6], "and 3 more commits"]


@pytest.mark.parametrize(
    ("values", "outcome", "code", "finding"),
    [
        (noise(1, 30), "met", 0, "all 2 checks"),
        (noise(1, 30), "missed", 1, "because"),
        (noise(1, 30), "unknown", 3, "because"),
        (noise(2, 60) * STEP, "met", 1, "regressed: +"),
        (noise(1, 3), "met", 0, "3 results; a change is told from 7"),
    ],
)
def test_the_gate(store, values, outcome, code, finding):
    recorded(store, values, outcome=outcome)
    found, text = invoke(gate_verb, store)
    assert found == code
    assert finding in " ".join(text.split())


def test_a_regression_comes_with_the_command_that_finds_its_commit(store):
    ids = recorded(store, noise(2, 60) * STEP, outcome="met")
    (check,) = [c for c in analysis.gate(store).checks if c.outcome == "missed"]
    command = f"perflib bisect db {ids[29]} {ids[30]} --metric query_time --statistic p95"
    assert command in check.next_step


@pytest.mark.parametrize("column", ["status", "load_key", "value", "low", "high"])
def test_points_that_lack_a_column_are_refused(column):
    with pytest.raises(ValuesError, match=f"no column `{column}`"):
        analysis.trends(points(noise(1, 20)).drop(columns=column))


def test_an_empty_history_is_unknown(store):
    store.root.mkdir()
    code, text = invoke(gate_verb, store)
    assert code == 3
    assert "next: measure first" in text
    (suite,) = ElementTree.fromstring(faces.to_junit(analysis.gate(store)))
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1"), "no case passes for a success"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_face_that_finds_no_room_is_named(store, capsys):
    recorded(store, noise(1, 3), outcome="met")
    words = ["gate", "--data", str(store.root), "--junit", "/dev/full"]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "/dev/full: No space left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "bad", "code", "says"),
    [
        (["db"], False, 0, "all 2 checks"),
        (["db", "db"], False, 0, "all 2 checks"),
        (["ghost"], False, 3, "`perflib run ghost`, or name one of db"),
        (["db", "bd"], False, 3, "`perflib run bd`, or name the nearest, `db`"),
        (["db"], True, 3, "all its runs are marked bad"),
    ],
)
def test_a_target_that_was_asked_for_is_never_passed_over(store, asked, bad, code, says):
    ids = recorded(store, noise(1, 30), outcome="met")
    for run_id in ids if bad else ():
        store.add_triage(target="db", action="bad", reason="x", run_id=run_id)
    found, text = invoke(gate_verb, store, *asked)
    assert found == code
    assert says in " ".join(text.split())


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        ([], 3, "ghost, a run to judge: it never ran (1 unknown, 4 met)"),
        (["db", "old"], 0, "all 4 checks"),
        (["--data", "data"], 0, "all 4 checks"),
    ],
    ids=["a pipeline that lost a target", "those that are meant", "another folder"],
)
def test_a_configured_target_that_never_ran_is_unknown(
    store, tmp_path, monkeypatch, asked, code, says
):
    monkeypatch.chdir(tmp_path)
    kind = "{kind: chunks, url: 'http://127.0.0.1:9'}"
    Path("my.yml").write_text(f"data: data\ntargets:\n  db: {kind}\n  ghost: {kind}\n")
    for name in ("db", "old"):  # one is no longer configured
        recorded(store, noise(1, 30), target=name, outcome="met")
    done = CliRunner().invoke(gate_verb, ["--config", "my.yml", *asked], standalone_mode=False)
    text = " ".join(done.output.split())
    assert (done.return_value, says in text) == (code, True)
    assert ("`perflib run ghost`, or name the targets that are meant" in text) == (code == 3)


@pytest.mark.parametrize(
    ("outcome", "configured", "told"),
    [("missed", ["new"], True), ("missed", [], False), ("met", ["new"], False)],
)
def test_a_renamed_target_that_is_in_the_way_is_called_that(store, outcome, configured, told):
    recorded(store, [1.0], target="old", outcome=outcome)
    recorded(store, [1.0], target="new", outcome="met")
    found = analysis.gate(store, configured=configured)
    assert (found.outcome, "old is no longer configured" in found.notes[-1]) == (outcome, told)


@pytest.mark.parametrize(
    ("here", "outcome", "note"),
    [
        ("x", "met", "another machine measured db later: judge that there"),
        ("y", "missed", ""),
        ("z", "missed", "no run of this machine: judged is that of another machine, y with"),
    ],
    ids=["an older run of its own", "the newest", "none of its own"],
)
def test_of_a_shared_history_a_gate_judges_its_own_machine(store, here, outcome, note):
    recorded(store, noise(1, 30), outcome="met")
    recorded(store, noise(2, 60) * STEP, since=40, cpu="y", outcome="missed")
    found = analysis.gate(store, machine=environment_key(Environment(cpu=here)))
    promise, trend = (next(c for c in found.checks if c.kind == k) for k in ("promise", "trend"))
    assert (promise.outcome, "regressed" in trend.reason) == (outcome, outcome == "missed")
    assert [text[: len(note)] for text in found.notes] == ([note] if note else [])


@pytest.mark.parametrize("cpu", ["", "y"])
def test_an_imported_result_is_of_every_machine(store, cpu):
    recorded(store, [1.0], outcome="met")
    recorded(store, [1.0], since=1, cpu=cpu, outcome="missed")
    found = analysis.gate(store, machine=environment_key(Environment(cpu="x")))
    assert found.outcome == ("met" if cpu else "missed")


def test_a_record_that_was_damaged_since_hides_no_other_target(store):
    *_, last = recorded(store, noise(1, 3), outcome="met")
    recorded(store, [1.0], target="other", outcome="missed")
    assert len(store.runs()) == 4
    (store.folder(last) / "run.json").write_text("{")
    missed, unknown = analysis.gate(store).checks
    assert (missed.target, missed.outcome) == ("other", "missed")
    assert (unknown.run_id, "record is damaged" in unknown.reason) == (last, True)


@pytest.mark.parametrize(("days", "outcome"), [(0.6, "met"), (2, "unknown")])
def test_a_run_of_a_wrong_clock_hides_no_later_ones(store, days, outcome):
    recorded(store, [1.0], outcome="met")
    run = store.load(store.runs()["run_id"].iloc[0])
    run.id, run.started_at = "x", (datetime.now(UTC) + timedelta(days=days)).isoformat()
    keep(store, [run])
    found = analysis.gate(store)
    assert (found.outcome, "triage bad x" in found.checks[0].next_step) == (outcome, days > 1)


def test_a_target_whose_only_record_is_damaged_did_run(store):
    (only,) = recorded(store, [1.0])
    (store.folder(only) / "run.json").write_text("{")
    (store.root / "history.sqlite").unlink()
    (check,) = analysis.gate(Store(store.root), configured=["db"]).checks
    assert (check.outcome, "record is damaged" in check.reason) == ("unknown", True)


@pytest.mark.parametrize(
    ("factor", "outcome"), [(1.2, "unknown"), (1 / 1.2, None)], ids=["slower", "faster"]
)
def test_a_pipeline_waits_for_what_may_be_worse_only(factor, outcome):
    one = analysis.trend(points(noise(2, 60) * np.where(STEP > 1, factor, 1)))
    (shift,) = one.shifts
    point = msgspec.structs.replace(shift.point, status="provisional")
    shifts = (replace(shift, point=point),)
    check = gating._trend(replace(one, state=analysis.State.INCONCLUSIVE, shifts=shifts))
    assert (check and check.outcome) == outcome


@pytest.mark.parametrize(("asked", "code"), [([], 0), (["db"], 0), (["db", "new"], 3)])
def test_a_target_that_was_asked_for_is_not_met_without_promises(store, asked, code):
    recorded(store, noise(1, 30), outcome="met")
    recorded(store, noise(1, 2), target="new")
    found, text = invoke(gate_verb, store, *asked)
    assert (found, "new, a promise to judge: nothing was promised" in text) == (code, code == 3)


def test_a_newest_run_that_cannot_be_read_is_not_passed_over(store):
    ids = recorded(store, noise(1, 30), outcome="met") + recorded(store, [1.0], target="other")
    (store.folder(ids[-2]) / "run.json").write_text("{")
    (store.root / "history.sqlite").unlink()
    store = Store(store.root)
    found = analysis.gate(store, ["db"])
    assert (found.outcome, found.checks[0].run_id) == ("unknown", ids[-2])
    assert "record is damaged" in found.finding
    assert [ids[-2] in note for note in analysis.gate(store, ["other"]).notes][-1]
    assert "record is damaged" in invoke(trend_verb, store)[1]


def test_a_run_without_promises_is_not_told_as_no_run(store):
    recorded(store, noise(1, 2))
    code, text = invoke(gate_verb, store)
    assert (code, "db, a promise to judge: nothing was promised" in text) == (3, True)
    assert "measure first" not in text


def test_a_trend_tells_which_target_has_no_data(store):
    recorded(store, noise(1, 30), outcome="met")
    code, text = invoke(trend_verb, store, "db", "ghost")
    assert (code, "no run of ghost has this; expected one of db" in text) == (0, True)
    code, text = invoke(trend_verb, store, "bd")
    assert (code, "no run of bd has this; expected the nearest, `db`" in text) == (3, True)
    code, text = invoke(trend_verb, store, "db", "--metric", "block_time")
    assert (code, "no run of db has this\n" in text) == (3, True)


@pytest.mark.parametrize("verb", [trend_verb, gate_verb])
def test_a_tolerance_is_no_negative_number(store, verb):
    with pytest.raises(click.BadParameter, match="not in the range"):
        invoke(verb, store, "--tolerance", "-1")


@pytest.mark.parametrize("tolerance", [np.nan, np.inf, -0.1])
def test_a_tolerance_is_a_size(tolerance):
    """Nothing is larger than no number: every shift would be left out without a word."""
    with pytest.raises(ValuesError, match="a tolerance of"):
        analysis.trends(points(noise(1, 30)), tolerance=tolerance)
    with pytest.raises(ValuesError, match="a tolerance of"):
        analysis.compare([1, 2, 3], [1, 2, 3], tolerance=tolerance)


def test_notes_stand_apart_from_what_is_folded(store):
    recorded(store, noise(1, 3), outcome="met")
    page = faces.to_markdown(analysis.gate(store))
    assert "</details>\n\n- db, " in page


def test_the_faces_of_a_gate(store, tmp_path, monkeypatch):
    evil = "<script>|`*\x00\u202e"
    recorded(store, noise(2, 60) * STEP, target=f"db{''}", outcome="unknown")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    files = {name: tmp_path / "out" / name for name in ("junit", "markdown", "json", "badge")}
    flags = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    assert invoke(gate_verb, store, *flags)[0] == 1
    suite = ElementTree.parse(files["junit"]).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "1")
    assert files["markdown"].read_text() == (tmp_path / "summary.md").read_text()
    assert json.loads(files["json"].read_text())["outcome"] == "missed"
    assert ElementTree.parse(files["badge"]).getroot().tag.endswith("svg")
    found = analysis.gate(store)
    check = found.checks[0].__class__(
        target=evil,
        kind="trend",
        name=evil,
        outcome="missed",
        reason=evil,
        next_step=evil,
        run_id=evil,
    )
    hostile = analysis.Gate(checks=(msgspec_outcome(check),), notes=(evil,))
    ElementTree.fromstring(faces.to_junit(hostile).encode())
    assert "<script>" not in faces.to_markdown(hostile)
    assert "|`" not in faces.to_markdown(hostile)


def msgspec_outcome(check):
    from perflib.model import Outcome

    return replace(check, outcome=Outcome(check.outcome))


def test_the_triage_verb(store, tmp_path):
    ids = recorded(store, noise(2, 60) * STEP)
    code, text = invoke(triage_verb, store, "acknowledge", ids[30], "--reason", "known")
    assert (code, "decision 1" in text) == (0, True)
    assert "known" in invoke(triage_verb, store)[1]
    assert "known" in invoke(triage_verb, store, "list", "db")[1]
    file = tmp_path / "t.yml"
    assert "1 decision in" in invoke(triage_verb, store, "--write", str(file))[1]
    assert "0 new or corrected decisions" in invoke(triage_verb, store, "--read", str(file))[1]
    assert "taken back" in invoke(triage_verb, store, "undo", "1")[1]
    assert "acknowledge, taken back" in invoke(triage_verb, store)[1]
    with pytest.raises(PerflibError, match="unknown action `ack`"):
        invoke(triage_verb, store, "ack", "no-such-run")
    for wrong in (["undo", "x"], ["bad"], ["undo", "99"], ["undo", "²"], ["undo", "9" * 20]):
        with pytest.raises(PerflibError):
            invoke(triage_verb, store, *wrong)


def test_a_capacity_search_is_judged_by_its_name_only(store):
    for name in ("db", "db_capacity"):
        recorded(store, noise(2, 9), target=name, outcome="met")
    everything, named = analysis.gate(store), analysis.gate(store, ["db_capacity"])
    assert "db_capacity" not in {check.target for check in everything.checks}
    assert {check.target for check in named.checks} == {"db_capacity"}
    assert "db_capacity" not in {one.key.target for one in analysis.follow(store)}
    assert [desk.run.target for desk in open_all(data=store.root)] == ["db"]
