"""What is given as numbers is numbers, or is refused before anything is computed of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflib.errors import ValuesError

Floats = NDArray[np.float64]


def numbers(values: ArrayLike, name: str = "values") -> Floats:
    """`values` as a flat float array; times, text and what is ragged are no numbers."""
    wrong = ValuesError(f"{name} are no numbers", expected="a sequence of numbers")
    try:
        array = np.asarray(values)
        flat: Floats = array.ravel().astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    if array.dtype.kind not in "biufO":
        raise wrong
    return flat
