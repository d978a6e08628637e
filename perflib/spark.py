"""The course of a value as a line in a small box, where little change looks like little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CALM = 0.2
"""The share of a value that its changes must come to before they fill the box."""
FAR = 4.0
"""A bound this many times beyond all values is left out: they would lie flat beside it."""


@dataclass(frozen=True)
class Line:
    """`points` as SVG has them, the place of the last one, and the height of the bound."""

    points: str
    end: tuple[float, float]
    bound: float | None


def line(values: Sequence[float], bound: float | None, width: int, height: int) -> Line | None:
    """`values` from the oldest to the newest; None when fewer than two are known."""
    known = [value for value in values if math.isfinite(value)]
    if len(known) < 2:
        return None
    limits = [] if bound is None or bound >= FAR * max(known) else [bound]
    low, high = min(known + limits), max(known + limits)
    span = max(high - low, CALM * max(abs(low), abs(high))) or 1.0

    def y(value: float) -> float:
        return round(height / 2 - (height - 8) * (value - (low + high) / 2) / span, 1)

    step = (width - 6) / (len(known) - 1)
    places = [(round(3 + step * at, 1), y(value)) for at, value in enumerate(known)]
    points = " ".join(f"{x},{height}" for x, height in places)
    return Line(points, places[-1], y(limits[0]) if limits else None)
