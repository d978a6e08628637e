"""Which columns a JTL has: a header names them, without one their values prove them.

Without a header the columns are a selection of JMeter's fixed order, proved by the types of
their values; a column that cannot be proved is not used.
"""

from __future__ import annotations

import csv
import io
import re
from typing import NamedTuple

from perflib.formats.base import Source

ORDER = tuple(
    "timeStamp elapsed label responseCode responseMessage threadName dataType success"  # noqa: SIM905
    " failureMessage bytes sentBytes grpThreads allThreads URL Filename Latency Encoding"
    " SampleCount ErrorCount Hostname IdleTime Connect".split()
)
# the message of a transaction controller
TRANSACTION = "Number of samples in transaction"
NEEDED = {"elapsed", "label", "success"}
# a header names its columns, so any selection will do that tells a duration
NAMED = 3
_STAMP = re.compile(r"\d{4}[-/]\d\d[-/]\d\d|\d\d[-/.]\d\d[-/.]\d{2,4}[ T]\d|\d{9,13}$")
_WORD = re.compile(r"(true|false)", re.IGNORECASE)
_THREAD = re.compile(r".* \d+-\d+$")
# what a value must look like, for the columns that types can tell apart
_PROOFS = {
    "timeStamp": _STAMP,
    "elapsed": re.compile(r"\d{1,9}$"),
    "responseCode": re.compile(r"(\d{3}|Non HTTP response code.*|[A-Za-z][\w. :]*)?$"),
    "threadName": _THREAD,
    "dataType": re.compile(r"(text|bin)?$"),
    "success": _WORD,
    "URL": re.compile(r"(https?://.*|null)?$"),
}


class Layout(NamedTuple):
    """`columns` that are not told are called `?`."""

    separator: str
    columns: list[str]
    header: bool


def layout_of(source: Source) -> Layout | None:
    """How the rows of `source` are laid out; None when they are not JMeter's."""
    head = source.head_text
    if head.lstrip()[:1] in ("<", "{", "["):
        return None
    for separator in (",", "\t", ";", "|"):
        rows = first_rows(head, separator)
        if not rows or len(rows[0]) < NAMED:
            continue
        names = [name.strip() for name in rows[0]]
        if "elapsed" in names and len(set(names) & set(ORDER)) >= NAMED:
            return Layout(separator, names, header=True)
        columns = _proved(rows)
        if columns:
            return Layout(separator, columns, header=False)
    return None


def first_rows(head: str, separator: str) -> list[list[str]]:
    """The cells of the first lines."""
    try:
        reader = csv.reader(io.StringIO(head), delimiter=separator)
        return [row for row, _ in zip((r for r in reader if r), range(20), strict=False)]
    except csv.Error:
        return []


def _proved(rows: list[list[str]]) -> list[str]:
    """Names for header-less columns: a selection of JMeter's order that every row fits.

    Columns behind the result that types cannot tell apart stay unnamed (`?`).
    """
    whole = [row for row in rows if len(row) == len(rows[0])]
    if len(whole) < max(1, len(rows) - 2):
        return []
    return _fit(list(zip(*whole, strict=True)), 0, 0) or []


def _fit(columns: list[tuple[str, ...]], at: int, order: int) -> list[str] | None:
    """Depth-first: give column `at` the first name from `order` on that its values allow."""
    if at == len(columns):
        return []
    names = ORDER[order:]
    for skipped, name in enumerate(names):
        if not _allows(name, columns[at]) or not _leaves(names[:skipped]):
            continue
        if name == "success":
            return [name] + ["?"] * (len(columns) - at - 1)
        rest = _fit(columns, at + 1, order + skipped + 1)
        if rest is not None and ("success" in rest):
            return [name, *rest]
    return None


def _leaves(skipped: tuple[str, ...]) -> bool:
    return not NEEDED & set(skipped)


def _allows(name: str, values: tuple[str, ...]) -> bool:
    proof = _PROOFS.get(name)
    return proof is None or all(proof.match(value.strip()) for value in values)
