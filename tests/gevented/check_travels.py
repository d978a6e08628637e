"""Redirects and cookies: a request that takes several steps is one request."""

import pytest

from tests.gevented.conftest import Bench
from tests.gevented.server import Server


@pytest.mark.parametrize(
    ("asked", "method", "arrives"),
    [
        ("/redirect?status=302", "post", "GET"),
        ("/redirect?status=303", "put", "GET"),
        ("/redirect?status=307", "post", "POST"),
        ("/redirect?status=308", "patch", "PATCH"),
        ("/redirect?left=5", "get", "GET"),
    ],
)
def test_redirects_are_one_request(bench, server, asked, method, arrives):
    answer = getattr(bench.client, method)(asked)
    assert answer.text == arrives
    assert answer.url == server.url + asked
    assert [row[0] for row in bench.recorded()] == [f"{method.upper()} {asked}"]


def test_a_redirect_keeps_its_body_or_drops_it(bench, server):
    bench.client.post("/redirect?status=307", json={"a": 1})
    bench.client.post("/redirect?status=302", json={"a": 1})
    bodies = [(method, body) for method, target, _, body in server.requests if target == "/method"]
    assert bodies == [("POST", b'{"a": 1}'), ("GET", b"")]


def test_slow_redirects_take_their_time(bench):
    bench.client.get("/redirect?delay=0.2")
    bench.engine.flush()
    assert bench.rows[0]["end"] - bench.rows[0]["start"] > 0.2e9


def test_redirects_end(server):
    bench = Bench(server.url, max_redirects=3)
    assert bench.client.get("/redirect?left=9").status_code == 0
    assert bench.recorded()[0][3] == "too many redirects"
    assert len(server.requests) <= 5


def test_redirects_can_be_left_alone(bench):
    answer = bench.client.get("/redirect", allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "/method")
    assert bench.client.get("/redirect").status_code == 200


def test_credentials_stay_with_their_host(bench, server):
    with Server() as other:
        bench.client.get(f"/redirect?to={other.url}/echo", auth=("me", "secret"))
        assert "authorization" in server.requests[0][2]
        assert "authorization" not in other.requests[0][2]
        assert other.requests[0][2]["host"] == f"127.0.0.1:{other.port}"


def test_each_host_is_asked_at_its_own_place_again_and_again(bench, server):
    with Server() as other:
        for _ in range(3):
            bench.client.get("/method")
            bench.client.get(f"{other.url}/method")
    hosts = [[headers["host"] for _, _, headers, _ in it.requests] for it in (server, other)]
    assert hosts == [[f"127.0.0.1:{server.port}"] * 3, [f"127.0.0.1:{other.port}"] * 3]


@pytest.mark.parametrize(("given", "kept"), [("/a@b", "/a@b"), ("", "")])
def test_credentials_in_the_base_are_told_from_its_path(server, given, kept):
    bench = Bench(server.url.replace("://", "://me:p%40ss@") + given)
    assert bench.client.base_url == server.url + kept


def test_cookies_are_kept_and_sent(bench):
    bench.client.get("/cookie")
    bench.client.get("/cookie?taste=sweet&size=big")
    assert bench.client.get("/cookie").text == "taste=sweet; size=big"
    assert bench.client.get("/cookie").text == "taste=sweet; size=big"
    bench.client.cookiejar.clear()
    assert bench.client.get("/cookie").text == ""


def test_a_kept_request_learns_a_new_cookie(bench):
    assert bench.client.get("/cookie?a=1").text == ""
    assert bench.client.get("/cookie?a=1").text == "a=1"
