"""The running reference system, asked as its users ask it: over HTTP and SQL."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import sqlalchemy as sa

from perflib.monitor import parse_metrics
from perflib.reference import System, free_ports, running, start
from perflib.reference.ledger import anchor_text, block_hash, public_key, signed_by, vote_text
from perflib.reference.pool import PoolBusyError, PostgresPool

CONFIGS = Path(__file__).parents[1] / "configs"
ROOT_HASH = "ab" * 32


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    configs = tmp_path_factory.mktemp("configs") / "configs"
    shutil.copytree(CONFIGS, configs)
    consensus = configs / "blockchain" / "consensus.yml"
    consensus.write_text(consensus.read_text().replace("block_time: 10 s", "block_time: 400 ms"))
    with start(configs, free_ports(), tmp_path_factory.mktemp("data")) as system:
        yield system


@pytest.fixture(scope="module")
def gateway(system: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=system.urls["gateway"]) as client:
        form = {"username": "user7", "password": "perflib"}
        token = client.post("/auth/login", json=form).json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture(scope="module")
def chain(system: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{system.urls['chain']}/api/v1") as client:
        yield client


@pytest.fixture(scope="module")
def chunks(system: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{system.urls['sessions']}/api/v1/sessions") as client:
        yield client


def eventually(ask: Any, wanted: Any, timeout_s: float = 15.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not wanted(found := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


# --- every service


@pytest.mark.parametrize("service", ["gateway", "chain", "sessions", "exporter"])
def test_each_service_tells_its_health_and_version(system: System, service: str) -> None:
    answer = httpx.get(f"{system.urls[service]}/health").json()
    assert (answer["status"], answer["service"], bool(answer["version"])) == ("ok", service, True)


@pytest.mark.parametrize(
    ("service", "histogram"),
    [
        ("gateway", "gateway_request_time_seconds"),
        ("chain", "chain_block_time_seconds"),
        ("sessions", "processing_time_seconds"),
        ("exporter", "database_query_time_seconds"),
    ],
)
def test_metrics_are_valid_and_live(
    system: System, gateway: httpx.Client, chunks: httpx.Client, service: str, histogram: str
) -> None:
    gateway.get("/health")
    chunks.post("/live/chunks/0", content=b"x")

    def observed() -> float:
        page = httpx.get(f"{system.urls[service]}/metrics")
        samples = parse_metrics(page.text, page.headers["content-type"])
        assert {"process_cpu_seconds_total", "python_gc_collections_total"} <= {
            sample.name for sample in samples
        }
        return sum(sample.value for sample in samples if sample.name == f"{histogram}_count")

    assert eventually(observed, lambda count: count > 0) > 0


@pytest.mark.parametrize(
    ("service", "word"),
    [
        ("gateway", "throughput"),
        ("chain", "block_time"),
        ("sessions", "processing_time"),
        ("exporter", "query_time"),
    ],
)
def test_the_promised_word_is_on_the_metrics_page(system: System, service: str, word: str) -> None:
    page = httpx.get(f"{system.urls[service]}/metrics").text
    assert [line for line in page.splitlines() if word in line and not line.startswith("#")]


def test_requests_are_counted_one_by_one(system: System, gateway: httpx.Client) -> None:
    def count() -> float:
        page = gateway.get("/metrics").text
        lines = [line for line in page.splitlines() if 'route="/chain/info"' in line]
        return next((float(x.split()[-1]) for x in lines if "requests_total" in x), 0.0)

    before = count()
    for _ in range(17):
        gateway.get("/chain/info")
    assert count() - before == 17


def test_another_process_learns_where_the_system_runs(system: System) -> None:
    told = running(system.data)
    assert told is not None
    assert told["urls"] == system.urls


# --- gateway


def test_a_session_lives_from_create_to_delete(gateway: httpx.Client) -> None:
    made = gateway.post("/sessions", json={"name": "mine"})
    assert (made.status_code, made.json()["name"], made.json()["state"]) == (201, "mine", "open")
    path = f"/sessions/{made.json()['id']}"
    assert gateway.get(path).json() == made.json()
    assert gateway.get("/sessions?limit=1").json() == {"sessions": [made.json()], "count": 1}
    assert [gateway.delete(path).status_code for _ in range(2)] == [204, 404]


def test_nobody_sees_the_sessions_of_others(system: System, gateway: httpx.Client) -> None:
    path = f"/sessions/{gateway.post('/sessions', json={'name': 'mine'}).json()['id']}"
    form = {"username": "user8", "password": "perflib"}
    token = httpx.post(f"{system.urls['gateway']}/auth/login", json=form).json()["token"]
    other = {"authorization": f"Bearer {token}"}
    assert gateway.get(path, headers=other).status_code == 404
    assert gateway.delete(path, headers=other).status_code == 404
    assert gateway.get(path).status_code == 200


LOGIN = ("POST", "/auth/login")
WRONG_REQUESTS: list[tuple[tuple[str, str], dict[str, Any], int, str]] = [
    (LOGIN, {"json": {"username": "user1", "password": "no"}}, 401, "wrong"),
    (LOGIN, {"json": {"username": "nobody", "password": "perflib"}}, 401, "wrong"),
    (LOGIN, {"json": {"username": "user1"}}, 422, "password"),
    (LOGIN, {"json": {"username": 1, "password": "x"}}, 422, "$.username"),
    (LOGIN, {"content": b"{"}, 400, "no JSON"),
    (LOGIN, {"content": b"x" * 100_000}, 413, "65536"),
    (("GET", "/sessions"), {"headers": {"authorization": ""}}, 401, "no token"),
    (("GET", "/sessions"), {"headers": {"authorization": "Bearer x"}}, 401, "refused"),
    (("GET", "/sessions/x"), {}, 404, "no such session"),
    (("GET", "/sessions?limit=0"), {}, 422, "limit"),
    (("GET", "/sessions?limit=x"), {}, 422, "limit"),
    (("POST", "/sessions"), {"json": {"name": ""}}, 422, "$.name"),
    (("POST", "/sessions"), {"json": {"name": "x", "nmae": 1}}, 422, "nmae"),
    (("PATCH", "/sessions"), {}, 405, "Method"),
    (("GET", "/nowhere"), {}, 404, "Not Found"),
    (("GET", "/chain/blocks/999999999"), {}, 404, "no block"),
]


@pytest.mark.parametrize(("what", "request_", "status", "word"), WRONG_REQUESTS)
def test_a_wrong_request_is_told_what_is_wrong(
    gateway: httpx.Client, what: tuple[str, str], request_: Any, status: int, word: str
) -> None:
    answer = gateway.request(*what, **request_)
    assert answer.status_code == status
    assert word in answer.json()["error"]


@pytest.mark.parametrize(
    ("claims", "key"),
    [
        ({"sub": "7", "exp": 1}, None),  # out of date
        ({"sub": "7", "exp": 4e9}, b"k" * 32),  # signed by somebody else
        ({"exp": 4e9}, None),  # of nobody
    ],
)
def test_a_token_that_is_not_ours_is_refused(
    system: System, gateway: httpx.Client, claims: dict[str, Any], key: bytes | None
) -> None:
    secret = key or (system.data / "keys" / "token.key").read_bytes()
    token = jwt.encode(claims, secret, algorithm="HS256")
    answer = gateway.get("/sessions", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_the_gateway_shows_the_chain(gateway: httpx.Client, chain: httpx.Client) -> None:
    block = gateway.get("/chain/blocks/latest").json()
    assert chain.get(f"/blocks/{block['height']}").json() == block
    assert gateway.get("/chain/info").json()["quorum"] == 3


# --- chain


def test_blocks_are_linked_signed_and_come_in_time(chain: httpx.Client) -> None:
    keys = {
        validator["name"]: public_key(validator["public_key"])
        for validator in chain.get("/chain/info").json()["validators"]
    }
    first = chain.get("/blocks/latest").json()["height"]
    last = eventually(
        lambda: chain.get("/blocks/latest").json()["height"], lambda height: height >= first + 5
    )
    blocks = [chain.get(f"/blocks/{height}").json() for height in range(first, last + 1)]
    for before, block in pairwise(blocks):
        assert block["previous_hash"] == before["hash"] == block_hash(before)
        assert block["timestamp"] > before["timestamp"]
        signed = [
            signed_by(keys[vote["validator"]], vote["signature"], vote_text(block))
            for vote in block["votes"]
        ]
        assert signed == [True] * 3
        assert signed_by(keys[block["proposer"]], block["signature"], block["hash"].encode())
        assert 0 < block["validation_time_s"] < block["consensus_latency_s"]
    assert {block["proposer"] for block in blocks} == set(keys)


def test_the_seeded_history_links_to_the_living_chain(chain: httpx.Client) -> None:
    seeded, living = (chain.get(f"/blocks/{height}").json() for height in (2000, 2001))
    assert (seeded["proposer"], seeded["hash"]) == ("seed", block_hash(seeded))
    assert living["previous_hash"] == seeded["hash"]


def test_a_transaction_gets_into_a_block_once(chain: httpx.Client) -> None:
    taken = [chain.post("/transactions", json={"payload": {"n": 1}}).json() for _ in range(2)]
    assert taken[0]["status"] == "pending"
    assert taken[0]["id"] == taken[1]["id"]
    path = f"/transactions/{taken[0]['id']}"
    state = eventually(lambda: chain.get(path).json(), lambda state: state["height"])
    block = chain.get(f"/blocks/{state['height']}").json()
    assert block["transactions"] == [{"id": taken[0]["id"], "payload": {"n": 1}}]


def test_an_anchor_is_certified_by_a_quorum_then_included(chain: httpx.Client) -> None:
    form = {"session_id": "recorded", "root_hash": ROOT_HASH}
    anchor = chain.post("/anchoring/session", json=form).json()
    assert (anchor["status"], anchor["height"]) == ("certified", None)
    keys = {v["name"]: v["public_key"] for v in chain.get("/chain/info").json()["validators"]}
    assert len(anchor["signatures"]) == 3
    for name, signature in anchor["signatures"].items():
        assert signed_by(public_key(keys[name]), signature, anchor_text(form))
    path = "/anchoring/session/recorded"
    later = eventually(lambda: chain.get(path).json(), lambda known: known["height"])
    assert later["status"] == "included"
    block = chain.get(f"/blocks/{later['height']}").json()
    assert [item["id"] for item in block["anchors"]] == [anchor["id"]]
    other = form | {"root_hash": "cd" * 32}
    assert chain.post("/anchoring/session", json=other).status_code == 409


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/transactions", {"payload": 1}, 422),
        ("/transactions", {"payload": {"x": "y" * 20_000}}, 413),
        ("/transactions", {}, 422),
        ("/anchoring/session", {"session_id": "a b", "root_hash": ROOT_HASH}, 422),
        ("/anchoring/session", {"session_id": "a", "root_hash": "xyz"}, 422),
    ],
)
def test_the_chain_refuses_what_it_cannot_keep(
    chain: httpx.Client, path: str, body: Any, status: int
) -> None:
    answer = chain.post(path, json=body)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


# --- session processing


@pytest.mark.parametrize("size", [1, 16 * 1024, 8 * 1024 * 1024])
def test_a_chunk_comes_back_as_it_was(chunks: httpx.Client, size: int) -> None:
    data = (b"%d, " * size)[:size]
    put = chunks.post(f"/s{size}/chunks/0", content=data).json()
    assert put["size_in"] == size
    assert set(put["stages"]) == {"compress_s", "encrypt_s", "hash_s", "store_s"}
    assert put["processing_time_s"] == pytest.approx(sum(put["stages"].values()), abs=1e-4)
    got = chunks.get(f"/s{size}/chunks/0")
    assert (got.content, got.headers["x-root-hash"]) == (data, put["root_hash"])


def test_no_two_chunks_look_alike_on_disk(chunks: httpx.Client) -> None:
    roots = [chunks.post(f"/same/chunks/{n}", content=b"a" * 99).json() for n in (0, 1)]
    assert roots[0]["root_hash"] != roots[1]["root_hash"]
    listed = chunks.get("/same").json()["chunks"]
    assert [row["root_hash"] for row in listed] == [row["root_hash"] for row in roots]


def test_damage_on_disk_is_found(system: System, chunks: httpx.Client) -> None:
    chunks.post("/hurt/chunks/0", content=b"dear data")
    newest = max((system.data / "chunks").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:-1] + b"?")
    answer = chunks.get("/hurt/chunks/0")
    assert (answer.status_code, "damaged" in answer.json()["error"]) == (409, True)


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/a/chunks/0", b"", 422),
        ("/a/chunks/0", bytes(8 * 1024 * 1024 + 1), 413),
        ("/a.b/chunks/0", b"x", 422),
        ("/a/chunks/x", b"x", 404),
        ("/a/chunks/99999999999", b"x", 422),
    ],
)
def test_a_chunk_that_cannot_be_taken(
    chunks: httpx.Client, path: str, data: bytes, status: int
) -> None:
    answer = chunks.post(path, content=data)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
    unread = status == 413  # the next request must not meet the rest of this one
    assert not unread or answer.headers["connection"] == "close"


def test_an_unknown_chunk_is_not_found(chunks: httpx.Client) -> None:
    assert chunks.get("/unknown/chunks/0").status_code == 404


# --- database


def test_the_database_is_seeded_and_indexed(system: System) -> None:
    engine = sa.create_engine(system.database_url)
    with engine.connect() as connection:
        counts = {
            table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            for table in ("users", "chunks", "blocks", "sessions")
        }
    indexes = {index["name"] for table in counts for index in sa.inspect(engine).get_indexes(table)}
    engine.dispose()
    assert sum(int(count or 0) for count in counts.values()) >= 100_000
    assert indexes == {"users_by_name", "sessions_by_user", "chunks_by_session", "blocks_by_time"}


@pytest.mark.parametrize("gives_up", ["cancelled", "timed out"])
def test_a_connection_that_comes_while_its_asker_gives_up_is_not_lost(gives_up: str) -> None:
    async def left() -> int:
        pool = PostgresPool("postgresql+psycopg://nowhere", 1, 0.05)
        await pool._take()
        waiting = asyncio.create_task(pool._take())
        await asyncio.sleep(0)
        if gives_up == "cancelled":
            pool._give(None)
            waiting.cancel()
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(0.02, time.sleep, 0.1)  # both are due when the loop goes on
            loop.call_later(0.049, pool._give, None)
        with suppress(asyncio.CancelledError, PoolBusyError):
            pool._give(await waiting)
        return len(pool._idle)

    assert asyncio.run(left()) == 1
