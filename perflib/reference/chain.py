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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perflib.reference import ledger, schema
from perflib.reference.blocks import Blocks
from perflib.reference.consensus import Consensus
from perflib.reference.context import Context
from perflib.reference.ledger import Message
from perflib.reference.service import Json, in_background, read_json, refuse
from perflib.reference.settings import Configs
from perflib.reference.wire import open_wire


class TransactionForm(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /api/v1/transactions`."""

    payload: dict[str, Any]


class AnchorForm(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /api/v1/anchoring/session`."""

    session_id: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
    root_hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Rest:
    """The chain's answers."""

    def __init__(self, chain: Consensus) -> None:
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
        if len(self.store.certified) >= self.settings.consensus.transaction_pool:
            raise refuse(503, "too many certificates wait for a block")
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
    store = Blocks(engine)
    keys = context.folder / "keys"
    wires = [
        await open_wire(f"validator-{n}", keys / f"validator-{n}.key")
        for n in range(1, settings.consensus.validators + 1)
    ]
    chain = Consensus(settings, wires, store)
    await chain.begin()
    proposing = in_background(chain.keep_proposing())
    yield Rest(chain).routes()
    proposing.cancel()
    for wire in wires:
        wire.close()
    await asyncio.gather(*(wire.process.wait() for wire in wires))
    engine.dispose()
