"""A chain is watched, never believed: its height must be seen to advance.

Any REST chain API can be described by paths and field names; `json-rpc` speaks Ethereum's.
The arrival of a block is known to the poll interval, which is recorded.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections import Counter
from math import isnan
from statistics import median
from typing import ClassVar, Literal

import httpx
from pydantic import Field, model_validator

from perflib.hidden import without_secrets
from perflib.model import SAMPLES
from perflib.samples import PART_S, POLL, SampleWriter
from perflib.session import Session
from perflib.target import Headers, Scenario, Seconds, as_base
from perflib.units import format_quantity
from perflib.workloads.anchors import Anchors, AnchorSettings
from perflib.workloads.chain import Block, Chain, Story, Watch
from perflib.workloads.fields import NEXT_STEPS, TIMEOUT, AnswerError, kind_of, open_client
from perflib.workloads.node import Node, NodeTarget

METRICS = (
    "block_time",
    "arrival_interval",
    "consensus_latency",
    "validation_time",
    "block_transactions",
    "anchoring_time",
)
GIVE_UP_S = 10.0
STOP_S = 0.3
MOST_FETCHED = 200
DEEPEST = 32


class BlocksTarget(NodeTarget):
    """A chain that is watched through its API."""

    kind: Literal["blocks"]
    watches: ClassVar[bool] = True
    headers: Headers = Field(
        default_factory=dict, repr=False, description="sent with each request; never recorded"
    )
    expected_block_time: Seconds | None = Field(
        default=None, gt=0, description="for missed slots and for how long to watch"
    )
    least_blocks: int = Field(
        default=4, ge=1, description="a run lasts at least this many expected block times"
    )
    poll_interval: Seconds = Field(
        default=0.1, gt=0, description="how exactly arrivals are known; small against block time"
    )
    timeout: Seconds = Field(default=5.0, gt=0, description="a slower answer is an error")
    anchor: AnchorSettings | None = Field(
        default=None, description="a small probe that has sessions anchored"
    )

    @model_validator(mode="after")
    def _base(self) -> BlocksTarget:
        if self.protocol == "rest" or self.anchor:
            as_base(self.url)
        return self

    def time_needed(self, scenario: Scenario) -> float:
        """Long enough to see `least_blocks` blocks, where the block time is known."""
        least = (self.least_blocks + 0.5) * (self.expected_block_time or 0.0)
        return max(super().time_needed(scenario), scenario.warmup + least)

    def measure(self, scenario: Scenario, session: Session) -> None:
        """Watch; rows are labelled `block` (at their arrival), `poll` and `anchor`."""
        run = session.run
        run.arrival = "watch"
        session.samples(METRICS)
        run.workload = self.model_dump(mode="json", exclude={"objectives", "headers", "load"}) | {
            "url": without_secrets(self.url),
            "metrics_url": without_secrets(self.metrics_url),
            "headers": sorted(self.headers),
            "scenario": scenario.model_dump(mode="json"),
        }
        with open_client(self.url, self.timeout, self.headers) as client:
            run.measured_from_s = session.now() + scenario.warmup
            run.measured_until_s = run.measured_from_s + scenario.run_time
            session.keep()
            observer = _Observer(self, client, session)
            anchors = self.anchor and Anchors(self.anchor, self.url, client, session)
            if anchors:
                anchors.start()
            observer.watch_until(run.measured_until_s)
            if anchors:
                anchors.finish()
        run.measured_until_s = min(run.measured_until_s, session.now())
        observer.record()
        if anchors:
            anchors.record(session.samples(METRICS), observer.chain.top)


class _Observer:
    """Polls the newest block and keeps what it sees."""

    def __init__(self, target: BlocksTarget, client: httpx.Client, session: Session) -> None:
        self.target, self.session = target, session
        self.node = Node(target, client)
        self.chain = Chain()
        self.polls, self.errors = 0, Counter[str]()
        self.began_s = self._asked_s = self._kept_s = session.now()
        self._so_far = session.folder / "so_far"
        self.took: list[float] = []
        self._over = False
        self._fault: Exception | None = None

    @property
    def failed(self) -> int:
        """How many polls failed."""
        return self.errors.total()

    def watch_until(self, until_s: float) -> None:
        """Watch until `until_s` or `session.stop`, which does not wait for an answer.

        Nor does the end wait for one that drips for ever, which no timeout of a read can tell.
        """
        thread = threading.Thread(target=self._watch, args=(until_s,), daemon=True)
        thread.start()
        latest_s = until_s + self.target.timeout
        while thread.is_alive() and self.session.now() < latest_s:
            if self.session.stop.wait(0.05):
                break
        thread.join(STOP_S)
        self._over = True  # whatever it still meets, the record is being made
        if self._fault is not None:
            shutil.rmtree(self._so_far, ignore_errors=True)
            raise self._fault
        if thread.is_alive() and not self.session.stop.is_set():
            self._note(TIMEOUT)

    def _watch(self, until_s: float) -> None:
        """Poll until `until_s`; an error of ours must not pass for a watch that ended early."""
        try:
            self._poll_until(until_s)
        except Exception as error:
            self._fault = error

    def _poll_until(self, until_s: float) -> None:
        """Poll until `until_s`, or give up when nothing at all was ever answered."""
        session, due, shown = self.session, self.began_s, 0.0
        while session.now() < until_s and not session.stop.is_set():
            self._poll()
            if session.now() - self._kept_s > PART_S:
                self._keep()
            if self.failed == self.polls and session.now() - self.began_s > GIVE_UP_S:
                break
            if session.now() - shown > 0.5:
                shown = session.now()
                self._show()
            due = max(due + self.target.poll_interval, session.now())
            session.stop.wait(max(due - session.now(), 0.0))

    def _keep(self) -> None:
        """Leave the blocks of until now for who finds them if this process is killed.

        Only the end knows which of them stay, so `record` writes them anew.
        """
        if self.chain.top >= 0 and not self._over:
            self._so_far.mkdir(exist_ok=True)
            writer = SampleWriter(self._so_far / SAMPLES, METRICS, flush_rows=sys.maxsize)
            _write_blocks(self._story(), writer)
            writer.write_all()
        self._kept_s = self.session.now()

    def _poll(self) -> None:
        self._asked_s, error = self.session.now(), ""
        self.polls += 1
        try:
            head = self.node.latest()
            self._take(head, self.session.now())
            if self.polls - self.failed == 1:
                self.session.run.environment.target_version = self.node.version()
        except (httpx.HTTPError, httpx.InvalidURL, AnswerError) as problem:
            error = kind_of(problem)
        if not self._over:
            self._note(error)

    def _note(self, error: str) -> None:
        """Keep the poll that ends now."""
        if error:
            self.errors[error] += 1
            self.session.count_error(error)
        now = self.session.now()
        if not error:
            self.took.append(now - self._asked_s)
        writer = self.session.samples(METRICS)
        writer.append(POLL, self._asked_s, now, ok=not error, error=error)

    def _take(self, head: Block, now: float) -> None:
        chain = self.chain
        if chain.top < 0:
            chain.start(head, now)
            return
        chain.note_head(head)
        if head.height <= chain.top:
            self._follow_back(head)
            return
        wanted = range(max(chain.top + 1, head.height - MOST_FETCHED), head.height)
        found = [block for block in map(self._fetch, wanted) if block]
        chain.skipped += head.height - chain.top - 1 - len(found)
        below = chain.seen.get(head.height - 1 - len(found))
        lowest = [*found, head][0]
        if below and lowest.parent and lowest.parent != below.block.hash:
            parent = self._fetch(lowest.height - 1)
            if parent:
                self._follow_back(parent)
        chain.extend([*found, head], now)

    def _follow_back(self, block: Block | None) -> None:
        """Replace blocks downwards until a block that was seen before.

        Of nodes that disagree each poll would have it done again.
        """
        for _ in range(1 if self.chain.returned else DEEPEST):
            if block is None or not self.chain.differs(block):
                return
            self.chain.replace(block)
            block = self._fetch(block.height - 1) if block.height > self.chain.first else None

    def _fetch(self, height: int) -> Block | None:
        """The block at `height`; None, and an error counted, where it cannot be had."""
        try:
            return self.node.block(height)
        except (httpx.HTTPError, AnswerError) as error:
            self.session.count_error(f"block: {kind_of(error)}")
            return None

    def _show(self) -> None:
        arrived = list(self.chain.new())
        last = arrived[-1] if arrived else None
        self.session.show(
            {
                "height": str(self.chain.top) if self.chain.top >= 0 else "–",
                "blocks": str(len(arrived)),
                "block time": format_quantity(last[1], "s") if last and last[1] else "–",
                "errors": str(self.failed),
            }
        )

    def record(self) -> None:
        """Write the blocks, their story and its caveats into the run."""
        session = self.session
        shutil.rmtree(self._so_far, ignore_errors=True)
        if self.chain.top < 0:
            kinds = "; ".join(session.run.errors) or "no answer yet"
            step = "start the chain, or correct `url`, `protocol`, the paths and the fields"
            session.warn(
                "no contact",
                f"none of {self.polls} polls was answered: {kinds}",
                NEXT_STEPS.get(kinds, step),
                ("*",),
            )
            return
        story = self._story()
        session.run.caveats.extend(story.caveats())
        _write_blocks(story, session.samples(METRICS))
        _tell(story, session)

    def _story(self) -> Story:
        session, target = self.session, self.target
        return Story(
            self.chain,
            Watch(
                began_s=self.began_s,
                ended_s=session.run.measured_until_s or session.now(),
                epoch_s=session.epoch_s,
                poll_s=max(target.poll_interval, median(self.took or [0.0])),
                longest_s=max(self.took, default=0.0),
                expected_s=target.expected_block_time,
                polls=self.polls,
                failed=self.failed,
                error=next((kind for kind, _ in self.errors.most_common(1)), ""),
            ),
        )


def _told(story: Story) -> bool:
    """Whether the chain itself tells how long consensus took."""
    return any(seen.block.consensus_latency is not None for seen, _ in story.blocks)


def _write_blocks(story: Story, writer: SampleWriter) -> None:
    """A sample row for each block, at its arrival."""
    told = _told(story)
    for seen, spacing in story.blocks:
        block = seen.block
        latency = block.consensus_latency
        dated = seen.exact and not isnan(block.timestamp)
        if not told and dated and not story.clock_differs:
            latency = max(story.age(seen), 0.0)
        values = {
            "block_time": spacing,
            "arrival_interval": seen.interval,
            "consensus_latency": latency,
            "validation_time": block.validation_time,
            "block_transactions": block.transactions,
        }
        metrics = {name: value for name, value in values.items() if value is not None}
        writer.append("block", seen.arrived_s, seen.arrived_s, metrics=metrics)


def _tell(story: Story, session: Session) -> None:
    """The list of blocks and what became of the chain, in the details."""
    chain = story.chain
    session.run.details["blocks"] = [
        {
            "height": seen.block.height,
            "timestamp": seen.block.timestamp,
            "arrived_s": seen.arrived_s,
            "proposer": seen.block.proposer,
            "transactions": seen.block.transactions,
        }
        for seen, _ in story.blocks
    ]
    session.run.details["chain"] = {
        "first_height": chain.first,
        "last_height": chain.top,
        "missed_slots": story.missed_slots(),
        "replaced": [height for height, _ in chain.replaced],
        "height_backwards": chain.backwards,
        "blocks_not_seen": chain.skipped,
        "arrival_resolution_s": story.watch.poll_s,
        "timestamp_resolution_s": story.resolution_s,
        "arrival_after_timestamp_s": story.lag_s,
        "consensus_latency": "told by the chain" if _told(story) else "timestamp to arrival",
        "polls": story.watch.polls,
        "polls_failed": story.watch.failed,
    }
