"""Every request is counted once, by Locust's table and by listeners as by us."""

import time

import numpy as np
import pytest
from locust import FastHttpUser
from locust.stats import RequestStats

from perflib.load.locust_stats import feed
from perflib.load.plan import Plan, Worker
from perflib.load.recorder import ROW, PartWriter, pack
from perflib.load.recording import OfMaster, Recording
from perflib.samples import read_samples
from tests.gevented.conftest import Bench


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


def test_a_part_that_cannot_be_written_gives_the_run_a_reason(tmp_path, bench):
    plan = Plan(url="http://127.0.0.1:1", folder=str(tmp_path), zero_ns=0, arrival="closed")
    recording = Recording(plan, bench.environment)
    recording.start()
    recording.writer.folder.rmdir()
    bench.client.get("/status/204")
    assert recording.close().rows == 0
    assert recording.stopped == "samples could not be written (No such file or directory)"


def test_what_found_no_room_ends_the_load_and_is_tried_again(tmp_path, bench, monkeypatch):
    recording = Recording(Plan(url="", folder=str(tmp_path), zero_ns=0), bench.environment)
    recording.start()
    ended = []
    monkeypatch.setattr(recording, "give_up", ended.append)
    recording.writer.folder.rmdir()
    bench.client.get("/status/204")
    bench.engine.flush()
    recording._write(recording.writer.take())
    bench.client.get("/status/204")
    bench.engine.flush()
    assert ended == ["samples could not be written (No such file or directory)"]
    recording.writer.folder.mkdir()
    assert recording.close().rows == 2


def test_a_worker_with_another_clock_begins_when_we_did(tmp_path, bench):
    master = OfMaster(Plan(url="", folder=str(tmp_path), zero_ns=0), bench.environment)
    bench.engine.begun_ns = 5_000_000_000
    parts = PartWriter(tmp_path / "parts", 0)
    row = pack(7_001_000_000, 7_002_000_000, 7_003_000_000, 2, 0, 0, 200)
    parts.add(np.frombuffer(row, ROW), [("GET", "/")], [""])
    parts.write(parts.take())
    (tmp_path / "parts" / "000000.parquet").rename(tmp_path / "parts" / "far-000000.parquet")
    worker = Worker(id="far", begun_ns=7_000_000_000)
    master._align(worker)
    (found,) = read_samples(tmp_path / "parts" / "far-000000.parquet").itertuples()
    assert worker.begun_ns == 5_000_000_000
    assert (found.intended_start, found.start, found.end) == pytest.approx((5.001, 5.002, 5.003))


def test_a_listener_hears_when_the_request_was(bench):
    heard = []
    bench.environment.events.request.add_listener(lambda **kw: heard.append(kw))
    before = time.time()
    bench.client.get("/status/404", name="named")
    assert before - 0.01 < heard[0]["start_time"] < before + 0.1
    assert heard[0]["start_time"] + heard[0]["response_time"] / 1000 < time.time() + 0.01
    assert heard[0]["url"].endswith("/status/404")
    assert heard[0]["exception"] is not None


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
