"""How the command line names runs (by id, target, place in a history, commit) and their store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perflib import config
from perflib.errors import PerflibError, nearest
from perflib.wording import many

if TYPE_CHECKING:
    from perflib.store import Store

RUNS_HELP = """
\b
A set of runs is written as
  20261123T180000Z-database-1a2b   a run id, or the beginning of one
  database                         the newest run of a target
  database@-3                      its third newest
  database@-6..-4                  its sixth to fourth newest
  database@1a2b3c                  all its runs at a git commit
  a,b,c                            several of these together
"""

_PLACES = re.compile(r"(-\d+)(?:\.\.(-\d+))?")

CONFIG = click.option("--config", "file", type=Path, default=config.DEFAULT, show_default=True)
DATA = click.option("--data", type=Path, help="Folder of runs, instead of the configuration's.")
TOLERANCE = click.option(
    "--tolerance",
    type=click.FloatRange(0, 10),
    default=0.03,
    show_default=True,
    help="The smallest relative change that matters.",
)


def open_store(file: Path, data: Path | None = None) -> Store:
    """The store of folder `data`, or of the configuration in `file`."""
    from perflib.store import Store

    if data is not None:
        if not data.is_dir():
            raise PerflibError("no such folder", expected="a folder of runs", file=data)
        return Store.open(data)
    settings = config.load_if_there(file)
    return Store(settings.data, settings.history)


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
    at_commit = of_target[of_target["git_commit"].str.startswith(place)]["run_id"].tolist()
    if not at_commit:
        raise _unknown(text, [str(commit)[:10] for commit in of_target["git_commit"].unique()])
    return at_commit


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
