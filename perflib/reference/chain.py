"""The chain: validators that agree on a block at each tick of a steady schedule.

This process is the chain's REST face and the wire between its validators, which are
processes of their own (`kill` one and look). It proposes nothing and signs nothing: a slot's
proposer is the next living validator in turn, and a block counts once more than two thirds
of all validators signed it. `consensus_latency_s` runs from the start of the slot to that
quorum, proposers that stay silent included; `validation_time_s` is the slowest check among
the votes that made the quorum.

Anchoring: a session's root hash goes to every validator at once, and is *certified* when a
quorum has signed a receipt. A receipt cannot be taken back (a validator signs one root hash
a session), which is why it counts as the moment of anchoring: `anchoring_time_s`. The
certificate is written into the next block; its height is told as `height` from then on.

Metrics: the histograms `chain_block_time_seconds`, `chain_consensus_latency_seconds`,
`chain_validation_time_seconds`, `chain_anchoring_time_seconds`; `chain_height`,
`chain_block_time_last_seconds`, `chain_block_time_target_seconds`, `chain_validators{state}`,
`chain_transactions_total{state}`, `chain_pending_transactions`, `chain_missed_slots_total`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
import prometheus_client as prometheus
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perflib.reference import ledger, schema
from perflib.reference.nursery import Context
from perflib.reference.schema import blocks
from perflib.reference.service import BUCKETS_S, Json, read_json, refuse
from perflib.reference.settings import Chain as Settings
from perflib.reference.settings import Configs
from perflib.reference.wire import Wire, open_wire

Message = dict[str, Any]
_REMEMBERED = 100_000
_BLOCK_TIME_BUCKETS_S = (
    0.1, 0.25, 0.5, 0.9, 1.1, 2.0, 5.0, 8.0, 9.0, 9.5, 10.5, 11.0, 12.0, 15.0, 20.0, 30.0, 60.0
)  # fmt: skip


class TransactionForm(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /api/v1/transactions`."""

    payload: dict[str, Any]


class AnchorForm(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /api/v1/anchoring/session`."""

    session_id: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
    root_hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


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


class Ledger:
    """Blocks, waiting transactions, anchors: the newest in memory, all blocks in the database."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.recent: OrderedDict[int, Message] = OrderedDict()
        self.unsaved: list[Message] = []
        self.pool: OrderedDict[str, Message] = OrderedDict()
        self.committed: OrderedDict[str, int] = OrderedDict()
        self.anchors: OrderedDict[str, Message] = OrderedDict()
        self.certified: list[Message] = []
        with engine.connect() as connection:
            newest = sa.select(blocks.c.body).order_by(blocks.c.height.desc()).limit(1)
            body = connection.execute(newest).scalar()
        if body is not None:
            self.add(msgspec.json.decode(body))

    @property
    def tip(self) -> Message:
        """The newest block."""
        nothing = {"height": 0, "hash": ledger.NO_HASH, "slot": 0, "timestamp": None}
        return next(reversed(self.recent.values()), nothing)

    def add(self, block: Message) -> None:
        """Put a committed block on top."""
        self.recent[block["height"]] = block
        for transaction in block["transactions"]:
            self.pool.pop(transaction["id"], None)
            self.committed[transaction["id"]] = block["height"]
        for anchor in block["anchors"]:
            if anchor["session_id"] in self.anchors:
                self.anchors[anchor["session_id"]] |= {
                    "status": "included", "height": block["height"]
                }  # fmt: skip
        included = {anchor["id"] for anchor in block["anchors"]}
        self.certified = [anchor for anchor in self.certified if anchor["id"] not in included]
        for memory, limit in (
            (self.recent, 1000), (self.committed, _REMEMBERED), (self.anchors, _REMEMBERED)
        ):  # fmt: skip
            while len(memory) > limit:
                memory.popitem(last=False)

    def save(self) -> None:
        """Write blocks that are not in the database yet; what fails is tried at the next block."""
        while self.unsaved:
            row = dict(zip(blocks.c.keys(), schema.block_row(self.unsaved[0]), strict=True))
            with self.engine.connect() as connection:
                connection.execute(blocks.insert(), row)
            self.unsaved.pop(0)

    def load(self, height: int) -> bytes | None:
        """The block at `height` as JSON."""
        if height in self.recent:
            return msgspec.json.encode(self.recent[height])
        with self.engine.connect() as connection:
            body = connection.execute(
                sa.select(blocks.c.body).where(blocks.c.height == height)
            ).scalar()
        return None if body is None else str(body).encode()


class Chain:
    """Proposes at each tick, gathers votes, answers REST."""

    def __init__(self, settings: Settings, wires: list[Wire], store: Ledger) -> None:
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
        waiting = list(self.store.pool.values())[:limit]
        for turn in range(len(self.wires)):
            wire = self.wires[(slot + turn) % len(self.wires)]
            block = await wire.ask(
                "propose",
                self.timeout_s,
                slot=slot,
                transactions=waiting,
                anchors=self.store.certified,
            )
            if block is not None:
                return block
        return None

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


class Rest:
    """The chain's answers."""

    def __init__(self, chain: Chain) -> None:
        self.chain, self.store, self.settings = chain, chain.store, chain.settings

    def routes(self) -> list[BaseRoute]:
        """What the chain answers."""
        return [
            Route("/api/v1/chain/info", self.info, methods=["GET"]),
            Route("/api/v1/blocks/latest", self.latest, methods=["GET"]),
            Route("/api/v1/blocks/{height:int}", self.block, methods=["GET"]),
            Route("/api/v1/transactions", self.take, methods=["POST"]),
            Route("/api/v1/transactions/{id}", self.transaction, methods=["GET"]),
            Route("/api/v1/anchoring/session", self.anchor, methods=["POST"]),
            Route("/api/v1/anchoring/session/{session}", self.anchored, methods=["GET"]),
        ]

    async def info(self, _: Request) -> Response:
        """Height, rules and validators."""
        wires, tip = self.chain.wires, self.store.tip
        return Json(
            {
                "height": tip["height"],
                "hash": tip["hash"],
                "timestamp": tip["timestamp"],
                "status": "halted" if self.chain.trouble else "running",
                "reason": self.chain.trouble,
                "block_time_s": self.settings.consensus.block_time,
                "quorum": self.chain.quorum,
                "validation": self.settings.validation.validation,
                "pending_transactions": len(self.store.pool),
                "validators": [
                    {"name": w.name, "public_key": w.key, "pid": w.process.pid, "alive": w.alive}
                    for w in wires
                ],
            }
        )

    async def latest(self, _: Request) -> Response:
        """The newest block."""
        return Json(self.store.tip)

    async def block(self, request: Request) -> Response:
        """The block at a height."""
        height = request.path_params["height"]
        if height > self.store.tip["height"]:
            raise refuse(404, f"no block {height}; the newest is {self.store.tip['height']}")
        body = await asyncio.to_thread(self.store.load, height)
        if body is None:
            raise refuse(404, f"no block {height}")
        return Response(body, media_type="application/json")

    async def take(self, request: Request) -> Response:
        """Put a transaction into the pool."""
        limit = self.settings.validation.transaction_size
        form = await read_json(request, limit, TransactionForm)
        identity = ledger.digest(form.payload)
        if identity not in self.store.committed:
            if len(self.store.pool) >= self.settings.consensus.transaction_pool:
                self.chain.meters.transactions.labels("refused").inc()
                raise refuse(503, "the transaction pool is full; wait for a block")
            self.store.pool[identity] = {"id": identity, "payload": form.payload}
            self.chain.meters.transactions.labels("taken").inc()
            self.chain.meters.pending.set(len(self.store.pool))
        return Json(self._state(identity), 202)

    async def transaction(self, request: Request) -> Response:
        """Whether a transaction waits or stands in a block."""
        identity = request.path_params["id"]
        if identity not in self.store.pool and identity not in self.store.committed:
            raise refuse(404, "no such transaction")
        return Json(self._state(identity))

    def _state(self, identity: str) -> Message:
        height = self.store.committed.get(identity)
        status = "pending" if height is None else "committed"
        return {"id": identity, "status": status, "height": height}

    async def anchor(self, request: Request) -> Response:
        """Certify a session's root hash."""
        start = time.perf_counter()
        form = await read_json(request, 4096, AnchorForm)
        known = self.store.anchors.get(form.session_id)
        if known is not None:
            if known["root_hash"] != form.root_hash:
                raise refuse(409, "the session is anchored with another root hash")
            return Json(known)
        anchor: Message = {"session_id": form.session_id, "root_hash": form.root_hash}
        answers = await self.chain.signatures("anchor", ledger.anchor_text(anchor), **anchor)
        if len(answers) < self.chain.quorum:
            found = f"{len(answers)} receipts of {self.chain.quorum} needed"
            raise refuse(503, f"no quorum: {found}")
        anchor["id"] = ledger.digest(anchor)
        anchor["signatures"] = {name: answer["signature"] for name, answer in answers.items()}
        self.store.certified.append(anchor)
        taken_s = time.perf_counter() - start
        self.chain.meters.anchoring.observe(taken_s)
        told = {"status": "certified", "anchored_at": round(time.time(), 6), "height": None}
        answer = self.store.anchors[form.session_id] = anchor | told | {"anchoring_time_s": taken_s}
        return Json(answer, 201)

    async def anchored(self, request: Request) -> Response:
        """How far the anchoring of a session is."""
        known = self.store.anchors.get(request.path_params["session"])
        if known is None:
            raise refuse(404, "this session was not anchored since the chain started")
        return Json(known)


@asynccontextmanager
async def serving(context: Context, configs: Configs) -> AsyncIterator[list[BaseRoute]]:
    """Validators up and in agreement on the tip; blocks from now on."""
    settings = configs.chain
    engine = schema.connect(context.database_url, pool_size=2)
    store = Ledger(engine)
    keys = context.folder / "keys"
    wires = [
        await open_wire(f"validator-{n}", keys / f"validator-{n}.key")
        for n in range(1, settings.consensus.validators + 1)
    ]
    chain = Chain(settings, wires, store)
    await chain.begin()
    proposing = asyncio.create_task(chain.keep_proposing())
    yield Rest(chain).routes()
    proposing.cancel()
    for wire in wires:
        wire.close()
    await asyncio.gather(*(wire.process.wait() for wire in wires))
    engine.dispose()
