"""Name a target and what you promise of it; perflib measures, judges and shows why.

Importing this package stays cheap: submodules load on first use, and nothing that a
notebook imports may import Locust.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("perflib")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
