"""A finding is worth its place only with evidence, a setting to change and what that would gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


class Place(TypedDict, total=False):
    """The part of a finding that says what to change, as far as it is known."""

    file: str
    line: int
    setting: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that costs performance, or that makes its measurement doubtful.

    `gain` says in words what a change is expected to bring; `rank` orders findings: the
    share (0 to 1) of the time or of the answers that is at stake. `setting` is the name of
    what to change, at `file`:`line` where it is known.
    """

    code: str
    message: str
    evidence: str
    next_step: str
    gain: str = ""
    rank: float = 0.0
    file: str = ""
    line: int | None = None
    setting: str = ""
    target: str = ""

    @property
    def place(self) -> str:
        """`file:line`, or empty."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


def ranked(findings: list[Finding]) -> list[Finding]:
    """The findings, those that would gain most first; equal ones once."""
    return sorted(dict.fromkeys(findings), key=lambda finding: -finding.rank)
