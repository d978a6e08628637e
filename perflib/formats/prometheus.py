"""Prometheus and OpenMetrics text: the values of one moment, refused where the format forbids them.

OpenMetrics may tell several moments of a series: the last is its value, all are series over time.

Units are those that the naming conventions put into a name: `_seconds`, `_bytes`, `_ratio`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.errors import TargetError
from perflib.formats.base import Moment, Reading, Source, over_time
from perflib.formats.found import Found, iso, number
from perflib.monitor import Sample, parse_metrics

_COMMENT = re.compile(r"# (HELP|TYPE|UNIT|EOF)\b")
_SERIES = re.compile(r"[a-zA-Z_:][\w:]*(\{[^\n]*\})? +\S+( -?[\d.]+)?\s*($|# )")
_POINT = re.compile(
    r"(?P<series>[a-zA-Z_:][\w:]*(?:\{.*?\})?) (?P<value>\S+) (?P<time>-?\d+(?:\.\d+)?)(?: #.*)?$"
)
_COUNTED = ("summary", "histogram", "gaugehistogram")
_UNITS = {"seconds": "s", "bytes": "B", "ratio": "1"}


def recognise(source: Source) -> bool:
    """Its comments with a series or nothing else, or nothing but series."""
    lines = [line for line in source.head_text.split("\n") if line.strip()]
    if any(_COMMENT.match(line) for line in lines):
        series = [line for line in lines if not line.startswith("#")]
        return not series or any(_SERIES.match(line) for line in series)
    whole = lines[:-1] if len(lines) > 3 else lines
    return bool(whole) and all(
        _SERIES.match(line) and number(line.split()[-1]) is not None for line in whole
    )


def read(source: Source) -> Iterator[Reading]:
    """One run: an indicator a series, quantiles and counts of summaries and histograms included."""
    text = source.text
    series: list[Moment] = []
    is_open = text.rstrip().endswith("# EOF")
    kind = "application/openmetrics-text" if is_open else "text/plain"
    if is_open:
        text = _last_points(text, series)
    try:
        samples = parse_metrics(text, kind, source.path.name)
    except TargetError as error:
        raise source.fail(error.found, error.line) from None
    found = Found()
    for sample in samples:
        _add(found, sample)
    _count_by_buckets(found, samples)
    yield Reading(
        tool="OpenMetrics" if is_open else "Prometheus",
        started_at=iso(series[0][0]) if series else "",
        indicators=found.indicators,
        series=over_time([(at - series[0][0], *rest) for at, *rest in series]),  # type: ignore[misc]
    )


def _last_points(text: str, series: list[Moment]) -> str:
    """The page with one point a series; those of series with several go to `series` as well.

    Of points of one time the first counts, as in Prometheus; one that is earlier than the one
    before it stays in the page, which is refused for it.
    """
    lines = text.split("\n")
    points: dict[str, list[tuple[float, int, float]]] = {}
    for at, line in enumerate(lines):
        if (match := _POINT.match(line)) and (value := number(match["value"])) is not None:
            known = points.setdefault(match["series"], [])
            time = float(match["time"])
            if not known or time > known[-1][0]:
                known.append((time, at, value))
            elif time == known[-1][0]:
                lines[at] = ""
    for named, each in points.items():
        name, _, labels = named.partition("{")
        if len(each) > 1:
            series += [(time, name, labels and "{" + labels, value) for time, _, value in each]
        for _, at, _ in each[:-1]:
            lines[at] = ""
    series.sort()
    return "\n".join(line for line in lines if line) + "\n"


def _add(found: Found, sample: Sample) -> None:
    if sample.name.endswith("_bucket"):
        return
    labels, name = dict(sample.labels), sample.name
    quantile = number(labels.pop("quantile", None))
    statistic, base = "value", name
    if quantile is not None:
        statistic = f"p{quantile * 100:g}"
    else:
        for suffix in ("_gsum", "_gcount", "_sum", "_count"):
            if sample.kind in _COUNTED and name.endswith(suffix):
                statistic, base = suffix[1:].lstrip("g"), name.removesuffix(suffix)
                break
    words = base.removesuffix("_total").split("_")
    unit = "1" if statistic == "count" else _UNITS.get(words[-1], "1")
    label = Sample(name, labels, sample.value, sample.kind, sample.line).label_text
    more: dict[str, Any] = {"source_name": name, "approximate": quantile is not None}
    found.add(base, statistic, sample.value, unit, label=label, **more)


def _count_by_buckets(found: Found, samples: list[Sample]) -> None:
    """OpenMetrics lets a histogram leave its count out, which its last bucket then states."""
    known = {indicator.key for indicator in found.indicators}
    for sample in samples:
        bound, base = sample.labels.get("le", ""), sample.name.removesuffix("_bucket")
        if bound.lstrip("+").lower() == "inf" and base != sample.name:
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            label = sample._replace(labels=labels).label_text
            if (base, "count", label) not in known:
                found.add(base, "count", sample.value, label=label, source_name=sample.name)
