"""Two pages make a rate: what a person watching wants to know of counters and histograms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from perflib.monitor.exposition import Sample, bucket_counts

QUANTILES = (0.5, 0.95, 0.99)


class Reading(NamedTuple):
    """One line of the live table; what does not apply is None.

    `rate` is the growth a second of a counter or of a histogram's count; `quantiles` those of
    `QUANTILES` over what came between the two pages.
    """

    name: str
    labels: str
    kind: str
    value: float | None = None
    rate: float | None = None
    quantiles: tuple[float, ...] | None = None


def readings(
    before: Sequence[Sample], after: Sequence[Sample], interval_s: float
) -> Iterator[Reading]:
    """What happened between two pages of one service that were read `interval_s` apart.

    A counter that fell was restarted: its value now is its growth. A series without an
    earlier value has no rate yet.
    """
    old = {(sample.name, sample.label_text): sample.value for sample in before}
    for sample in after:
        if sample.kind in ("gauge", "untyped", "unknown"):
            yield Reading(sample.name, sample.label_text, sample.kind, value=sample.value)
        elif sample.kind == "counter" and not sample.name.endswith("_created"):
            rate = _rate(old.get((sample.name, sample.label_text)), sample.value, interval_s)
            yield Reading(sample.name, sample.label_text, "counter", sample.value, rate)
    earlier = _histograms(before)
    for (name, labels), buckets in _histograms(after).items():
        yield _histogram(name, labels, earlier.get((name, labels)), buckets, interval_s)


def quantile(q: float, counts: Mapping[float, float]) -> float:
    """The `q` quantile of a histogram (upper bound → cumulative count), NaN when it is empty.

    Linear inside a bucket, the last finite bound beyond it, as Prometheus'
    `histogram_quantile` does; exact only to the width of the bucket.
    """
    bounds = sorted(counts)
    total = counts[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return math.nan
    low, below = 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= q * total:
            if math.isinf(bound):
                return low
            if counts[bound] == below or bound <= 0:
                return bound
            return low + (bound - low) * (q * total - below) / (counts[bound] - below)
        low, below = bound, counts[bound]
    return low


def _rate(before: float | None, after: float, interval_s: float) -> float | None:
    if before is None or interval_s <= 0:
        return None
    return (after - before if after >= before else after) / interval_s


def _histograms(samples: Sequence[Sample]) -> dict[tuple[str, str], dict[float, float]]:
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        if sample.kind == "histogram" and sample.name.endswith("_bucket"):
            rest = {key: value for key, value in sample.labels.items() if key != "le"}
            key = (sample.name.removesuffix("_bucket"), sample._replace(labels=rest).label_text)
            groups.setdefault(key, []).append(sample)
    return {key: bucket_counts(members) for key, members in groups.items()}


def _histogram(
    name: str,
    labels: str,
    before: dict[float, float] | None,
    after: dict[float, float],
    interval_s: float,
) -> Reading:
    rate = _rate((before or {}).get(math.inf), after[math.inf], interval_s)
    if before is None or before.keys() != after.keys() or after[math.inf] < before[math.inf]:
        new = after
    else:
        new = {bound: after[bound] - before[bound] for bound in after}
    found = tuple(quantile(q, new) for q in QUANTILES)
    return Reading(name, labels, "histogram", rate=rate, quantiles=found)
