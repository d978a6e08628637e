"""Performance tests keep to their own subsystem: no word, import or host of another one.

A forbidden word counts where it stands as a word of its own, also inside `snake_case`,
`kebab-case` or `CamelCase`; inside a longer word it is only a note, unless an imported module
begins with it. It is looked for in every text and file name, with escapes, look-alike letters and
strings in pieces undone; of Python also in texts that constants make together.
"""

from __future__ import annotations

import codecs
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from perflib.review.imports import IMPORTING, made_texts, reached_imports

PROSE = {".md", ".rst", ".txt", ".html", ".xml", ".svg", ".csv"}
"""Where a host is told, not asked."""
SETTINGS = {".yml", ".yaml", ".toml", ".ini", ".cfg", ".conf", ".env", ".properties"}
LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1|0\.0\.0\.0|testserver")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://([^\s/\"'`<>),?#\\]+)", re.IGNORECASE)
_FILLED = re.compile(r"[][{}$%*]|^\W*$")
"""No host: `{name}` and `${NAME}` are filled in elsewhere."""
_NAME = r"((?:[\w-]+\.)+[a-z][\w-]*)"
_NAMED = re.compile(
    rf"host(?:name)?[\"']?\s*[:=]\s*[\"']{_NAME}[\"']|[?&]host=([\w.-]+)|(?:[\"']|[:=] )//{_NAME}"
    rf"|(?:connect\w*\(\(|https?connection\()[\"']{_NAME}"
    r"|connect\w*\([\"'][^\"']*\bhost=([\w.-]+)",
    re.IGNORECASE,
)
_SET = re.compile(rf"\s*[\w.-]*host(?:name)?\s*[:=]\s*{_NAME}\s*(?:#.*)?$", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])")
_HOST_PORT = re.compile(r"(?<![\w./@-])((?:[a-z0-9-]+\.)+[a-z][a-z0-9-]+):\d{2,5}\b", re.IGNORECASE)

_ESCAPE = re.compile(
    r"(?:\\x|%)([0-9a-f]{2})|\\(?-i:u)\{?([0-9a-f]{4})|\\U000([0-9a-f]{5})", re.IGNORECASE
)
_JOINT = re.compile(r"[\"']\s*(?:\+|\|\|)?\s*[rbfu]{0,2}[\"']", re.IGNORECASE)
_LAST, _FIRST = re.compile(r"[\w-]*$"), re.compile(r"^[\w-]*")
_ALIKE = str.maketrans(
    "аеорсухіјѕԁԛԝһАВЕКМНОРСТХІЈЅνοΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",  # Cyrillic, Greek
    "aeopcyxijsdqwhABEKMHOPCTXIJSvoABEZHIKMNOPTYX",
)

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
    words = {word: pattern_of(word) for word in forbidden if word.strip("-_. ")}
    hosts = {host_of(host) for host in allowed_hosts}
    excused = {(file.resolve(), line) for file, line in declared}
    files = {file: name for path in paths for file, name in _files(Path(path))}
    hits: list[Hit] = []
    for file, name in sorted(files.items()):
        hits += _words(file, 1, name, words)
        for number, line in enumerate(_lines(file), 1):
            if (file.resolve(), number) in excused:
                continue
            whole = undone(line)
            hits += _words(file, number, line, words, whole)
            if file.suffix.lower() not in PROSE:
                hits += _hosts(file, number, whole, hosts)
        if file.suffix.lower() in IMPORTING:
            told = {(hit.line, hit.found) for hit in hits if hit.file == file and hit.counts}
            made = _made(file, words, told)
            hits += [hit for hit in made if (file.resolve(), hit.line) not in excused]
    named = {(hit.file, hit.line, hit.found) for hit in hits if hit.kind == "word"}
    imports = _imports([file for file in sorted(files) if file.suffix in IMPORTING], words)
    return hits + [hit for hit in imports if (hit.file, hit.line, hit.found) not in named]


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """The files below `path`, and what each is called there."""
    if path.is_file():
        yield path, path.name
        return
    for file in path.rglob("*"):
        inside = file.relative_to(path)
        if file.is_file() and not {"__pycache__", ".git"} & set(inside.parts):
            yield file, inside.as_posix()


def _lines(file: Path) -> Iterator[str]:
    """The lines of a text; a file with zero bytes is none."""
    with file.open("rb") as raw:
        head = raw.read(2**13)
    wide = head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    if wide or b"\0" not in head:
        encoding = "utf-16" if wide else "utf-8"
        with file.open(encoding=encoding, errors="replace") as text:
            yield from text


def undone(line: str) -> str:
    """`line` as it is meant: without escapes, look-alikes, invisible letters, strings in pieces."""
    line = _ESCAPE.sub(lambda m: chr(int(m[1] or m[2] or m[3], 16)), line).replace("\\/", "/")
    line = html.unescape(line)
    if not line.isascii():
        line = unicodedata.normalize("NFKC", line.translate(_ALIKE))
        kinds = ((letter, unicodedata.category(letter)) for letter in line)
        line = "".join("-" if kind == "Pd" else letter for letter, kind in kinds if kind != "Cf")
    return _JOINT.sub("", line)


def pattern_of(word: str) -> re.Pattern[str]:
    """`two-words` also as `two_words`, `two words`, `two.words`, `two/words` and `twoWords`."""
    parts = [re.escape(part) for part in re.split(r"[-_. ]+", word) if part]
    return re.compile(r"(?:[-_./:\\]+|\s*)".join(parts), re.IGNORECASE)


def is_word(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` is a word of its own, camel case counted."""
    before, after = text[start - 1 : start], text[end : end + 1]
    left = not before.isalpha() or (before.islower() and text[start].isupper())
    right = not after.isalpha() or (after.isupper() and text[end - 1].islower())
    if text[start:end].isupper():
        # `WORDs` goes on, `WORDClient` does not
        right = (right and not after.islower()) or text[end : end + 2].istitle()
    return left and right


def _words(
    file: Path, number: int, line: str, forbidden: Mapping[str, re.Pattern[str]], whole: str = ""
) -> Iterator[Hit]:
    """The hits of `line`; of the `whole` that it means where it shows none that counts."""
    for word, pattern in forbidden.items():
        hits = list(_matches(file, number, line, word, pattern))
        if whole not in ("", line) and not any(hit.counts for hit in hits):
            hits = list(_matches(file, number, whole, word, pattern))
        yield from hits


def _made(
    file: Path, words: Mapping[str, re.Pattern[str]], told: set[tuple[int, str]]
) -> Iterator[Hit]:
    """The hits that only the texts show which constants make; those `told` are not told again."""
    for text, first, last in made_texts(file):
        for hit in _words(file, first, text, words):
            shown = any((line, hit.found) in told for line in range(first, last + 1))
            if hit.counts and not shown:
                told.add((first, hit.found))
                yield hit


def _matches(
    file: Path, number: int, line: str, word: str, pattern: re.Pattern[str]
) -> Iterator[Hit]:
    for match in pattern.finditer(line):
        whole = is_word(line, *match.span())
        before, after = line[max(match.start() - 40, 0) : match.start()], line[match.end() :]
        inside = f"{_LAST.findall(before)[0]}{match[0]}{_FIRST.findall(after[:40])[0]}"
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
        *(name.lower() for names in _NAMED.findall(line) for name in names if name),
    ]
    if (file.suffix in SETTINGS or file.name.startswith(".env")) and (match := _SET.match(line)):
        named.append(match[1].lower())
    for host in dict.fromkeys(named):
        if not _FILLED.search(host) and not LOOPBACK.fullmatch(host) and host not in allowed:
            yield Hit(
                kind="host",
                file=file,
                line=number,
                found=host,
                message=f"the host `{host}` is neither a target's nor in `allowed_hosts`",
            )


def _begins(text: str, start: int) -> bool:
    """Whether a part of a module's path begins there: a client of `word` is called `wordpy`."""
    return not text[:start] or text[start - 1] in "./"


def _imports(files: list[Path], forbidden: Mapping[str, re.Pattern[str]]) -> Iterator[Hit]:
    for reached in reached_imports(files):
        names = [reached.module, reached.origin]
        for word, pattern in forbidden.items():
            for text in names:
                match = pattern.search(text)
                if match and (is_word(text, *match.span()) or _begins(text, match.start())):
                    via = f" (reached from {reached.via})" if reached.via else ""
                    yield Hit(
                        kind="import",
                        file=reached.file,
                        line=reached.line,
                        found=word,
                        message=f"imports `{reached.module}`, which is {text}{via}",
                    )
                    break
