"""One command answers for a whole system: real targets, real processes, every exit code."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from perflib import campaign, reference
from perflib.config import load
from perflib.errors import PerflibError, StoreError
from perflib.model import Run
from perflib.run import CLOCK_LOOK_S, execute
from perflib.store import Store
from perflib.target import Scenario, Target
from perflib.workloads.sql import SqlTarget

CONFIG = """\
data: {folder}/data
targets:
  db:
    kind: sql
    url: sqlite:///{folder}/small.db
    load: {{arrival: closed, users: 2}}
    queries:
      one:
        sql: SELECT count(*) FROM t
    objectives: [{objective}]
"""
SCENARIOS = (
    "scenarios: {light: {warmup: 0.2 s, run_time: 1 s}, long: {warmup: 1 s, run_time: 60 s}}\n"
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(tmp_path / "small.db")) as connection, connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS x")
    return write(tmp_path, "p50(query_time) < 10 s")


def write(folder: Path, objective: str, **changes: str) -> Path:
    text = CONFIG.format(folder=folder, objective=objective)
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "load_test_scenarios.yml").write_text(SCENARIOS)
    file = folder / "performance_config.yml"
    file.write_text(text)
    return file


def perflib(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perflib", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def recorded(folder: Path) -> list[Run]:
    files = (folder / "data" / "runs").glob("*/run.json")
    runs = [msgspec.json.decode(file.read_bytes(), type=Run) for file in files]
    return sorted(runs, key=lambda run: run.started_at)


@pytest.mark.parametrize(
    ("objective", "code", "word"),
    [
        ("p50(query_time) < 10 s", 0, "met"),
        ("p50(query_time) < 1 ns", 1, "missed"),
        ("p99(connection_time) < 10 s", 3, "unknown"),
    ],
)
def test_the_exit_code_is_the_verdict(
    config: Path, tmp_path: Path, objective: str, code: int, word: str
) -> None:
    write(tmp_path, objective)
    answer = perflib("run", "--config", config)
    assert (answer.returncode, answer.stderr) == (code, "")
    assert word in answer.stdout
    (run,) = recorded(tmp_path)
    assert (run.target, run.status, run.verdicts[0].outcome) == ("db", "complete", word)
    assert run.counts.recorded > 0
    assert run.environment.cores > 0


def test_where_no_port_is_told_something_may_listen() -> None:
    for url in ("postgresql://u:p@h:port/d", "postgresql://u:p[@h/d", "sqlite:///x.db"):
        target = SqlTarget(kind="sql", url=url, queries={"q": {"sql": "SELECT 1"}})
        assert campaign._listens(target, False)
        assert not campaign._on_usual_port(target)


def test_the_reference_system_is_started_only_for_what_it_serves(tmp_path: Path) -> None:
    file = tmp_path / "performance_config.yml"
    file.write_text("reference: {}\ntargets: {own: {kind: http, url: 'http://127.0.0.1:9'}}\n")
    config, said = load(file), []
    with campaign.system(config, [config.target("own")], said.append):
        assert reference.running(config.reference.data) is None
    assert said == []


def test_a_rate_that_changes_nothing_is_told(config: Path) -> None:
    config.write_text(config.read_text().replace("users: 2", "users: 2, run_time: 1.5 s"))
    answer = perflib("run", "--config", config, "--rate", "5 req/s", "--run-time", "60 s")
    assert answer.stderr.splitlines() == [
        "db keeps its own load (it is closed): --rate is not for it",
        "db keeps its own load (it takes 1.50 s): --run-time is not for it",
    ]


def test_a_load_that_breaks_ends_what_watches_beside_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = "  chain: {kind: blocks, url: 'http://127.0.0.1:9'}\n"
    config.write_text(config.read_text() + watched)
    waited: list[bool] = []

    def broken(target: Target, *_: object, stop: threading.Event, **__: object) -> None:
        if target.watches:
            waited.append(stop.wait(30))
            return
        raise ZeroDivisionError

    monkeypatch.setattr(campaign, "execute", broken)
    settings = load(config)
    with pytest.raises(ZeroDivisionError):
        campaign.measure(settings, (), settings.scenario("light"))
    assert waited == [True]


@pytest.mark.parametrize(
    ("key", "place", "says"),
    [
        ("history", "mysql://root:hunter2@localhost/x", "names mysql"),
        ("history", "postgresql+asyncpg://127.0.0.1/x", "install the driver"),
        ("history", "postgresql+psycopg://127.0.0.1:9/x", "Connection refused"),
        ("history", "sqlite:///{folder}/text.txt", "not a database"),
        ("history", "sqlite:///{folder}/text.txt/h.sqlite", "cannot be made"),
        ("data", "{folder}/text.txt", "cannot be made"),
        ("data", "/proc/data", "cannot be made"),
    ],
)
def test_a_place_that_cannot_keep_a_run_is_told_before_any_load(
    config: Path, tmp_path: Path, key: str, place: str, says: str
) -> None:
    (tmp_path / "text.txt").write_text("no database, but a text of some length\n" * 99)
    config.write_text(f"{config.read_text()}history: ''\n")
    lines = [line for line in config.read_text().splitlines() if not line.startswith(f"{key}: ")]
    config.write_text("\n".join([*lines, f"{key}: '{place.format(folder=tmp_path)}'\n"]))
    settings, loads = load(config), list[str]()
    with pytest.raises(StoreError, match=says) as caught:
        campaign.measure(settings, (), settings.scenario(), show=lambda name, _: loads.append(name))
    assert caught.value.exit_code == 2
    assert caught.value.next_step
    assert (loads, recorded(tmp_path)) == ([], [])


def test_a_history_that_breaks_during_a_run_costs_no_verdict(config: Path, tmp_path: Path) -> None:
    text = config.read_text().replace("targets:\n  db:", "targets:\n  db: &db")
    config.write_text(f"{text}  next: *db\n")
    history = tmp_path / "data/history.sqlite"
    command = [sys.executable, "-m", "perflib", "run", "--config", str(config)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        deadline = time.monotonic() + 30
        while not [*tmp_path.glob("data/staging/*")] and time.monotonic() < deadline:
            time.sleep(0.05)
        history.write_text("no database, but a text of some length\n" * 99)
        printed, complaint = run.communicate(timeout=60)
    assert (run.returncode, complaint) == (2, "")
    assert [record.target for record in recorded(tmp_path)] == ["db", "next"]
    assert printed.count("met") == printed.count("not a database") == 2
    assert "restore it from a backup" in printed


def test_ctrl_c_keeps_what_was_measured(config: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "perflib", "run", "--scenario", "long", "--config", config]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not [*tmp_path.glob("data/staging/*")] and time.monotonic() < deadline:
            time.sleep(0.05)  # from here on Ctrl-C is waited for
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    (run,) = recorded(tmp_path)
    assert run.status == "interrupted"
    assert run.verdicts[0].outcome != "met"
    assert process.returncode == 3


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), "interrupted"),  # the second Ctrl-C
        (ZeroDivisionError(), "failed"),
        (PerflibError("no such thing"), "failed"),
    ],
)
def test_what_ends_a_measurement_is_kept_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str
) -> None:
    def measure(*_: object) -> None:
        raise error

    monkeypatch.setattr(SqlTarget, "measure", measure)
    target = SqlTarget(name="db", kind="sql", url="sqlite://", queries={"one": {"sql": "SELECT 1"}})
    with contextlib.suppress(type(error)):
        execute(target, Scenario(), Store(tmp_path / "data"))
    (run,) = recorded(tmp_path)
    assert run.status == status


def test_a_clock_that_jumps_forth_and_back_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object) -> None:
        wall = time.time
        with monkeypatch.context() as jump:
            jump.setattr(time, "time", lambda: wall() - 3)
            time.sleep(3 * CLOCK_LOOK_S)

    monkeypatch.setattr(SqlTarget, "measure", measure)
    target = SqlTarget(name="db", kind="sql", url="sqlite://", queries={"one": {"sql": "SELECT 1"}})
    run = execute(target, Scenario(), Store(tmp_path / "data"))
    told = {caveat.code: caveat.message for caveat in run.caveats}
    assert "the wall clock moved back by 3.0 s" in told["clock jumped"]


def test_a_target_that_is_not_there_is_unknown(config: Path, tmp_path: Path) -> None:
    missing = write(tmp_path, "p50(query_time) < 10 s", **{"small.db": "no/such/folder/x.db"})
    answer = perflib("run", "--config", missing)
    assert answer.returncode == 3
    assert "Traceback" not in answer.stderr + answer.stdout
    (run,) = recorded(tmp_path)
    assert run.verdicts[0].outcome == "unknown"
    assert sum(run.errors.values()) > 0


def test_values_from_the_environment_reach_no_record(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_NAME", "hunter2secret")
    config.write_text(config.read_text().replace("count(*)", "'${SECRET_NAME}'"))
    answer = perflib("run", "--config", config)
    assert answer.returncode == 0
    kept = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert b"hunter2secret" not in kept
    assert "hunter2secret" not in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("gain", "outcome", "says"),
    [
        (1.0, "unknown", "the wall clock moved forward by"),
        (-0.9, "unknown", "the wall clock moved back by"),
        (0.001, "met", ""),
    ],
)
def test_a_clock_that_does_not_keep_time_makes_a_verdict_unknown(
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gain: float,
    outcome: str,
    says: str,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nwall, began = time.time, time.monotonic()\n"
        f"time.time = lambda: wall() + {gain} * (time.monotonic() - began)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    answer = perflib("run", "--config", config)
    (run,) = recorded(tmp_path)
    assert run.verdicts[0].outcome == outcome
    assert says in answer.stdout
    assert ("clock jumped" in {caveat.code for caveat in run.caveats}) is bool(says)


def test_measurements_of_the_reference_system_take_turns_and_add_up(
    config: Path, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/small.db"
    serving = {"urls": {"database": database}, "ports": {}, "pids": {}, "pid": os.getpid()}
    (tmp_path / "system.json").write_bytes(msgspec.json.encode(serving))
    text = config.read_text().replace(database, "reference")
    config.write_text(f"reference: {{data: {tmp_path}}}\n{text}")
    command = [sys.executable, "-m", "perflib", "run", "db", "--config", str(config)]
    with (tmp_path / "measuring").open("w") as turn, contextlib.ExitStack() as both:
        fcntl.flock(turn, fcntl.LOCK_EX)
        runs = [
            both.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            for _ in range(2)
        ]
        for run in runs:
            assert any("waiting until it ends" in line for line in run.stdout or ())
        fcntl.flock(turn, fcntl.LOCK_UN)
        for run in runs:
            run.communicate(timeout=60)
    assert [run.returncode for run in runs] == [0, 0]
    first, second = recorded(tmp_path)
    ended = datetime.fromisoformat(first.started_at) + timedelta(seconds=first.duration_s)
    assert ended <= datetime.fromisoformat(second.started_at)


@pytest.mark.parametrize(
    ("ports", "folder", "waits"),
    [
        pytest.param("usual", None, True, id="the systems of both would want these ports"),
        pytest.param("others", None, False, id="side by side on purpose"),
        pytest.param("usual", "/", False, id="the folder of the turns is not this user's own"),
    ],
)
def test_checkouts_whose_systems_want_the_same_ports_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ports: str, folder: str | None, waits: bool
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if folder:
        (tmp_path / f"perflib-{os.getuid()}").symlink_to(folder)
    with socket.create_server(("127.0.0.1", 0)) as service, contextlib.ExitStack() as first:
        port = service.getsockname()[1]
        monkeypatch.setattr(reference, "PORTS", {"gateway": port} if ports == "usual" else {})
        configs = []
        for checkout in ("a", "b"):
            (tmp_path / checkout).mkdir()
            file = tmp_path / checkout / "performance_config.yml"
            file.write_text(
                f"reference: {{data: {tmp_path}/{checkout}}}\n"
                f"targets: {{t: {{kind: http, url: 'http://127.0.0.1:{port}'}}}}\n"
            )
            configs.append(load(file))
        targets = [config.target("t") for config in configs]
        first.enter_context(campaign.system(configs[0], targets[:1], print))
        told, entered = threading.Event(), threading.Event()

        def second() -> None:
            with campaign.system(configs[1], targets[1:], lambda _: told.set()):
                entered.set()

        other = threading.Thread(target=second)
        other.start()
        assert (told if waits else entered).wait(20)
        assert entered.is_set() is not waits
        first.close()
        other.join(20)
        assert entered.is_set()
