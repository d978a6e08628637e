"""Stay beside a running workbench: each new run is reported within a second, by the same parent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from perflib.report.flow import Follow, Reports, Settings, render_reports

PAUSE_S = 0.5


def watch(
    root: Path,
    targets: Sequence[str],
    settings: Settings,
    show: Callable[[Reports], int],
    follow: Follow = lambda _order, _event: None,
    rounds: int | None = None,
) -> int:
    """Report whenever runs, notebooks or triage change, until Ctrl-C or after `rounds` reports.

    Returns what `show` returned last.
    """
    settings = replace(settings, keep_warm=True)
    seen: object = None
    code = done = 0
    try:
        while rounds is None or done < rounds:
            now = _signature(root, settings.notebooks)
            if now != seen:
                seen, done = now, done + 1
                code = show(render_reports(root, targets, settings, follow))
                settings = replace(settings, force=False)
            else:
                time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        pass
    return code


def _signature(root: Path, notebooks: Path) -> object:
    files = [
        *(root / "runs").glob("*/run.json"),
        *notebooks.glob("*.ipynb"),
        root / "history.sqlite",
    ]
    return [(file, file.stat().st_mtime_ns) for file in sorted(files) if file.exists()]
