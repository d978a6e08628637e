"""Content arrives whole, decoded or in pieces, however it was sent."""

import gzip
from contextlib import suppress

import gevent
import gevent.ssl
import pytest

from perflib.load import connection
from perflib.load.messages import PIECE, decode


@pytest.mark.parametrize("how", ["gzip", "deflate"])
def test_coded_content(bench, how):
    answer = bench.client.get(f"/coded/{how}")
    assert answer.text == "plain text " * 50
    assert bench.recorded()[0][2] == 550
    assert bench.client.get(f"/coded/{how}").text == "plain text " * 50


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/coded/gzip?cut=1", "broken content encoding"),
        ("/coded/zstd", "unknown content encoding"),
    ],
)
def test_content_that_cannot_be_decoded_is_a_failure(bench, path, error):
    assert bench.client.get(path).status_code == 200
    assert bench.recorded()[0][3] == error


def test_others_go_on_while_large_content_is_decoded(bench, server, monkeypatch):
    coded = gzip.compress(bytes(64 * PIECE))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(coded)}\r\n\r\n"
    server.raw = head.encode() + coded
    turns = [0]

    def another_user():
        while True:
            gevent.sleep(0)
            turns[-1] += 1

    def watched(*given):
        turns.append(0)
        return decode(*given)

    monkeypatch.setattr("perflib.load.client.decode", watched)
    other = gevent.spawn(another_user)
    assert len(bench.client.get("/raw?stay").content) == 64 * PIECE
    other.kill()
    assert turns[1] >= 60


def test_head_of_coded_content_is_no_failure(bench, server):
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n"
    assert bench.client.head("/raw?stay").content == b""
    assert bench.recorded()[0][3] == ""


def test_content_without_length(bench, server):
    assert bench.client.get("/untold").text == "until the end"
    assert bench.client.get("/chunked?count=4&size=70000").content == b"x" * 280_000
    assert [row[1:] for row in bench.recorded()] == [(200, 13, ""), (200, 280_000, "")]


@pytest.mark.parametrize("cut", [0, 5, 9, 11, 20])
@pytest.mark.parametrize("pause", [0, 0.05])
def test_interim_answers_are_passed_over(bench, pause, cut):
    for _ in range(2):
        assert bench.client.get(f"/interim?pause={pause}&cut={cut}").text == "final"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        ("", b"y" * 65536),
        ("Transfer-Encoding: chunked\r\n", b"10000\r\n" + b"y" * 65536 + b"\r\n"),
        ("Content-Length: 99999999999\r\n", b"y" * 65536),
    ],
    ids=["until the end", "chunks", "length"],
)
def test_content_that_never_ends_is_not_held_for_ever(bench, server, monkeypatch, head, piece):
    def answer(line, *_):
        line.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode())
        with suppress(OSError):
            while True:
                line.sendall(piece)

    server.at_more = answer
    monkeypatch.setattr(connection, "LARGEST", 1 << 20)
    assert bench.client.get("/more").status_code == 0
    assert [row[3] for row in bench.recorded()] == ["content too large"]


def test_streams_are_read_in_pieces_and_never_held(bench, server):
    with bench.client.get("/chunked?count=50&size=100000", stream=True) as answer:
        assert bench.recorded() == []
        assert max(map(len, answer.iter_content(50_000))) <= 50_000
    assert bench.recorded() == [("GET /chunked?count=50&size=100000", 200, 5_000_000, "")]
    assert bench.client.get("/method").ok
    assert server.connections == 1


@pytest.mark.parametrize("how", ["close", "forget"])
def test_streams_given_up_are_recorded(bench, how):
    answer = bench.client.get("/chunked?count=50&size=100000", stream=True)
    next(iter(answer.iter_content()))
    if how == "close":
        answer.close()
    del answer
    assert len(bench.recorded()) == 1
    assert bench.client.get("/method").ok


def test_a_stream_of_head_has_no_content_to_wait_for(bench, server):
    for path in ("/method", "/missing", "/method"):
        assert bench.client.head(path, stream=True).content == b""
    assert [row[1:] for row in bench.recorded()] == [
        (200, 0, ""),
        (404, 0, "status 404"),
        (200, 0, ""),
    ]
    assert server.connections == 1


def test_lines_of_a_stream(bench, server):
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nfirst\r\nsec\nend"
    assert list(bench.client.iter_lines("/raw?stay")) == ["first", "sec", "end"]
