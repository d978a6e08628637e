"""Performance tests keep to their own subsystem: no word, import or host of another one.

A forbidden word counts where it stands as a word of its own, also inside `snake_case`,
`kebab-case` or `CamelCase`; inside a longer word it is only a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from perflib.review.imports import reached_imports

CODE = {".py", ".yml", ".yaml", ".toml", ".json", ".ini", ".cfg", ".conf", ".env", ".sh", ".ipynb"}
TEXT = CODE | {".md", ".rst", ".txt", ".sql", ".html"}
LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1|0\.0\.0\.0|testserver")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://([^\s/\"'`<>),?#\\]+)", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9.:_-]+")
"""What may be a host; `{name}` and `${NAME}` are filled in elsewhere."""
_ADDRESS = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])")
_HOST_PORT = re.compile(r"(?<![\w./@-])((?:[a-z0-9-]+\.)+[a-z][a-z0-9-]+):\d{2,5}\b", re.IGNORECASE)

Kind = Literal["word", "import", "host", "note"]


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A forbidden reference at `file`:`line`; a `note` is to be known and does not count."""

    kind: Kind
    file: Path
    line: int
    found: str
    message: str

    @property
    def counts(self) -> bool:
        """Whether it breaks the isolation."""
        return self.kind != "note"


def isolate(
    paths: Iterable[Path],
    forbidden: Iterable[str],
    allowed_hosts: Iterable[str] = (),
    declared: Iterable[tuple[Path, int]] = (),
) -> list[Hit]:
    """Every reference below `paths` to a `forbidden` word, and every host not allowed.

    `declared` are lines that name the forbidden words on purpose: the configuration itself.
    """
    words = [word for word in forbidden if word]
    hosts = {host_of(host) for host in allowed_hosts}
    excused = {(file.resolve(), line) for file, line in declared}
    files = sorted({file for path in paths for file in _files(Path(path))})
    hits: list[Hit] = []
    for file in files:
        for number, line in enumerate(_lines(file), 1):
            if (file.resolve(), number) in excused:
                continue
            hits += _words(file, number, line, words)
            if file.suffix in CODE or file.name.startswith(".env"):
                hits += _hosts(file, number, line, hosts)
    named = {(hit.file, hit.line, hit.found) for hit in hits if hit.kind == "word"}
    imports = _imports([file for file in files if file.suffix == ".py"], words)
    return hits + [hit for hit in imports if (hit.file, hit.line, hit.found) not in named]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in path.rglob("*"):
        inside = file.relative_to(path).parts
        known = file.suffix in TEXT or file.name.startswith(".env")
        if known and file.is_file() and not {"__pycache__", ".git"} & set(inside):
            yield file


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").splitlines()


def pattern_of(word: str) -> re.Pattern[str]:
    """`two-words` also as `two_words`, `two words`, `two.words` and `twoWords`."""
    parts = [re.escape(part) for part in re.split(r"[-_. ]+", word) if part]
    return re.compile(r"[-_. ]?".join(parts), re.IGNORECASE)


def is_word(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` is a word of its own, camel case counted."""
    before, after = text[start - 1 : start], text[end : end + 1]
    left = not before.isalpha() or (before.islower() and text[start].isupper())
    right = not after.isalpha() or (after.isupper() and text[end - 1].islower())
    if after.islower() and text[start:end].isupper():
        right = False
    return left and right


def _words(file: Path, number: int, line: str, forbidden: list[str]) -> Iterator[Hit]:
    for word in forbidden:
        for match in pattern_of(word).finditer(line):
            whole = is_word(line, *match.span())
            around = re.findall(r"[\w-]+", line[: match.end() + 40])
            inside = next((part for part in around if match[0] in part), match[0])
            yield Hit(
                kind="word" if whole else "note",
                file=file,
                line=number,
                found=word,
                message=f"names `{word}`: {line.strip()[:100]}"
                if whole
                else f"`{inside}` contains `{word}` and is another word",
            )


def host_of(url: str) -> str:
    """The host of a URL or of `host:port`, without user and port."""
    try:
        return (urlsplit(url if "://" in url else f"//{url}").hostname or "").lower()
    except ValueError:
        return url


def _hosts(file: Path, number: int, line: str, allowed: set[str]) -> Iterator[Hit]:
    named = [
        *(host_of(match) for match in _URL.findall(line)),
        *_ADDRESS.findall(line),
        *_HOST_PORT.findall(line),
    ]
    for host in dict.fromkeys(named):
        if _HOST.fullmatch(host) and not LOOPBACK.fullmatch(host) and host not in allowed:
            yield Hit(
                kind="host",
                file=file,
                line=number,
                found=host,
                message=f"the host `{host}` is neither a target's nor in `allowed_hosts`",
            )


def _imports(files: list[Path], forbidden: list[str]) -> Iterator[Hit]:
    for reached in reached_imports(files):
        names = [reached.module, reached.origin]
        for word in forbidden:
            for text in names:
                match = pattern_of(word).search(text)
                if match and is_word(text, *match.span()):
                    via = f" (reached from {reached.via})" if reached.via else ""
                    yield Hit(
                        kind="import",
                        file=reached.file,
                        line=reached.line,
                        found=word,
                        message=f"imports `{reached.module}`, which is {text}{via}",
                    )
                    break
