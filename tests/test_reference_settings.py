"""Every file below `configs/` is read: its settings change what the system does next time."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from perflib.errors import ConfigError, PerflibError
from perflib.reference import System, free_ports, start
from perflib.reference.settings import FOLDERS, read_configs

CONFIGS = Path(__file__).parents[1] / "configs"
RANDOM = os.urandom(40_000)


def edit(configs: Path, file: str, changes: dict[str, str]) -> None:
    """Set keys of a file to values, as a user would in an editor."""
    text = (configs / file).read_text()
    for key, value in changes.items():
        text, count = re.subn(rf"(?m)^(\s*){key}: .*$", rf"\g<1>{key}: {value}", text)
        assert count == 1, f"{file} has no {key}"
    (configs / file).write_text(text)


# --- what the running system shows of a file's settings


def _login(system: System, user: str = "user7") -> dict[str, Any]:
    form = {"username": user, "password": "perflib"}
    answer: dict[str, Any] = httpx.post(f"{system.urls['gateway']}/auth/login", json=form).json()
    return answer


def _token(system: System) -> dict[str, str]:
    return {"authorization": f"Bearer {_login(system)['token']}"}


def _sql(system: System, text: str) -> list[tuple[Any, ...]]:
    url = system.database_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(text.encode()).fetchall()


def _gateway_server(system: System) -> Any:
    gateway = system.urls["gateway"]
    many = httpx.get(f"{gateway}/sessions?limit=4", headers=_token(system)).status_code
    big = httpx.post(f"{gateway}/auth/login", content=b"x" * 2000).status_code
    workers = sum(service.context.service == "gateway" for service in system.services)
    return workers, many, big


def _gateway_pool(system: System) -> Any:
    """Whether any of four requests at once finds no connection, while their table is locked."""
    url, headers = f"{system.urls['gateway']}/sessions", _token(system)

    def refused(_: int) -> bool:
        try:
            return "pool" in httpx.get(url, headers=headers, timeout=0.5).json()["error"]
        except httpx.TimeoutException:
            return False

    database = psycopg.connect(system.database_url.replace("+psycopg", ""))
    with closing(database), ThreadPoolExecutor(4) as four:
        database.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        return any(list(four.map(refused, range(4))))


def _login_cost(system: System) -> Any:
    life_s = _login(system, "user9")["expires_in_s"]
    kept = _sql(system, "SELECT password_hash FROM users WHERE username = 'user9'")[0][0]
    return life_s, re.search(r"m=\d+,t=\d+", kept)[0]


def _consensus(system: System) -> Any:
    api = f"{system.urls['chain']}/api/v1"
    info = httpx.get(f"{api}/chain/info").json()
    time.sleep(1.2)
    grown = httpx.get(f"{api}/chain/info").json()["height"] - info["height"]
    return len(info["validators"]), info["quorum"], grown >= 2


def _validation(system: System) -> Any:
    api = f"{system.urls['chain']}/api/v1"
    big = httpx.post(f"{api}/transactions", json={"payload": {"x": "y" * 3000}}).status_code
    return httpx.get(f"{api}/chain/info").json()["validation"], big


def _pipeline(system: System) -> Any:
    chunk = f"{system.urls['sessions']}/api/v1/sessions/p/chunks/0"
    text = " ".join(str(n * n) for n in range(3000)).encode()
    answer = httpx.post(chunk, content=text).json()
    big = httpx.post(chunk, content=bytes(100_000)).status_code
    return answer["leaf_size"], answer["size_out"] < 8000, big


def _storage(system: System) -> Any:
    api = f"{system.urls['sessions']}/api/v1/sessions/keep/chunks"
    for place in range(3):
        assert httpx.post(f"{api}/{place}", content=RANDOM).status_code == 201
    return [httpx.get(f"{api}/{place}").status_code for place in range(3)]


def _database_server(system: System) -> Any:
    shown = ("max_connections", "shared_buffers", "synchronous_commit")
    return [_sql(system, f"SHOW {name}")[0][0] for name in shown]


def _query(system: System) -> Any:
    try:
        _sql(system, "SELECT pg_sleep(0.5)")
    except psycopg.errors.QueryCanceled:
        return "cancelled", _sql(system, "SHOW work_mem")[0][0]
    return "allowed", _sql(system, "SHOW work_mem")[0][0]


def _indexes(system: System) -> Any:
    text = "EXPLAIN SELECT * FROM sessions WHERE user_id = 7 ORDER BY created_at DESC LIMIT 3"
    plan = " ".join(row[0] for row in _sql(system, text))
    names = _sql(system, "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%by%'")
    return "sessions_by_user" in plan, sorted(row[0] for row in names)


ALL_INDEXES = ["blocks_by_time", "chunks_by_session", "sessions_by_user", "users_by_name"]

# file → new settings, what is looked at, what it is before and after
EFFECTS: dict[str, tuple[dict[str, str], Callable[[System], Any], Any, Any]] = {
    "api-gateway/server.yml": (
        {"workers": "2", "sessions_limit": "3", "body_limit": "1 KiB"},
        _gateway_server,
        (1, 200, 400),
        (2, 422, 413),
    ),
    "api-gateway/pool.yml": (
        {"pool_size": "1", "pool_timeout": "50 ms"},
        _gateway_pool,
        False,
        True,
    ),
    "api-gateway/login.yml": (
        {"hash_memory": "1 MiB", "hash_passes": "3", "token_lifetime": "1 min"},
        _login_cost,
        (3600.0, "m=19456,t=2"),
        (60.0, "m=1024,t=3"),
    ),
    "blockchain/consensus.yml": (
        {"validators": "6", "block_time": "300 ms"},
        _consensus,
        (4, 3, False),
        (6, 5, True),
    ),
    "blockchain/validation.yml": (
        {"validation": "header", "transaction_size": "2 KiB"},
        _validation,
        ("full", 202),
        ("header", 413),
    ),
    "session-processing/pipeline.yml": (
        {"compression_level": "19", "leaf_size": "4 KiB", "chunk_limit": "64 KiB"},
        _pipeline,
        (65536, False, 201),
        (4096, True, 413),
    ),
    "session-processing/storage.yml": (
        {"retention_size": "100 kB"},
        _storage,
        [200, 200, 200],
        [404, 200, 200],
    ),
    "database/server.yml": (
        {"max_connections": "30", "shared_buffers": "32 MiB", "synchronous_commit": "false"},
        _database_server,
        ["40", "64MB", "on"],
        ["30", "32MB", "off"],
    ),
    "database/query.yml": (
        {"query_timeout": "200 ms", "query_memory": "1 MiB"},
        _query,
        ("allowed", "4MB"),
        ("cancelled", "1MB"),
    ),
    "database/indexes.yml": (
        {"sessions_by_user": "sessions(name)", "users_by_name": "users(username, id)"},
        _indexes,
        (True, ALL_INDEXES),
        (False, ALL_INDEXES),
    ),
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """What each look gives with the committed settings, and with all of them changed."""
    configs, data = tmp_path_factory.mktemp("c") / "configs", tmp_path_factory.mktemp("data")
    shutil.copytree(CONFIGS, configs)
    edit(configs, "database/server.yml", {"seed_rows": "20000"})
    looks: list[dict[str, Any]] = []
    for changed in (False, True):
        for file, (changes, *_) in EFFECTS.items() if changed else ():
            edit(configs, file, changes)
        with start(configs, free_ports(), data) as system:
            looks.append({file: look(system) for file, (_, look, *_) in EFFECTS.items()})
    return {file: (looks[0][file], looks[1][file]) for file in EFFECTS}


@pytest.mark.parametrize("file", EFFECTS)
def test_changing_a_file_changes_the_next_start(
    seen: dict[str, tuple[Any, Any]], file: str
) -> None:
    assert seen[file] == EFFECTS[file][2:]


def test_every_file_of_settings_is_among_them() -> None:
    files = {str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*.yml")}
    ours = {file for file in files if file.split("/")[0] in FOLDERS.values()}
    assert ours == set(EFFECTS)


# --- mistakes

MISTAKES = [
    ("api-gateway/server.yml", "workers: 1", "worker: 1", "unknown key `worker`", "`workers`"),
    ("api-gateway/server.yml", "threads: 4", "threads: -4", "greater than or equal to 1", ":3:"),
    ("api-gateway/server.yml", "threads: 4", "threads: '4'", "integer", ":3:"),
    ("api-gateway/server.yml", "chain_timeout: 2 s", "chain_timeout: 2", "no unit", ":8:"),
    ("api-gateway/pool.yml", "pool_size: 4", "", "`pool_size` is missing", "pool.yml"),
    ("api-gateway/login.yml", "19 MiB", "19 s", "is in s", ":2:"),
    ("blockchain/consensus.yml", "block_time: 10 s", "block_time: 0 s", "greater than 0", ":2:"),
    ("blockchain/consensus.yml", "validators: 4", "validators: 3", "equal to 4", ":3:"),
    ("blockchain/consensus.yml", "2/3", "1/3", "no majority", ":4:"),
    ("blockchain/validation.yml", "full  ", "most  ", "'full' or 'header'", ":2:"),
    ("session-processing/pipeline.yml", "level: 3", "level: 40", "equal to 22", ":3:"),
    ("session-processing/storage.yml", "sync: false", "sync: [", "broken YAML", "storage.yml"),
    ("database/server.yml", "engine: auto", "engine: oracle", "'postgresql'", ":2:"),
    ("database/indexes.yml", "users(username)", "user(name)", "is no index", ":3:"),
]


@pytest.mark.parametrize(("file", "right", "wrong", "found", "more"), MISTAKES)
def test_a_mistake_is_shown_in_its_place(
    tmp_path: Path, file: str, right: str, wrong: str, found: str, more: str
) -> None:
    shutil.copytree(CONFIGS, tmp_path / "c")
    text = (tmp_path / "c" / file).read_text()
    assert right in text
    (tmp_path / "c" / file).write_text(text.replace(right, wrong, 1))
    with pytest.raises(ConfigError) as caught:
        read_configs(tmp_path / "c")
    assert found in str(caught.value)
    assert more in str(caught.value)


def test_all_mistakes_come_together(tmp_path: Path) -> None:
    shutil.copytree(CONFIGS, tmp_path / "c")
    edit(tmp_path / "c", "api-gateway/server.yml", {"workers": "0"})
    edit(tmp_path / "c", "database/server.yml", {"engine": "x"})
    (tmp_path / "c" / "blockchain" / "validation.yml").unlink()
    (tmp_path / "c" / "database" / "index.yml").write_text("indexes: {}\n")
    with pytest.raises(ConfigError) as caught:
        read_configs(tmp_path / "c")
    assert len(caught.value.problems) == 4
    assert "nearest, `indexes.yml`" in str(caught.value)


def test_no_folder_of_settings(tmp_path: Path) -> None:
    with pytest.raises(PerflibError, match="no folder of settings"):
        read_configs(tmp_path / "none")
