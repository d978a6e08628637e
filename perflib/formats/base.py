"""What a reader gets and what it gives: bounded bytes in, indicators in base units out.

Nothing in a file is executed, unpickled or expanded; sizes are bounded before anything is
parsed; a broken row is noted with its line, a broken file is refused with the reason.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NamedTuple

import charset_normalizer
import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Meta, Struct, field

from perflib.errors import BesideError, FormatError
from perflib.model import Key

HEAD_BYTES = 64 * 2**10
DOCUMENT_BYTES = 256 * 2**20
LINE_CHARS = 2**20
# lines are bounded here, and an answer kept in a field may fill one
csv.field_size_limit(LINE_CHARS)
GZIP_RATIO = 200
# of broken rows that are kept, for files that are broken all over
REASONS = 1000
# a count beyond it fits into no column of ours
MOST = 2**63 - 1
# what tools on the world's desktops write where it is not UTF-8
_ENCODINGS = ["cp1252", "gb18030", "cp1251", "utf_16"]
# `µs`, as two of them write it; in the others it is part of a word, and its time would be lost
_MICROSECONDS, _WITH_MICRO = re.compile(rb"(?<![A-Za-z\x80-\xff])\xb5s\b"), ["cp1252", "cp1251"]
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


Moment = tuple[float, str, str, float]
"""A value of a series: when (s), its name, its labels, and what it was."""


class Indicator(Struct, frozen=True, kw_only=True):
    """One number that a file states or that its samples prove, in base units.

    `source_name` is what the tool calls it; `resolution` the width to which an approximate
    value is known (base units).
    """

    metric: str
    statistic: str
    value: float
    unit: str
    label: str = ""
    n: Annotated[int, Meta(ge=0, le=MOST)] = 0
    approximate: bool = False
    resolution: float = 0.0
    source_name: str = ""

    @property
    def key(self) -> Key:
        """What it tells of."""
        return self.metric, self.statistic, self.label


class Skipped(NamedTuple):
    """A row that was not imported."""

    line: int
    reason: str


class Reading(Struct, kw_only=True):
    """One run found in a file. What the file does not tell is absent.

    `samples` yields Arrow batches made by `perflib.formats.tally.batch`, their times in
    nanoseconds since the epoch, or from zero when `clock` is False; `outcomes` is False where the
    file does not tell which requests failed; `resolution_s` is the step to which the tool wrote
    durations, `time_step_s` that of times of day (infinite where there are none). `series` has
    the columns time_s, name, labels, value.
    """

    tool: str
    version: str = ""
    run: str = ""
    started_at: str = ""
    commit: str = ""
    indicators: list[Indicator] = field(default_factory=list)
    samples: Callable[[], Iterator[pa.RecordBatch]] | None = None
    clock: bool = True
    outcomes: bool = True
    resolution_s: float = 0.0
    time_step_s: float = 0.0
    series: pa.Table | None = None
    details: dict[str, Any] = field(default_factory=dict)


def over_time(series: list[Moment]) -> pa.Table | None:
    """A series as a table; None without rows."""
    if not series:
        return None
    columns = map(list, zip(*series, strict=True))
    return pa.table(dict(zip(("time_s", "name", "labels", "value"), columns, strict=True)))


class Source:
    """One file (or standard input) as a reader sees it: decompressed, decoded, bounded."""

    def __init__(self, path: Path, *, content: bytes | None = None, strict: bool = False) -> None:
        self.path = path
        self.strict = strict
        self.skipped_rows = 0
        self.skipped: list[Skipped] = []
        self.parts = [self]
        self._content = content

    def join(self, part: Source) -> None:
        """Take `part`, another file of the same run, for a part of this source."""
        self.parts.append(part)
        part.parts = self.parts

    def fail(self, reason: str, line: int | None = None, next_step: str = "") -> FormatError:
        """The error that refuses this file; raise it. Line 0 is none."""
        return FormatError(reason, file=self.path, line=line or None, next_step=next_step)

    def beside(self, what: str, next_step: str) -> BesideError:
        """The error that passes over this file, which is `what` beside the results; raise it."""
        found = f"{what}, without measurements"
        return BesideError(found, file=self.path, next_step=next_step)

    def skip(self, line: int, reason: str) -> None:
        """Note a broken row, the first of many with their reasons; an error under `--strict`."""
        if self.strict:
            raise self.fail(reason, line)
        first = self.parts[0]
        if first is not self:
            first.skip(0, f"{self.path.name}:{line}: {reason}")
            return
        self.skipped_rows += 1
        if len(self.skipped) < REASONS:
            self.skipped.append(Skipped(line, reason))

    def without_rows(self) -> FormatError:
        """The error for a file whose rows are all broken, with the first of the reasons."""
        first = next(iter(self.skipped), None)
        why = f"; the first: {first.reason}" if first else ""
        return self.fail(f"no row in it that can be read{why}", first.line if first else None)

    def _raw(self) -> BinaryIO:
        try:
            return self.path.open("rb") if self._content is None else io.BytesIO(self._content)
        except OSError as error:
            raise self.fail(f"cannot be read: {error.strerror}") from None

    @cached_property
    def size(self) -> int:
        """Bytes as stored."""
        return self.path.stat().st_size if self._content is None else len(self._content)

    @cached_property
    def gzipped(self) -> bool:
        """Whether the bytes are gzip, told by their magic number."""
        with self._raw() as raw:
            return raw.read(2) == b"\x1f\x8b"

    def blocks(self, size: int = 2**20) -> Iterator[bytes]:
        """The decompressed bytes block by block; a bomb or a damaged archive is refused."""
        limit = max(DOCUMENT_BYTES, self.size * GZIP_RATIO)
        total = 0
        try:
            with self._raw() as raw, gzip.open(raw) if self.gzipped else raw as stream:
                while block := stream.read(size):
                    total += len(block)
                    if self.gzipped and total > limit:
                        raise self.fail(f"unpacks to more than {GZIP_RATIO} times its size")
                    yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self.fail(f"damaged gzip data: {error}") from None

    def utf8(self) -> BinaryIO:
        """The text as a stream of UTF-8, for parsers of no other; broken bytes become `�`."""
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")

        def recoded() -> Iterator[bytes]:
            for block in self.blocks():
                # most are plain, which takes no time to see
                plain = self.encoding == "utf-8" and block.isascii() and not decoder.getstate()[0]
                yield block if plain else decoder.decode(block).encode()
            yield decoder.decode(b"", final=True).encode()

        return io.BufferedReader(Stream(filter(None, recoded())))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the decompressed bytes of all parts, in hex: packing changes no result."""
        digest = hashlib.sha256()
        for part in self.parts:
            for block in part.blocks():
                digest.update(block)
        return digest.hexdigest()

    @cached_property
    def head(self) -> bytes:
        """The first bytes, decompressed; what recognition looks at."""
        return next(self.blocks(HEAD_BYTES), b"")

    @cached_property
    def encoding(self) -> str:
        """By byte-order mark, else UTF-8 where it fits, else the likeliest other encoding."""
        for bom, name in _BOMS.items():
            if self.head.startswith(bom):
                return name
        try:
            codecs.getincrementaldecoder("utf-8")().decode(self.head, len(self.head) < HEAD_BYTES)
        except UnicodeDecodeError:
            known = _WITH_MICRO if _MICROSECONDS.search(self.head) else _ENCODINGS
            likeliest = charset_normalizer.from_bytes(self.head, cp_isolation=known).best()
            return likeliest.encoding if likeliest else "cp1252"
        return "utf-8"

    @cached_property
    def head_text(self) -> str:
        """The first bytes as text, with `\\n` line ends."""
        return self.head.decode(self.encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")

    @cached_property
    def content(self) -> bytes:
        """The whole file, decompressed; refused beyond `DOCUMENT_BYTES`."""
        blocks, total = [], 0
        for block in self.blocks():
            total += len(block)
            if total > DOCUMENT_BYTES:
                raise self.fail(
                    f"larger than {DOCUMENT_BYTES >> 20} MiB, too large for one document"
                )
            blocks.append(block)
        return b"".join(blocks)

    @cached_property
    def text(self) -> str:
        """The whole file as text, with `\\n` line ends."""
        decoded = self.content.decode(self.encoding, "replace")
        return decoded.replace("\r\n", "\n").replace("\r", "\n")

    @cached_property
    def json(self) -> Any:
        """The whole file as one JSON document, or None when it is not one."""
        if not _one_document(self.head_text.lstrip()):
            return None
        try:
            return _decoded(self.text)
        except (ValueError, RecursionError, FormatError):
            return None

    def lines(self) -> Iterator[tuple[int, str]]:
        """Number (from 1) and text of each line, streamed; an overlong line is skipped."""
        with io.TextIOWrapper(
            io.BufferedReader(Stream(self.blocks())), self.encoding, "replace"
        ) as text:
            number = 0
            while line := text.readline(LINE_CHARS):
                number += 1
                if len(line) == LINE_CHARS and not line.endswith("\n"):
                    self.skip(number, f"a line of more than {LINE_CHARS} characters")
                    while line and not line.endswith("\n"):
                        line = text.readline(LINE_CHARS)
                    continue
                yield number, line.rstrip("\r\n")

    def json_lines(self) -> Iterator[tuple[int, Any]]:
        """Number and content of each line that is JSON; others are skipped."""
        for number, text in self.lines():
            if not text.strip():
                continue
            try:
                document = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                self.skip(number, "no JSON")
                continue
            yield number, document

    def lines_with(self, word: bytes) -> Iterator[tuple[list[bytes], Callable[[], list[int]]]]:
        """The lines that hold `word`, block by block: ten times faster than to read all lines.

        With each block comes what tells the numbers of its lines, which costs and is seldom asked.
        """
        rest, number, skipping = b"", 1, False
        for block in self.blocks(2**22):
            data = rest + block
            if skipping:
                # the rest of an overlong line
                data = data[data.find(b"\n") :] if b"\n" in data else b""
                skipping = not data
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            if len(rest) > LINE_CHARS:
                self.skip(number + data.count(b"\n"), f"a line of more than {LINE_CHARS} bytes")
                rest, skipping = b"", True
            yield _holding(data, word, end, number)
            # four times faster than to count bytes in Python
            number += int(np.count_nonzero(np.frombuffer(data, np.uint8, end) == ord("\n")))
        yield _holding(rest, word, len(rest), number)


def _holding(
    data: bytes, word: bytes, stop: int, number: int
) -> tuple[list[bytes], Callable[[], list[int]]]:
    lines, begins, at = [], [], data.find(word, 0, stop)
    while at >= 0:
        begin, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
        end = len(data) if end < 0 else end
        begins.append(begin)
        lines.append(data[begin:end])
        at = data.find(word, end, stop)
    return lines, lambda: [number + data.count(b"\n", 0, begin) for begin in begins]


def _one_document(head: str) -> bool:
    """Whether this can begin a JSON document; JSON lines, which may be huge, begin otherwise."""
    first, _, rest = head.partition("\n")
    if head[:1] not in ("{", "["):
        return False
    if not rest.lstrip()[:1] or first.rstrip()[-1:] not in ("}", "]"):
        return True
    try:
        _decoded(first)
    except (ValueError, RecursionError):
        return True
    return False


def _decoded(text: str) -> Any:
    """JSON, and the NaN and Infinity that Python's writer puts into it, which become None."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        if "NaN" not in text and "Infinity" not in text:
            raise
        return json.loads(text, parse_constant=lambda _: None)


class Stream(io.RawIOBase):
    """Blocks as a raw stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as the next block goes."""
        self._rest = self._rest or next(self._blocks, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
