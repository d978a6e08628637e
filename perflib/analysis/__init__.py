"""From samples and histories to statements that an engineer would defend.

Every name is imported on use, so that `import perflib.analysis` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflib.analysis.behind import causes as causes
    from perflib.analysis.changes import ChangePoint as ChangePoint
    from perflib.analysis.changes import change_points as change_points
    from perflib.analysis.changes import drift as drift
    from perflib.analysis.comparison import Change as Change
    from perflib.analysis.comparison import Comparison as Comparison
    from perflib.analysis.comparison import State as State
    from perflib.analysis.comparison import compare as compare
    from perflib.analysis.estimate import estimates as estimates
    from perflib.analysis.following import follow as follow
    from perflib.analysis.gating import Gate as Gate
    from perflib.analysis.gating import gate as gate
    from perflib.analysis.history import History as History
    from perflib.analysis.judgement import judge as judge
    from perflib.analysis.judgement import overall as overall
    from perflib.analysis.memory import remember as remember
    from perflib.analysis.standing import trend as trend
    from perflib.analysis.standing import trends as trends
    from perflib.analysis.tracks import Shift as Shift
    from perflib.analysis.tracks import Trend as Trend

_PLACES = {
    "Change": "comparison",
    "ChangePoint": "changes",
    "Comparison": "comparison",
    "Gate": "gating",
    "History": "history",
    "Shift": "tracks",
    "State": "comparison",
    "Trend": "tracks",
    "causes": "behind",
    "change_points": "changes",
    "compare": "comparison",
    "drift": "changes",
    "estimates": "estimate",
    "follow": "following",
    "gate": "gating",
    "judge": "judgement",
    "overall": "judgement",
    "remember": "memory",
    "trend": "standing",
    "trends": "standing",
}
"""Where each name lives; no module is called like a name, or the module would hide it."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_PLACES)
