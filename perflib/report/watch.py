"""Stay beside a running workbench: each new run is reported within a second, by the same parent."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from perflib.errors import StoreError
from perflib.model import RECORD
from perflib.report.flow import Reports, render_reports
from perflib.report.past import read_past
from perflib.report.plan import summaries
from perflib.report.settings import Follow, Settings

PAUSE_S = 0.5
REST = 10.0
"""How much longer the watch rests than it looks: a long history must not keep a core busy."""


def watch(
    root: Path,
    targets: Sequence[str],
    settings: Settings,
    show: Callable[[Reports], int],
    follow: Follow = lambda _order, _event: None,
    rounds: int | None = None,
) -> int:
    """Report whenever runs, notebooks or decisions change, until Ctrl-C or after `rounds` reports.

    Returns what `show` returned last.
    """
    settings = replace(settings, keep_warm=True)
    signs = Signs(root, settings)
    seen: object = None
    code = done = 0
    try:
        while rounds is None or done < rounds:
            began_s = time.monotonic()
            now = signs.look()
            if now != seen:
                seen, done = now, done + 1
                code = show(render_reports(root, targets, settings, follow))
                settings = replace(settings, force=False)
            else:
                time.sleep(max(PAUSE_S, REST * (time.monotonic() - began_s)))
    except KeyboardInterrupt:
        pass
    return code


class Signs:
    """What tells that pages are out of date: files, and what the reports ask the history."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root, self._settings = root, settings
        self._files: object = None
        self._names: list[str] = []
        self._past = ""

    def look(self) -> object:
        """Equal while nothing changed; a history that does not answer is asked again later."""
        files = self._written()
        if files != self._files:
            self._files = files
            self._names = sorted({run.target for run in summaries(self._root)})
        with contextlib.suppress(StoreError):
            self._past = read_past(self._root, self._settings.history).digest(self._names)
        return files, self._past

    def _written(self) -> list[tuple[Path, int]]:
        files = [*self._root.glob(f"runs/*/{RECORD}"), *self._settings.notebooks.glob("*.ipynb")]
        return [(file, _changed_ns(file)) for file in sorted(files)]


def _changed_ns(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:  # pruned since it was listed
        return 0
