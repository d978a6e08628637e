"""How people name runs: by id, target, place in a history, git commit, tag or branch."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from perflib.errors import PerflibError, nearest
from perflib.wording import many

if TYPE_CHECKING:
    from perflib.store import Store

_PLACES = re.compile(r"(-\d+)(?:\.\.(-\d+))?")


def pick_runs(store: Store, text: str) -> list[str]:
    """The run ids that `text` names; bad runs are left out unless named by id."""
    found = [run_id for part in text.split(",") for run_id in _pick(store, part.strip())]
    return list(dict.fromkeys(found))


def _pick(store: Store, text: str) -> list[str]:
    name, _, place = text.partition("@")
    listed = store.runs()
    ids = listed["run_id"].tolist()
    of_target = listed[(listed["target"] == name) & ~listed["bad"]]
    if not len(of_target):
        starting = [run_id for run_id in ids if text and run_id.startswith(text)]
        if len(starting) == 1 or text in ids:
            return [text] if text in ids else starting
        raise _unknown(text, [*listed["target"].unique(), *ids[-20:]])
    newest = of_target["run_id"].tolist()
    if not place:
        return newest[-1:]
    if ends := _PLACES.fullmatch(place):
        return _by_place(text, newest, int(ends[1]), int(ends[2] or ends[1]))
    for commit in filter(None, (place, _commit_of(place))):
        at_commit = of_target[of_target["git_commit"].str.startswith(commit)]["run_id"].tolist()
        if at_commit:
            return at_commit
    raise _unknown(text, [str(commit)[:10] for commit in of_target["git_commit"].unique()])


def _commit_of(name: str) -> str:
    """The commit of a tag or branch of the repository around this folder; empty without it."""
    wanted = ["--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    try:
        done = subprocess.run(
            ["git", "rev-parse", *wanted], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git here
        return ""
    return done.stdout.strip()


def _by_place(text: str, newest: list[str], first: int, last: int) -> list[str]:
    start, end = len(newest) + first, len(newest) + last + 1
    if not 0 <= start < end <= len(newest):
        raise PerflibError(
            f"`{text}`: the history has {many(len(newest), 'run')}",
            next_step="list them with `perflib history list`",
        )
    return newest[start:end]


def _unknown(text: str, known: list[str]) -> PerflibError:
    return PerflibError(
        f"no run is called `{text}`",
        expected=nearest(text, known) if known else "a recorded run",
        next_step="list the runs with `perflib history list`",
    )
