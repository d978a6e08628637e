"""What the chain knows: blocks, waiting transactions and anchors.

The newest blocks are in memory, all of them in the database. A database that is away does
not stop the chain: blocks wait for it.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec
import sqlalchemy as sa

from perflib.reference import ledger, schema
from perflib.reference.ledger import Message
from perflib.reference.schema import blocks

_REMEMBERED = 100_000


class Blocks:
    """The chain up to its tip, and what waits for the next block."""

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
