"""Prometheus and OpenMetrics text: the values of one moment, refused where the format forbids them.

Units are those that the naming conventions put into a name: `_seconds`, `_bytes`, `_ratio`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from perflib.errors import TargetError
from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number
from perflib.monitor import Sample, parse_metrics

_COMMENT = re.compile(r"# (HELP|TYPE|UNIT|EOF)\b")
_SERIES = re.compile(r"[a-zA-Z_:][\w:]*(\{[^\n]*\})? +\S+( -?[\d.]+)?\s*($|# )")
_UNITS = {"seconds": "s", "bytes": "B", "ratio": "1"}


def recognise(source: Source) -> bool:
    """Its comments, or nothing but series."""
    lines = [line for line in source.head_text.split("\n") if line.strip()]
    if any(_COMMENT.match(line) for line in lines):
        return any(_SERIES.match(line) for line in lines if not line.startswith("#"))
    whole = lines[:-1] if len(lines) > 3 else lines
    return bool(whole) and all(
        _SERIES.match(line) and number(line.split()[-1]) is not None for line in whole
    )


def read(source: Source) -> Iterator[Reading]:
    """One run: an indicator a series, quantiles and counts of summaries and histograms included."""
    text = source.text
    is_open = text.rstrip().endswith("# EOF")
    kind = "application/openmetrics-text" if is_open else "text/plain"
    try:
        samples = parse_metrics(text, kind, source.path.name)
    except TargetError as error:
        raise source.fail(error.found, error.line) from None
    found = Found()
    for sample in samples:
        _add(found, sample)
    yield Reading(tool="OpenMetrics" if is_open else "Prometheus", indicators=found.indicators)


def _add(found: Found, sample: Sample) -> None:
    if sample.name.endswith("_bucket"):
        return
    labels, name = dict(sample.labels), sample.name
    quantile = number(labels.pop("quantile", None))
    statistic, base = "value", name
    if quantile is not None:
        statistic = f"p{quantile * 100:g}"
    else:
        for suffix in ("_sum", "_count"):
            if sample.kind in ("summary", "histogram") and name.endswith(suffix):
                statistic, base = suffix[1:], name.removesuffix(suffix)
    words = base.removesuffix("_total").split("_")
    unit = "1" if statistic == "count" else _UNITS.get(words[-1], "1")
    label = Sample(name, labels, sample.value, sample.kind, sample.line).label_text
    found.add(
        base,
        statistic,
        sample.value,
        unit,
        label=label,
        source_name=name,
        approximate=quantile is not None,
    )
