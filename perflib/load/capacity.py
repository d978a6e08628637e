"""The highest rate that keeps the promises: doubled until one breaks, then halved in between.

Each step is a run of open arrivals judged by its intervals. A step that cannot be judged is
repeated longer; if it stays unknown, it counts as not held, so the answer is never too high.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct

Held = Literal["held", "broke", "unknown"]


class Step(Struct, kw_only=True):
    """One rate that was tried; times in seconds, rates a second."""

    rate: float
    throughput: float
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    mean_s: float | None
    error_rate: float
    held: bool
    outcome: Held
    reason: str


class Bracket(Struct, kw_only=True):
    """The capacity lies between `low` (held) and `high` (did not hold); None is unknown."""

    low: float | None = None
    high: float | None = None

    def width(self) -> float:
        """The relative width; infinite while a side is open."""
        if self.low is None or self.high is None:
            return float("inf")
        return (self.high - self.low) / self.high


def search(
    attempt: Callable[[float], Step],
    start: float,
    *,
    limit: float,
    precision: float = 0.1,
    most_steps: int = 12,
) -> Iterator[tuple[Step, Bracket]]:
    """Try rates until the bracket is narrower than `precision` or `limit` itself holds.

    Rates double from `start` while they hold and halve while they do not (bracketing); then
    the middle is tried (bisection). Ends early when nothing holds at a hundredth of `start`.
    """
    bracket, rate = Bracket(), min(start, limit)
    for _ in range(most_steps):
        step = attempt(rate)
        if step.held:
            bracket.low = max(rate, bracket.low or 0.0)
        else:
            bracket.high = min(rate, bracket.high or rate)
        yield step, bracket
        if bracket.width() <= precision or bracket.low == limit:
            return
        if bracket.high is None:
            rate = min(rate * 2, limit)
        elif bracket.low is None:
            rate /= 2
            if rate < start / 100:
                return
        else:
            rate = (bracket.low + bracket.high) / 2
