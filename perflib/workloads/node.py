"""One node of a chain, asked in its own protocol; only what it answers is passed on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import httpx
from pydantic import Field

from perflib.target import HttpUrl, Settings, Target
from perflib.workloads.chain import Block
from perflib.workloads.fields import AnswerError, answer_of, find, number, timestamp
from perflib.workloads.paths import FieldPath, with_places

HIGHEST = 2**53
"""Beyond this a JSON number is not exact."""


class BlockFields(Settings):
    """Where a block tells what; an empty path is not asked for."""

    height: FieldPath = "height"
    timestamp: FieldPath = "timestamp"
    hash: FieldPath = "hash"
    parent: FieldPath = "previous_hash"
    proposer: FieldPath = "proposer"
    transactions: FieldPath = Field(default="transactions", description="a list or a number")
    consensus_latency: FieldPath = Field(
        default="consensus_latency_s",
        description="told by the chain; where it is absent, timestamp to arrival is taken",
    )
    validation_time: FieldPath = "validation_time_s"
    version: FieldPath = Field(default="version", description="in the answer of `info_path`")


ETHEREUM = BlockFields(
    height="number",
    parent="parentHash",
    proposer="miner",
    consensus_latency="",
    validation_time="",
    version="",
)


class NodeTarget(Target):
    """The part of a target that says which node is asked, and how."""

    url: HttpUrl = Field(min_length=1, description="the API of one node")
    protocol: Literal["rest", "json-rpc"] = "rest"
    info_path: str = Field(default="/api/v1/chain/info", description="tells the version (rest)")
    latest_path: str = Field(default="/api/v1/blocks/latest", description="newest block (rest)")
    block_path: Annotated[str, with_places("height")] = Field(
        default="/api/v1/blocks/{height}", description="one block (rest)"
    )
    fields: BlockFields | None = Field(
        default=None, description="field names; without it those of the protocol"
    )


class Node:
    """Reads blocks; raises `AnswerError` or `httpx.HTTPError` where there is none to read."""

    def __init__(self, target: NodeTarget, client: httpx.Client) -> None:
        self.target, self.client = target, client
        self.fields = target.fields or (
            ETHEREUM if target.protocol == "json-rpc" else BlockFields()
        )

    def latest(self) -> Block:
        """The newest block."""
        if self.target.protocol == "json-rpc":
            return self._block(self._call("eth_getBlockByNumber", ["latest", False]))
        return self._block(self._get(self.target.latest_path))

    def block(self, height: int) -> Block:
        """The block at `height`."""
        if self.target.protocol == "json-rpc":
            return self._block(self._call("eth_getBlockByNumber", [hex(height), False]))
        return self._block(self._get(self.target.block_path.format(height=height)))

    def version(self) -> str:
        """What the node calls itself; empty where it does not tell."""
        try:
            if self.target.protocol == "json-rpc":
                return str(self._call("web3_clientVersion", []))
            return str(find(self._get(self.target.info_path), self.fields.version))
        except (httpx.HTTPError, AnswerError):
            return ""

    def _get(self, path: str) -> Any:
        return answer_of(self.client.get(self.target.url.rstrip("/") + path))

    def _call(self, method: str, parameters: list[Any]) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer = answer_of(self.client.post(self.target.url, json=request))
        if isinstance(answer, dict) and answer.get("error"):
            raise AnswerError(f"JSON-RPC error {find(answer, 'error.code')}")
        result = find(answer, "result")
        if result is None:
            raise AnswerError("no such block")
        return result

    def _block(self, answer: Any) -> Block:
        fields = self.fields
        return Block(
            height=_height(answer, fields.height),
            timestamp=timestamp(answer, fields.timestamp),
            hash=_text(answer, fields.hash),
            parent=_text(answer, fields.parent),
            proposer=_text(answer, fields.proposer),
            transactions=_maybe(answer, fields.transactions),
            consensus_latency=_maybe(answer, fields.consensus_latency),
            validation_time=_maybe(answer, fields.validation_time),
        )


def _height(answer: Any, path: str) -> int:
    """A whole number that a chain can have reached."""
    height = number(answer, path)
    if not height.is_integer() or not 0 <= height < HIGHEST:
        raise AnswerError(f"`{path}` is no block height")
    return int(height)


def _text(answer: Any, path: str) -> str:
    """The text at `path`; empty where it is not told."""
    try:
        return str(find(answer, path)) if path else ""
    except AnswerError:
        return ""


def _maybe(answer: Any, path: str) -> float | None:
    try:
        return number(answer, path) if path else None
    except AnswerError:
        return None
