"""JMeter's XML results (JTL): samples of any element name, parsed as a stream.

A sample inside another one is a part of it (a redirect, an embedded resource): the parent
stands for the whole and its parts are not counted again. A transaction beside its parts keeps
its label but stays out of the totals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from xml.etree.ElementTree import ParseError

import pyarrow as pa
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from perflib.formats.base import Reading, Source, Stream
from perflib.formats.found import number
from perflib.formats.jmeter_layout import TRANSACTION
from perflib.formats.tally import BATCH_ROWS, MOST_S, Request, batches

TOOL = "JMeter"
# a sample saved as a Java object: elements instead of attributes
_AS_OBJECT = {
    "t": "elapsedTime",
    "ts": "startTime",
    "lb": "label",
    "s": "success",
    "rc": "responseCode",
    "by": "bytes",
}
DEEPEST = 100
# control characters that XML forbids; JMeter writes them where an answer was no text
_FORBIDDEN = re.compile(
    rb"&#(?:x0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));"
)
_REFERENCE_BYTES = 16


def recognise(source: Source) -> bool:
    """An XML document whose root is `testResults`."""
    head = source.head_text.lstrip()
    return head.startswith("<") and "<testResults" in head[:4096]


def read(source: Source) -> Iterator[Reading]:
    """One run; its samples stream."""
    yield Reading(tool=TOOL, samples=lambda: _batches(source), resolution_s=1e-3)


def _batches(source: Source) -> Iterator[pa.RecordBatch]:
    rows = _requests(source)
    while chosen := list(islice(rows, BATCH_ROWS)):
        parts = [row for row, transaction in chosen if not transaction]
        wholes = [row for row, transaction in chosen if transaction]
        yield from batches(parts)
        yield from batches(wholes, outside=bool(parts))


def _requests(source: Source) -> Iterator[tuple[Request, bool]]:
    """Each outermost sample, and whether it is a transaction whose parts stand beside it."""
    read_any = False
    try:
        for attributes, holds in _outermost(source):
            row = _row(attributes)
            if row is None:
                source.skip(0, f"a sample without time or duration: {dict(attributes)!s:.80}")
            else:
                read_any = True
                message = attributes.get("rm", "")
                yield row, message.startswith(TRANSACTION) and not holds
    except ParseError as error:
        line, _ = error.position
        if not read_any or "no element found" not in str(error):
            raise source.fail(f"broken XML: {error}", line) from None
        source.skip(line, "the file ends before its last element, as after a killed test")
    except DefusedXmlException:
        raise source.fail(
            "XML with entities or a document type, which are never expanded"
        ) from None
    except (LookupError, ValueError) as error:
        raise source.fail(f"XML in an encoding that is not known: {error}") from None


def _outermost(source: Source) -> Iterator[tuple[dict[str, str], bool]]:
    """The attributes of samples that are in no other sample, and whether they hold others.

    What was read is forgotten.
    """
    depth = inside = 0
    holds = False
    root = None
    for event, element in iterparse(Stream(_allowed(source.blocks())), events=("start", "end")):
        if event == "start":
            depth += 1
            root = element if root is None else root
            if depth > DEEPEST:
                raise source.fail(f"XML nested deeper than {DEEPEST}")
            if "t" in element.attrib and "lb" in element.attrib:
                holds = inside > 0
                inside += 1
            continue
        depth -= 1
        if "t" in element.attrib and "lb" in element.attrib:
            inside -= 1
            if not inside:
                yield element.attrib, holds
        elif depth == 1 and element.find("elapsedTime") is not None:
            yield {name: element.findtext(tag, "") for name, tag in _AS_OBJECT.items()}, False
        if depth == 1 and root is not None:
            root.clear()


def _allowed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The text without forbidden characters, one of which may stand across two blocks."""
    rest = b""
    for block in blocks:
        data = rest + block
        cut = data.rfind(b"&", max(0, len(data) - _REFERENCE_BYTES))
        rest, data = (data[cut:], data[:cut]) if cut >= 0 else (b"", data)
        if data:
            yield _FORBIDDEN.sub(b" ", data)
    yield _FORBIDDEN.sub(b" ", rest)


def _row(attributes: dict[str, str]) -> Request | None:
    elapsed, since = number(attributes.get("t")), number(attributes.get("ts"))
    if elapsed is None or since is None or not 0 <= elapsed < 1e12 or not 0 <= since < MOST_S * 1e3:
        return None
    ok = attributes.get("s", "").lower() == "true"
    code = attributes.get("rc", "")
    start = int(since) * 1_000_000
    error = "" if ok else code.removeprefix("Non HTTP response code: ")
    size = number(attributes.get("by"))
    status = int(code) if code.isdecimal() and len(code) == 3 else 0
    known = 0 if size is None or not 0 <= size < 2**62 else int(size)
    return Request(
        attributes["lb"], start, start + int(elapsed) * 1_000_000, ok, error, status, known
    )
