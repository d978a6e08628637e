"""A metrics page is either wholly valid or refused with the line that is wrong.

`prometheus_client` reads the values; its classic parser is laxer than Prometheus itself, so
the grammar of each line, the histograms and the uniqueness of series are checked here.
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_fd_to_metric_families as open_families
from prometheus_client.parser import text_fd_to_metric_families as classic_families

from perflib.errors import TargetError

OPENMETRICS = "application/openmetrics-text"
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*[ \t]*=[ \t]*"(?:[^"\\\n]|\\[\\n"])*"'
_VALUE = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI]nf)|[nN]a[nN]"
# OpenMetrics lets a backslash stand before anything
_OPEN_LABEL = _LABEL.replace(r'\\[\\n"]', r"\\.")
_SERIES, _OPEN_SERIES = (
    re.compile(
        rf"[ \t]*(?P<name>{_NAME})"
        rf"(?P<labels>[ \t]*\{{[ \t]*(?:{label}[ \t]*(?:,[ \t]*{label}[ \t]*)*,?[ \t]*)?\}})?"
    )
    for label in (_LABEL, _OPEN_LABEL)
)
_BEFORE_EXEMPLAR = re.compile(
    rf"([^#]*) # \{{(?:{_OPEN_LABEL}(?:,{_OPEN_LABEL})*)?[ ]*\}} (?:{_VALUE})(?: (?:{_VALUE}))?"
)
_REST = re.compile(rf"[ \t]*(?P<value>{_VALUE})(?:[ \t]+-?\d+)?[ \t\r]*")
_TYPE = re.compile(rf"[ \t]*#[ \t]+TYPE[ \t]+(?P<name>{_NAME})[ \t]+(?P<kind>\w+)[ \t\r]*")
_Parser = Callable[[Any], Iterable[Metric]]
_KINDS = ("counter", "gauge", "histogram", "summary", "untyped")
_SUFFIXES = ("", "_bucket", "_sum", "_count")


class Sample(NamedTuple):
    """One value of a page: `name` as written, the `kind` of its family, its line."""

    name: str
    labels: dict[str, str]
    value: float
    kind: str
    line: int

    @property
    def label_text(self) -> str:
        """The labels as text in one order, such as `{method="GET"}`; empty without labels."""
        escaped = {k: v.replace("\\", r"\\").replace('"', r"\"") for k, v in self.labels.items()}
        inside = ",".join(f'{k}="{escaped[k]}"' for k in sorted(escaped)).replace("\n", r"\n")
        return f"{{{inside}}}" if inside else ""


def parse_metrics(
    page: str | bytes, content_type: str = "", source: str = "metrics"
) -> list[Sample]:
    """The samples of a Prometheus or OpenMetrics `page`, in its order.

    Raises `TargetError` with the line for anything that the format does not allow.
    """
    text = _decoded(page, source)
    _refuse_other_formats(text, content_type, source)
    is_open = content_type.partition(";")[0].strip().lower() == OPENMETRICS
    if not is_open and not text.endswith("\n"):
        fault = _PageError("the last line does not end; the page may be cut off")
        raise fault.at(text.count("\n") + 1, source)
    lines = _Lines(text) if is_open else _ClassicLines(text)
    parse: _Parser = open_families if is_open else classic_families
    try:
        samples = _flat(parse(lines), lines)
        _check_series(samples)
        _check_histograms(samples, () if is_open else ("_sum", "_count"))
    except _PageError as fault:
        raise fault.at(fault.line or lines.at, source) from None
    except (ValueError, TypeError, IndexError, AttributeError, KeyError) as error:
        reason = str(error) or "this line does not parse"
        raise _PageError(reason[:200]).at(lines.at, source) from None
    if not samples:
        raise _PageError("the page holds no sample").at(1, source)
    return samples


class _PageError(ValueError):
    """What is wrong, and where if that is not the line being read."""

    def __init__(self, found: str, line: int = 0) -> None:
        self.line = line
        super().__init__(found)

    def at(self, line: int, source: str) -> TargetError:
        return TargetError(
            str(self),
            expected="valid Prometheus text",
            next_step="mend the service's metrics page; `promtool check metrics` tells more",
            file=source,
            line=line,
        )


class _Lines:
    """The page's lines as a parser takes them; `at` is the line it has reached."""

    def __init__(self, text: str) -> None:
        self.at = 0
        self.samples: list[tuple[int, str]] = []
        self._series: set[str] = set()
        self._text = text

    def __iter__(self) -> Iterator[str]:
        # Only a line feed ends a line here; `splitlines` would split at others.
        for at, line in enumerate(self._text.removesuffix("\n").split("\n"), 1):
            self.at = at
            yield self.check(line) + "\n"

    def check(self, line: str) -> str:
        """Note a sample's line; the OpenMetrics parser is strict, but drops repeated series.

        It takes no escaped quote in an exemplar, so exemplars, which nobody needs, are cut off.
        """
        if line.startswith("#"):
            return line
        match = _OPEN_SERIES.match(line)
        series = match[0] if match else line
        if series in self._series:
            raise _PageError(f"`{series[:80]}` appears again")
        self._series.add(series)
        self.samples.append((self.at, match["name"] if match else ""))
        rest = match and _BEFORE_EXEMPLAR.fullmatch(line, match.end())
        return line[: rest.end(1)] if rest else line


class _ClassicLines(_Lines):
    """The classic text format, line by line, as strict as Prometheus reads it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._typed: set[str] = set()
        self._seen: set[str] = set()

    def check(self, line: str) -> str:
        bare = line.strip(" \t\r")
        if bare.startswith("#"):
            self._check_comment(bare)
        elif bare:
            self._check_sample(line)
        return line

    def _check_comment(self, line: str) -> None:
        if not re.match(r"#[ \t]+TYPE\b", line):
            return
        match = _TYPE.fullmatch(line)
        if match is None:
            raise _PageError(f"a TYPE line needs a name and a kind: `{line[:80]}`")
        name, kind = match["name"], match["kind"]
        if kind not in _KINDS:
            raise _PageError(f"`{kind}` is no kind of metric; kinds are {', '.join(_KINDS)}")
        if name in self._typed:
            raise _PageError(f"a second TYPE line for `{name}`")
        suffixes = _SUFFIXES if kind in ("histogram", "summary") else ("",)
        if any(name + suffix in self._seen for suffix in suffixes):
            raise _PageError(f"the TYPE line of `{name}` comes after its samples")
        self._typed.add(name)

    def _check_sample(self, line: str) -> None:
        match = _SERIES.match(line)
        if match is None:
            raise _PageError(f"`{line[:80]}` is no sample: it must begin with a metric's name")
        rest = line[match.end() :]
        if rest.lstrip(" \t").startswith("{"):
            raise _PageError(f'the labels do not parse: write `name="value"`: `{rest[:80]}`')
        value = _REST.fullmatch(rest)
        if value is None or not (match["labels"] or rest[:1] in (" ", "\t")):
            text = rest.strip()[:80]
            raise _PageError(f"`{text}` is no value" if text else f"`{line[:80]}` has no value")
        self.samples.append((self.at, match["name"]))
        self._seen.add(match["name"])


def _decoded(page: str | bytes, source: str) -> str:
    if isinstance(page, str):
        return page
    try:
        return page.decode()
    except UnicodeDecodeError as error:
        line = page[: error.start].count(b"\n") + 1
        raise _PageError("bytes that are not UTF-8").at(line, source) from None


def _refuse_other_formats(text: str, content_type: str, source: str) -> None:
    start = text.lstrip("\ufeff \t\r\n")[:1]
    kind = content_type.lower()
    if start == "<" or "html" in kind:
        raise _PageError("an HTML page, not metrics").at(1, source)
    if start == '"':
        raise _PageError("the metrics are wrapped in a JSON string").at(1, source)
    if (start and start in "{[") or "json" in kind:
        raise _PageError("a JSON document, not metrics").at(1, source)


def _flat(families: Iterable[Metric], lines: _Lines) -> list[Sample]:
    """All samples; a family ends only when the next begins, so lines are matched afterwards."""
    found = [(family.type, sample) for family in families for sample in family.samples]
    return [
        Sample(name or sample.name, dict(sample.labels), float(sample.value), kind, line)
        for (line, name), (kind, sample) in zip(lines.samples, found, strict=True)
    ]


def _check_series(samples: list[Sample]) -> None:
    seen: dict[tuple[str, frozenset[tuple[str, str]]], int] = {}
    for sample in samples:
        key = (sample.name, frozenset(sample.labels.items()))
        if key in seen:
            series = sample.name + sample.label_text
            raise _PageError(f"`{series}` appears again, first in line {seen[key]}", sample.line)
        seen[key] = sample.line
        if sample.kind == "counter" and not sample.value >= 0:
            raise _PageError(f"counter `{sample.name}` is {sample.value}", sample.line)


def _check_histograms(samples: list[Sample], needed: Iterable[str]) -> None:
    """`needed` are the parts that OpenMetrics lets a histogram leave out."""
    groups: dict[tuple[str, frozenset[tuple[str, str]]], list[Sample]] = {}
    for sample in samples:
        if sample.kind == "histogram" and not sample.name.endswith("_created"):
            name, _, _ = sample.name.rpartition("_")
            rest = {k: v for k, v in sample.labels.items() if k != "le"}
            groups.setdefault((name, frozenset(rest.items())), []).append(sample)
    for (name, _), members in groups.items():
        _check_histogram(name, members, needed)


def _check_histogram(name: str, members: list[Sample], needed: Iterable[str]) -> None:
    line = members[0].line
    single = {m.name.removeprefix(name): m.value for m in members if "le" not in m.labels}
    buckets = bucket_counts(members)
    if math.inf not in buckets:
        raise _PageError(f'histogram `{name}` has no bucket le="+Inf"', line)
    for part in needed:
        if part not in single:
            raise _PageError(f"histogram `{name}` has no `{name}{part}`", line)
    counts = [buckets[bound] for bound in sorted(buckets)]
    if any(b < a for a, b in pairwise(counts)) or counts[0] < 0:
        raise _PageError(f"the buckets of histogram `{name}` do not grow with `le`", line)
    if counts[-1] != single.get("_count", counts[-1]):
        raise _PageError(
            f"histogram `{name}` counts {single['_count']:g} but its +Inf bucket {counts[-1]:g}",
            line,
        )


def bucket_counts(members: Iterable[Sample]) -> dict[float, float]:
    """The cumulative count of each bucket by its upper bound."""
    counts: dict[float, float] = {}
    for member in members:
        if not member.name.endswith("_bucket"):
            continue
        bound = member.labels.get("le", "")
        if not re.fullmatch(_VALUE, bound) or math.isnan(float(bound)):
            raise _PageError(f"`{member.name}` has no bound: le is `{bound[:40]}`", member.line)
        if float(bound) in counts:
            raise _PageError(f"`{member.name}` has the bound {bound} twice", member.line)
        counts[float(bound)] = member.value
    return counts
