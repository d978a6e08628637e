"""What is hashed and signed, in one place, so that those who sign and those who check agree.

Keys are Ed25519; a hash is SHA-256 over JSON with sorted keys; inner nodes and leaves of a
hash tree carry different prefixes, so that a node can never be shown as a leaf (RFC 6962).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Message = dict[str, Any]
"""What validators tell each other, and the blocks and anchors in it."""
NO_HASH = "0" * 64
"""`previous_hash` of the first block, and the root of an empty tree."""
_HEADER = (
    "height", "slot", "previous_hash", "timestamp", "proposer", "transactions_root", "anchors_root"
)  # fmt: skip


def digest(value: Any) -> str:
    """SHA-256 of `value` as JSON with sorted keys, in hex."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def block_hash(block: dict[str, Any]) -> str:
    """The hash of a block's header; transactions and anchors enter through their roots."""
    return digest({key: block[key] for key in _HEADER})


def tree_root(leaves: Sequence[bytes | memoryview]) -> str:
    """The root of a binary hash tree over `leaves` (RFC 6962, section 2.1), in hex."""
    level = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    if not level:
        return NO_HASH
    while len(level) > 1:
        pairs = zip(level[0::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0].hex()


def items_root(items: Sequence[dict[str, Any]]) -> str:
    """The root over transactions or anchors by their `id`."""
    return tree_root([item["id"].encode() for item in items])


def vote_text(block: dict[str, Any]) -> bytes:
    """What a validator signs to vote for `block`; the slot keeps votes of two tries apart."""
    return f"vote:{block['slot']}:{block['height']}:{block['hash']}".encode()


def anchor_text(anchor: dict[str, Any]) -> bytes:
    """What a validator signs to receipt the root hash of a session."""
    return f"anchor:{anchor['session_id']}:{anchor['root_hash']}".encode()


def signed_by(key: Ed25519PublicKey, signature: str, text: bytes) -> bool:
    """Whether `signature` (hex) over `text` is of `key`."""
    try:
        key.verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(text: str) -> Ed25519PublicKey:
    """The public key written in hex."""
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))


def keep_secret(path: Path, fresh: bytes) -> bytes:
    """The bytes kept at `path`; the first caller puts `fresh` there, for its owner only.

    The name appears with its content, so that no other caller reads an empty file.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(file, "wb") as unnamed:
            unnamed.write(fresh)
        os.link(name, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        Path(name).unlink()
    return fresh


def private_key(path: Path) -> Ed25519PrivateKey:
    """The private key at `path`, made at the first call."""
    fresh = Ed25519PrivateKey.generate().private_bytes_raw()
    return Ed25519PrivateKey.from_private_bytes(keep_secret(path, fresh))
