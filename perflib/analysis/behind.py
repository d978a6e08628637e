"""Who may be behind a shift: the commits and the changes of the environment between two runs.

Only what happened between the last run before and the first after can have caused it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from perflib.environment import differences
from perflib.errors import StoreError
from perflib.model import Run
from perflib.store import Store


@dataclass(frozen=True, kw_only=True)
class Causes:
    """`commits` as `hash subject`, newest first; `note` says why there are none."""

    commits: tuple[str, ...]
    differences: tuple[str, ...]
    note: str = ""

    def leads(self, most: int = 6) -> list[str]:
        """At most so many of each, what was changed before the commits among which to look."""
        kinds = (self.differences, "differences"), (self.commits, "commits")
        told = [
            line
            for lines, name in kinds
            for line in (*lines[:most], *_more(len(lines) - most, name))
        ]
        return [*told, self.note] if self.note else told


def _more(number: int, name: str) -> list[str]:
    return [f"and {number} more {name}"] if number > 0 else []


def causes(store: Store, run_before: str, run_after: str, repository: Path = Path()) -> Causes:
    """What changed between two recorded runs; commits come from the git `repository`."""
    try:
        before, after = store.load(run_before), store.load(run_after)
    except StoreError as error:
        return Causes(commits=(), differences=(), note=error.found)
    commits, note = _commits(before, after, repository)
    changed = differences(before.environment, after.environment)
    if before.workload != after.workload:
        changed.append("another workload")
    return Causes(commits=commits, differences=tuple(changed), note=note)


def _commits(before: Run, after: Run, repository: Path) -> tuple[tuple[str, ...], str]:
    first, last = before.environment.git_commit, after.environment.git_commit
    if not first or not last:
        return (), "the runs do not tell their git commits"
    dirty = " (with uncommitted changes)" if after.environment.git_dirty else ""
    if first == last:
        return (), f"both runs are of commit {first[:10]}{dirty}"
    done = subprocess.run(
        ["git", "-C", str(repository), "log", "--format=%h %s", f"{first}..{last}", "--"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return (), f"commits {first[:10]}..{last[:10]} are not in this repository"
    return tuple(done.stdout.splitlines()), dirty.strip()
