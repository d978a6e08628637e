"""The rows of a page's tables, as text: pages say the meaning of their numbers in headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from perflib.formats.base import Source


class _Tables(HTMLParser):
    """The text of each row's cells; everything else of the page is ignored."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 (the base's signature)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._inside = True
            if self.rows:
                self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def table_rows(source: Source) -> Iterator[list[str]]:
    """The cells of each row, headings included; raises `FormatError` for broken HTML."""
    page = _Tables()
    try:
        page.feed(source.text)
    except AssertionError as error:
        # how the parser says that a declaration is broken
        raise source.fail(f"broken HTML: {error}") from None
    for row in page.rows:
        yield [re.sub(r"\s+", " ", cell).strip() for cell in row]
