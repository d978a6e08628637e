"""Numbers glued to their units, as terminals show them: `635.91us`, `1.2k`, `17.76GB`, `2 mins`."""

from __future__ import annotations

import re
from typing import Any

from perflib.formats.found import Found, Quantity, last_digit, number
from perflib.units import UNITS

_UNITS = {symbol: unit.factor for symbol, unit in UNITS.items() if unit.base == "s"} | {
    "ps": 1e-12,
    "sec": 1.0,
    "secs": 1.0,
    "m": 60.0,
    "10 sec": 10.0,
    "10 min": 600.0,
    "mins": 60.0,
    "hr": 3600.0,
    "b": 1.0,
    "bytes": 1.0,
    "": 1.0,
}
_BINARY = {"": 1.0, "K": 2.0**10, "M": 2.0**20, "G": 2.0**30, "T": 2.0**40}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PART = re.compile(r"([\d.]+)(h|ms|m|s|µs|us|ns)")
_TEXT = re.compile(r"([+-]?[\d.,]+)\s*((?:10 (?=sec|min))?[a-zA-Zµμ]*)")


def plain(text: str) -> str:
    """`text` without the colours of a terminal."""
    return _ANSI.sub("", text)


def quantity(text: str, *, binary: bool = True) -> Quantity | None:
    """`text` in seconds or bytes; None when it is no quantity.

    `KB`, `MB` count in 1024 for tools that do so (`binary`); `KiB`, `MiB` always do.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        return None
    value, unit = number(match[1]), match[2]
    factor = _UNITS.get(unit.lower()) if unit.lower() in _UNITS else _size(unit, binary)
    if value is None or factor is None:
        return None
    return Quantity(value * factor, factor * last_digit(match[1]))


def duration(text: str) -> Quantity | None:
    """`text` as Go writes durations, such as `1m2.5s`; None when it is none."""
    parts = list(_PART.finditer(text))
    values = [number(part[1]) for part in parts]
    if not parts or None in values or "".join(part[0] for part in parts) != text:
        return None
    units = [_UNITS[part[2]] for part in parts]
    total = sum((value or 0.0) * unit for value, unit in zip(values, units, strict=True))
    return Quantity(total, units[-1] * last_digit(parts[-1][1]))


def add_time(found: Found, metric: str, statistic: str, text: str, source_name: str) -> None:
    """Add the time that `text` says, if it says one; percentiles are read off a histogram."""
    more: dict[str, Any] = {"source_name": source_name, "approximate": statistic.startswith("p")}
    found.add(metric, statistic, quantity(text), "s", **more)


def _size(unit: str, binary: bool) -> float | None:
    match = re.fullmatch(r"([kKMGT])(i?)[bB]?", unit)
    if match is None:
        return None
    power = match[1].upper()
    if match[2] or binary:
        return _BINARY[power]
    return 1000.0 ** list(_BINARY).index(power)
