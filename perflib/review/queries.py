"""Just enough of SQL to know which columns a query looks by; anything else is not guessed at."""

from __future__ import annotations

import re
from collections import defaultdict

_TABLE = re.compile(
    r"\b(?:from|join|update)\s+(?:only\s+)?[\"`]?(\w+)[\"`]?(?:\s+(?:as\s+)?(\w+))?", re.IGNORECASE
)
_FILTER = re.compile(
    r"(?:\b(\w+)\.)?[\"`]?(\b\w+)[\"`]?\s*(?:=|<=|>=|<|>|\bin\b|\bbetween\b|\blike\b)\s*[(:'\w$?%]",
    re.IGNORECASE,
)
_INDEX = re.compile(r"(?:\bon\s+)?\b(\w+)\s*(?:using\s+\w+\s*)?\(([^)]*)\)", re.IGNORECASE)
_NO_ALIAS = {
    "where", "on", "join", "left", "right", "inner", "outer", "full", "cross", "order", "group",
    "limit", "set", "using", "union", "having", "natural", "for",
}  # fmt: skip


def filters_of(sql: str) -> dict[str, set[str]]:
    """Table → columns that `sql` compares; an unqualified one counts where there is one table."""
    tables: dict[str, str] = {}
    for name, alias in _TABLE.findall(sql):
        tables[name.lower()] = name.lower()
        if alias and alias.lower() not in _NO_ALIAS:
            tables[alias.lower()] = name.lower()
    names = set(tables.values())
    where = re.split(r"\bwhere\b", sql, maxsplit=1, flags=re.IGNORECASE)
    columns: dict[str, set[str]] = defaultdict(set)
    if len(where) < 2:
        return columns
    conditions = re.split(r"\b(?:order|group)\s+by\b|\blimit\b", where[1], flags=re.IGNORECASE)[0]
    for qualifier, column in _FILTER.findall(conditions):
        table = tables.get(qualifier.lower()) if qualifier else None
        if table is None and not qualifier and len(names) == 1:
            table = next(iter(names))
        if table:
            columns[table].add(column.lower())
    return columns


def indexed_columns(listed: list[str]) -> dict[str, set[str]]:
    """Table → first columns of the indexes written as `table(a, b)` or `CREATE INDEX …`."""
    found: dict[str, set[str]] = defaultdict(set)
    for text in listed:
        if match := _INDEX.search(text):
            first = match[2].split(",")[0].split()
            if first:
                found[match[1].lower()].add(first[0].strip('"`').lower())
    return found
