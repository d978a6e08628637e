"""Base units inside (seconds, bytes, ratios); scaling happens only where people read or write."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from perflib.errors import UnitError, nearest


class Unit(NamedTuple):
    """A written unit: its base unit and the factor that leads there."""

    base: str
    factor: float


_SCALES: dict[str, tuple[str, float]] = {
    "ns": ("s", 1e-9),
    "us": ("s", 1e-6),
    "µs": ("s", 1e-6),
    "μs": ("s", 1e-6),
    "ms": ("s", 1e-3),
    "s": ("s", 1.0),
    "min": ("s", 60.0),
    "h": ("s", 3600.0),
    "d": ("s", 86400.0),
    "B": ("B", 1.0),
    "kB": ("B", 1e3),
    "MB": ("B", 1e6),
    "GB": ("B", 1e9),
    "KiB": ("B", 2.0**10),
    "MiB": ("B", 2.0**20),
    "GiB": ("B", 2.0**30),
    "%": ("1", 0.01),
    "1": ("1", 1.0),
    "×": ("1", 1.0),
}
COUNTS = {
    "req": ("req", "request", "requests"),
    "blocks": ("block", "blocks"),
    "tx": ("tx", "transaction", "transactions"),
    "rows": ("row", "rows"),
    "chunks": ("chunk", "chunks"),
    "ops": ("op", "ops"),
    "connections": ("connection", "connections"),
}
"""Units of what is counted, with the names they may be written by."""

UNITS: dict[str, Unit] = {symbol: Unit(*scale) for symbol, scale in _SCALES.items()}
UNITS |= {alias: Unit(base, 1.0) for base, aliases in COUNTS.items() for alias in aliases}
UNITS |= {
    f"{symbol}/{time}": Unit(f"{unit.base}/s", unit.factor / per)
    for symbol, unit in list(UNITS.items())
    for time, per in (("s", 1.0), ("min", 60.0))
    if unit.base in ("B", *COUNTS)
}

_QUANTITY = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")
_STEPS: dict[str, tuple[str, ...]] = {
    "s": ("ns", "µs", "ms", "s"),
    "B": ("B", "kB", "MB", "GB"),
    "B/s": ("B/s", "kB/s", "MB/s", "GB/s"),
}


def find_unit(symbol: str) -> Unit:
    """The unit written as `symbol`; raises `UnitError` naming the nearest known one."""
    try:
        return UNITS[symbol]
    except KeyError:
        raise UnitError(
            f"unknown unit `{symbol}`",
            expected=nearest(symbol, list(UNITS)),
            next_step="write a number and a unit, such as `10 ms` or `1000 req/s`",
        ) from None


def parse_quantity(text: str, base: str | None = None) -> float:
    """The value of `text` such as `10 ms` in base units; its dimension must be `base` if given.

    A bare number is accepted only where `base` is a ratio or nothing was asked.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UnitError(f"`{text}` is no quantity", expected=f"a number and a unit{_such_as(base)}")
    number, symbol = float(match[1].replace("_", "")), match[2]
    if not symbol and base not in (None, "1"):
        raise UnitError(f"`{text}` has no unit", expected=f"a number and a unit{_such_as(base)}")
    unit = find_unit(symbol or "1")
    if base is not None and unit.base != base:
        raise UnitError(f"`{text}` is in {unit.base}", expected=f"a unit of {base}{_such_as(base)}")
    value = number * unit.factor
    if not math.isfinite(value):
        raise UnitError(f"`{text}` is not finite", expected="a finite number")
    return value


def _such_as(base: str | None) -> str:
    known = [symbol for symbol, unit in UNITS.items() if unit.base == base]
    return f", such as `10 {'ms' if base == 's' else known[0]}`" if known else ""


def scale_of(value: float, base: str) -> tuple[str, float]:
    """The symbol and factor in which `value` (base units) reads best: `12.3 ms`, not `0.0123 s`."""
    steps = _STEPS.get(base)
    if steps is None or not math.isfinite(value):
        return ("" if base == "1" else base), 1.0
    fitting = [symbol for symbol in steps if abs(value) >= UNITS[symbol].factor]
    symbol = fitting[-1] if fitting else (base if value == 0 else steps[0])
    return symbol, UNITS[symbol].factor


def format_quantity(value: float, base: str, digits: int = 3) -> str:
    """`value` (base units) with its unit to `digits` significant digits; `–` when not known."""
    if value is None or math.isnan(value):
        return "–"
    symbol, factor = scale_of(rounded(value, digits), base)
    return f"{format_number(value / factor, digits)} {symbol}".rstrip()


def format_number(value: float, digits: int = 3) -> str:
    """`value` to `digits` significant digits, never with an exponent."""
    value = rounded(value, digits)
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(places, 0)}f}".replace(",", " ")


def rounded(value: float, digits: int = 3) -> float:
    """`value` to `digits` significant digits, so that 999.9 has the digits of 1000."""
    return float(f"{value:.{digits - 1}e}")
