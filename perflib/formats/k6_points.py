"""k6's points, one metric value a row: `--out json` (NDJSON) and `--out csv`.

`http_req_duration` points are the requests and become samples; a point's time is the end of
its request. Everything else becomes series.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache

import msgspec
import pyarrow as pa

from perflib.formats import k6_columns
from perflib.formats.base import MOST, Reading, Source
from perflib.formats.k6 import TOOL
from perflib.formats.k6_columns import Data, Point, told
from perflib.formats.tally import Request, batches

REQUEST = "http_req_duration"


def nanoseconds(text: str) -> int | None:
    """RFC 3339 with any number of fractional digits as epoch nanoseconds, until the year 2262."""
    try:
        head, _, rest = text.partition(".")
        fraction = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        zone = rest[len(fraction) :] if rest else ""
        seconds = _seconds(head + zone if rest else text)
        if seconds is None or not 0 <= seconds < MOST // 10**9:
            return None
        return seconds * 10**9 + int((fraction + "0" * 9)[:9])
    except (ValueError, OverflowError):
        return None


@lru_cache(4096)
def _seconds(text: str) -> int | None:
    """Epoch seconds of a time with a zone; rows of one second share them."""
    when = datetime.fromisoformat(text)
    return None if when.tzinfo is None else int(when.timestamp())


def recognise(source: Source) -> bool:
    """Lines of `Metric` and `Point` objects."""
    first = source.head_text.lstrip().split("\n", 1)[0]
    return (
        first.startswith("{")
        and '"type":"' in first.replace(" ", "")
        and ('"Point"' in first or '"Metric"' in first)
        and '"data"' in first
    )


def read(source: Source) -> Iterator[Reading]:
    """One run, its requests as samples."""
    yield reading(lambda: _samples(source))


def reading(samples: Callable[[], Iterator[pa.RecordBatch]]) -> Reading:
    """A run of k6."""
    return Reading(tool=TOOL, samples=samples)


def _samples(source: Source) -> Iterator[pa.RecordBatch]:
    if not source.encoding.startswith("utf-8"):
        encoded = ((number, text.encode()) for number, text in source.lines())
        yield from batches(_requests(source, encoded))
        return
    # most lines are of other metrics: to look is much cheaper than to decode
    for lines, numbers in source.lines_with(f'"{REQUEST}"'.encode()):
        try:
            made = k6_columns.samples(lines, REQUEST)
        except (ValueError, RecursionError, msgspec.MsgspecError, pa.ArrowException):
            yield from batches(_requests(source, zip(numbers(), lines, strict=True)))
        else:
            if made is not None:
                yield made


def _requests(source: Source, lines: Iterable[tuple[int, bytes]]) -> Iterator[Request]:
    """Line by line, to tell which is broken."""
    decode = msgspec.json.Decoder(Point).decode
    for line, text in lines:
        try:
            point = decode(text.lstrip(b"\xef\xbb\xbf"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            source.skip(line, "no JSON")
            continue
        if point.type != "Point" or point.metric != REQUEST:
            continue
        try:
            made = _sample(point.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            made = None
        if made is None:
            source.skip(line, "a request without time or duration")
        else:
            yield made


def _sample(data: Data | None) -> Request | None:
    if data is None or data.time is None or data.value is None or not _sane(data.value):
        return None
    end = nanoseconds(data.time)
    if end is None:
        return None
    name, ok, error, status = told(bytes(data.tags))
    return Request(name, end - round(data.value * 1e6), end, ok, error, status)


def _sane(value_ms: float) -> bool:
    return math.isfinite(value_ms) and 0 <= value_ms < 1e12
