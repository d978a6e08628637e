"""Name a target and what you promise of it; perflib measures, judges and shows why.

Importing this package stays cheap: submodules load on first use, and nothing that a
notebook imports may import Locust.
"""

from __future__ import annotations

from typing import Any

if TYPE_CHECKING:
    from perflib.formats.loading import load_results

__all__ = ["__version__", "load_results"]


def __getattr__(name: str) -> Any:
    if name == "load_results":
        return import_module("perflib.formats.loading").load_results
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __getattr__(name: str) -> Any:
    if name != "__version__":
        raise AttributeError(name)
    from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

    try:
        return version("perflib")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"
