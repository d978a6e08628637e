"""What is given as numbers is numbers, or is refused before anything is computed of it."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflib.errors import ValuesError

Floats = NDArray[np.float64]
_MOST = sys.float_info.max


def numbers(values: ArrayLike, name: str = "values") -> Floats:
    """`values` as a flat float array; times, text and what is ragged are no numbers.

    What is masked or None is NaN.
    """
    wrong = ValuesError(f"{name} are no numbers", expected="a sequence of numbers")
    try:
        array, mask = np.asarray(values), np.ma.getmask(values)
        texts = array.dtype.kind == "O" and any(isinstance(one, str | bytes) for one in array.flat)
        if texts or array.dtype.kind not in "biufO":
            raise wrong
        flat: Floats = array.ravel().astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    return flat if mask is np.ma.nomask else np.where(mask.ravel(), np.nan, flat)


def number(value: float, name: str, least: float = -_MOST, most: float = _MOST) -> float:
    """`value` as a float if it is one finite number from `least` to `most`, or refused."""
    real = isinstance(value, int | float | np.integer | np.floating)
    if real and least <= value <= most:
        return float(value)
    reach = " ".join(
        f"{word} {end:g}" for word, end in (("from", least), ("to", most)) if abs(end) < _MOST
    )
    raise ValuesError(f"{name} is {value!r:.60}", expected=f"one finite number {reach}".strip())
