"""A chain is judged by what was seen of it: told in cases of chains that behave or lie."""

from __future__ import annotations

import dataclasses
import gzip
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pandas as pd
import pytest
from pydantic import ValidationError

from perflib.model import SAMPLES, Run
from perflib.samples import read_samples
from perflib.session import Session
from perflib.target import Scenario
from perflib.workloads import blocks
from perflib.workloads.anchors import Anchors, AnchorSettings, _Probe
from perflib.workloads.blocks import BlocksTarget
from perflib.workloads.chain import Block, Chain, Story, Watch
from perflib.workloads.fields import LARGEST, AnswerError, answer_of, number
from tests.workload import Server, codes, go, text_of, time_to_stop, voids_all

SLOT_S = 0.2


class FakeChain:
    """A REST and JSON-RPC chain: `height_at` and `timestamp_of` say how it behaves."""

    def __init__(
        self,
        height_at: Callable[[float], int] = lambda s: 100 + int(s / SLOT_S),
        timestamp_of: Callable[[int], float] | None = None,
        fork_at: float = 1e9,
        forked: Callable[[float], bool] | None = None,
    ) -> None:
        self.began: float | None = None
        self.zero = time.time() - 100 * SLOT_S
        self.height_at = height_at
        self.timestamp_of = timestamp_of or (lambda height: self.zero + height * SLOT_S)
        self.forked = forked or (lambda s: s > fork_at)
        self.anchors: dict[str, float] = {}

    def now(self) -> float:
        self.began = self.began or time.monotonic()  # the first question starts the chain
        return time.monotonic() - self.began

    def block(self, height: int) -> dict[str, Any]:
        forked = height >= 102 and self.forked(self.now())
        name = "fork-" if forked else "block-"
        parent = "fork-" if forked and height > 102 else "block-"
        return {
            "height": height,
            "hash": f"{name}{height}",
            "previous_hash": f"{parent}{height - 1}",
            "timestamp": self.timestamp_of(height),
            "proposer": f"validator-{height % 4}",
            "transactions": [{}] * 3,
            "consensus_latency_s": 0.01,
            "validation_time_s": 0.002,
        }

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any] | None:
        height = self.height_at(self.now())
        if path == "/api/v1/chain/info":
            return 200, {"version": "fake 1", "height": 12345, "block_time": 0.1}
        if path == "/api/v1/blocks/latest":
            return 200, self.block(height)
        if path.startswith("/api/v1/blocks/"):
            return 200, self.block(int(path.rpartition("/")[2]))
        return 404, {}


def target(url: str, **changes: Any) -> BlocksTarget:
    settings = {"poll_interval": "20 ms", "expected_block_time": "200 ms", "timeout": "300 ms"}
    return BlocksTarget(kind="blocks", url=url, **settings | changes)


def watch(chain: FakeChain) -> Any:
    with Server(chain.answer) as url:
        return go(target(url), run_time="1.7 s")


ODD: dict[str, tuple[Callable[[], FakeChain], str]] = {
    "chain stalled": (
        lambda: FakeChain(height_at=lambda s: 100 + min(int(s / SLOT_S), 3)),
        "consensus_latency",
    ),
    "timestamps contradict arrivals": (
        lambda: FakeChain(timestamp_of=lambda height: time.time() - 1000 + height * 10),
        "block_time",
    ),
    "clocks differ": (
        lambda: FakeChain(timestamp_of=lambda h: time.time() + 10 + h * SLOT_S),
        "consensus_latency",
    ),
    "arrivals not resolved": (
        lambda: FakeChain(height_at=lambda s: 100 + 4 * int(s / SLOT_S / 4)),
        "arrival_interval",
    ),
    "height went backwards": (
        lambda: FakeChain(height_at=lambda s: 100 + int(s / SLOT_S) - (int(s * 50) % 5 == 0)),
        "",
    ),
    "chain re-organised": (lambda: FakeChain(fork_at=1.1), ""),
}


STRAIGHT: dict[str, Callable[[], FakeChain]] = {
    "steady": FakeChain,
    "constant": lambda: FakeChain(height_at=lambda _: 12345),
    "jumping": lambda: FakeChain(height_at=lambda s: 100 + 3 * int(s / SLOT_S / 3)),
    "rewound": lambda: FakeChain(
        height_at=lambda s: 100 + int(s / SLOT_S) - 4 * (s >= 6 * SLOT_S), fork_at=6 * SLOT_S
    ),
    "started anew": lambda: FakeChain(
        height_at=lambda s: 100 + int(s / SLOT_S) - 106 * (s >= 6 * SLOT_S)
    ),
    "two nodes": lambda: FakeChain(forked=lambda s: int(s / 0.1) % 2 == 1),
}


@pytest.fixture(scope="module")
def watched() -> dict[str, Any]:
    """All chains watched at the same time, because watching is mostly waiting."""
    chains = STRAIGHT | {code: chain for code, (chain, _) in ODD.items()}
    with ThreadPoolExecutor(len(chains)) as pool:
        runs = {name: pool.submit(watch, chain()) for name, chain in chains.items()}
        return {name: future.result() for name, future in runs.items()}


def test_a_steady_chain_is_seen_block_by_block(watched: dict[str, Any]) -> None:
    run, samples = watched["steady"]
    blocks = samples[samples["label"] == "block"]
    assert run.caveats == []
    assert run.errors == {}
    assert 5 <= len(blocks) <= 10
    assert blocks["block_time"].tolist() == pytest.approx([SLOT_S] * len(blocks))
    assert blocks["arrival_interval"].dropna().mean() == pytest.approx(SLOT_S, abs=0.05)
    assert set(blocks["block_transactions"]) == {3}
    assert set(blocks["consensus_latency"]) == {0.01}
    assert set(blocks["validation_time"]) == {0.002}
    assert [block["height"] for block in run.details["blocks"]] == list(
        range(run.details["chain"]["first_height"] + 1, run.details["chain"]["last_height"] + 1)
    )
    assert run.details["blocks"][0]["proposer"].startswith("validator-")
    assert run.details["chain"]["missed_slots"] == 0
    assert run.details["chain"]["arrival_resolution_s"] == 0.02
    assert run.arrival == "watch"
    assert run.environment.target_version == "fake 1"


def test_a_constant_height_is_no_chain_whatever_it_claims(watched: dict[str, Any]) -> None:
    run, samples = watched["constant"]
    assert codes(run) == {"height never advanced"}
    assert voids_all(run)
    assert not (samples["label"] == "block").any()
    assert "12345" in run.caveats[0].message


@pytest.mark.parametrize("code", ODD)
def test_a_chain_that_is_odd_is_doubted(watched: dict[str, Any], code: str) -> None:
    run, voided = watched[code][0], ODD[code][1]
    found = {caveat.code: caveat for caveat in run.caveats}
    assert code in found, run.details.get("chain")
    assert voided in found[code].voids or not voided
    assert not voids_all(run)


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("rewound", "chain rewound", "the height fell from 10"),
        ("started anew", "chain rewound", "the height fell from 10"),
        ("two nodes", "nodes disagree", "by turns"),
    ],
)
def test_two_chains_in_one_are_not_judged(
    watched: dict[str, Any], name: str, code: str, says: str
) -> None:
    run, _ = watched[name]
    assert codes(run) == {code}, "and nothing is said of a clock or of a silence"
    assert voids_all(run)
    assert says in run.caveats[0].message


def test_jumps_of_height_are_filled_in(watched: dict[str, Any]) -> None:
    run, samples = watched["jumping"]
    heights = [block["height"] for block in run.details["blocks"]]
    assert heights == list(range(101, 101 + len(heights)))
    assert len(heights) >= 3
    blocks = samples[samples["label"] == "block"]
    assert blocks["block_time"].tolist() == pytest.approx([SLOT_S] * len(heights))


def test_unfinished_answers_are_errors_and_the_watch_goes_on() -> None:
    chain = FakeChain()
    calls = iter(range(10**6))
    bad = [(500, {}), (200, b"hello"), (200, {"height": "high"}), (200, {"height": 5}), None]

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any] | None:
        call = next(calls)
        return bad[call // 8 % 5] if call % 8 == 7 else chain.answer(method, path, body)

    with Server(answer) as url:
        run, samples = go(target(url), run_time="2 s")
    assert set(run.errors) == {
        "status 500",
        "the answer is no JSON",
        "`height` is no number",
        "the answer has no `timestamp`",
        "timeout",
    }
    polls = samples[samples["label"] == "poll"]
    assert (~polls["ok"]).sum() == sum(run.errors.values())
    assert (samples["label"] == "block").sum() >= 5


@pytest.mark.parametrize("hangs", [False, True])
def test_a_node_that_never_answers_gives_no_verdict(hangs: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if hangs else 1
        run, _ = go(target(f"http://me:hunter2@127.0.0.1:{port}"))
    assert set(run.errors) == {"timeout" if hangs else "connection refused"}
    assert codes(run) == {"no contact"}
    assert voids_all(run)
    assert "hunter2" not in text_of(run)


def test_an_answer_that_drips_for_ever_ends_with_the_run() -> None:
    chain, over = FakeChain(), threading.Event()

    def answer(method: str, path: str, body: bytes) -> Any:
        if path.endswith("latest") and chain.now() > 0.8:
            return 200, iter(lambda: over.wait(0.05) or b" ", True)
        return chain.answer(method, path, body)

    began = time.monotonic()
    with Server(answer) as url:
        run, samples = go(target(url), run_time="1.5 s")
        over.set()
    assert time.monotonic() - began < 10
    assert run.errors == {"timeout": 1}
    assert (samples["label"] == "block").sum() >= 3
    assert "chain stalled" in codes(run)


def test_a_node_that_answers_slowly_is_no_chain_that_stalls() -> None:
    chain = FakeChain()

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any] | None:
        time.sleep(0.25)
        return chain.answer(method, path, body)

    with Server(answer) as url:
        run, _ = go(target(url, timeout="2 s"), run_time="2.5 s")
    (caveat,) = run.caveats
    assert caveat.code == "arrivals not resolved"
    assert "answers sooner" in caveat.next_step
    assert run.details["chain"]["arrival_resolution_s"] > SLOT_S
    assert run.details["chain"]["missed_slots"] == 0


def test_stop_is_heard_at_once() -> None:
    with Server(FakeChain().answer) as url:
        assert time_to_stop(target(url), "blocks") < 1.5


def test_blocks_are_left_for_who_finds_them_after_a_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "PART_S", 0.1)
    left: list[pd.DataFrame] = []

    def look(session: Session, _: Any) -> None:
        if (file := session.folder / "so_far" / SAMPLES).exists():
            left.append(read_samples(file))

    with Server(FakeChain().answer) as url:
        _, samples = go(target(url), run_time="2.7 s", show=look)
    seen = samples[samples["label"] == "block"]
    assert 0 < len(left[-1]) <= len(seen)
    assert left[-1]["block_time"].notna().any()
    assert not seen["arrival_interval"].isna().all()


def test_stop_does_not_wait_for_an_answer() -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run, _ = go(target(url, timeout="30 s"), stop_after_s=0.5, run_time="60 s")
    assert time.monotonic() - began < 5
    assert voids_all(run)


def test_other_apis_are_described_by_paths_and_names() -> None:
    chain = FakeChain(timestamp_of=lambda height: 1_700_000_000 + height)

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any] | None:
        height = chain.height_at(chain.now()) if path == "/block" else int(path.partition("=")[2])
        header = {
            "height": str(height),
            "time": f"2026-01-01T00:{height % 3600 // 60:02}:{height % 60:02}.000000Z",
            "proposer_address": "A",
        }
        block = {"header": header, "data": {"txs": ["x", "y"]}, "took": 12}
        return 200, {"result": {"block": block, "block_id": {"hash": f"H{height}"}}}

    fields = {
        "height": "result.block.header.height",
        "timestamp": "result.block.header.time",
        "hash": "result.block_id.hash",
        "parent": "",
        "proposer": "result.block.header.proposer_address",
        "transactions": "result.block.data.txs",
        "validation_time": "result.block.took in ms",
    }
    with Server(answer) as url:
        run, samples = go(
            target(url, latest_path="/block", block_path="/block?height={height}", fields=fields),
            run_time="1 s",
        )
    blocks = samples[samples["label"] == "block"]
    assert run.errors == {}
    assert set(blocks["block_time"]) == {1.0}
    assert set(blocks["validation_time"]) == {0.012}
    assert set(blocks["block_transactions"]) == {2}
    assert run.details["chain"]["timestamp_resolution_s"] == 1.0


def test_anchors_are_timed_until_they_hold() -> None:
    chain, asked = FakeChain(), {}

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any] | None:
        if not path.startswith("/api/v1/anchoring"):
            return chain.answer(method, path, body)
        if method == "POST":
            asked[f"a/{len(asked)}?"] = time.monotonic()
            return 201, {"session_id": f"a/{len(asked) - 1}?", "status": "pending"}
        name = unquote(path.rpartition("/")[2])
        held = time.monotonic() > asked[name] + 0.2
        height = 10**6 if name == "a/1?" else 100
        return 200, {"status": "included", "height": height} if held else {"status": "pending"}

    with Server(answer) as url:
        run, samples = go(target(url, anchor={"interval": "300 ms"}), run_time="1.8 s")
    anchors = samples[samples["label"] == "anchor"]
    assert anchors["anchoring_time"].dropna().between(0.19, 0.8).all()
    assert anchors["ok"].sum() >= 2
    assert run.errors == {"anchor: anchored in an unseen block": 1}


def test_anchors_that_never_hold_are_told_and_asked_after_no_longer_than_the_run() -> None:
    chain, broken = FakeChain(), list[threading.ExceptHookArgs]()

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any] | None:
        if not path.startswith("/api/v1/anchoring"):
            return chain.answer(method, path, body)
        time.sleep(0.1 * (method == "GET"))
        return 200, {"session_id": "a", "status": "pending"}

    hook, threading.excepthook = threading.excepthook, broken.append
    try:
        with Server(answer) as url:
            run, _ = go(target(url, anchor={"interval": "10 ms"}), run_time="1.5 s")
            time.sleep(0.3)
    finally:
        threading.excepthook = hook
    assert broken == [], "as when the client is closed while there are more to ask after"
    (caveat,) = run.caveats
    assert caveat.code == "nothing anchored"
    assert caveat.forbids("anchoring_time")


def rows_of(folder: Path, probes: list[_Probe]) -> pd.DataFrame:
    """What is recorded of `probes`, whose times lie before now."""
    run = Run(id="r", target="t", kind="blocks", started_at="2026-11-25T00:00:00Z", duration_s=40.0)
    session = Session(run, folder)
    with httpx.Client() as client:
        anchors = Anchors(AnchorSettings(), "http://127.0.0.1:1", client, session)
    anchors.probes = probes
    anchors.record(session.samples(("anchoring_time",)), top=1)
    session.close()
    return read_samples(folder / SAMPLES)


@pytest.mark.parametrize(("longest_s", "stuck_s", "young_s"), [(3.0, 30.0, 5.0), (0.01, 2.5, 1.0)])
def test_an_anchor_that_never_comes_is_no_quick_one(
    tmp_path: Path, longest_s: float, stuck_s: float, young_s: float
) -> None:
    longest = _Probe(-40.0, end_s=-40.0 + longest_s)
    rows = rows_of(tmp_path, [longest, _Probe(-stuck_s), _Probe(-young_s)])
    assert rows["error"].tolist() == ["", "not anchored"], "the last one may still come"
    assert rows["anchoring_time"].dropna().tolist() == pytest.approx([longest_s])


def test_of_anchors_that_began_late_the_quick_ones_do_not_count_alone(tmp_path: Path) -> None:
    late = [_Probe(-5.0), _Probe(-4.0, end_s=-3.9), _Probe(-3.0, end_s=-3.0, error="timeout")]
    rows = rows_of(tmp_path, [_Probe(-40.0, end_s=-30.0), _Probe(-20.0, end_s=-19.0), *late])
    assert rows["anchoring_time"].dropna().tolist() == pytest.approx([10.0, 1.0])
    assert rows["error"].tolist() == ["", "", "timeout"]


def test_a_real_ethereum_node_speaks_json_rpc() -> None:
    anvil = shutil.which("anvil")
    if anvil is None:
        pytest.skip("anvil is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    node = subprocess.Popen(
        [anvil, "--port", str(port), "--block-time", "1"], stdout=subprocess.DEVNULL
    )
    try:
        time.sleep(2)
        url = f"http://127.0.0.1:{port}"
        run, samples = go(
            target(url, protocol="json-rpc", expected_block_time="1 s"), run_time="4 s"
        )
    finally:
        node.terminate()
        node.wait()
    blocks = samples[samples["label"] == "block"]
    assert run.errors == {}
    assert blocks["block_time"].mean() == pytest.approx(1.0, abs=0.5)
    assert "anvil" in run.environment.target_version


def test_json_rpc_answers_are_read_in_hexadecimal() -> None:
    chain = FakeChain()

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any] | None:
        if b"web3_clientVersion" in body:
            return 200, {"error": {"code": -32601, "message": "no"}}
        head = chain.height_at(chain.now())
        number = head if b"latest" in body else int(body.split(b'"0x')[1].split(b'"')[0], 16)
        seconds = hex(1_700_000_000 + number)
        block = {"number": hex(number), "hash": f"0x{number}", "parentHash": f"0x{number - 1}"}
        return 200, {"result": block | {"timestamp": seconds, "transactions": ["0x1"]}}

    with Server(answer) as url:
        run, samples = go(target(url, protocol="json-rpc"), run_time="0.8 s")
    assert run.errors == {}
    assert set(samples.loc[samples["label"] == "block", "block_time"]) == {1.0}


@pytest.mark.parametrize(
    ("height", "kind"),
    [
        (-5, "`height` is no block height"),
        (100.5, "`height` is no block height"),
        (10**30, "`height` is no block height"),
        ("0x" + "f" * 300, "`height` is not finite"),
    ],
    ids=["negative", "fraction", "absurd", "beyond a float"],
)
def test_a_height_that_no_chain_has_is_an_error(height: float | str, kind: str) -> None:
    with Server(lambda *_: (200, {"height": height, "timestamp": 0})) as url:
        run, _ = go(target(url), run_time="0.2 s")
    assert set(run.errors) == {kind}
    assert voids_all(run)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"[" * 200_000, "the answer is no JSON"),
        (b'{"took": 1e308}', "`took in min` is not finite"),
    ],
    ids=["nested", "beyond a float"],
)
def test_an_answer_that_nobody_can_read_is_an_error(answer: bytes, says: str) -> None:
    with pytest.raises(AnswerError, match=says):
        number(answer_of(httpx.Response(200, content=answer)), "took in min")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"url": "http://127.0.0.1:1/?key=a"}, "expected a `url` without `?`"),
        ({"url": "http://127.0.0.1:1/#a"}, "expected a `url` without `?` and `#`"),
        ({"block_path": "/blocks/{number}"}, "nothing fills in `{number}`; expected `{height}`"),
        ({"block_path": "/blocks/{height"}, "a brace alone; expected `{height}`"),
        ({"anchor": {"status_path": "/anchors/{session}"}}, "expected `{id}`"),
    ],
)
def test_a_path_that_nothing_fills_in_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(says)):
        target(**{"url": "http://127.0.0.1:1", **changes})


def test_a_block_that_would_fill_the_memory_is_an_error() -> None:
    bomb = gzip.compress(bytes(LARGEST + 1))
    with Server(lambda *_: (200, bomb, "gzip")) as url:
        run, _ = go(target(url), run_time="0.2 s")
    assert set(run.errors) == {"content too large"}
    assert voids_all(run)


def test_an_error_of_ours_is_no_watch_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("perflib.workloads.blocks._Observer._take", broken)
    with pytest.raises(ZeroDivisionError):
        watch(FakeChain())


def test_a_chain_without_times_is_known_by_its_arrivals() -> None:
    chain = FakeChain(timestamp_of=lambda _: None)  # type: ignore[arg-type, return-value]
    run, samples = watch(chain)
    blocks = samples[samples["label"] == "block"]
    assert blocks["arrival_interval"].mean() == pytest.approx(SLOT_S, abs=0.05)
    assert blocks["block_time"].isna().all()
    assert run.details["chain"]["missed_slots"] == 0


def story(
    times: list[float],
    arrivals: list[float],
    ended_s: float,
    slot: float = 10.0,
    poll_s: float = 0.1,
) -> Story:
    chain = Chain()
    chain.start(Block(height=0, timestamp=times[0]), arrivals[0])
    for height, (stamp, arrived) in enumerate(zip(times[1:], arrivals[1:], strict=True), 1):
        chain.extend([Block(height=height, timestamp=stamp)], arrived)
    watched = Watch(
        began_s=0, ended_s=ended_s, epoch_s=0, poll_s=poll_s, expected_s=slot, polls=9, failed=0
    )
    return Story(chain, watched)


@pytest.mark.parametrize(
    ("times", "ended_s", "missed"),
    [
        ([0, 10, 20, 30], 35, 0),
        ([0, 10.4, 19.8, 30.1], 35, 0),
        ([0, 10, 40, 50], 55, 2),
        ([0, 10, 20], 52, 2),
        ([0, 5, 10], 12, 0),
    ],
    ids=["steady", "jitter", "two left out", "silent at the end", "faster than expected"],
)
def test_missed_slots_are_counted(times: list[float], ended_s: float, missed: int) -> None:
    assert story(times, times, ended_s).missed_slots() == missed


def test_a_node_that_is_seldom_heard_misses_no_slots_by_that() -> None:
    assert story([0, 10, 20], [0, 10, 20], 52, poll_s=20).missed_slots() == 0


def test_slots_are_not_missed_by_timestamps_that_are_coarse_or_lie() -> None:
    arrivals = [0.5 * n for n in range(9)]
    coarse = [float(int(arrived)) for arrived in arrivals]
    assert story(coarse, arrivals, 4.1, slot=0.5).missed_slots() == 0
    lies = [10.25 * n for n in range(9)]
    assert story(lies, arrivals, 4.1, slot=0.5).missed_slots() == 0
    assert story(coarse, [*arrivals[:-1], 5.5], 5.6, slot=0.5).missed_slots() == 3


@pytest.mark.parametrize(
    "found", [[2, 4, 6, 8], [2, 3, 4, 6, 8], [1, 3, 8]], ids=["each second", "some", "few"]
)
def test_blocks_that_cannot_be_had_make_no_chain_slower(found: list[int]) -> None:
    chain = Chain()
    chain.start(Block(height=0, timestamp=0.0), 0.0)
    for height in found:
        chain.extend([Block(height=height, timestamp=10.0 * height)], 10.0 * height)
    seen = Story(chain, story([0, 10], [0, 10], 81).watch)
    intervals = [each.interval for each, _ in seen.blocks if each.interval is not None]
    assert intervals == [10.0] * (len(found) - 1)
    assert "timestamps contradict arrivals" not in {each.code for each in seen.caveats()}


def test_times_that_go_back_are_no_stall() -> None:
    (code,) = {each.code for each in story([0, -3], [0, 10], 12, slot=0).caveats()}
    assert code == "timestamps go backwards"


def test_a_node_that_often_fails_is_told() -> None:
    seen = story([0, 10, 20], [0, 10, 20], 25)
    seen.watch = dataclasses.replace(seen.watch, polls=100, failed=60, error="status 429")
    (caveat,) = seen.caveats()
    assert caveat.code == "polls failed"
    assert caveat.forbids("arrival_interval")
    assert "60 of 100 polls failed, most with `status 429`" in caveat.message
    assert "less often" in caveat.next_step


def test_a_run_too_short_for_a_block_says_so() -> None:
    (caveat,) = story([0], [0], ended_s=12).caveats()
    assert caveat.code == "height never advanced"
    assert "longer" in caveat.next_step


def test_the_run_is_long_enough_for_the_blocks_asked_for() -> None:
    asked = target("http://x", expected_block_time="10 s", least_blocks=4)
    assert asked.time_needed(Scenario(warmup="1 s", run_time="5 s")) == 46.0
