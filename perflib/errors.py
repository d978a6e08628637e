"""An error tells what was found, what was expected and what to do next: never a traceback."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from types import UnionType
from typing import TypeVar

T = TypeVar("T")
_LISTED = 10
"""Names in a message; more would hide what it says."""


class ExitCode(IntEnum):
    """What the command line returns; `unknown` is an answer, not a failure."""

    MET = 0
    MISSED = 1
    USAGE = 2
    UNKNOWN = 3


class PerflibError(Exception):
    """A problem that the user can mend.

    `found` is what is wrong, `expected` what would have been right, `next_step` the
    mend; `file` and `line` say where.
    """

    exit_code = ExitCode.USAGE

    def __init__(
        self,
        found: str,
        *,
        expected: str = "",
        next_step: str = "",
        file: str | Path | None = None,
        line: int | None = None,
    ) -> None:
        self.found = found
        self.expected = expected
        self.next_step = next_step
        self.file = None if file is None else str(file)
        self.line = line
        super().__init__(found)

    def __str__(self) -> str:
        """One or two lines: `file:line: found; expected …. Next: …`."""
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        found, newline, shown = self.found.partition("\n")
        text = f"{place}: {found}" if place else found
        if self.expected:
            text += f"; expected {self.expected}"
        text += newline + shown
        return f"{text}\n  next: {self.next_step}" if self.next_step else text

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in a notebook, instead of the way through our code."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(PerflibError):
    """All mistakes of a configuration together, each with its own place."""

    def __init__(self, problems: Sequence[PerflibError]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(problem.found for problem in problems))

    def __str__(self) -> str:
        """One problem a line."""
        return "\n".join(str(problem) for problem in self.problems)


class UnitError(PerflibError):
    """A quantity whose unit is unknown or of another dimension."""


class ObjectiveError(PerflibError):
    """An objective that does not parse; `found` carries a caret under the place."""


class ValuesError(PerflibError):
    """Numbers that cannot be analysed: none at all, of another length, not numbers."""


class TargetError(PerflibError):
    """A target that cannot be reached or answers something else than it should."""

    exit_code = ExitCode.UNKNOWN


class StoreError(PerflibError):
    """Recorded data that is missing, damaged, newer than this version, or not writable."""


class AlreadyRecordedError(StoreError):
    """A run that is to be recorded under an id that has one."""


class FormatError(PerflibError):
    """A foreign result file that cannot be read as what it claims to be."""


class BesideError(FormatError):
    """A file that a tool lays beside its results, without a measurement of its own."""


class ReportError(PerflibError):
    """A notebook, parameter or output place that cannot be used."""


def require(value: object, kind: type | UnionType, name: str, next_step: str = "") -> None:
    """Refuse an argument of another kind before anything is computed of it."""
    if not isinstance(value, kind):
        found = f"{name} is {value!r:.60}"
        expected = kind.__name__ if isinstance(kind, type) else str(kind).rpartition(".")[2]
        raise ValuesError(found, expected=f"a {expected}", next_step=next_step)


def require_each(values: Iterable[T], kind: type[T], name: str, next_step: str = "") -> list[T]:
    """`values` as a list, all of one kind."""
    require(values, Iterable, f"a list of {name}s", next_step)
    found = [*values]
    for one in found:
        require(one, kind, name, next_step)
    return found


def require_names(names: Sequence[str]) -> None:
    """Refuse what are no names of targets: one text alone would be read as its letters."""
    listed = isinstance(names, Sequence) and not isinstance(names, str)
    if not listed or not all(isinstance(name, str) for name in names):
        step = f"give [{names!r}]" if isinstance(names, str) else "give a list of names"
        raise ValuesError(f"targets is {names!r:.60}", expected="names", next_step=step)


def nearest(name: str, known: Sequence[str]) -> str:
    """`the nearest, x` for the known name most like `name`, or some names when none is like it."""
    from difflib import get_close_matches  # only a mistake pays for it

    folded = {each.casefold(): each for each in reversed(known)}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    if close:
        return f"the nearest, `{folded[close[0]]}`"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return "one of " + ", ".join(known[:_LISTED]) + more
