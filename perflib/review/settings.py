"""Settings are read where they stand, whatever the format, each with its line.

Those that bear on performance have a topic: their name speaks of workers, threads, pools,
consensus, block time, validation, indexes, queries or connections.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from perflib.errors import ConfigError, PerflibError, UnitError
from perflib.hidden import HIDDEN, SECRET, without_secrets
from perflib.review.finding import Place
from perflib.units import parse_quantity
from perflib.yamlfile import read_yaml

TOPICS: dict[str, frozenset[str]] = {
    "block time": frozenset({"block time", "block interval", "block period", "slot time"}),
    "worker": frozenset({"worker", "workers", "processes", "replicas"}),
    "thread": frozenset({"thread", "threads", "concurrency"}),
    "pool": frozenset({"pool", "pools", "overflow"}),
    "consensus": frozenset({"consensus", "quorum", "validator", "validators", "vote", "votes"}),
    "validation": frozenset({"validation", "validate", "verify", "verification"}),
    "index": frozenset({"index", "indexes", "indices"}),
    "query": frozenset({"query", "queries", "statement", "statements"}),
    "connection": frozenset({"connection", "connections", "connect", "dsn"}),
}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TOLD_SECRET = re.compile(r"(?:passw\w*|pwd|secret|token)\s*=", re.IGNORECASE)
_SUFFIXES = {"ms": "ms", "millis": "ms", "s": "s", "sec": "s", "seconds": "s", "minutes": "min"}

Leaf = tuple[tuple[str, ...], Any, int]


@dataclass(frozen=True)
class Setting:
    """One value in one file; `path` are the keys that lead to it, `topic` why it is of interest.

    Settings without a topic do not bear on performance by their name. `service` is the folder.
    """

    file: Path
    line: int
    path: tuple[str, ...]
    value: Any
    topic: str
    service: str

    @property
    def name(self) -> str:
        """The last key in snake case, whatever the file's habit."""
        return "_".join(words(self.path[-1]))

    @property
    def key(self) -> str:
        """All keys, dotted."""
        return ".".join(self.path)

    @property
    def place(self) -> Place:
        """Where it stands, for a finding."""
        return {"file": str(self.file), "line": self.line, "setting": self.key}

    @property
    def shown(self) -> str:
        """The value as it may be shown: never a secret."""
        text = str(self.value)
        if SECRET.search(self.key) or _TOLD_SECRET.search(text):
            return HIDDEN
        return without_secrets(text) if "://" in text else text

    @property
    def number(self) -> float | None:
        """The value in base units (seconds, bytes), or None when it is no number."""
        if isinstance(self.value, bool):
            return None
        unit = _SUFFIXES.get(words(self.path[-1])[-1], "")
        text = str(self.value).strip()
        try:
            return parse_quantity(text if re.search(r"[A-Za-zµ%]", text) else f"{text} {unit}")
        except UnitError:
            return None


def words(key: str) -> list[str]:
    """The words of a key: `maxBlock-time_ms` → max, block, time, ms."""
    return [word.lower() for word in _WORDS.findall(key)] or [key.lower()]


def topic_of(path: tuple[str, ...]) -> str:
    """Why a setting is of interest, from its nearest key that tells; empty when it is not."""
    for key in reversed(path):
        parts = words(key)
        pairs = {f"{one} {two}" for one, two in pairwise(parts)}
        for topic, signs in TOPICS.items():
            if signs & (pairs | set(parts)):
                return topic
    return ""


def read_settings(root: Path) -> tuple[list[Setting], list[PerflibError]]:
    """All settings below `root`, and the files that cannot be read."""
    if not root.exists():
        raise PerflibError(
            "no such folder", file=root, next_step="name the folder of your settings"
        )
    found: list[Setting] = []
    problems: list[PerflibError] = []
    for file in [root] if root.is_file() else sorted(root.rglob("*")):
        reader = reader_of(file)
        if reader is None or not file.is_file():
            continue
        try:
            leaves = list(reader(file))
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        except (OSError, ValueError) as error:
            problems.append(PerflibError(f"cannot be read: {error}", file=file))
            continue
        inside = file.relative_to(root).parts
        service = inside[0] if len(inside) > 1 else root.resolve().name
        found.extend(
            Setting(file, line, path, value, topic_of(_named(file, path)), service)
            for path, value, line in leaves
        )
    return found, problems


def _named(file: Path, path: tuple[str, ...]) -> tuple[str, ...]:
    """The path of keys; a file named after a topic speaks for keys that do not tell."""
    return (file.stem, *path) if file.stem in TOPICS else path


def reader_of(file: Path) -> Callable[[Path], Iterator[Leaf]] | None:
    """The reader for a file by its name."""
    if file.name == ".env" or file.name.startswith(".env."):
        return _env
    return _READERS.get(file.suffix.lower())


def _leaves(data: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _leaves(value, (*path, str(key)))
    elif isinstance(data, list) and any(isinstance(item, dict | list) for item in data):
        for number, item in enumerate(data):
            yield from _leaves(item, (*path, str(number)))
    elif path:
        yield path, data


def _yaml(file: Path) -> Iterator[Leaf]:
    document = read_yaml(file)
    lines = {tuple(str(key) for key in path): line for path, line in document.lines.items()}
    for path, value in _leaves(document.data):
        yield path, value, lines.get(path, 1)


def _json(file: Path) -> Iterator[Leaf]:
    """JSON, checked strictly; the line is that of the key's n-th mention on the way down."""
    text = file.read_text(encoding="utf-8-sig")
    data = json.loads(text)
    at = 0
    for path, value in _leaves(data):
        key = next((key for key in reversed(path) if not key.isdigit()), "")
        match = re.compile(rf'"{re.escape(key)}"\s*:').search(text, at)
        at = match.end() if match else at
        yield path, value, text.count("\n", 0, at) + 1


def _toml(file: Path) -> Iterator[Leaf]:
    text = file.read_text(encoding="utf-8-sig")
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+([^\]]+)\]+", line):
            table = _dotted(header[1])
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            lines.setdefault((*table, *_dotted(key[1])), number)
    for path, value in _leaves(tomllib.loads(text)):
        names = tuple(key for key in path if not key.isdigit())
        known = (lines[names[:n]] for n in range(len(names), 0, -1) if names[:n] in lines)
        yield path, value, next(known, 1)


def _dotted(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in text.strip().split("."))


def _ini(file: Path) -> Iterator[Leaf]:
    section: tuple[str, ...] = ()
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        if header := re.match(r"\s*\[([^\]]+)\]", line):
            section = (header[1].strip(),)
        elif pair := re.match(r"\s*([A-Za-z][\w.-]*)\s*[=:]\s*(.*?)\s*(?:\s[#;].*)?$", line):
            yield (*section, pair[1]), pair[2].strip("\"'"), number


def _env(file: Path) -> Iterator[Leaf]:
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        if pair := re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*(?:\s#.*)?$", line):
            yield (pair[1],), pair[2].strip("\"'"), number


_READERS: dict[str, Callable[[Path], Iterator[Leaf]]] = {
    ".yml": _yaml,
    ".yaml": _yaml,
    ".json": _json,
    ".toml": _toml,
    ".env": _env,
    ".ini": _ini,
    ".cfg": _ini,
    ".cnf": _ini,
    ".conf": _ini,
    ".properties": _ini,
}
