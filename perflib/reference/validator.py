"""One validator: it trusts nobody, checks everything itself, and signs at most once a slot.

Run as `python -m perflib.reference.validator NAME KEYFILE` by the chain, which relays
messages (a line of JSON each) between validators over standard input and output. A
validator advances only on a block that carries the votes of a quorum, each of which it
verifies. This stands crashes, silence and a lying relay; it is no defence against
validators that conspire: there is no lock between slots as in full BFT.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from perflib.reference import ledger
from perflib.reference.ledger import Message


class Validator:
    """Answers the messages `begin`, `propose`, `vote`, `commit` and `anchor`."""

    def __init__(self, name: str, key_file: Path) -> None:
        self.name = name
        self.key = ledger.private_key(key_file)
        self.voted_slot = -1
        self.anchored: dict[str, str] = {}

    def begin(self, message: Message) -> Message:
        """Learn the other validators, the rules and the tip of the chain."""
        self.keys = {name: ledger.public_key(key) for name, key in message["keys"].items()}
        self.quorum, self.rules = message["quorum"], message["rules"]
        self.height, self.tip = message["height"], message["tip"]
        return {"ready": True}

    def hello(self, _message: Message) -> Message:
        """The public key."""
        return {"key": self.key.public_key().public_bytes_raw().hex()}

    def propose(self, message: Message) -> Message:
        """A signed block over what waits."""
        block: Message = {
            "height": self.height + 1,
            "slot": message["slot"],
            "previous_hash": self.tip,
            "timestamp": round(time.time(), 6),
            "proposer": self.name,
            "transactions_root": ledger.items_root(message["transactions"]),
            "anchors_root": ledger.items_root(message["anchors"]),
        }
        block["hash"] = ledger.block_hash(block)
        block["signature"] = self.key.sign(block["hash"].encode()).hex()
        return block | {"transactions": message["transactions"], "anchors": message["anchors"]}

    def vote(self, message: Message) -> Message:
        """A signature under the block, or the reason for none, and the time of checking."""
        start, block = time.perf_counter(), message["block"]
        reason = self._fault(block)
        answer: Message = {"validation_time_s": time.perf_counter() - start}
        if reason:
            return answer | {"refused": reason}
        self.voted_slot = block["slot"]
        return answer | {"signature": self.key.sign(ledger.vote_text(block)).hex()}

    def _fault(self, block: Message) -> str:
        if block["slot"] <= self.voted_slot:
            return f"slot {block['slot']} had its vote"
        if (block["height"], block["previous_hash"]) != (self.height + 1, self.tip):
            return f"height {block['height']} does not follow height {self.height}"
        if abs(block["timestamp"] - time.time()) > self.rules["clock_drift_s"]:
            return "the block's time is off"
        proposer = self.keys.get(block["proposer"])
        if proposer is None or block["hash"] != ledger.block_hash(block):
            return "unknown proposer or wrong hash"
        if not ledger.signed_by(proposer, block["signature"], block["hash"].encode()):
            return "the proposer's signature is wrong"
        return self._item_fault(block) if self.rules["full"] else ""

    def _item_fault(self, block: Message) -> str:
        for transaction in block["transactions"]:
            if transaction["id"] != ledger.digest(transaction["payload"]):
                return "a transaction's id is not its hash"
        for anchor in block["anchors"]:
            if self._votes_for(ledger.anchor_text(anchor), anchor["signatures"]) < self.quorum:
                return "an anchor lacks its quorum"
        for items in ("transactions", "anchors"):
            if block[f"{items}_root"] != ledger.items_root(block[items]):
                return f"the root of the {items} is wrong"
        return ""

    def _votes_for(self, text: bytes, signatures: dict[str, str]) -> int:
        return sum(
            name in self.keys and ledger.signed_by(self.keys[name], signature, text)
            for name, signature in signatures.items()
        )

    def commit(self, message: Message) -> Message:
        """Advance to the block, if a quorum signed it."""
        block = message["block"]
        votes = {vote["validator"]: vote["signature"] for vote in block["votes"]}
        follows = (block["height"], block["previous_hash"]) == (self.height + 1, self.tip)
        if not follows or self._votes_for(ledger.vote_text(block), votes) < self.quorum:
            return {"refused": "not the next block, or no quorum"}
        self.height, self.tip = block["height"], block["hash"]
        return {"height": self.height}

    def anchor(self, message: Message) -> Message:
        """A receipt for a session's root hash; a second, different hash gets none."""
        session, root = message["session_id"], message["root_hash"]
        if self.anchored.setdefault(session, root) != root:
            return {"refused": "the session is anchored with another hash"}
        return {"signature": self.key.sign(ledger.anchor_text(message)).hex()}


def main(name: str, key_file: str) -> None:
    """Answer each line of standard input with a line, until it ends."""
    validator = Validator(name, Path(key_file))
    answers = {
        act.__name__: act
        for act in (
            validator.hello,
            validator.begin,
            validator.propose,
            validator.vote,
            validator.commit,
            validator.anchor,
        )
    }
    for line in sys.stdin.buffer:
        message = msgspec.json.decode(line)
        answer = answers[message["ask"]](message) | {"answer_to": message["number"]}
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
