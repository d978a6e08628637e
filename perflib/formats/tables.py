"""CSV that people and tools really write: any separator, any line end, rows checked one by one."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from perflib.formats.base import Source

SEPARATORS = (",", ";", "\t", "|")


def header(source: Source, separators: Iterable[str] = SEPARATORS) -> tuple[list[str], str]:
    """The cells of the first line that has any, and the separator that splits it best."""
    lines = source.head_text.lstrip("\n ").split("\n", 1)
    best: tuple[list[str], str] = ([], ",")
    for separator in separators:
        try:
            cells = next(csv.reader([lines[0]], delimiter=separator), [])
        except csv.Error:
            continue
        if len(cells) > len(best[0]):
            best = ([cell.strip() for cell in cells], separator)
    return best


def markdown(source: Source) -> Iterator[tuple[list[str], list[tuple[int, dict[str, str]]]]]:
    """The columns and the rows, with their lines, of each table of a Markdown text."""
    columns: list[str] = []
    found: list[tuple[int, dict[str, str]]] = []
    for line, text in source.lines():
        cells = [cell.strip(" \t*`") for cell in text.strip().strip("|").split("|")]
        if not text.lstrip().startswith("|") or len(cells) < 2:
            if columns:
                yield columns, found
            columns, found = [], []
        elif not columns:
            columns = cells
        elif any(cell.strip(":-") for cell in cells):
            if len(cells) == len(columns):
                found.append((line, dict(zip(columns, cells, strict=True))))
            else:
                source.skip(line, f"{len(cells)} columns where there are {len(columns)}")
    if columns:
        yield columns, found


def rows(source: Source) -> Iterator[tuple[int, dict[str, str]]]:
    """The line and the cells by column name of each row; rows of another length are skipped."""
    columns, separator = header(source)
    lines = (text.lstrip("\ufeff") + "\n" for _, text in source.lines())
    reader = csv.reader(lines, delimiter=separator)
    filled = (cells for cells in reader if any(cell.strip() for cell in cells))
    try:
        next(filled, None)
        for cells in filled:
            if len(cells) != len(columns):
                source.skip(reader.line_num, f"{len(cells)} columns where there are {len(columns)}")
            else:
                yield reader.line_num, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise source.fail(f"broken CSV: {error}", reader.line_num) from None
