"""Objectives are sentences that people can read and a parser can refuse with a caret.

throughput > 1000 req/s
p95(query_time) < 10 ms
p99(response_time["GET /sessions"]) < 100 ms
mean(block_time) = 10 s ± 20 %
error_rate < 1 %
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple, NoReturn

from perflib.errors import ObjectiveError, UnitError, nearest, require
from perflib.model import METRICS, Objective
from perflib.units import parse_quantity

PARSE_IT = "read it with `perflib.objectives.parse_objective(text)`"
"""The next step where a text was given for an objective."""
STATISTICS = ("mean", "median", "min", "max")
SCALARS = (
    "throughput",
    "error_rate",
    "data_rate",
    "efficiency",
    "peak_memory",
    "compression_ratio",
)
"""Metrics that are one number a run and need no statistic around them."""
NEVER_SAMPLED = ("throughput", "error_rate")
"""Of these, the ones that no single sample has, so a statistic of them means nothing."""

_TOKENS = re.compile(
    r"""\s*(?:
      (?P<name>[A-Za-z_][A-Za-z_0-9.]*)
    | (?P<string>"[^"]*"|'[^']*')
    | (?P<bound><=|>=|≤|≥|<|>|=)
    | (?P<sign>[()\[\]])
    )""",
    re.VERBOSE,
)
_LABEL = re.compile(
    r"""\s*(?:(?P<quote>["'])(?P<quoted>.*?)(?P=quote)|(?P<bare>[^"'\]][^\]]*?)?)\s*\]""",
    re.DOTALL,
)
_TWO_SIDED = re.compile(r"\s*(?P<centre>[^±]+?)\s*(?:±|\+/-|\+-)\s*(?P<width>.+?)\s*$")


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse_objective(text: str) -> Objective:
    """The objective written as `text`; raises `ObjectiveError` with a caret under the mistake."""
    require(text, str, "an objective", "write a sentence such as `p95(query_time) < 10 ms`")
    return _Parser(text).objective()


class _Parser:
    """Recursive descent over one line: `[statistic(] metric [[label]] [)] bound quantity`."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.at = 0

    def objective(self) -> Objective:
        statistic, metric, label = self._indicator()
        bound = self._take("bound", "a bound such as `<`, `>` or `=`")
        low, high, inclusive = self._bounds(bound, METRICS[metric].unit)
        return Objective(
            text=self.text,
            metric=metric,
            statistic=statistic,
            unit=METRICS[metric].unit,
            low=low,
            high=high,
            inclusive=inclusive,
            label=label,
        )

    def _indicator(self) -> tuple[str, str, str]:
        first = self._take("name", "a metric or a statistic such as `p95(`")
        if self._peek() != "(":
            return self._scalar(first), first.text, self._label()
        self._take("sign", "`(`")
        metric = self._take("name", "a metric")
        self._known(metric)
        label = self._label()
        if self._peek() != ")":
            self._fail(self.at, "`)` is missing", "`)`, or a label in brackets as in `[by_id]`")
        if metric.text in NEVER_SAMPLED:
            name = metric.text
            self._fail(first.at, f"`{name}` is one number a run", f"`{name}` without a statistic")
        self._take("sign", "`)`")
        return self._statistic(first), metric.text, label

    def _scalar(self, token: _Token) -> str:
        self._known(token)
        if token.text not in SCALARS:
            self._fail(
                token.at,
                f"`{token.text}` needs a statistic",
                f"for example `p95({token.text})` or `mean({token.text})`",
            )
        return "value"

    def _known(self, token: _Token) -> None:
        if token.text not in METRICS:
            self._fail(token.at, f"unknown metric `{token.text}`", nearest(token.text, [*METRICS]))

    def _statistic(self, token: _Token) -> str:
        percentile = re.fullmatch(r"p(\d{1,2}(?:\.\d+)?)", token.text)
        if percentile and 0 < float(percentile[1]) < 100:  # digits enough round up to 100
            return token.text
        if token.text not in STATISTICS:
            known = [*STATISTICS, "p50", "p95", "p99"]
            self._fail(token.at, f"unknown statistic `{token.text}`", nearest(token.text, known))
        return "p50" if token.text == "median" else token.text

    def _label(self) -> str:
        if self._peek() != "[":
            return ""
        self._take("sign", "`[`")
        match = _LABEL.match(self.text, self.at)
        if match is None:
            quoted = self._peek() in ("'", '"')
            found = "the label is not closed" if quoted else "`]` is missing"
            self._fail(self.at, found, 'a label such as `["GET /a"]`')
        label = match["quoted"] or match["bare"]
        if not label:
            self._fail(self.at, "an empty label", "a label of the samples, or none at all")
        self.at = match.end()
        return label

    def _bounds(self, bound: _Token, unit: str) -> tuple[float | None, float | None, bool]:
        rest = self.text[self.at :]
        if bound.text == "=":
            match = _TWO_SIDED.match(rest)
            if match is None:
                self._fail(self.at, "`=` needs a tolerance", "for example `= 10 s ± 20 %`")
            centre = self._quantity(match["centre"], self.at, unit)
            relative = match["width"].rstrip().endswith("%")
            at = self.at + match.start("width")
            width = self._quantity(match["width"], at, "1" if relative else unit)
            if width < 0:
                self._fail(at, "the tolerance is negative", "for example `± 20 %`")
            width = abs(centre) * width if relative else width
            if not math.isfinite(abs(centre) + width):
                self._fail(at, "the tolerance reaches to infinity", "for example `± 20 %`")
            return centre - width, centre + width, True
        value = self._quantity(rest, self.at, unit)
        inclusive = bound.text in ("<=", ">=", "≤", "≥")
        return (value, None, inclusive) if bound.text[0] in ">≥" else (None, value, inclusive)

    def _quantity(self, text: str, at: int, unit: str) -> float:
        try:
            return parse_quantity(text.strip(), unit)
        except UnitError as error:
            self._fail(at + len(text) - len(text.lstrip()), error.found, error.expected)

    def _peek(self) -> str:
        return self.text[self.at :].lstrip()[:1]

    def _take(self, kind: str, expected: str) -> _Token:
        match = _TOKENS.match(self.text, self.at)
        if match is None or match.lastgroup != kind:
            self._fail(self.at, "cannot read this", expected)
        token = _Token(kind, match[kind], match.start(kind))
        self.at = match.end()
        return token

    def _fail(self, at: int, found: str, expected: str) -> NoReturn:
        while at < len(self.text) and self.text[at].isspace():
            at += 1
        from rich.cells import cell_len  # signs are one, two or no columns wide

        line = re.sub(r"\s", " ", self.text)
        caret = f"{line}\n    {' ' * cell_len(line[:at])}^"
        raise ObjectiveError(f"{found}\n    {caret}\n   ", expected=expected)
