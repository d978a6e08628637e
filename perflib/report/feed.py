"""An Atom feed of the runs: a reader learns of a missed promise without asking."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element, SubElement, tostring

from perflib.report.redact import certain
from perflib.report.rows import Row
from perflib.report.safe import shortened, visible

ATOM = "http://www.w3.org/2005/Atom"
NEWEST = 50


def feed(rows: Sequence[Row]) -> bytes:
    """The newest runs of `rows`, newest first, as Atom; ids do not depend on where it is kept."""
    root = Element("feed", xmlns=ATOM)
    newest = rows[0].run.started_at if rows else "1970-01-01T00:00:00Z"
    for tag, text in (("title", "Performance reports"), ("id", _urn("feed")), ("updated", newest)):
        SubElement(root, tag).text = text
    SubElement(SubElement(root, "author"), "name").text = "perflib"
    SubElement(root, "link", rel="alternate", href="index.html")
    for row in rows[:NEWEST]:
        entry = SubElement(root, "entry")
        SubElement(entry, "title").text = _text(f"{row.run.target}: {row.finding}")
        SubElement(entry, "id").text = _urn(row.run.id)
        SubElement(entry, "updated").text = row.run.started_at
        SubElement(entry, "category", term=row.state)
        SubElement(entry, "link", rel="alternate", href=row.page or "index.html")
        SubElement(entry, "summary").text = _text(row.finding)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _text(text: str) -> str:
    return visible(shortened(certain(text)))


def _urn(name: str) -> str:
    return uuid5(NAMESPACE_URL, f"perflib:{name}").urn
