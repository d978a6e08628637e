"""Just enough of SQL to know which columns a query looks by; anything else is not guessed at."""

from __future__ import annotations

import re
from collections import defaultdict

_NO_ALIAS = (
    "where|on|join|left|right|inner|outer|full|cross|order|group|limit|set|using|union|having"
    "|natural|for"
)
_TABLE = re.compile(
    r"\b(?:from|join|update)\s+(?:only\s+)?[\"`]?(\w+)[\"`]?"
    rf"(?:\s+(?:as\s+)?(?!(?:{_NO_ALIAS})\b)(\w+))?",
    re.IGNORECASE,
)
_NAME = r"(?:\b(\w+)\.)?[\"`]?\b([a-z_]\w*)[\"`]?"
_COMPARED = re.compile(
    _NAME + r"\s*(?:=|<=|>=|<|>|\bin\b|\bbetween\b|\blike\b)\s*[(:'\w$?%]", re.IGNORECASE
)
_RIGHT = re.compile(r"=\s*(\w+)\.([a-z_]\w*)", re.IGNORECASE)
_ORDERED = re.compile(r"\border\s+by\s+" + _NAME + r"[^)]*\blimit\b", re.IGNORECASE)
_WHERE = re.compile(r"\bwhere\b", re.IGNORECASE)
_END = re.compile(r"\b(?:order|group)\s+by\b|\blimit\b", re.IGNORECASE)
_INDEX = re.compile(r"(?:\bon\s+)?\b(\w+)\s*(?:using\s+\w+\s*)?\(([^)]*)\)", re.IGNORECASE)


def filters_of(sql: str) -> dict[str, set[str]]:
    """Table → columns that `sql` looks by: those of WHERE, else of the join, else of ORDER … LIMIT.

    A column without its table counts where there is only one table.
    """
    tables: dict[str, str] = {}
    for name, alias in _TABLE.findall(sql):
        tables[name.lower()] = name.lower()
        if alias:
            tables[alias.lower()] = name.lower()
    joined, *where = _WHERE.split(sql, maxsplit=1)
    conditions = _END.split(where[0])[0] if where else ""
    found: dict[str, set[str]] = {}
    for named in (
        _COMPARED.findall(conditions),
        _COMPARED.findall(joined) + _RIGHT.findall(joined),
        _ORDERED.findall(sql),
    ):
        for table, columns in _by_table(named, tables).items():
            found.setdefault(table, columns)
    return found


def _by_table(named: list[tuple[str, str]], tables: dict[str, str]) -> dict[str, set[str]]:
    columns: dict[str, set[str]] = defaultdict(set)
    only = next(iter(tables.values())) if len(set(tables.values())) == 1 else None
    for qualifier, column in named:
        table = tables.get(qualifier.lower()) if qualifier else only
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
