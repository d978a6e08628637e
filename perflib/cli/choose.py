"""How the command line names the store, and tells how runs are named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from perflib import config
from perflib.errors import PerflibError

if TYPE_CHECKING:
    from perflib.store import Store

RUNS_HELP = """
\b
A set of runs is written as
  20261123T180000Z-database-1a2b   a run id, or the beginning of one
  database                         the newest run of a target
  database@-3                      its third newest
  database@-6..-4                  its sixth to fourth newest
  database@1a2b3c                  all its runs at a git commit, tag or branch
  a,b,c                            several of these together
"""

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
