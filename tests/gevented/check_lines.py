"""Connections: kept, lost, late, refused and encrypted."""

import socket
import subprocess
import time
from pathlib import Path

import gevent
import gevent.ssl
import pytest

from tests.gevented.conftest import Bench
from tests.gevented.server import Server


def test_the_line_is_kept_and_its_loss_noticed(bench, server):
    for path, connections in [("/method", 1), ("/close", 1), ("/method", 2), ("/hangup", 2)]:
        assert bench.client.get(path).ok
        assert server.connections == connections
    assert bench.client.get("/method").ok
    assert bench.client.get("/hangup").ok
    gevent.sleep(0.05)
    assert bench.client.post("/method").ok  # a closed line is noticed before a POST is sent
    assert all(row[3] == "" for row in bench.recorded())


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


def test_an_address_that_swallows_packets_leaves_time_for_the_next(server, monkeypatch):
    """Such as IPv6 that leads nowhere before IPv4 that works."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.create_connection(full.getsockname()),
    ):
        dead, alive = full.getsockname(), ("127.0.0.1", int(server.url.rpartition(":")[2]))
        for places, error in (([dead, alive], ""), ([dead, dead], "connect timeout")):
            told = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place) for place in places]
            monkeypatch.setattr("gevent.socket.getaddrinfo", lambda *_, told=told, **__: told)
            bench = Bench("http://a.example", connection_timeout=1.0)
            bench.client.get("/method")
            assert bench.recorded()[0][3] == error


def test_a_tls_context_that_cannot_be_is_the_callers_error():
    def make():
        raise ValueError("no such mode")

    bench = Bench("https://127.0.0.1:1", ssl_context_factory=staticmethod(make))
    with pytest.raises(ValueError, match="no such mode"):
        bench.client.get("/")


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


def test_the_loss_of_an_encrypted_line_is_noticed_before_a_post(certificate):
    key, cert = certificate
    with Server(keyfile=str(key), certfile=str(cert)) as server:
        bench = Bench(server.url, insecure=True)
        for path, connections in [("/method", 1), ("/method", 1), ("/hangup", 1), ("/method", 2)]:
            assert bench.client.post(path).ok
            assert server.connections == connections
            gevent.sleep(0.05)
