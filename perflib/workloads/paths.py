"""A field of an answer, as it is written in the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from perflib.errors import PerflibError
from perflib.units import find_unit


def _checked(written: str) -> str:
    _, _, unit = written.partition(" in ")
    try:
        find_unit(unit.strip() or "1")
    except PerflibError as error:
        raise ValueError(str(error)) from None
    return written


FieldPath = Annotated[str, AfterValidator(_checked)]
"""A dotted path into a JSON answer, with an optional ` in <unit>`; empty: not told."""
