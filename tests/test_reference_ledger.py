"""What is kept of secrets: one for all who ask, whole, and for its owner only."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from perflib.reference.ledger import keep_secret, private_key


def test_all_who_ask_at_once_get_the_same_whole_secret(tmp_path: Path) -> None:
    def ask(number: int) -> bytes:
        return keep_secret(tmp_path / "keys" / f"{number // 8}.key", os.urandom(32))

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(ask, range(800)))
    for first in range(0, 800, 8):
        assert set(told[first : first + 8]) == {told[first]}
        assert len(told[first]) == 32


def test_a_secret_is_its_owners_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.key"
    assert keep_secret(path, b"first") == keep_secret(path, b"second") == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["a.key"]


def test_a_private_key_is_made_once(tmp_path: Path) -> None:
    made, kept = private_key(tmp_path / "key"), private_key(tmp_path / "key")
    assert made.private_bytes_raw() == kept.private_bytes_raw()
