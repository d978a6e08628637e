"""What can happen to a file: cut, flipped, repeated, other types, huge numbers, deep nests.

Seeded, so that a finding is repeated by its number.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TOKEN = re.compile(rb"[A-Za-z_]+|\d+|\s+|.", re.DOTALL)
NUMBERS = (
    *(b"0", b"-1", b"1e400", b"-1e400", b"9" * 25, b"NaN", b"1e-400", b"18446744073709551616"),
    *(b"9" * digits for digits in (10, 11, 13, 16, 19)),
)
SCRAPS = (
    b"\x00",
    b"\xff\xfe",
    b'"',
    b"{",
    b"[",
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"<",
    b"N/A",
    b"\xc3",
)
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, "", "x", [], {}, [[]], {"a": 1}, 10**30, [1, "x"], float("nan"),
)  # fmt: skip


def mutated(content: bytes, seed: int) -> bytes:
    """`content` after one to three mutations, always the same for one `seed`."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(_MUTATIONS)(content, chance)
    return content


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _insert(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.choice(SCRAPS) + content[at:]


def _number(content: bytes, chance: random.Random) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    chosen = chance.choice(found)
    return content[: chosen.start()] + chance.choice(NUMBERS) + content[chosen.end() :]


def _drop(content: bytes, chance: random.Random) -> bytes:
    found = list(_TOKEN.finditer(content))
    if not found:
        return content
    chosen = chance.choice(found)
    return content[: chosen.start()] + content[chosen.end() :]


def _lines(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    if chance.random() < 0.5:
        chance.shuffle(lines)
    else:
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
    return b"\n".join(lines)


def _long(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.choice(SCRAPS) * chance.choice((100, 5000)) + content[at:]


def _typed(content: bytes, chance: random.Random) -> bytes:
    """Another type somewhere in a JSON document."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return _number(content, chance)
    places: list[tuple[Any, Any]] = []
    _walk(document, places)
    if not places:
        return content
    parent, key = chance.choice(places)
    if isinstance(parent, dict) and chance.random() < 0.2:
        parent.pop(key)
    else:
        parent[key] = chance.choice(VALUES)
    return json.dumps(document).encode()


def _walk(node: Any, places: list[tuple[Any, Any]]) -> None:
    if isinstance(node, dict | list):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            _walk(node[key], places)


_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut, _flip, _insert, _number, _number, _drop, _lines, _long, _typed, _typed, _typed,
)  # fmt: skip
