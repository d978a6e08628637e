"""Vegeta's results, a request a row: JSON lines and CSV; its gob is recognised and refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from perflib.formats.base import Reading, Source
from perflib.formats.k6_points import nanoseconds
from perflib.formats.tally import Request, batches

TOOL = "Vegeta"
_GOB = b"\x06Result\x01"


class _Result(Struct):
    timestamp: str
    latency: int
    code: int = 0
    error: str = ""
    bytes_in: int = 0
    method: str = ""
    url: str = ""


def recognise(source: Source) -> bool:
    """A gob of results, JSON lines with `latency` and `seq`, or rows that begin as Vegeta's do."""
    first = source.head_text.split("\n", 1)[0]
    if _GOB in source.head[:64]:
        return True
    if first.startswith("{"):
        keys = ("code", "timestamp", "latency", "bytes_out", "bytes_in")
        return all(f'"{key}":' in first for key in keys)
    cells = first.split(",")
    # the attack, its sequence, methods and addresses came with later versions
    return (
        len(cells) >= 6
        and len(cells[0]) == 19
        and all(cell.isdecimal() for cell in cells[:5])
        and len(cells[1]) <= 3
    )


def read(source: Source) -> Iterator[Reading]:
    """One run of samples; latencies count from the actual send."""
    if _GOB in source.head[:64]:
        raise source.fail(
            "Vegeta's binary results, in Go's gob encoding",
            next_step="convert them: `vegeta encode --to json results.bin > results.json`",
        )
    lines = _json if source.head_text.startswith("{") else _csv
    yield Reading(tool=TOOL, samples=lambda: batches(lines(source)))


def _json(source: Source) -> Iterator[Request]:
    decode = msgspec.json.Decoder(_Result).decode
    for line, text in source.lines():
        if not text.strip():
            continue
        try:
            result = decode(text)
        except (msgspec.DecodeError, RecursionError):
            source.skip(line, "no result of Vegeta's")
            continue
        start = nanoseconds(result.timestamp)
        if start is None or not 0 <= result.latency < 10**15:
            source.skip(line, "no time or latency")
            continue
        name = f"{result.method} {result.url}".strip()
        yield _row(name, start, result.latency, result.code, result.error, result.bytes_in)


def _csv(source: Source) -> Iterator[Request]:
    for line, text in source.lines():
        cells = next(csv.reader([text]), []) if text.strip() else []
        if not cells:
            continue
        if len(cells) < 6 or not all(each.isdecimal() and len(each) < 20 for each in cells[:5]):
            source.skip(line, "fewer columns than Vegeta's, or no numbers")
            continue
        stamp, code, latency, _, size = map(int, cells[:5])
        if latency >= 10**15 or stamp >= 2**62:
            source.skip(line, "no time or latency")
            continue
        name = " ".join(cells[9:11]) if len(cells) > 10 else ""
        yield _row(name, stamp, latency, code, cells[5], size)


def _row(name: str, start: int, latency: int, code: int, error: str, size: int) -> Request:
    ok = not error and 200 <= code < 400
    kind = "" if ok else error or f"status {code}"
    return Request(
        name,
        start,
        start + latency,
        ok,
        kind,
        min(max(code, 0), 999),
        min(max(size, 0), 2**62),
    )
