"""Reports: a notebook is executed in a warm fork, rendered by our own page, and never twice.

Importing this package stays cheap, because an unchanged report must cost almost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflib.report.flow import Page, render_reports
    from perflib.report.settings import Settings

__all__ = ["Page", "Settings", "render_reports"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from perflib.report import flow, settings

    return getattr(settings if name == "Settings" else flow, name)
