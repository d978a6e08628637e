"""A chunk counts when the answer proves it; whatever else happens is an error with a name."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import random
import ssl
import subprocess
import time
import zlib
from pathlib import Path
from typing import Any

import brotli
import pytest
from pydantic import ValidationError

from perflib.errors import TargetError
from perflib.monitor import scrape
from perflib.workloads.chunk_task import ChunkTask, payload, size_label
from perflib.workloads.chunks import ChunkAnswer, ChunksTarget
from perflib.workloads.fields import LARGEST, MOST_SAID
from perflib.workloads.worker import NoContactError
from tests.workload import Server, codes, go, text_of, time_to_stop, voids_all

KIB = 1024
METRICS_PAGE = "process_cpu_seconds_total {:.3f}\n"


def pack(body: bytes, **changes: Any) -> tuple[int, Any]:
    start = time.perf_counter()
    packed = zlib.compress(body, 1)
    stages = {"compress_s": time.perf_counter() - start}
    answer = {
        "size_in": len(body),
        "size_out": len(packed),
        "root_hash": hashlib.sha256(packed).hexdigest(),
        "stages": stages | {"encrypt_s": 0.0, "hash_s": 0.0, "store_s": 0.0},
    }
    return 201, answer | changes


def service(method: str, path: str, body: bytes) -> tuple[int, Any]:
    if path == "/metrics":
        return 200, METRICS_PAGE.format(time.monotonic()).encode()
    return pack(body)


def target(url: str, **changes: Any) -> ChunksTarget:
    return ChunksTarget(kind="chunks", url=url, **{"sizes": ["16 KiB", "256 KiB"]} | changes)


def test_each_chunk_is_timed_checked_and_labelled_by_its_size() -> None:
    with Server(service) as url:
        secret = url.replace("http://", "http://me:hunter2@")
        headers = {"authorization": "hunter2"}
        run, samples = go(target(secret, metrics_url=f"{url}/metrics", headers=headers))
    assert "hunter2" not in text_of(run)
    assert run.errors == {}
    assert codes(run) == set()
    assert set(samples["label"]) == {"16 KiB", "256 KiB"}
    assert samples["ok"].all()
    assert (samples["compress_time"] < samples["processing_time"]).all()
    assert set(samples.loc[samples["label"] == "16 KiB", "chunk_size"]) == {16 * KIB}
    assert run.facts["compression_ratio"] == pytest.approx(
        samples["chunk_size"].sum() / samples["stored_size"].sum(), rel=0.2
    )
    assert run.facts["data_rate"] > 0
    assert run.facts["efficiency"] == pytest.approx(run.facts["data_rate"], rel=0.5)
    assert run.facts["peak_memory"] > 0
    assert run.arrival == "closed"
    assert run.measured_from_s > 0.2
    assert run.generator is not None
    assert run.generator.cpu_share is not None


def test_open_arrivals_have_intended_starts() -> None:
    with Server(service) as url:
        run, samples = go(target(url), arrival="open", rate="40 req/s", users=4, run_time="1 s")
    assert run.arrival == "open"
    assert samples["intended_start"].notna().all()
    assert len(samples) == pytest.approx(44, abs=1)
    assert "efficiency" in run.details["absent"]


@pytest.mark.parametrize(
    ("function", "error", "told"),
    [
        ("return zlib.compress(data, 1)", "", {"chunk_size", "stored_size"}),
        ("return None", "", {"chunk_size"}),
        ("return {'size_out': 10, 'root_hash': 'x'}", "", {"chunk_size", "stored_size"}),
        ("return {'size_in': 7}", "`size_in` is not the size sent", set()),
        ("return b''", "no bytes were returned", set()),
        ("return map(len, data)", "a map was returned: the work is still to be done", set()),
        ("return (lambda: (yield))()", "a generator was returned: the work is still to be", set()),
        ("return asyncio.Future(loop=asyncio.new_event_loop())", "a Future was returned", set()),
        ("raise KeyError('x')", "KeyError", set()),
        ("raise asyncio.CancelledError", "CancelledError", set()),
    ],
    ids=[
        "bytes",
        "nothing",
        "an answer",
        "a wrong size",
        "no bytes",
        "a lazy map",
        "a generator",
        "a future",
        "an exception",
        "what is no Exception",
    ],
)
def test_what_a_python_function_may_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, error: str, told: set[str]
) -> None:
    (tmp_path / f"mine_{zlib.crc32(function.encode())}.py").write_text(
        f"import asyncio, zlib\ndef work(data):\n    {function}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    task = ChunkTask(settings("") | {"callable": f"mine_{zlib.crc32(function.encode())}:work"})
    task.check()
    done = task.perform("16 KiB", bytes(16 * KIB))
    assert done.error.startswith(error)
    assert bool(done.error) == bool(error)
    assert set(done.metrics) == (told | {"processing_time"} if told else set())


def test_a_python_function_is_measured_like_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("import zlib\ndef work(data): return zlib.compress(data)\n")
    monkeypatch.chdir(tmp_path)
    settings = {"callable": "mine:work", "sizes": ["16 KiB"]}
    run, _ = go(ChunksTarget(kind="chunks", **settings), run_time="0.4 s")
    assert run.errors == {}
    assert {"compression_ratio", "efficiency", "data_rate"} <= set(run.facts)
    assert codes(run) == set()


def bare(answer: Any) -> Any:
    return lambda *_: answer


def changed(**changes: Any) -> Any:
    return lambda *call: pack(call[2], **changes)


def coded(method: str, path: str, body: bytes) -> tuple[int, bytes, str]:
    status, answer = pack(body)
    return status, gzip.compress(json.dumps(answer).encode()), "gzip"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (service, ""),
        (coded, ""),
        (bare((200, gzip.compress(bytes(LARGEST + 1)), "gzip")), "content too large"),
        (bare((200, brotli.compress(bytes(LARGEST + 1), quality=1), "br")), "content too large"),
        (bare((200, bytes(LARGEST + 1))), "content too large"),
        (bare((200, b"hello", "gzip")), "broken content encoding"),
        (bare((200, b"hello", "zstd")), "unknown content encoding"),
        (bare((500, {})), "status 500"),
        (bare((429, {})), "status 429"),
        (bare((200, b"<html>hello</html>")), "the answer is no JSON"),
        (bare((200, {"size_in": 16384})), "the answer has no `size_out`"),
        (changed(root_hash=""), "`root_hash` is empty"),
        (changed(size_in=1), "`size_in` is not the size sent"),
        (changed(size_out=0), "`size_out` is not positive"),
        (changed(size_out="many"), "`size_out` is no number"),
        (bare(None), "timeout"),
    ],
)
def test_an_answer_that_proves_nothing_is_an_error(answer: Any, kind: str) -> None:
    with Server(answer) as url:
        task = ChunkTask(settings(url))
        if kind not in ("", "timeout"):
            task.check()
        done = task.perform("16 KiB", bytes(16 * KIB))
        task._client().close()
    assert done.error == kind
    assert ("processing_time" in done.metrics) == (kind == "")


def settings(url: str) -> dict[str, Any]:
    return {
        "url": f"{url}/chunks/{{index}}",
        "method": "POST",
        "headers": {},
        "callable": "",
        "sizes": [16 * KIB],
        "weights": [1],
        "compressibility": 0.5,
        "timeout_s": 0.5,
        "answer": ChunkAnswer().model_dump(),
        "seed": 1,
    }


def test_stages_longer_than_the_upload_are_not_believed() -> None:
    stages = {"compress_s": 5.0, "encrypt_s": 0, "hash_s": 0, "store_s": 0}
    with Server(lambda *call: pack(call[2], stages=stages)) as url:
        run, _ = go(target(url, sizes=["16 KiB"]), run_time="0.3 s")
    (caveat,) = [one for one in run.caveats if one.code == "stage times contradict"]
    assert "compress_time" in caveat.voids


def test_a_hanging_service_is_a_timeout_and_no_verdict() -> None:
    with Server(lambda *_: None) as url:
        run, samples = go(target(url, timeout="0.3 s"))
    assert run.errors == {"timeout": 1}
    assert voids_all(run)
    assert not samples["ok"].any()


def test_uploads_that_begin_to_hang_are_counted_one_by_one() -> None:
    calls = iter(range(1000))

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any] | None:
        return pack(body) if next(calls) < 6 else None

    with Server(answer) as url:
        run, samples = go(target(url, timeout="0.3 s"))
    assert samples["ok"].sum() == 5
    assert run.errors["timeout"] >= 2
    assert run.errors["timeout"] == (samples["error"] == "timeout").sum()


def test_uploads_that_prove_nothing_from_the_first_on_are_told_as_such() -> None:
    with Server(lambda *_: (200, b"ok")) as url:
        run, _ = go(target(url))
    (caveat,) = run.caveats  # that the client was busy with them is no news
    assert "no call succeeded" in caveat.message
    assert "the answer is no JSON × " in caveat.message
    assert "settings" in caveat.next_step
    assert caveat.forbids("processing_time")
    assert not caveat.forbids("error_rate"), "they did fail"


def test_a_refusing_service_gives_a_run_without_verdict() -> None:
    run, samples = go(target("http://127.0.0.1:1"))
    assert run.errors == {"connection refused": 1}
    assert codes(run) == {"no contact"}
    assert voids_all(run)
    assert len(samples) == 1


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"url": "http://no-such-host.invalid"}, "host not found"),
        ({"callable": "no_such_module:work"}, "no such callable"),
        ({"callable": "json:work"}, "no such callable"),
        ({"callable": "asyncio:sleep"}, "no such callable"),
        ({"callable": "traceback:walk_stack"}, "no such callable"),
        ({"callable": "json:__name__"}, "no such callable"),
    ],
)
def test_first_contact_tells_why_it_failed(given: dict[str, str], kind: str) -> None:
    with pytest.raises(NoContactError) as error:
        ChunkTask(settings("") | given).check()
    assert error.value.kind == kind
    assert ("`callable`" in error.value.next_step) == ("callable" in given)


def test_an_authority_of_ones_own_is_trusted_by_uploads_and_scrapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    files = ["subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run([*made.split(), *files], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl")
    server, context = Server(service), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    with server as plain:
        url = plain.replace("http://", "https://")
        with pytest.raises(NoContactError) as error:
            ChunkTask(settings(url)).check()
        assert error.value.kind == "certificate not trusted"
        assert "SSL_CERT_FILE" in error.value.next_step
        with pytest.raises(TargetError, match="CERTIFICATE_VERIFY_FAILED"):
            scrape(f"{url}/metrics")
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        ChunkTask(settings(url)).check()
        assert len(scrape(f"{url}/metrics")) == 1


def test_what_a_function_raises_is_counted_and_its_first_words_are_kept() -> None:
    task = ChunkTask(settings("") | {"callable": "sys:exit"})
    task.check()
    assert [task.perform("16 KiB", b"bad luck").error for _ in range(2)] == ["SystemExit"] * 2
    assert task.report()["messages"] == {"SystemExit": "b'bad luck'"}
    task = ChunkTask(settings("") | {"callable": "sys:exit"})
    task.check()
    task.perform("8 MiB", bytes(2**23))
    assert len(task.report()["messages"]["SystemExit"]) == MOST_SAID, "it may hold the payload"


def test_an_answer_of_which_nothing_is_asked_tells_by_its_status() -> None:
    with Server(bare((201, b""))) as url:
        run, samples = go(target(url, answer=None))
    assert run.errors == {}
    assert (samples["chunk_size"] > 0).all()
    assert "stored_size" not in samples or samples["stored_size"].isna().all()
    with Server(bare((403, b""))) as url:
        run, _ = go(target(url, answer=None))
    assert set(run.errors) == {"status 403"}


def test_a_rate_limit_is_no_capacity() -> None:
    turn = itertools.count()
    with Server(lambda *call: pack(call[2]) if next(turn) % 2 else (429, {})) as url:
        run, _ = go(target(url, sizes=["16 KiB"]), run_time="0.3 s")
    assert "rate limited" in codes(run)
    assert all(c.forbids("error_rate") for c in run.caveats if c.code == "rate limited")


def test_uploads_that_are_not_allowed_test_nothing() -> None:
    with Server(lambda *_: (403, {})) as url:
        run, _ = go(target(url, sizes=["16 KiB"]), run_time="0.3 s")
    assert "not authorised" in codes(run)
    assert voids_all(run)


def test_a_client_process_that_dies_voids_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fatal.py").write_text("import os\ndef work(data):\n    os._exit(3)\n")
    monkeypatch.chdir(tmp_path)
    run, _ = go(ChunksTarget(kind="chunks", callable="fatal:work"))
    assert codes(run) == {"generator lost workers"}
    assert voids_all(run)
    assert run.generator is not None
    assert run.generator.workers_lost == 1
    assert "with exit code 3" in run.caveats[0].message


def test_stop_is_heard_at_once_and_what_was_measured_is_kept() -> None:
    with Server(service) as url:
        assert time_to_stop(target(url), "calls") < 2


@pytest.mark.parametrize(
    "given", [{}, {"url": "http://a", "callable": "a:b"}, {"callable": "no colon"}]
)
def test_a_target_is_a_service_or_a_function(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ChunksTarget(kind="chunks", **given)


def test_the_payload_is_seeded_and_compresses_as_asked() -> None:
    sizes = {
        share: len(zlib.compress(payload(512 * KIB, share, random.Random(1))))
        for share in (0.0, 0.5, 1.0)
    }
    assert sizes[0.0] > 512 * KIB
    assert sizes[1.0] < sizes[0.5] < sizes[0.0]
    assert payload(5000, 0.5, random.Random(3)) == payload(5000, 0.5, random.Random(3))
    assert json.loads(payload(5000, 1.0, random.Random(3)).splitlines()[0])


def test_sizes_are_named_in_whole_units() -> None:
    named = [size_label(size) for size in (100, 16 * KIB, 1000 * KIB, 8 * KIB**2)]
    assert named == ["100 B", "16 KiB", "1000 KiB", "8 MiB"]
