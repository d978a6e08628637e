"""The one place where a stated number becomes an indicator: finite, in base units, or absent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from perflib.formats.base import MOST, Indicator
from perflib.units import UNITS, find_unit

Stated = Mapping[str, tuple[str, str, str]]
"""Our metric, statistic and unit by the source's own name for a number."""

TIMES_S: Stated = {
    "mean": ("time", "mean", "s"),
    "median": ("time", "p50", "s"),
    "min": ("time", "min", "s"),
    "max": ("time", "max", "s"),
    "stddev": ("time", "stdev", "s"),
}
"""What several tools call the summary of times in seconds."""
ACCURACY = 0.01
"""What sketches keep, relative to a percentile: t-digests of compression 100, and Artillery's."""

_MAGNITUDES = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([,  ' ]\d{3})+(\.\d+)?")
_COUNTED = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*([kKMG])")


def number(value: Any) -> float | None:
    """`value` as a finite float; None for N/A, null, NaN, infinities and everything else.

    Text may group its digits (`12,345.6`) or count in thousands (`1.2k`).
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        value = value.strip()
        if _GROUPED.fullmatch(value):
            value = re.sub(r"[,  ' ]", "", value)
        elif match := _COUNTED.fullmatch(value):
            scaled = number(match[1])
            return None if scaled is None else scaled * _MAGNITUDES[match[2]]
    elif not isinstance(value, int | float):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def with_point(text: str) -> str:
    """`text` with a decimal point for the comma that many languages write.

    For tools that never group digits: `16,667` is less than seventeen.
    """
    return text if "." in text else text.replace(",", ".")


def last_digit(text: str) -> float:
    """One of the last digit of a written number: what a rounded text is known to."""
    digits, _, power = text.lower().partition("e")
    return float(f"1e{int(number(power) or 0) - len(digits.partition('.')[2])}")


def has(value: Any, *keys: str) -> bool:
    """Whether a value of a JSON document is an object with all of `keys`."""
    return isinstance(value, dict) and set(keys) <= set(value)


def mapping(document: Any, key: str) -> dict[str, Any]:
    """The object at `key` of a JSON document; an empty one where there is none."""
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def counts(document: Any, key: str) -> dict[str, float]:
    """The object at `key` as counts by name; what is no number counts nothing."""
    return {name: number(value) or 0.0 for name, value in mapping(document, key).items()}


def refused(by_status: Mapping[str, float]) -> float:
    """How many of the answers counted by status have one of 400 or more."""
    return sum(count for status, count in by_status.items() if (number(status) or 0) >= 400)


def listing(document: Any, key: str) -> list[Any]:
    """The list at `key` of a JSON document; an empty one where there is none."""
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, list) else []


def objects(document: Any, key: str) -> list[dict[str, Any]]:
    """The objects in the list at `key` of a JSON document."""
    return [each for each in listing(document, key) if isinstance(each, dict)]


def quantile(percent: float) -> str:
    """Our name of a percentile; those of 0 and 100 are the extremes."""
    return {0.0: "min", 100.0: "max"}.get(percent, f"p{percent:g}")


def summary(values: Sequence[float]) -> dict[str, float]:
    """Mean, median and extremes; infinite, so no number, where a sum is too large for one."""
    with np.errstate(over="ignore"):
        mean, median = float(np.mean(values)), float(np.median(values))
    return {"mean": mean, "p50": median, "min": min(values), "max": max(values)}


def iso(epoch_s: float) -> str:
    """An epoch time as ISO 8601 in UTC; empty when it is out of any calendar."""
    try:
        return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""


def instant(text: str) -> str:
    """A time in ISO 8601 as such in UTC, which is taken where it names no zone.

    Empty when it is no time, or one before 1970, such as the zero that Go writes for none.
    """
    try:
        when = datetime.fromisoformat(text.strip().replace(" UTC", "Z"))
        when = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return when.isoformat() if when.year >= 1970 else ""


def _count(value: Any) -> int:
    read = number(value) or 0.0
    return int(read) if 0 <= read <= MOST else 0


class Quantity(NamedTuple):
    """A printed value in base units and the step of its last digit."""

    value: float
    step: float


class Found:
    """Collects the indicators of one run; what is no number, or no share, leaves no trace."""

    def __init__(self) -> None:
        self.indicators: list[Indicator] = []

    def add(
        self,
        metric: str,
        statistic: str,
        value: Any,
        unit: str = "1",
        *,
        label: str = "",
        source_name: str = "",
        n: Any = None,
        approximate: bool = False,
        resolution: float = 0.0,
    ) -> None:
        """Add `value` in `unit`, converted to base units; `resolution` is in `unit` as well.

        A `Quantity` brings its own resolution.
        """
        if isinstance(value, Quantity):
            value, resolution = value
        read = number(value)
        if read is None:
            return
        base, factor = find_unit(unit) if unit in UNITS else (unit, 1.0)
        if metric == "error_rate" and not 0 <= read * factor <= 1:
            return
        self.indicators.append(
            Indicator(
                metric=metric,
                statistic=statistic,
                value=read * factor,
                unit=base,
                label=label,
                source_name=source_name,
                n=_count(n),
                approximate=approximate,
                resolution=resolution * factor,
            )
        )

    def add_all(self, values: Mapping[str, Any], stated: Stated, **more: Any) -> None:
        """Add each of `values` that `stated` knows, under the source's name."""
        for name, (metric, statistic, unit) in stated.items():
            self.add(metric, statistic, values.get(name), unit, source_name=name, **more)

    def add_printed(
        self, metric: str, statistic: str, text: str, unit: str = "1", **more: Any
    ) -> None:
        """Add a number that was rounded to be printed: its last digit is the resolution."""
        self.add(metric, statistic, text, unit, resolution=last_digit(text), **more)

    def add_sketched(
        self, metric: str, statistic: str, value: Any, unit: str, step: float = 0.0, **more: Any
    ) -> None:
        """Add a number known to `step`, a percentile only as well as a sketch keeps it."""
        sketched = statistic.startswith("p")
        width = ACCURACY * abs(number(value) or 0.0) if sketched else 0.0
        more |= {"approximate": sketched, "resolution": max(step, width)}
        self.add(metric, statistic, value, unit, **more)

    def add_samples(
        self, metric: str, values: Sequence[float], unit: str = "1", **more: Any
    ) -> None:
        """Add what `values` prove."""
        for statistic, value in summary(values).items():
            self.add(metric, statistic, value, unit, n=len(values), **more)

    def add_share(self, failed: float | None, total: float | None, **more: Any) -> None:
        """Add the error rate, where both are known."""
        if total and failed is not None:
            self.add("error_rate", "value", failed / total, n=total, **more)
