"""Which format a file that none reads comes nearest to: whose own words are in it.

The words of a reader are the names in its tables (columns, keys, fields), so they need no
list of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_WORD = re.compile(r"[A-Za-z#%][\w#%./ ()-]*[\w%)]")
# a few words that many tools have, such as `mean` and `max`, are no likeness
ENOUGH, SHARE = 2, 0.2


def likeness(module: ModuleType, text: str) -> float:
    """How many of the module's words are in `text`, weighted by what share of them that is."""
    own = (value for name, value in vars(module).items() if name != "__builtins__")
    words = {word for value in own for word in _words(value)}
    present = words & set(_WORD.findall(text))
    share = len(present) / len(words) if words else 0.0
    return share * len(present) if len(present) >= ENOUGH and share >= SHARE else 0.0


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict | set | frozenset | tuple | list):
        yield from (each for each in value if isinstance(each, str) and len(each) > 3)
