"""How an outcome or a state stands in the terminal: by sign, word and colour."""

from __future__ import annotations

SIGNS = {
    "met": ("✓", "green"),
    "missed": ("✗", "red"),
    "unknown": ("?", "yellow"),
    "held": ("✓", "green"),
    "broke": ("✗", "red"),
    "regressed": ("✗", "red"),
    "improved": ("✓", "green"),
    "unchanged": ("=", "default"),
    "inconclusive": ("?", "yellow"),
    "no data": ("–", "dim"),
}
"""Sign and colour, in the order in which states are listed."""


def tick(state: str) -> str:
    """The coloured sign of `state`, as rich's markup."""
    sign, colour = SIGNS[state]
    return f"[{colour}]{sign}[/]"


def marked(state: str) -> str:
    """The coloured sign and word of `state`, as rich's markup."""
    sign, colour = SIGNS[state]
    return f"[{colour}]{sign} {state}[/]"
