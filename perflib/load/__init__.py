"""Locust's scripting, a C tool's pace, and latencies that are true.

`from perflib.load import PerfHttpUser, arrivals` is what a locustfile needs. Importing this
package alone never imports Locust: its monkey patching must stay out of reports and notebooks.
"""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = {
    "PerfHttpUser": "perflib.load.user",
    "arrivals": "perflib.load.waiting",
}
__all__ = ["PerfHttpUser", "arrivals"]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
