"""The embedded system under test: small code, real work, meant to be broken on purpose."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflib.reference.system import PORTS, System, free_ports, ports_from, running, start

__all__ = ["PORTS", "System", "free_ports", "ports_from", "running", "start"]


def __getattr__(name: str) -> Any:
    """Imported on use: a validator process needs nothing of `system`."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module("perflib.reference.system"), name)
