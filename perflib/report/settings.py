"""How reports are made: what those who order them, and those who execute them, both know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perflib.model import HISTORY
from perflib.report.plan import NOTEBOOKS, Order

Follow = Callable[[Order, list[Any]], None]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How reports are made.

    `out` is the folder of the pages, by default `reports` in the store's. `values` are
    parameters for every notebook. `workers` notebooks run at a time (0: one a core). With
    `kernels` each gets an ordinary Jupyter kernel. `dask` is a scheduler's address. With
    `keep_warm` the warm parent outlives the call, for a notebook that renders often.
    `history` is the URL of a shared history; without one it is in the store's folder. The index
    names the targets of the configuration `config` that never ran.
    """

    notebooks: Path = NOTEBOOKS
    out: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    workers: int = 0
    timeout_s: float = 600.0
    kernels: bool = False
    dask: str = ""
    pdf: bool = False
    keep_warm: bool = False
    history: str = ""
    config: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What notebooks find in their environment: which history to read."""
        return {HISTORY: self.history}
