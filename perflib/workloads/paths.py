"""Fields of answers and paths of addresses, as they are written in the configuration."""

from __future__ import annotations

from string import Formatter
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


def with_places(*names: str) -> AfterValidator:
    """A text in which `{name}` is filled in; any other name in braces is a mistake."""

    def checked(written: str) -> str:
        expected = " or ".join(f"`{{{name}}}`" for name in names)
        try:
            found = [name for _, name, _, _ in Formatter().parse(written) if name is not None]
        except ValueError:
            raise ValueError(f"a brace alone; expected {expected}") from None
        if unknown := [name for name in found if name not in names]:
            raise ValueError(f"nothing fills in `{{{unknown[0]}}}`; expected {expected}")
        return written

    return AfterValidator(checked)
