"""Requests of k6's NDJSON as columns, a block at a time: for files of gigabytes.

Whatever does not fit (a broken line, a time without a zone, an absent value) raises, and the
block is then read line by line.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw, Struct

from perflib.formats.tally import batch

_ENOUGH_MS = 1e12


class Tags(Struct, gc=False):
    """What k6 tells of a request."""

    name: str | None = None
    url: str | None = None
    method: str | None = None
    status: str | int | None = None
    error: str | None = None
    error_code: str | int | None = None
    expected_response: str | bool | None = None


class Data(Struct, gc=False):
    """One value of a metric; few of its tags differ, so each is decoded once."""

    time: str | None = None
    value: float | None = None
    tags: Raw = Raw(b"null")


class Point(Struct, gc=False):
    """A line of the file."""

    type: str
    metric: str | None = None
    data: Data | None = None


class Told(NamedTuple):
    """What tags mean."""

    label: str
    ok: bool
    error: str
    status: int


_decode = msgspec.json.Decoder(list[Point]).decode
_decode_tags = msgspec.json.Decoder(Tags | None).decode


def label(method: str | None, name: str | None) -> str:
    """`GET https://…`."""
    return " ".join(part for part in (method, name) if part)


def code(status: str | int | None) -> int:
    """A status as a number; 0 for none and for what is no status."""
    text = str(status or "0")
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 4 else 0


@lru_cache(4096)
def told(raw: bytes) -> Told:
    """The meaning of tags in JSON; raises `msgspec.MsgspecError` where they are none of k6's."""
    return meaning(_decode_tags(raw) or Tags())


def meaning(tags: Tags) -> Told:
    """What tags say; where none tells whether the answer was expected, an error's code does."""
    expected, error = str(tags.expected_response).lower(), tags.error or tags.error_code
    ok = expected == "true" or (expected != "false" and not error)
    what = "" if ok else str(error or f"status {tags.status}")
    return Told(label(tags.method, tags.name or tags.url), ok, what, code(tags.status))


def samples(lines: list[bytes], metric: str) -> pa.RecordBatch | None:
    """The points of `metric` in `lines` as samples; None without any.

    Raises `ValueError`, `RecursionError`, `msgspec.MsgspecError` or `pa.ArrowException` for a
    line that k6 would not write.
    """
    points = _decode(b"[%b]" % b",".join(lines))
    found = [p.data for p in points if p.metric == metric and p.type == "Point"]
    if not found:
        return None
    whole = [data for data in found if data is not None]
    time = pa.array([data.time for data in whole], pa.string())
    value = pa.array([data.value for data in whole], pa.float64())
    sane = pc.and_(pc.greater_equal(value, 0), pc.less(value, _ENOUGH_MS))
    if len(whole) < len(found) or value.null_count or time.null_count or not pc.all(sane).as_py():
        raise ValueError("a request without time or duration")
    end = time.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    took = pc.round(pc.multiply(value, 1e6)).cast(pa.int64())
    return _batch([bytes(data.tags) for data in whole], pc.subtract(end, took), end)


def _batch(tags: list[bytes], start: pa.Array, end: pa.Array) -> pa.RecordBatch:
    codes: dict[bytes, int] = {}
    at = np.array([codes.setdefault(raw, len(codes)) for raw in tags], np.int32)
    labels, ok, errors, statuses = zip(*map(told, codes), strict=True)
    return batch(
        pa.DictionaryArray.from_arrays(at, pa.array(labels, pa.string())),
        start,
        end,
        np.array(ok)[at],
        error=pa.DictionaryArray.from_arrays(at, pa.array(errors, pa.string())),
        status=np.array(statuses)[at],
    )
