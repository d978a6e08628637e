"""Name a target and what you promise of it; perflib measures, judges and shows why.

Importing this package stays cheap: submodules load on first use, and nothing that a
notebook imports may import Locust.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflib.formats.loading import load_results

    __version__: str

__all__ = ["__version__", "load_results"]


def __getattr__(name: str) -> Any:
    if name == "load_results":
        return import_module("perflib.formats.loading").load_results
    if name == "__version__":
        return _version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("perflib")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"
