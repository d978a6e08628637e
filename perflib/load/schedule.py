"""When arrivals are due: pure arithmetic, so that a schedule can be checked without any load.

Arrivals are the points of a unit process (1, 2, 3, … or a seeded Poisson process) mapped
through the inverse of the cumulative rate; ramps, steps and Poisson arrivals are one formula.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Literal, NamedTuple

Shape = Literal["constant", "poisson", "ramp", "steps"]


class Segment(NamedTuple):
    """`duration_s` during which the rate goes linearly from `first` to `last` (a second)."""

    duration_s: float
    first: float
    last: float


class Schedule(NamedTuple):
    """Arrivals a second over time; after the last segment its last rate goes on.

    `part` of `parts` processes takes every `parts`-th arrival of an even schedule, or its own
    independent share of a Poisson process.
    """

    segments: tuple[Segment, ...]
    poisson: bool = False
    seed: int = 1
    part: int = 0
    parts: int = 1

    def split(self, part: int, parts: int) -> Schedule:
        """The share of process `part` of `parts`."""
        return self._replace(part=part, parts=parts)

    def times(self) -> Iterator[float]:
        """Seconds from the start at which this part's arrivals are due, without end."""
        rest = iter(self.segments)
        began, count = 0.0, 0.0
        segment = next(rest)
        for point in self._points():
            while (inside := _inverse(segment, point - count)) is None:
                began += segment.duration_s
                count += segment.duration_s * (segment.first + segment.last) / 2
                segment = next(rest, Segment(math.inf, segment.last, segment.last))
            yield began + inside

    def _points(self) -> Iterator[float]:
        if not self.poisson:
            point = float(self.part)
            while True:
                yield point
                point += self.parts
        draw = random.Random(f"{self.seed}/{self.part}").random
        point = 0.0
        while True:
            point -= math.log(1.0 - draw()) * self.parts
            yield point


def _inverse(segment: Segment, count: float) -> float | None:
    """When `count` arrivals have come in `segment`; None when it ends before."""
    duration_s, first, last = segment
    if math.isinf(duration_s):
        return count / last
    if count > duration_s * (first + last) / 2:
        return None
    slope = (last - first) / duration_s
    if slope == 0:
        return count / first
    return 2 * count / (first + math.sqrt(first * first + 2 * slope * count))


def make_schedule(
    rate: float,
    *,
    shape: Shape = "constant",
    peak_rate: float | None = None,
    over_s: float = 60.0,
    steps: int = 5,
    seed: int = 1,
) -> Schedule:
    """A schedule of `rate` arrivals a second.

    `ramp` goes linearly, `steps` in equal levels, from `rate` to `peak_rate` over `over_s`.
    """
    peak = rate if peak_rate is None else peak_rate
    if not (0 < rate < math.inf and 0 < peak < math.inf and over_s > 0 and steps >= 1):
        raise ValueError("expected a finite rate and peak rate, a time and steps above zero")
    match shape:
        case "constant" | "poisson":
            segments: tuple[Segment, ...] = (Segment(math.inf, rate, rate),)
        case "ramp":
            segments = (Segment(over_s, rate, peak),)
        case "steps":
            levels = [rate + (peak - rate) * i / max(steps - 1, 1) for i in range(steps)]
            segments = tuple(Segment(over_s / steps, level, level) for level in levels)
        case _:
            raise ValueError(f"no shape `{shape}`; expected constant, poisson, ramp or steps")
    return Schedule(segments, poisson=shape == "poisson", seed=seed)
