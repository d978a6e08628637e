"""Recording and reading: what goes in comes out, whoever asks and however the labels look."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from perflib.errors import StoreError
from perflib.model import Estimate, Objective, Outcome, Run, Verdict, to_json
from perflib.store import BAD, BASELINE, RECORDS, Store, folder, new_run_id
from perflib.store.folder import check_id
from tests.fabricate import run_of, write_samples


def recorded(store: Store, target: str = "database", **given) -> Run:
    run_id, staging = store.begin(target)
    run, samples = run_of(target, run_id)
    write_samples(samples[:50], staging / "samples.parquet")
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
    assert len(store.samples(run.id)) == 50
    assert store.metrics(run.id) is None
    assert store.runs("database")["run_id"].iloc[-1] == run.id
    assert store.runs("another").empty


@pytest.mark.parametrize("name", ["with space", "a?b=c#d", "100 %20 é", "sqlite:x"])
def test_any_folder_can_be_a_store(tmp_path, name):
    run = recorded(Store(tmp_path / name))
    assert (tmp_path / name / "history.sqlite").is_file()
    assert Store(tmp_path / name).runs("database")["run_id"].iloc[-1] == run.id


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


LABELS = st.text(st.characters(codec="utf-8"), max_size=60)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(label=LABELS, other=LABELS, value=st.floats(allow_nan=False, allow_infinity=False))
def test_any_label_and_number_survive(tmp_path, label, other, value):
    """Labels come from targets: newlines, NUL, markup and 10 000 characters are only text."""
    store = Store(tmp_path / new_run_id("x"))
    run = recorded(store, estimates=[estimate(value, label=label), estimate(1.0, label=other)])
    assert store.load(run.id).estimates == run.estimates
    assert value in store.points("database", label=label)["value"].tolist() or label == other
    assert len(store.points()) == len({label, other})


def test_what_cannot_be_read_back_is_never_recorded(tmp_path):
    """JSON has no NaN: such a record would be whole on disk and unreadable for ever."""
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="could not be read back"):
        recorded(store, facts={"throughput": float("nan")})
    assert store.runs().empty


@pytest.mark.parametrize(
    ("run_id", "message"),
    [
        ("20260101T000000Z-database-0000", "no run"),
        ("../../etc", "no run id"),
        ("a/b", "no run id"),
        ("", "no run id"),
        (".hidden", "no run id"),
        ("x" * 200, "no run id"),
        ("a\n", "no run id"),
    ],
)
def test_an_id_that_is_not_there_or_is_none(tmp_path, run_id, message):
    with pytest.raises(StoreError, match=message):
        Store(tmp_path).load(run_id)


def test_the_nearest_id_is_named(tmp_path):
    store = Store(tmp_path)
    run = recorded(store)
    with pytest.raises(StoreError) as caught:
        store.load(run.id[:-1])
    assert run.id in str(caught.value)


DAMAGES = {
    "empty": lambda text: b"",
    "cut off": lambda text: text[:200],
    "no JSON": lambda text: b"{]",
    "not UTF-8": lambda text: text.replace(b"database", b"data\xff"),
    "another type": lambda text: text.replace(b'"duration_s": ', b'"duration_s": "long" , "x": '),
    "a time that is none": lambda text: text.replace(b"2026-11-23T", b"yesterday"),
    "another run": lambda text: text.replace(b'"id": "2', b'"id": "3'),
    "newer": lambda text: text.replace(b'"schema": 1', b'"schema": 99'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_told_and_hides_no_other(tmp_path, damage):
    store = Store(tmp_path)
    good, bad = recorded(store), recorded(store)
    file = store.folder(bad.id) / "run.json"
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    (tmp_path / "history.sqlite").unlink()
    fresh = Store(tmp_path)
    assert fresh.runs()["run_id"].tolist() == [good.id]
    assert [error.file for error in fresh.damaged] == [str(file)] or damage == "a time that is none"
    with pytest.raises(StoreError) as caught:
        fresh.load(bad.id)
    assert caught.value.next_step
    assert len(str(caught.value).splitlines()) <= 2
    assert ("newer" in str(caught.value)) == (damage == "newer")
    assert fresh.reindex() == 1


@pytest.mark.parametrize("name", ["samples", "metrics"])
def test_a_cut_off_parquet_file_is_told(tmp_path, name):
    store = Store(tmp_path)
    run = recorded(store)
    file = store.folder(run.id) / f"{name}.parquet"
    file.write_bytes((store.folder(run.id) / "samples.parquet").read_bytes()[:500])
    with pytest.raises(StoreError, match="cannot be read"):
        getattr(store, name)(run.id)


def test_a_run_is_never_overwritten(tmp_path):
    store = Store(tmp_path)
    run = recorded(store)
    _, staging = store.begin("database")
    with pytest.raises(StoreError, match="exists already"):
        store.commit(run, staging)
    assert len(store.samples(run.id)) == 50


def test_marks_and_baselines(tmp_path):
    store = Store(tmp_path)
    run, other = recorded(store), recorded(store)
    number = store.add_triage(
        target="database", action=BAD, reason="laptop\non battery\0", run_id=run.id
    )
    assert store.points().set_index("run_id")["bad"].to_dict() == {run.id: True, other.id: False}
    assert store.triage("database")["reason"].tolist() == ["laptop\non battery␀"]
    store.reindex()
    assert store.runs()["bad"].sum() == 1
    store.undo_triage(number)
    assert store.points()["bad"].sum() == 0
    assert store.triage().empty
    assert store.triage(undone=True)["undone"].tolist() == [True]
    with pytest.raises(StoreError, match="no decision 99"):
        store.undo_triage(99)


def test_a_change_point_lives(tmp_path):
    store = Store(tmp_path)
    place = {"target": "database", "metric": "query_time", "statistic": "p95", "label": "a\nb"}
    first = {**place, "environment_key": "m", "run_id": "r", "status": "provisional"}
    store.keep_changes([{**first, "detail": {"size": 0.1}}, {**first, "run_id": "s"}])
    store.keep_changes([{**first, "status": "confirmed", "detail": {"size": 0.2}}])
    assert store.changes("another").empty
    seen = store.changes("database").set_index("run_id")
    assert seen["status"].to_dict() == {"r": "confirmed", "s": "provisional"}
    assert seen["detail"].to_dict() == {"r": {"size": 0.2}, "s": {}}


def test_pruning_tells_first_and_keeps_what_is_needed(tmp_path):
    store = Store(tmp_path)
    days = [recorded(store, started_at=f"2026-01-{day:02d}T00:00:00Z").id for day in range(1, 8)]
    other = recorded(store, "blockchain", started_at="2026-01-01T00:00:00Z").id
    new = recorded(store, started_at=datetime.now(UTC).isoformat()).id
    store.add_triage(target="database", action=BASELINE, reason="v2", run_id=days[1])
    month = timedelta(days=30)
    expected = [days[0], *days[2:5]]
    assert store.prune(month, keep=3)["run_id"].tolist() == expected
    assert len(store.runs()) == 9
    assert store.prune(month, keep=3, dry_run=False)["run_id"].tolist() == expected
    assert store.runs()["run_id"].tolist() == [other, days[1], *days[5:], new] or (
        set(store.runs()["run_id"]) == {other, days[1], *days[5:], new}
    )
    assert {path.name for path in (tmp_path / "runs").iterdir()} == set(store.runs()["run_id"])
    assert set(store.points()["run_id"]) == set(store.runs()["run_id"])


@pytest.fixture
def outdated(tmp_path) -> Store:
    """Four runs, three of which pruning removes."""
    store = Store(tmp_path)
    for day in range(1, 5):
        recorded(store, started_at=f"2026-01-0{day}T00:00:00Z")
    return store


def test_pruning_removes_no_folder_whose_row_it_cannot_remove(outdated, monkeypatch):
    monkeypatch.setattr("perflib.store.database.BUSY_TIMEOUT_S", 0.1)
    with (
        Store(outdated.root).database.writing(),
        pytest.raises(StoreError, match="database is locked"),
    ):
        Store(outdated.root).prune(timedelta(days=30), keep=1, dry_run=False)
    assert len(list((outdated.root / "runs").iterdir())) == 4


def test_pruning_that_is_interrupted_leaves_no_row_without_its_folder(outdated, monkeypatch):
    remove, left = folder.remove, iter("12")

    def interrupted(*places: Path) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        remove(*places)

    monkeypatch.setattr(folder, "remove", interrupted)
    with pytest.raises(KeyboardInterrupt):
        outdated.prune(timedelta(days=30), keep=1, dry_run=False)
    there = {path.name for path in (outdated.root / "runs").iterdir()}
    assert len(there) == 2
    assert set(Store(outdated.root).runs()["run_id"]) == there


def test_two_who_prune_at_once_are_not_in_each_others_way(outdated, monkeypatch):
    remove = folder.remove

    def late(run: Path, staging: Path) -> None:
        remove(run, staging)
        remove(run, staging)

    monkeypatch.setattr(folder, "remove", late)
    outdated.prune(timedelta(days=30), keep=1, dry_run=False)
    assert len(outdated.runs()) == 1
    assert outdated.prune(timedelta(days=30), keep=1)["goes"].dtype == bool


def test_what_is_pruned_while_it_is_looked_for_is_not_damaged(outdated, monkeypatch):
    listed = [*outdated.runs()["run_id"], "20260101T000000Z-database-0000"]
    monkeypatch.setattr(Store, "_listed", lambda _: listed)
    store = Store(outdated.root)
    assert (len(store.runs()), store.damaged) == (4, [])


def test_pruning_sweeps_up_what_is_abandoned_and_not_what_is_long(outdated):
    """A run of days changes its samples, not its folder."""
    abandoned, long = (outdated.begin("database")[1] for _ in range(2))
    (long / "samples.parquet").write_bytes(b"PAR1")
    for path in (abandoned, long):
        os.utime(path, (1.7e9, 1.7e9))
    outdated.prune(timedelta(days=30), dry_run=False)
    assert (abandoned.exists(), long.exists()) == (False, True)


def test_a_committed_history_is_read_without_writing(tmp_path):
    """A sample history: records as lines, the latest runs as whole folders beside them."""
    source = Store(tmp_path / "source")
    runs = [recorded(source, started_at=f"2026-01-{day:02d}T00:00:00Z") for day in (1, 2, 3)]
    sample = tmp_path / "sample"
    (sample / "runs").mkdir(parents=True)
    source.folder(runs[2].id).rename(sample / "runs" / runs[2].id)
    lines = [msgspec.json.encode(run) + b"\n" for run in runs]
    (sample / RECORDS).write_bytes(gzip.compress(b"".join(lines) + b"\n"))
    before = sorted(sample.rglob("*"))
    store = Store.sample_history(sample)
    assert store.runs()["run_id"].tolist() == [run.id for run in runs]
    assert len(store.points()) == len(store.verdicts()) == 3
    assert to_json(store.load(runs[0].id)) == to_json(runs[0])
    assert len(store.samples(runs[2].id)) > 0
    with pytest.raises(StoreError, match="read-only"):
        store.add_triage(target="database", action=BAD, reason="x")
    assert sorted(sample.rglob("*")) == before
    fresh = Store(tmp_path / "fresh")
    assert fresh.import_records(lines) == [run.id for run in runs]
    assert fresh.import_records(lines) == []


def test_an_exported_history_is_the_same_history(tmp_path):
    store = Store(tmp_path / "source")
    recorded(store)
    recorded(store)
    assert store.export_records(tmp_path / RECORDS) == 2
    first = (tmp_path / RECORDS).read_bytes()
    assert Store.sample_history(tmp_path).points().equals(store.points())
    store.export_records(tmp_path / RECORDS)
    assert (tmp_path / RECORDS).read_bytes() == first


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (gzip.compress(b"\n{}\n", mtime=0), 2),
        (gzip.compress(b"\n\n\n{\n", mtime=0), 4),
        (gzip.compress(b"{}" * 1000, mtime=0)[:-9], None),
        (b"no gzip", None),
        (b"", None),
    ],
)
def test_a_damaged_committed_history_is_told(tmp_path, content, line):
    (tmp_path / RECORDS).write_bytes(content)
    if not content:
        assert Store.sample_history(tmp_path).runs().empty
        return
    with pytest.raises(StoreError) as caught:
        Store.sample_history(tmp_path)
    assert (caught.value.line, caught.value.file) == (line, str(tmp_path / RECORDS))
    with pytest.raises(StoreError, match="nothing is recorded"):
        Store.sample_history(tmp_path / "no")


@given(st.text(st.characters(codec="utf-8"), max_size=80), st.datetimes(timezones=st.just(UTC)))
def test_ids_name_folders_and_sort_by_time(target, when):
    assume(1000 < when.year < 9999)
    first, later = new_run_id(target, when), new_run_id(target, when + timedelta(seconds=1))
    assert first < later
    assert check_id(first) == first
    assert len(first) < 100


def test_runs_of_one_second_never_share_an_id(tmp_path, monkeypatch):
    ends = iter(["0001", "0001", "0001", "0002", "0002", "0003"])
    monkeypatch.setattr("perflib.store.folder.secrets.token_hex", lambda _: next(ends))
    when, store = datetime(2026, 1, 2, tzinfo=UTC), Store(tmp_path)
    (store.root / "runs" / folder.new_run_id("x", when)).mkdir(parents=True)
    ids = [store.begin("x", when)[0] for _ in range(2)]
    assert [one[-4:] for one in ids] == ["0002", "0003"]
