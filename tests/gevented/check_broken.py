"""Broken answers: a counted error each, never a hang, a lost sample or a leaked socket."""

import random
import socket
import time

import gevent
import pytest
from gevent.event import Event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perflib.load import client
from perflib.load.connection import Connection
from tests.gevented.conftest import Bench
from tests.gevented.server import Server

TOLD = b"HTTP/1.1 200 OK\r\n"
AWAY = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Field: value\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
LIMIT_S = 0.3

BROKEN = {
    "nothing": b"",
    "one byte": b"H",
    "no protocol": b"hello\r\n\r\n",
    "half a status line": b"HTTP/1.1 20",
    "no status": b"HTTP/1.1 \r\n\r\n",
    "status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "another version": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "half a head": TOLD + b"Content-Le",
    "a field without a colon": TOLD + b"nonsense\r\n\r\n",
    "a field with a zero byte": TOLD + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "an endless field": TOLD + b"X: " + b"a" * 600_000,
    "endless fields": TOLD + b"" + b"X-Field: value\r\n" * 40_000,
    "length of letters": TOLD + b"Content-Length: abc\r\n\r\n",
    "negative length": TOLD + b"Content-Length: -5\r\n\r\nhello",
    "signed length": TOLD + b"Content-Length: +5\r\n\r\nhello",
    "list of lengths": TOLD + b"Content-Length: 5, 5\r\n\r\nhello",
    "length overflow": TOLD + b"Content-Length: 99999999999999999999\r\n\r\nhello",
    "lines without returns": OK.replace(b"\r", b""),
    "a folded field": TOLD + b"X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
    "a space before the colon": TOLD + b"Content-Length : 5\r\n\r\nhello",
    "another protocol": b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80",
    "a status out of range": b"HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n",
    "content without content": b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello",
    "two lengths": TOLD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length and chunks": TOLD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "too short a body": TOLD + b"Content-Length: 50\r\n\r\nhello",
    "no body": TOLD + b"Content-Length: 50\r\n\r\n",
    "chunk size of letters": CHUNKED.replace(b"\r\n5\r\n", b"\r\nxyz\r\n"),
    "negative chunk": CHUNKED.replace(b"\r\n5\r\n", b"\r\n-5\r\n"),
    "chunk too long": CHUNKED.replace(b"\r\n5\r\n", b"\r\n4\r\n"),
    "chunk too short": CHUNKED.replace(b"\r\n5\r\n", b"\r\n7\r\n"),
    "chunk size overflow": CHUNKED.replace(b"\r\n5\r\n", b"\r\nfffffffffffffffff\r\n"),
    "chunks without end": CHUNKED[:-5],
    "chunks cut": CHUNKED[:-9],
    "garbage after": OK + b"garbage",
    "a second answer": OK + OK,
    "half a second answer": OK + OK[:20],
    "gzip that is none": TOLD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "an upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nbinary",
    "endless interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    "redirect to nowhere": AWAY + b"gopher://x/\r\n\r\n",
    "redirect to a bad host": AWAY + b"http://[::/\r\n\r\n",
    "redirect to no host": AWAY + b"http://\r\n\r\n",
    "redirect to a bad port": AWAY + b"http://h:x/\r\n\r\n",
}


@pytest.mark.parametrize("stay", ["?stay", ""], ids=["line stays", "line closes"])
@pytest.mark.parametrize("case", BROKEN)
def test_broken_answers_are_counted_errors(case, stay):
    with Server() as server:
        before = Connection.now
        bench = Bench(server.url, network_timeout=LIMIT_S)
        server.raw = BROKEN[case]
        began = time.perf_counter()
        answer = bench.client.get(f"/raw{stay}")
        assert time.perf_counter() - began < LIMIT_S + 2
        assert answer.error is not None
        ((_, _, _, error),) = bench.recorded()
        assert error
        assert bench.client.get("/method").text == "GET"  # the user goes on
        bench.client.close()
        gevent.sleep(0.02)
        assert (Connection.now, server.open) == (before, 0)


LATE = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("more", "told"),
    [(OK, 2), (b"x", 2), (LATE, 0)],
    ids=["a second answer", "garbage", "goodbye"],
)
def test_what_comes_after_an_answer_is_never_taken_for_the_next(bench, server, method, more, told):
    def answer(line, *_):
        server.reply(line, str(len(server.requests)))
        gevent.sleep(0.001)
        line.sendall(more)

    server.at_more = answer
    before = Connection.unasked
    for turn in ("1", "2", "3"):
        assert getattr(bench.client, method)("/more").text == turn
        gevent.sleep(0.02)
    assert {row[3] for row in bench.recorded()} == {""}
    assert (server.connections, Connection.unasked - before) == (3, told)


@pytest.mark.parametrize("end", ["another request", "the end"])
def test_all_answers_since_a_line_was_last_seen_silent_are_in_doubt(
    bench, server, monkeypatch, end
):
    def answer(line, *_):
        server.reply(line)
        if len(server.requests) == 5:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            gevent.sleep(0.001)
            line.sendall(OK)
            doubled.set()

    doubled, server.at_more = Event(), answer
    before = Connection.unasked, Connection.doubtful
    for blink_ns in (0, 0, 1 << 62, 1 << 62, 1 << 62):  # seen silent after the first, then no more
        monkeypatch.setattr(client, "BLINK_NS", blink_ns)
        assert bench.client.get("/more").error is None
    assert doubled.wait(10)
    monkeypatch.undo()
    if end == "the end":
        bench.client.close()
    else:
        assert bench.client.get("/more").error is None
    assert (Connection.unasked - before[0], Connection.doubtful - before[1]) == (1, 4)


@pytest.mark.parametrize("raw", [OK, CHUNKED], ids=["length", "chunks"])
def test_a_body_that_answers_head_is_garbage(bench, server, raw):
    server.raw = raw
    assert bench.client.head("/raw").error is not None
    assert bench.recorded()[0][3] == "garbage after the answer"


@pytest.mark.parametrize("raw", [OK, CHUNKED], ids=["length", "chunks"])
@pytest.mark.parametrize("warm", [False, True], ids=["long way", "short way"])
def test_every_truncation_is_an_error_or_the_whole(server, raw, warm):
    bench, before = Bench(server.url), Connection.now
    for end in range(len(raw) + 1):
        if warm:
            server.raw = raw
            assert bench.client.get("/raw?stay").text == "hello"
        server.raw = raw[:end]
        server.at_raw = _once_then_close(server)
        answer = bench.client.get("/raw?stay")
        del server.at_raw
        assert (answer.error is None) is (end == len(raw)), end
    assert len(bench.recorded()) == (len(raw) + 1) * (1 + warm)
    bench.client.close()
    assert Connection.now == before


def _once_then_close(server):
    def answer(line, *_):
        line.sendall(server.raw)
        return False

    return answer


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32),
    raw=st.sampled_from([OK, CHUNKED, OK.replace(b"200", b"404")]),
    edits=st.integers(1, 6),
)
def test_mutated_answers_end_in_one_sample(server, seed, raw, edits):
    draw = random.Random(seed)
    data = bytearray(raw)
    for _ in range(edits):
        at = draw.randrange(len(data))
        match draw.randrange(3):
            case 0:
                data[at] = draw.randrange(256)
            case 1:
                del data[at : at + draw.randrange(1, 9)]
                data = data or bytearray(b"x")
            case _:
                data[at:at] = draw.randbytes(draw.randrange(1, 9))
    server.raw = bytes(data)
    bench = Bench(server.url, network_timeout=LIMIT_S)
    before = Connection.now
    bench.client.get("/raw")
    assert len(bench.recorded()) == 1
    bench.client.close()
    assert Connection.now == before


def test_a_stream_that_breaks_is_one_failed_sample(server):
    bench, before = Bench(server.url, network_timeout=LIMIT_S), Connection.now
    for raw, stay in [(CHUNKED[:-9], ""), (BROKEN["too short a body"], "?stay")]:
        server.raw = raw
        with bench.client.get(f"/raw{stay}", stream=True) as answer:
            assert b"hello".startswith(b"".join(answer.iter_content()))
        assert answer.error is not None
    assert [row[3] for row in bench.recorded()] == ["connection closed", "timeout"]
    bench.client.close()
    assert Connection.now == before
