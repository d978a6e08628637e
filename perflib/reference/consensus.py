"""How validators come to agree: a slot at each tick, a proposer in turn, votes, a quorum.

This side proposes nothing and signs nothing: it carries messages, checks every signature
and counts. A dead or silent proposer costs its slot no block, only `vote_timeout`.
"""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from typing import Any

import prometheus_client as prometheus
import sqlalchemy as sa

from perflib.reference import ledger
from perflib.reference.blocks import Blocks
from perflib.reference.ledger import Message
from perflib.reference.service import BUCKETS_S
from perflib.reference.settings import Chain as Settings
from perflib.reference.wire import Wire

_BLOCK_TIME_BUCKETS_S = (
    0.1, 0.25, 0.5, 0.9, 1.1, 2.0, 5.0, 8.0, 9.0, 9.5, 10.5, 11.0, 12.0, 15.0, 20.0, 30.0, 60.0
)  # fmt: skip


class Meters:
    """The chain's metrics."""

    def __init__(self, settings: Settings) -> None:
        self.block_time = prometheus.Histogram(
            "chain_block_time_seconds", "Time between blocks", buckets=_BLOCK_TIME_BUCKETS_S
        )
        self.last = prometheus.Gauge("chain_block_time_last_seconds", "The newest block's time")
        self.latency = prometheus.Histogram(
            "chain_consensus_latency_seconds",
            "From the slot's start to the quorum",
            buckets=BUCKETS_S,
        )
        self.validation = prometheus.Histogram(
            "chain_validation_time_seconds", "A validator's check of a block", buckets=BUCKETS_S
        )
        self.anchoring = prometheus.Histogram(
            "chain_anchoring_time_seconds", "From the request to its certificate", buckets=BUCKETS_S
        )
        self.height = prometheus.Gauge("chain_height", "Height of the newest block")
        self.validators = prometheus.Gauge("chain_validators", "Validators", ["state"])
        self.transactions = prometheus.Counter("chain_transactions", "Transactions", ["state"])
        self.pending = prometheus.Gauge("chain_pending_transactions", "Waiting transactions")
        self.missed = prometheus.Counter("chain_missed_slots", "Slots without a block")
        target = prometheus.Gauge("chain_block_time_target_seconds", "The configured block time")
        target.set(settings.consensus.block_time)


class Consensus:
    """Runs the slots of the chain."""

    def __init__(self, settings: Settings, wires: list[Wire], store: Blocks) -> None:
        self.settings, self.wires, self.store = settings, wires, store
        self.meters = Meters(settings)
        self.quorum = settings.consensus.quorum
        self.timeout_s = settings.consensus.vote_timeout
        self.trouble = ""
        self._last_commit: float | None = None

    async def begin(self) -> None:
        """Introduce the validators to each other and tell them the tip."""
        for wire in self.wires:
            answer = await wire.ask("hello", 20)
            if answer is None:
                raise RuntimeError(f"{wire.name} did not start")
            wire.key = answer["key"]
        validation, tip = self.settings.validation, self.store.tip
        rules = {
            "full": validation.validation == "full", "clock_drift_s": validation.clock_drift
        }  # fmt: skip
        values = {
            "keys": {wire.name: wire.key for wire in self.wires},
            "quorum": self.quorum,
            "rules": rules,
            "height": tip["height"],
            "tip": tip["hash"],
        }
        await asyncio.gather(*(wire.ask("begin", 20, **values) for wire in self.wires))
        for wire in self.wires:
            wire.height = tip["height"]

    async def keep_proposing(self) -> None:
        """A slot at each tick; ticks that pass during a slow slot are left out."""
        start, tick = time.monotonic(), 0
        first_slot = self.store.tip["slot"] + 1
        while True:
            await self.slot(first_slot + tick)
            block_time_s = self.settings.consensus.block_time
            tick = int((time.monotonic() - start) / block_time_s) + 1
            await asyncio.sleep(start + tick * block_time_s - time.monotonic())

    async def slot(self, slot: int) -> None:
        """One try for a block."""
        start = time.perf_counter()
        self._catch_up()
        block = await self._proposal(slot)
        votes: dict[str, Message] = {}
        if block is not None:
            votes = await self.signatures("vote", ledger.vote_text(block), block=block)
        self._count_validators()
        if block is None or len(votes) < self.quorum:
            alive = sum(wire.alive for wire in self.wires)
            self.trouble = (
                f"no quorum: {len(votes)} votes of {self.quorum} needed, "
                f"{alive} of {len(self.wires)} validators alive"
            )
            self.meters.missed.inc()
            return
        self.trouble = ""
        block["votes"] = [
            {"validator": name, "signature": vote["signature"]} for name, vote in votes.items()
        ]
        block["consensus_latency_s"] = time.perf_counter() - start
        block["validation_time_s"] = max(vote["validation_time_s"] for vote in votes.values())
        self._commit(block)
        await self._save()

    async def _proposal(self, slot: int) -> Message | None:
        limit = self.settings.consensus.block_transactions
        waiting = list(islice(self.store.pool.values(), limit))
        certified = self.store.certified[:limit]
        for turn in range(len(self.wires)):
            wire = self.wires[(slot + turn) % len(self.wires)]
            block = await wire.ask(
                "propose",
                self.timeout_s,
                slot=slot,
                transactions=waiting,
                anchors=certified,
            )
            if block is not None and self._follows(block):
                return block
        return None

    def _follows(self, block: Message) -> bool:
        tip = self.store.tip
        return (block["height"], block["previous_hash"]) == (tip["height"] + 1, tip["hash"])

    async def signatures(self, ask: str, text: bytes, **values: Any) -> dict[str, Message]:
        """Answers with a true signature over `text`, until a quorum or until all answered."""
        keys = {wire.name: ledger.public_key(wire.key) for wire in self.wires}

        async def one(wire: Wire) -> tuple[str, Message | None]:
            return wire.name, await wire.ask(ask, self.timeout_s, **values)

        asking = [asyncio.create_task(one(wire)) for wire in self.wires]
        found: dict[str, Message] = {}
        for coming in asyncio.as_completed(asking):
            name, answer = await coming
            if answer and ledger.signed_by(keys[name], answer.get("signature", ""), text):
                found[name] = answer
            elif answer:
                print(f"{name} gave no {ask}: {answer.get('refused')}", flush=True)
            if len(found) >= self.quorum:
                break
        for task in asking:
            task.cancel()
        return found

    def _commit(self, block: Message) -> None:
        self.store.add(block)
        self.store.unsaved.append(block)
        for wire in self.wires:
            wire.tell_commit(block, self.timeout_s)
        now = time.monotonic()
        if self._last_commit is not None:
            self.meters.block_time.observe(now - self._last_commit)
            self.meters.last.set(now - self._last_commit)
        self._last_commit = now
        self.meters.latency.observe(block["consensus_latency_s"])
        self.meters.validation.observe(block["validation_time_s"])
        self.meters.height.set(block["height"])
        self.meters.transactions.labels("committed").inc(len(block["transactions"]))
        self.meters.pending.set(len(self.store.pool))

    def _catch_up(self) -> None:
        for wire in self.wires:
            for height in range(wire.height + 1, self.store.tip["height"] + 1):
                if wire.alive and height in self.store.recent:
                    wire.tell_commit(self.store.recent[height], self.timeout_s)

    async def _save(self) -> None:
        try:
            await asyncio.to_thread(self.store.save)
        except sa.exc.SQLAlchemyError as error:
            print(f"{len(self.store.unsaved)} blocks wait for the database: {error}", flush=True)

    def _count_validators(self) -> None:
        alive = sum(wire.alive for wire in self.wires)
        self.meters.validators.labels("alive").set(alive)
        self.meters.validators.labels("dead").set(len(self.wires) - alive)
