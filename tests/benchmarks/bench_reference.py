"""What the reference system promises of itself, with generator and database on the same cores."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from perflib.reference import System, free_ports, start
from tests.benchmarks.table import Row

CONNECTIONS, LOAD_S, ROUNDS = 32, 5.0, 3
CONFIGS = Path(__file__).parents[2] / "configs"


def measure() -> Iterator[Row]:
    """Start twice on one folder, then load the second one."""
    with tempfile.TemporaryDirectory() as data:
        times = []
        for _ in range(2):
            begin = time.perf_counter()
            with start(CONFIGS, free_ports(), data) as system:
                times.append(time.perf_counter() - begin)
                if len(times) == 2:
                    yield from _load(system)
    yield Row(measure="reference: first start, seeding included", values=times[:1], at_most=6)
    yield Row(measure="reference: start again", values=times[1:], at_most=4, unit="s")


def _load(system: System) -> Iterator[Row]:
    rounds = [asyncio.run(_mix(system)) for _ in range(ROUNDS)]
    rates = [len(times) / LOAD_S for times in rounds]
    tails = [sorted(times)[int(len(times) * 0.99)] for times in rounds]
    what = f"reference gateway: mix over {CONNECTIONS} connections"
    yield Row(measure=what, values=rates, at_least=1000, unit="req/s")
    yield Row(measure=f"{what}, p99", values=tails, at_most=0.1, unit="s")
    chunk, data = f"{system.urls['sessions']}/api/v1/sessions/b/chunks/0", random.randbytes(2**20)
    sizes = [httpx.post(chunk, content=data).json()["processing_time_s"] for _ in range(20)]
    yield Row(measure="reference: process 1 MiB", values=sizes, at_most=0.1, unit="s")
    anchoring = f"{system.urls['chain']}/api/v1/anchoring/session"
    anchors = [
        httpx.post(anchoring, json={"session_id": f"b{n}", "root_hash": "ab" * 32}).json()
        for n in range(20)
    ]
    values = [anchor["anchoring_time_s"] for anchor in anchors]
    yield Row(measure="reference: anchor a session", values=values, at_most=5, unit="s")


async def _mix(system: System) -> list[float]:
    """Response times of closed connections: 50 % health, 25 % chain, 24 % read, 1 % create."""
    form = {"username": "user7", "password": "perflib"}
    token = httpx.post(f"{system.urls['gateway']}/auth/login", json=form).json()["token"]
    asked = [("GET /health", 50), ("GET /chain/info", 25), ("GET /sessions", 24)]
    heads = [what for what, weight in asked for _ in range(weight)]
    requests = [_request(head, token) for head in heads]
    requests.append(_request("POST /sessions", token, '{"name": "bench"}'))
    until, times = time.perf_counter() + LOAD_S, list[float]()

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", system.ports["gateway"])
        while (begin := time.perf_counter()) < until:
            writer.write(random.choice(requests))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.split()[1] in (b"200", b"201"), head
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
            times.append(time.perf_counter() - begin)
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return times


def _request(head: str, token: str, body: str = "") -> bytes:
    lines = [f"{head} HTTP/1.1", "host: x", f"authorization: Bearer {token}"]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", body]).encode()
