"""Requests of k6's NDJSON as columns, a block at a time: for files of gigabytes.

Whatever does not fit (a broken line, a time without a zone, an absent value) raises, and the
block is then read line by line.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from perflib.formats.tally import batch

_ENOUGH_MS = 1e12


class Tags(Struct):
    """What k6 tells of a request."""

    name: str | None = None
    url: str | None = None
    method: str | None = None
    status: str | int | None = None
    error: str | None = None
    error_code: str | int | None = None
    expected_response: str | bool | None = None


class Data(Struct):
    """One value of a metric."""

    time: str | None = None
    value: float | None = None
    tags: Tags | None = None


class Point(Struct):
    """A line of the file."""

    type: str
    metric: str | None = None
    data: Data | None = None


_NO_TAGS = Tags()
_decode = msgspec.json.Decoder(list[Point]).decode


def samples(lines: list[bytes], metric: str) -> pa.RecordBatch | None:
    """The points of `metric` in `lines` as samples; None without any.

    Raises `ValueError`, `msgspec.DecodeError` or `pa.ArrowException` for a line that k6
    would not write.
    """
    points = _decode(b"[%b]" % b",".join(lines))
    found = [p.data for p in points if p.metric == metric and p.type == "Point"]
    if not found:
        return None
    time = pa.array([data.time for data in found if data is not None])
    value = pa.array([data.value for data in found if data is not None], pa.float64())
    sane = pc.and_(pc.greater_equal(value, 0), pc.less(value, _ENOUGH_MS))
    if len(value) < len(found) or value.null_count or time.null_count or not pc.all(sane).as_py():
        raise ValueError("a request without time or duration")
    end = time.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    took = pc.round(pc.multiply(value, 1e6)).cast(pa.int64())
    return _batch([data.tags or _NO_TAGS for data in found if data is not None], end, took)


def _batch(tags: list[Tags], end: Any, took: Any) -> pa.RecordBatch:
    text = pa.string()
    expected = [tag.expected_response in (False, "false") for tag in tags]
    error = pa.array([tag.error or None for tag in tags], text)
    ok = pc.invert(pc.or_(pa.array(expected), error.is_valid()))
    status = pa.array([str(tag.status or "0") for tag in tags], text)
    shown = pc.binary_join_element_wise("status", status, " ")
    codes = pa.array([str(tag.error_code) if tag.error_code else None for tag in tags], text)
    code = pc.if_else(pc.match_substring_regex(status, r"^[0-9]{1,3}$"), status, "0")
    return batch(
        pc.binary_join_element_wise(
            pa.array([tag.method or None for tag in tags], text),
            pa.array([tag.name or tag.url for tag in tags], text),
            " ",
            null_handling="skip",
        ),
        pc.subtract(end, took),
        end,
        ok,
        error=pc.if_else(ok, "", pc.coalesce(error, codes, shown)),
        status=code.cast(pa.int16()),
    )
