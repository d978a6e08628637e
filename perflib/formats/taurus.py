"""Taurus' final statistics, XML and CSV: seconds; its `throughput` is a count of requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number, quantile
from perflib.formats.tables import header, rows

TOOL = "Taurus"
_STATED = {
    "concurrency": ("concurrency", "value", "1"),
    "bytes": ("received", "value", "B"),
    "avg_rt": ("service_time", "mean", "s"),
    "stdev_rt": ("service_time", "stdev", "s"),
    "avg_lt": ("latency", "mean", "s"),
    "avg_ct": ("connect_time", "mean", "s"),
}


def recognise(source: Source) -> bool:
    """Its root element, or its columns."""
    return _is_xml(source) or {"label", "avg_rt", "throughput", "succ", "fail"} <= set(
        header(source)[0]
    )


def _is_xml(source: Source) -> bool:
    return "<FinalStatus" in source.head_text[:4096]


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a group."""
    found = Found()
    listed = ((row["label"], row) for _, row in rows(source))
    for label, values in _xml(source) if _is_xml(source) else listed:
        _add(found, label, values)
    yield Reading(tool=TOOL, indicators=found.indicators)


def _xml(source: Source) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        root: Element = fromstring(source.content)
    except ParseError as error:
        raise source.fail(f"broken XML: {error}", error.position[0]) from None
    except DefusedXmlException:
        raise source.fail("XML with entities, which are never expanded") from None
    except (LookupError, ValueError) as error:
        raise source.fail(f"XML in an encoding that is not known: {error}") from None
    for group in root.iter("Group"):
        values: dict[str, Any] = {}
        for element in group:
            parameter = element.get("param")
            name = f"{element.tag}_{parameter}" if parameter else element.tag
            values[name] = element.get("value")
        yield group.get("label", ""), values


def _add(found: Found, label: str, values: dict[str, Any]) -> None:
    n, failed = number(values.get("throughput")), number(values.get("fail"))
    more: dict[str, Any] = {"label": label, "n": n}
    found.add("requests", "value", n, "req", source_name="throughput", **more)
    found.add("failures", "value", failed, "req", source_name="fail", **more)
    found.add_share(failed, n, label=label)
    found.add_all(values, _STATED, **more)
    for key, value in values.items():
        q = number(key[5:]) if key.startswith("perc_") else None
        if q is not None:
            statistic = quantile(q)
            more |= {"source_name": key, "approximate": statistic[0] == "p"}
            step = 1e-3 if more["approximate"] else 0.0
            found.add("service_time", statistic, value, "s", resolution=step, **more)
