"""Compiled once and kept: half a minute of compiling has no place in each command of a pipeline.

The compiler keeps its work beside the code, else in the user's own cache. A package that may
only be read, used by somebody without a home, has neither; a private folder stands in for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from perflib.environment import private_folder

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` as machine code, with IEEE division, kept between processes where possible."""
    try:
        return _compile(function, keep=True)
    except RuntimeError:  # numba's, of no place to keep it at
        folder = private_folder()
        numba.config.CACHE_DIR = str(folder or "")  # type: ignore[attr-defined]
        return _compile(function, keep=folder is not None)


def _compile(function: Function, *, keep: bool) -> Function:
    return cast(Function, numba.njit(cache=keep, error_model="numpy")(function))
