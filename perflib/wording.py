"""How values, bounds and names are said to people; every text of a result comes out harmless."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Protocol

from perflib.model import Caveat, Estimate, Objective
from perflib.units import COUNTS, format_number, format_quantity, rounded, scale_of

SIGNS = {
    "met": "✓",
    "missed": "✗",
    "unknown": "?",
    "improved": "▲",
    "unchanged": "●",
    "regressed": "▼",
    "inconclusive": "◆",
    "no data": "○",
    "bad": "⊘",
}
"""A state is told by word and sign; colour comes on top."""


def count(n: int) -> str:
    """A whole number with thin gaps: `12 345`."""
    return f"{n:,}".replace(",", "\u2009")


def many(n: int, of: str) -> str:
    """`1 run`, `12 345 runs`."""
    return f"{count(n)} {of}{'' if n == 1 else 's'}"


MOST_NAMES = 5
"""How many names a sentence lists."""


def listed(names: Sequence[str]) -> str:
    """Names as people list them: `a`, `a and b`, `a, b and 9 others`; long ones shortened."""
    shown = [clean(name, 60) for name in names[:MOST_NAMES]]
    if more := len(names) - len(shown):
        shown[-1] = f"{count(more + 1)} others"
    *first, last = shown
    return f"{', '.join(first)} and {last}" if first else last


def bound(value: float, unit: str) -> str:
    """A promised value as people write it: `50 ms`, `1 %`."""
    symbol, factor = ("%", 0.01) if unit == "1" else scale_of(value, unit)
    return f"{value / factor:.6g} {symbol}".strip()


def clean(text: object, width: int = 32) -> str:
    """`text` as one line without control or direction signs, its middle left out beyond `width`."""
    line = " ".join("".join(_harmless(sign) for sign in str(text)[:20_000]).split())
    if len(line) <= width:
        return line
    keep = width - 1
    return f"{line[: keep - keep // 3]}…{line[len(line) - keep // 3 :]}"


def distinct(names: Iterable[object], width: int = 32) -> list[str]:
    """`names` cleaned; where shortening makes two the same, what they begin with is left out."""
    whole = [clean(name, 20_000) for name in names]
    told = [clean(name, width) for name in whole]
    for text in {text for text in told if told.count(text) > 1}:
        alike = [place for place, own in enumerate(told) if own == text]
        first, last = (pick(whole[place] for place in alike) for pick in (min, max))
        shared = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), len(first))  # noqa: B905
        begin = shared - width // 3  # some of it, to tell where it goes on
        if first != last and begin > 0:
            rests = distinct([whole[place][begin:] for place in alike], width - 1)
            for place, rest in zip(alike, rests, strict=True):
                told[place] = f"…{rest.removeprefix('…')}"
    return told


def _harmless(sign: str) -> str:
    return " " if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else sign


def interval_text(estimate: Estimate) -> str:
    """A value with its interval: `6.2 ms [5.9, 6.6]`."""
    text = shown(estimate.value, estimate.unit)
    if estimate.low is None and estimate.high is None:
        return f"{text} (no interval)"
    factor = scale_of(rounded(estimate.value), estimate.unit)[1]
    if estimate.unit == "1" and estimate.value <= 1:
        factor = 0.01
    ends = (
        "…" if end is None else format_number(end / factor) for end in (estimate.low, estimate.high)
    )
    return f"{text} [{', '.join(ends)}]"


def shown(value: float, unit: str) -> str:
    """A measured value with its unit; ratios up to one in percent, whole counts to the last one."""
    if unit in COUNTS and value.is_integer():
        return f"{count(int(value))} {unit}"
    if unit != "1" or math.isnan(value):
        return format_quantity(value, unit)
    return f"{format_number(value)} ×" if value > 1 else f"{format_number(100 * value)} %"


def percent(share: float) -> str:
    """A share to two digits: `38 %`."""
    return f"{format_number(100 * share, 2)} %"


def words(metric: str) -> str:
    """A metric's name as people say it: `response_time` → `response time`."""
    return clean(metric.replace("_", " "), 40)


def named(metric: str, statistic: str) -> str:
    """An indicator as people say it: `p95 of query time`."""
    return words(metric) if statistic == "value" else f"{statistic} of {words(metric)}"


def indicator(metric: str, statistic: str, label: str) -> str:
    """An indicator as people write it: `p95(query_time["by id"])`."""
    name = f'{metric}["{label}"]' if label else metric
    return name if statistic == "value" else f"{statistic}({name})"


def against(value: float, objective: Objective | None) -> str:
    """How far `value` lies beside a bound: `38 % under the promise`; empty without a bound."""
    if objective is None:
        return ""
    low, high = objective.low, objective.high
    if low is not None and high is not None:
        return "inside the promise" if low <= value <= high else "outside the promise"
    limit = objective.limit
    if not limit:
        return ""
    if value >= 2 * limit:
        return f"{format_number(value / limit, 2)} times the promise"
    side = "under" if value < limit else "over"
    return f"{percent(abs(value / limit - 1))} {side} the promise"


def promised(objective: Objective) -> str:
    """The bound as a short label: `promise < 10 ms`."""
    low, high, unit = objective.low, objective.high, objective.unit
    if low is not None and high is not None:
        return f"promise {bound(low, unit)} – {bound(high, unit)}"
    signs, limit = ("<≤", high) if high is not None else (">≥", low)
    sign = signs[objective.inclusive]
    return f"promise {sign} {bound(limit or 0.0, unit)}"


def signed(value: float) -> str:
    """A change to two digits, never with an exponent: `+12`, `−3.4`; what rounding left is 0."""
    value = round(value, 6)
    return f"{'−' if value < 0 else '+'}{format_number(abs(value), 2)}"


def caution(caveat: Caveat) -> str:
    """A caveat as one or two sentences."""
    step = caveat.next_step
    return f"Caution: {caveat.message}." + (f" Next: {step}." if step else "")


class Relative(Protocol):
    """A relative change with its interval, such as that of a change point."""

    @property
    def change(self) -> float: ...  # noqa: D102
    @property
    def low(self) -> float: ...  # noqa: D102
    @property
    def high(self) -> float: ...  # noqa: D102


def percent_change(of: Relative) -> str:
    """A relative change in words: `+23 % [18, 29]`; from nothing on it has no end."""
    if not math.isfinite(of.change):
        return f"{'−' if of.change < 0 else '+'}∞ %"
    low, high = (format_number(100 * x, 2).replace("-", "−") for x in (of.low, of.high))
    return f"{signed(100 * of.change)} % [{low}, {high}]"
