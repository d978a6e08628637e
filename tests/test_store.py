"""Recording and reading: what goes in comes out, whoever asks and however the labels look."""

from __future__ import annotations

import pytest

from perflib.model import Estimate, Objective, Outcome, Run, Verdict, to_json
from perflib.store import Store
from tests.fabricate import run_of, write_samples


def recorded(store: Store, target: str = "database", **given) -> Run:
    run_id, staging = store.begin(target)
    run, samples = run_of(target, run_id)
    write_samples(samples, staging / "samples.parquet")
    run.estimates = [estimate()]
    run.verdicts = [verdict()]
    for name, value in given.items():
        setattr(run, name, value)
    store.commit(run, staging)
    return run


def estimate(value: float = 0.004, **given) -> Estimate:
    whole = {"metric": "query_time", "statistic": "p95", "unit": "s", "n": 4000} | given
    return Estimate(value=value, **whole)


def verdict(outcome: Outcome = Outcome.MET) -> Verdict:
    objective = Objective(
        text="p95(query_time) < 10 ms", metric="query_time", statistic="p95", unit="s", high=0.01
    )
    return Verdict(
        objective=objective, outcome=outcome, reason="why", next_step="do", estimate=estimate()
    )


def test_a_run_comes_back_as_it_was_recorded(tmp_path):
    store = Store(tmp_path)
    run = recorded(store)
    assert to_json(store.load(run.id)) == to_json(run)
    assert len(store.samples(run.id)) == run.counts.recorded
    assert store.metrics(run.id) is None
    assert store.latest("database") == run.id
    assert store.latest("another") is None


def test_the_history_tells_runs_points_and_verdicts_by_time(tmp_path):
    store = Store(tmp_path)
    late = recorded(store, started_at="2026-03-01T12:00:00+02:00")
    early = recorded(store, started_at="2026-03-01T09:59:59Z")
    naive = recorded(store, started_at="2026-03-01T10:00:00.500000")
    expected = [early.id, late.id, naive.id]
    assert store.runs("database")["run_id"].tolist() == expected
    assert store.points("database", "query_time", "p95", "")["run_id"].tolist() == expected
    assert store.verdicts("database")["run_id"].tolist() == expected
    assert store.runs(limit=1)["run_id"].tolist() == [naive.id]
    assert str(store.runs()["started_at"].dt.tz) == "UTC"


@pytest.mark.parametrize("empty", ["runs", "points", "verdicts", "triage"])
def test_an_empty_history_has_the_same_columns(tmp_path, empty):
    store = Store(tmp_path / "empty")
    blank = getattr(store, empty)()
    recorded(store)
    store.add_triage(target="database", action="explain", reason="new disk")
    full = getattr(store, empty)()
    assert len(blank) == 0
    assert list(blank.columns) == list(full.columns)
    if empty != "triage":
        assert blank.dtypes.tolist() == full.dtypes.tolist()
