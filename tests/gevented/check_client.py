"""The behaviours of Locust's FastHttpUser, checked of PerfHttpUser against a real server.

The list of its own test suite, by subject: plain requests, failures by status, redirects (slow,
of POST), cookies, all methods, JSON, headers and the request that was sent, names and groups, query
variables, `catch_response` in all its orders, context, streaming, content without length, absolute
URLs, basic authentication, custom TLS contexts, abstract classes, errors of the connection.

Where PerfHttpUser differs, and why:
- certificates are verified unless `insecure` is set: a load test should meet what users meet;
- `network_timeout` bounds a whole answer: a dribbling server must not hold a user for ever;
- `error` is a counted fault (`connection refused`), not a bare socket error: kinds must be few;
- a streamed request is recorded when its content ends, so that its time and its faults are true;
- a request marked for `catch_response` and never entered, or left by another exception, is
  recorded; FastHttpUser loses it;
- files, proxies, client pools and retries by count are refused, not ignored;
- so are header fields that would break the request;
- `response.request.body` is the bytes that were sent, of text and JSON too;
- a user opens as many connections as it has requests at once, not `concurrency` (ten) at most;
- `--html`, `--csv` and the pages count in batches, a quarter of a second late at most.
"""

import gzip
import subprocess
import time
from pathlib import Path

import gevent
import gevent.ssl
import numpy as np
import pytest
from locust import FastHttpUser, TaskSet, task
from locust.exception import InterruptTaskSet, LocustError, StopTest
from locust.stats import RequestStats
from locust.util.load_locustfile import is_user_class

from perflib.load import PerfHttpUser
from perflib.load.locust_stats import feed
from perflib.load.messages import PIECE, decode
from perflib.load.recorder import ROW
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
    ("status", "failed", "error"),
    [
        (204, False, ""),
        (304, False, ""),
        (404, True, "status 404"),
        (500, True, "status 500"),
        (429, True, "refused 429"),
        (503, True, "refused 503"),
    ],
)
def test_statuses(bench, status, failed, error):
    answer = bench.client.get(f"/status/{status}")
    assert answer.status_code == status
    assert (answer.error is not None) is failed
    assert bench.recorded()[0][3] == error
    assert bench.stats() == (1, int(failed))


def test_failures_reach_locusts_table_by_kind(bench):
    for _ in range(3):
        bench.client.get("/status/500")
    bench.stats()
    (error,) = bench.environment.stats.errors.values()
    assert (error.error, error.occurrences, error.name) == ("status 500", 3, "/status/500")


def test_counts_in_batches_are_what_locust_counts_one_by_one():
    times_ms = [0.2, 5.5, 99.4, 99.7, 149, 151, 994, 996, 3432, 58_760]
    rows = np.zeros(len(times_ms), ROW)
    rows["intended"], rows["start"], rows["size"] = -1, time.monotonic_ns(), 7
    rows["end"] = rows["start"] + (np.array(times_ms) * 1e6).astype(int)
    rows["label"][::2] = rows["error"][1::3] = 1
    ours, theirs = RequestStats(), RequestStats()
    feed(ours, rows, [("GET", "/a"), ("GET", "/b")], ["", "status 500"])
    for row, ms in zip(rows, times_ms, strict=True):
        name = "/b" if row["label"] else "/a"
        theirs.log_request("GET", name, ms, 7)
        if row["error"]:
            theirs.log_error("GET", name, "status 500")
    fields = ("num_requests", "num_failures", "total_content_length", "response_times")
    for key in (("/a", "GET"), ("/b", "GET")):
        for field in fields:
            assert getattr(ours.entries[key], field) == getattr(theirs.entries[key], field)
    for field in fields:
        assert getattr(ours.total, field) == getattr(theirs.total, field)
    for field in ("total_response_time", "min_response_time", "max_response_time"):
        assert getattr(ours.total, field) == pytest.approx(getattr(theirs.total, field))
    told = [{key: e.occurrences for key, e in s.errors.items()} for s in (ours, theirs)]
    assert told[0] == told[1]


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


def test_the_line_is_kept_and_its_loss_noticed(bench, server):
    for path, connections in [("/method", 1), ("/close", 1), ("/method", 2), ("/hangup", 2)]:
        assert bench.client.get(path).ok
        assert server.connections == connections
    assert bench.client.get("/method").ok
    assert bench.client.get("/hangup").ok
    gevent.sleep(0.05)
    assert bench.client.post("/method").ok  # a closed line is noticed before a POST is sent
    assert all(row[3] == "" for row in bench.recorded())


@pytest.mark.parametrize("pause", [0, 0.05])
def test_interim_answers_are_passed_over(bench, pause):
    for _ in range(2):
        assert bench.client.get(f"/interim?pause={pause}").text == "final"


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"timeout": 0.1}, "/slow?for=1"),
        ({"timeout": 0.2}, "/dribble"),
        ({"timeout": 0.1}, "/chunked?pause=1"),
    ],
)
def test_timeouts(bench, server, options, path):
    began = time.perf_counter()
    answer = bench.client.get(path, **options)
    assert time.perf_counter() - began < 0.9
    assert answer.status_code == 0
    assert bench.recorded()[0][3] == "timeout"
    assert bench.client.get("/method").ok


def test_timeouts_of_the_class(server):
    bench = Bench(server.url, network_timeout=0.1)
    assert not bench.client.get("/slow?for=1").ok
    assert bench.client.get("/slow?for=1", timeout=3).ok
    assert not bench.client.get("/slow?for=1").ok


def test_one_timer_serves_a_line_that_was_idle_for_longer(server):
    bench = Bench(server.url, network_timeout=0.1)
    for pause in (0.0, 0.06, 0.06, 0.25):
        gevent.sleep(pause)
        assert bench.client.get("/method").ok
    assert server.connections == 1
    began = time.perf_counter()
    assert not bench.client.get("/slow?for=1").ok
    assert time.perf_counter() - began > 0.09


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:1", "connection refused"),
        ("http://[::1]:1", "connection refused"),
        ("http://no-such-host.invalid", "host not found"),
    ],
)
def test_hosts_that_are_not_there(url, error):
    bench = Bench(url)
    answer = bench.client.get("/")
    assert (answer.status_code, answer.content, answer.text) == (0, None, None)
    assert bench.recorded() == [("GET /", 0, 0, error)]
    assert bench.stats() == (1, 1)


def test_catch_response_orders(bench):
    def failing(answer):
        answer.failure("nope")

    def passing(answer):
        answer.success()

    def both(answer):
        answer.failure("nope")
        answer.success()

    cases = [
        ("/method", failing, "check: nope"),
        ("/method", lambda _: None, ""),
        ("/method", both, ""),
        ("/status/500", passing, ""),
        ("/status/500", lambda _: None, "status 500"),
    ]
    for path, act, _ in cases:
        with bench.client.get(path, catch_response=True) as answer:
            act(answer)
    assert [row[3] for row in bench.recorded()] == [error for *_, error in cases]


def test_a_check_that_raises_fails_the_request(bench):
    with (
        pytest.raises(KeyError),
        bench.client.get("/method", catch_response=True),
    ):
        raise KeyError("missing")
    with (
        pytest.raises(InterruptTaskSet),
        bench.client.get("/method", catch_response=True),
    ):
        raise InterruptTaskSet
    assert [row[3] for row in bench.recorded()] == ["check: KeyError: 'missing'", ""]


def test_a_forgotten_catch_response_is_recorded(bench):
    bench.client.get("/method", catch_response=True)
    bench.client.get("/status/500", catch_response=True)
    assert [row[3] for row in bench.recorded()] == ["", "status 500"]


def test_marking_without_a_block_is_refused(bench):
    answer = bench.client.get("/method")
    for act in (answer.success, answer.failure, answer.__enter__):
        with pytest.raises(LocustError):
            act()
    with pytest.raises(LocustError):
        bench.client.get("/method", catch_response=True).success()


@pytest.mark.parametrize(
    ("act", "counts"), [(lambda a: a.success(), (1, 0)), (lambda a: a.failure("no"), (1, 1))]
)
def test_a_request_without_an_answer_can_be_marked(act, counts):
    bench = Bench("http://127.0.0.1:1")
    with bench.client.get("/", catch_response=True) as answer:
        assert (answer.status_code, answer.content) == (0, None)
        act(answer)
    assert bench.stats() == counts


def test_a_verdict_outlives_another_exception(bench):
    def succeed_and_raise():
        with bench.client.get("/status/500", catch_response=True) as answer:
            answer.success()
            raise KeyError

    with pytest.raises(KeyError):
        succeed_and_raise()
    assert bench.stats() == (1, 0)


def test_a_listener_hears_when_the_request_was(bench):
    heard = []
    bench.environment.events.request.add_listener(lambda **kw: heard.append(kw))
    before = time.time()
    bench.client.get("/status/404", name="named")
    assert before - 0.01 < heard[0]["start_time"] < before + 0.1
    assert heard[0]["start_time"] + heard[0]["response_time"] / 1000 < time.time() + 0.01
    assert heard[0]["url"].endswith("/status/404")
    assert heard[0]["exception"] is not None


def test_a_tls_context_that_cannot_be_is_the_callers_error():
    def make():
        raise ValueError("no such mode")

    bench = Bench("https://127.0.0.1:1", ssl_context_factory=staticmethod(make))
    with pytest.raises(ValueError, match="no such mode"):
        bench.client.get("/")


def test_rest_parses_and_checks(bench):
    with bench.user.rest("GET", "/echo") as answer:
        assert answer.js["query"] == {}
    with bench.user.rest("GET", "/method") as answer:
        assert answer.js is None
    with bench.user.rest("GET", "/echo") as answer:
        assert "impossible" in answer.js, "no such key"
    kinds = [row[3] for row in bench.recorded()]
    assert kinds[0] == ""
    assert "Could not parse" in kinds[1]
    assert "no such key" in kinds[2]


def test_context_and_listeners_get_every_request(server):
    heard = []
    bench = Bench(server.url, context=lambda self: {"user": "me"})
    bench.environment.events.request.add_listener(lambda **kw: heard.append(kw))
    for _ in range(3):
        bench.client.get("/method", context={"more": 1})
        bench.client.get("/method")
    assert [event["context"] for event in heard[:2]] == [{"user": "me", "more": 1}, {"user": "me"}]
    assert {event["response"].text for event in heard} == {"GET"}
    assert bench.stats() == (6, 0)
    assert len(bench.recorded()) == 6


def test_requests_of_other_clients_are_recorded_too(server):
    bench = Bench(server.url, FastHttpUser)
    bench.client.get("/method")
    bench.client.get("/status/500")
    assert [(row[0], row[3]) for row in bench.recorded()] == [
        ("GET /method", ""),
        ("GET /status/500", "status 500"),
    ]
    assert bench.stats() == (2, 1)


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


def test_lines_of_a_stream(bench, server):
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nfirst\r\nsec\nend"
    assert list(bench.client.iter_lines("/raw?stay")) == ["first", "sec", "end"]


def test_several_requests_of_one_user_at_once(bench, server):
    jobs = [gevent.spawn(bench.client.get, "/slow?for=0.1") for _ in range(5)]
    gevent.joinall(jobs)
    assert all(job.value.text == "late" for job in jobs)
    assert server.connections == 5


def test_ipv6():
    try:
        with Server("::1") as server:
            bench = Bench(server.url)
            seen = bench.client.get("/echo").json()
            assert seen["headers"]["host"] == f"[::1]:{server.port}"
    except OSError:
        pytest.skip("no IPv6 on this machine")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    try:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
                *("ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", key, "-out", cert),
            ],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("no openssl")
    return Path(key), Path(cert)


def test_https_is_verified(certificate):
    key, cert = certificate
    trusting = gevent.ssl.create_default_context(cafile=str(cert))
    with Server(keyfile=str(key), certfile=str(cert)) as server:
        for attributes, error in [
            ({}, "certificate not trusted"),
            ({"insecure": True}, ""),
            ({"ssl_context_factory": staticmethod(lambda: trusting)}, ""),
        ]:
            bench = Bench(server.url, **attributes)
            for _ in range(2):
                bench.client.get("/method")
            bench.client.get("/chunked?count=9&size=100000")
            assert {row[3] for row in bench.recorded()} == {error}


@pytest.mark.parametrize(
    "options",
    [{"files": {"a": b"b"}}, {"verify": False}, {"proxies": {"http": "x"}}, {"timeout": (1, 2)}],
)
def test_unsupported_options_are_refused(bench, options):
    with pytest.raises(TypeError, match=r"does not support|expected seconds"):
        bench.client.post("/method", **options)


def test_unsupported_bodies_and_classes_are_refused(server, bench):
    with pytest.raises(TypeError, match="not supported"):
        bench.client.post("/method", data=iter([b"x"]))
    for name in ("proxy_host", "concurrency"):
        with pytest.raises(StopTest, match=name):
            Bench(server.url, **{name: 1})
    with pytest.raises(StopTest, match="no host"):
        Bench(None)
    with pytest.raises(AttributeError, match="has no `elapsed`"):
        _ = bench.client.get("/method").elapsed


def test_undeclared_hosts_are_refused(bench, server):
    bench.engine.hosts = frozenset({f"127.0.0.1:{server.port}"})
    with Server() as other:
        assert bench.client.get("/method").ok
        bench.client.get(other.url + "/method")
        bench.client.get(f"/redirect?to={other.url}/method")
        assert [row[3] for row in bench.recorded()] == ["", "undeclared host", "undeclared host"]
        assert other.requests == []


def test_the_class_is_abstract_and_its_subclasses_are_not():
    assert not is_user_class(PerfHttpUser)
    assert is_user_class(Bench("http://127.0.0.1:1").cls)


def test_tasks_run_with_their_weights_and_leave_their_sets(server):
    done = []

    class Someone(PerfHttpUser):
        host = server.url

        @task
        class Inner(TaskSet):
            @task
            def one(self):
                done.append("inner")
                self.interrupt()

        @task(3)
        def outer(self):
            done.append("outer")
            if len(done) > 400:
                self.environment.runner.quit()

        def on_stop(self):
            done.append("stopped")

    environment = Bench(server.url).environment
    environment.user_classes = [Someone]
    environment.runner.start(1, 1)
    environment.runner.greenlet.join(timeout=10)
    assert done[-1] == "stopped"
    assert 0.1 < done.count("inner") / len(done) < 0.4
