"""k6's `--out csv`: the same points as its NDJSON, times in whole seconds or as asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from perflib.formats.base import Reading, Source
from perflib.formats.found import number
from perflib.formats.k6_columns import Tags, meaning
from perflib.formats.k6_points import REQUEST, nanoseconds, reading
from perflib.formats.tables import header, rows
from perflib.formats.tally import Request, batches

# seconds have ten digits, a date may have a fraction
_TIME = re.compile(r"\n[^,\n]*,(?:\d{10}(\d*)|[\d-]+T[\d:]+(?:\.(\d+))?)")
_NEEDED = {"metric_name", "timestamp", "metric_value"}


def recognise(source: Source) -> bool:
    """The columns of k6's CSV."""
    return set(header(source)[0]) >= _NEEDED


def read(source: Source) -> Iterator[Reading]:
    """One run, its requests as samples."""
    from_csv = reading(lambda: batches(_requests(source)))
    finer = _TIME.search(source.head_text)
    from_csv.time_step_s = 10.0 ** -len((finer[1] or finer[2] or "") if finer else "")
    yield from_csv


def _requests(source: Source) -> Iterator[Request]:
    for line, cells in rows(source):
        if cells["metric_name"] != REQUEST:
            continue
        value = number(cells["metric_value"])
        end = _time(cells["timestamp"])
        if value is None or end is None or not 0 <= value < 1e12:
            source.skip(line, "a request without time or duration")
            continue
        tags = Tags(**{tag: cells.get(tag) for tag in Tags.__struct_fields__})
        name, ok, error, status = meaning(tags)
        yield Request(name, end - round(value * 1e6), end, ok, error, status)


def _time(text: str) -> int | None:
    seconds = number(text)
    if seconds is None:
        return nanoseconds(text)
    # seconds, or a finer unit that the user chose: only one of them is in our century
    for scale, most in ((1e9, 9e9), (1e6, 9e12), (1e3, 9e15), (1, 9e18)):
        if 0 <= seconds < most:
            return round(seconds * scale)
    return None
