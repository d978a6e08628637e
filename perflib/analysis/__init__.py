"""From samples and histories to statements that an engineer would defend.

Every name is imported on use, so that `import perflib.analysis` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflib.analysis.comparison import Change as Change
    from perflib.analysis.comparison import Comparison as Comparison
    from perflib.analysis.comparison import State as State
    from perflib.analysis.comparison import compare as compare
    from perflib.analysis.estimate import estimates as estimates
    from perflib.analysis.judgement import judge as judge
    from perflib.analysis.judgement import overall as overall

_PLACES = {
    "estimates": "estimate",
    "judge": "judgement",
    "overall": "judgement",
    "compare": "comparison",
    "Change": "comparison",
    "Comparison": "comparison",
    "State": "comparison",
    "change_points": "changes",
    "ChangePoint": "changes",
    "History": "history",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_PLACES)
