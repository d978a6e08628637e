"""What is asked reaches the server as it was meant, and nothing else does."""

import gevent
import gevent.ssl
import pytest

from perflib.load.plan import Request
from perflib.load.simple import _task
from tests.gevented.conftest import Bench
from tests.gevented.server import Server


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_methods_reach_the_server(bench, method):
    answer = getattr(bench.client, method)("/method")
    assert (answer.status_code, answer.text) == (200, method.upper())
    assert bench.recorded() == [(f"{method.upper()} /method", 200, len(method), "")]


def test_head_has_no_body_and_keeps_the_line(bench, server):
    assert [bench.client.head("/method").content for _ in range(2)] == [b"", b""]
    assert bench.client.get("/method").text == "GET"
    assert server.connections == 1


def test_the_short_way_is_the_long_way(bench, server):
    answers = [bench.client.get("/method") for _ in range(3)]
    assert {(a.text, a.headers["X-SEEN"], a.url) for a in answers} == {
        ("GET", "a, b", server.url + "/method")
    }
    assert server.connections == 1
    assert len(bench.recorded()) == 3
    assert bench.stats() == (3, 0)


@pytest.mark.parametrize(
    ("options", "body", "kind"),
    [
        ({"json": {"a": [1]}}, '{"a": [1]}', "application/json"),
        ({"data": {"a": "b c", "d": ["1", "2"]}}, "a=b+c&d=1&d=2", "application/x-www-form-urlenc"),
        ({"data": "text ü"}, "text Ã¼", None),
        ({"data": b"\x00\xff"}, "\x00ÿ", None),
        ({"json": {}, "headers": {"content-type": b"x/y"}}, "{}", "x/y"),
        ({}, "", None),
    ],
)
def test_bodies(bench, options, body, kind):
    seen = bench.client.post("/echo", **options).json()
    assert seen["body"] == body
    assert (seen["headers"].get("content-type") or "").startswith(kind or "")
    assert int(seen["headers"]["content-length"]) == len(body.encode("latin-1"))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_configured_body_is_sent_whatever_the_method(bench, server, method):
    _task(Request(path="/echo", method=method, json={"a": 1}))(bench.user)
    ((asked, _, _, body),) = server.requests
    assert (asked, body) == (method, b'{"a": 1}')


def test_headers_and_the_request_that_was_sent(server):
    bench = Bench(server.url, default_headers={"X-All": "1", "User-Agent": "mine"})
    answer = bench.client.get("/echo", headers={"X-One": "hello", "accept": "a/b"})
    seen = answer.json()["headers"]
    assert (seen["x-all"], seen["x-one"], seen["user-agent"], seen["accept"]) == (
        *("1", "hello", "mine", "a/b"),
    )
    assert answer.request.headers["x-one"] == "hello"
    assert answer.request.method == "GET"


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"X-Bad": "a\r\nX-Evil: 1"}, "a line break"),
        ({"X-Bad": "a\nX-Evil: 1"}, "a line break"),
        ({"X-Bad": "€"}, "beyond Latin-1"),
        ({"X\r\nY": "1"}, "cannot be sent"),
        ({"X: 1, Y": "1"}, "cannot be sent"),
        ({"": "1"}, "cannot be sent"),
        ({"Transfer-Encoding": "chunked"}, "cannot be sent"),
        ({"X-Bad": None}, "expected str"),
    ],
)
def test_fields_that_would_break_the_request_are_refused(bench, server, headers, says):
    with pytest.raises((ValueError, TypeError), match=says):
        bench.client.get("/echo", headers=headers)
    assert server.requests == []


@pytest.mark.parametrize(
    ("path", "arrives"),
    [
        ("/echo\r\nX-Evil: 1", "/echoX-Evil:%201"),
        ("/echo HTTP/1.1\r\n\r\nGET /x", "/echo%20HTTP/1.1GET%20/x"),
        ("/echo?a=\r\nX-Evil: 1", "/echo?a=X-Evil:%201"),
    ],
)
def test_a_path_stays_one_path(bench, server, path, arrives):
    bench.client.get(path)
    ((_, target, headers, _),) = server.requests
    assert target == arrives
    assert "x-evil" not in headers


@pytest.mark.parametrize("method", ["", "GET /x HTTP/1.1\r\n\r\nGET"])
def test_a_method_is_one_word(bench, method):
    with pytest.raises(ValueError, match="is no method"):
        bench.client.request(method, "/echo")


@pytest.mark.parametrize(
    ("path", "params", "seen"),
    [
        ("/echo", {"a": "1 2", "b": ["x", "y"]}, {"a": "1 2", "b": "x"}),
        ("/echo?z=0", {"a": "ü"}, {"z": "0", "a": "ü"}),
        ("/echo", "a=1&b=2", {"a": "1", "b": "2"}),
        ("/echo?a=ü b", None, {"a": "ü b"}),
        ("/echo", {"none": None}, {}),
    ],
)
def test_queries(bench, path, params, seen):
    assert bench.client.get(path, params=params).json()["query"] == seen
    assert bench.recorded()[0][0] == f"GET {path}"


def test_names_and_groups(bench):
    bench.client.get("/method?1", name="named")
    with bench.client.rename_request("grouped"):
        bench.client.get("/method?2")
        bench.client.get("/method?3", name="own")
    bench.client.get("/method?4")
    names = [row[0] for row in bench.recorded()]
    assert names == ["GET named", "GET grouped", "GET own", "GET /method?4"]


def test_absolute_addresses(bench, server):
    with Server() as other:
        assert bench.client.get(other.url + "/method").text == "GET"
        assert len(other.requests) == 1
    assert server.requests == []


@pytest.mark.parametrize("how", ["auth", "host", "url"])
def test_basic_authentication(server, how):
    url = server.url.replace("//", "//me:p%40ss@")
    bench = Bench(url if how == "host" else server.url)
    path = url + "/echo" if how == "url" else "/echo"
    answer = bench.client.get(path, **({"auth": ("me", "p@ss")} if how == "auth" else {}))
    assert answer.json()["headers"]["authorization"] == "Basic bWU6cEBzcw=="
    assert "me" not in bench.client.base_url


def test_several_requests_of_one_user_at_once(bench, server):
    jobs = [gevent.spawn(bench.client.get, "/slow?for=0.1") for _ in range(5)]
    gevent.joinall(jobs)
    assert all(job.value.text == "late" for job in jobs)
    assert server.connections == 5


@pytest.mark.parametrize(
    "options",
    [
        {"files": {"a": b"b"}},
        {"verify": False},
        {"proxies": {"http": "x"}},
        {"stream": True, "catch_response": True},
        *({"timeout": timeout} for timeout in ((1, 2), 0, -1, float("nan"), float("inf"))),
    ],
)
def test_unsupported_options_are_refused(bench, options):
    with pytest.raises(TypeError, match=r"does not support|expected seconds"):
        bench.client.post("/method", **options)


def test_undeclared_hosts_are_refused(bench, server):
    bench.engine.hosts = frozenset({f"127.0.0.1:{server.port}"})
    with Server() as other:
        assert bench.client.get("/method").ok
        bench.client.get(other.url + "/method")
        bench.client.get(f"/redirect?to={other.url}/method")
        assert [row[3] for row in bench.recorded()] == ["", "undeclared host", "undeclared host"]
        assert other.requests == []
