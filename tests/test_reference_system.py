"""The system as processes: started, stopped, killed and broken as a user would."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from perflib.errors import PerflibError, TargetError
from perflib.reference import free_ports, running, start

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """Settings that start fast."""
    shutil.copytree(CONFIGS, tmp_path / "configs")
    change(tmp_path / "configs/blockchain/consensus.yml", "block_time: 10 s", "block_time: 300 ms")
    change(tmp_path / "configs/database/server.yml", "seed_rows: 100000", "seed_rows: 2000")
    return tmp_path / "configs"


def change(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@contextmanager
def served(configs: Path, data: Path, ports: dict[str, int]) -> Iterator[subprocess.Popen[str]]:
    """`perflib serve`, ready."""
    chosen = [part for name, port in ports.items() for part in ("--port", f"{name}={port}")]
    command = [sys.executable, "-m", "perflib", "serve", *chosen]
    process = subprocess.Popen(
        [*command, "--configs", str(configs), "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert eventually(lambda: running(data) or process.poll() is not None, bool)
        yield process
    finally:
        process.kill()
        process.communicate()


def eventually(ask: Callable[[], Any], wanted: Callable[[Any], bool], timeout_s: float = 60) -> Any:
    deadline = time.monotonic() + timeout_s
    while not wanted(found := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def processes_of(data: Path) -> list[str]:
    """Processes that were started for `data`: by an open file, a folder, or their parents."""
    own = [p for p in psutil.process_iter() if p.pid != os.getpid()]
    found = []
    for process in own:
        try:
            files = [file.path for file in process.open_files()]
            words = [process.cwd(), *process.cmdline(), *files]
        except psutil.Error:
            continue
        if any(str(data) in word for word in words):
            found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found


def info(system_urls: dict[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{system_urls['chain']}/api/v1/chain/info").json()
    return answer


# --- validators


def test_one_dead_validator_does_not_stop_the_chain_and_a_dead_third_does(
    configs: Path, tmp_path: Path
) -> None:
    with start(configs, free_ports(), tmp_path / "data") as system:
        pids = [validator["pid"] for validator in info(system.urls)["validators"]]
        os.kill(pids[0], signal.SIGKILL)
        height = info(system.urls)["height"]
        later = eventually(lambda: info(system.urls), lambda told: told["height"] > height + 4)
        assert (later["height"] > height + 4, later["status"]) == (True, "running")
        assert [validator["alive"] for validator in later["validators"]].count(False) == 1

        os.kill(pids[1], signal.SIGKILL)
        halted = eventually(lambda: info(system.urls), lambda told: told["status"] == "halted")
        assert "2 of 4 validators alive" in halted["reason"]
        time.sleep(1)
        assert info(system.urls)["height"] == halted["height"]
        form = {"session_id": "late", "root_hash": "ab" * 32}
        answer = httpx.post(f"{system.urls['chain']}/api/v1/anchoring/session", json=form)
        assert (answer.status_code, "no quorum" in answer.json()["error"]) == (503, True)
        page = httpx.get(f"{system.urls['chain']}/metrics").text
        assert 'chain_validators{state="dead"} 2.0' in page


def test_a_validator_that_slept_catches_up(configs: Path, tmp_path: Path) -> None:
    change(configs / "blockchain/consensus.yml", "vote_timeout: 2 s", "vote_timeout: 200 ms")
    with start(configs, free_ports(), tmp_path / "data") as system:
        pids = [validator["pid"] for validator in info(system.urls)["validators"]]
        os.kill(pids[0], signal.SIGSTOP)
        height = info(system.urls)["height"]
        asleep = eventually(lambda: info(system.urls), lambda told: told["height"] > height + 5)
        assert asleep["height"] > height + 5
        os.kill(pids[0], signal.SIGCONT)
        os.kill(pids[1], signal.SIGKILL)  # now the sleeper is needed for a quorum
        awake = eventually(
            lambda: info(system.urls), lambda told: told["height"] > asleep["height"] + 5
        )
        assert awake["height"] > asleep["height"] + 5


# --- start and stop


def test_the_chain_goes_on_where_it_stopped(configs: Path, tmp_path: Path) -> None:
    heights = []
    for _ in range(2):
        with start(configs, free_ports(), tmp_path / "data") as system:
            latest = f"{system.urls['chain']}/api/v1/blocks/latest"
            heights.append(httpx.get(latest).json()["height"])
            second = start(configs, free_ports(), tmp_path / "data")
            with pytest.raises(PerflibError, match="is running on"), second:
                pass  # a folder serves one system at a time
        assert running(tmp_path / "data") is None
    assert heights[1] > heights[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_however_serve_ends(
    configs: Path, tmp_path: Path, number: signal.Signals
) -> None:
    data = tmp_path / "data"
    with served(configs, data, free_ports()) as process:
        assert len(processes_of(data)) > 8
        process.send_signal(number)
        code = process.wait(20)
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert eventually(lambda: processes_of(data), lambda left: not left, 20) == []


def test_a_lock_is_held_until_the_last_service_has_ended(configs: Path, tmp_path: Path) -> None:
    data, lock = tmp_path / "data", tmp_path / "lock"
    script = (
        "import fcntl, time; from perflib.reference import start\n"
        f"lock = open({str(lock)!r}, 'w'); fcntl.flock(lock, fcntl.LOCK_EX)\n"
        f"with start({str(configs)!r}, {free_ports()}, {str(data)!r}, inherited=[lock.fileno()]):\n"
        "    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as starter:
        assert eventually(lambda: running(data) or starter.poll() is not None, bool)
        starter.kill()
    with lock.open() as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
    assert processes_of(data) == []


def test_serve_ends_with_a_service_that_ended(configs: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(configs, data, free_ports()) as process:
        told = running(data)
        assert told is not None
        os.kill(told["pids"]["sessions"], signal.SIGKILL)
        _, complaint = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "sessions ended by itself" in complaint
    assert "Traceback" not in complaint
    assert processes_of(data) == []


def test_a_busy_port_is_named_and_nothing_is_started(configs: Path, tmp_path: Path) -> None:
    ports = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports["chain"]))
        taken.listen()
        with pytest.raises(PerflibError) as caught, start(configs, ports, tmp_path / "data"):
            pass
    assert f"port {ports['chain']} (chain, by" in str(caught.value)
    assert "--port-base" in str(caught.value)
    assert processes_of(tmp_path / "data") == []


def test_a_service_that_cannot_start_shows_its_last_words(configs: Path, tmp_path: Path) -> None:
    change(configs / "database/indexes.yml", "sessions(user_id", "sessions(usr_id")
    with pytest.raises(TargetError) as caught, start(configs, free_ports(), tmp_path / "data"):
        pass
    assert "table sessions has no column `usr_id`; expected the nearest" in str(caught.value)
    assert processes_of(tmp_path / "data") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "gatway=9000"], "the nearest, `gateway`"),
        (["--port", "gateway=0"], "no port"),
        (["--port-base", "80"], "80"),
        (["--configs", "nowhere"], "no folder of settings"),
    ],
)
def test_a_mistaken_call_is_a_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    command = [sys.executable, "-m", "perflib", "serve", "--data", str(tmp_path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, message in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


# --- other ways to run it


def test_sqlite_and_several_workers(configs: Path, tmp_path: Path) -> None:
    change(configs / "database/server.yml", "engine: auto", "engine: sqlite")
    change(configs / "api-gateway/server.yml", "workers: 1", "workers: 3")
    with start(configs, free_ports(), tmp_path / "data") as system:
        assert system.urls["database"].startswith("sqlite:///")
        gateway = system.urls["gateway"]
        form = {"username": "user7", "password": "perflib"}
        token = httpx.post(f"{gateway}/auth/login", json=form).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        for _ in range(30):  # each on a connection of its own, so that all workers get some
            assert httpx.get(f"{gateway}/sessions", headers=headers).status_code == 200
        page = httpx.get(f"{gateway}/metrics").text
        assert 'gateway_requests_total{method="GET",route="/sessions",status="200"} 30.0' in page
        chunk = f"{system.urls['sessions']}/api/v1/sessions/a/chunks/0"
        assert httpx.post(chunk, content=b"data").status_code == 201
        assert httpx.get(chunk).content == b"data"
