"""Every tool's output becomes a run: one file a format, one line in `FORMATS`.

A reader is a module with `recognise(source) -> bool`, which looks only at content, and
`read(source) -> Iterator[Reading]`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Protocol

from perflib.errors import FormatError, nearest, require
from perflib.formats.base import Indicator, Reading, Source
from perflib.formats.likeness import likeness
from perflib.model import Key

OWN = "perflib"
_PACKED = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
FORMATS: dict[str, str] = {
    OWN: "perflib.formats.perflib_run",
    "locust-stats": "perflib.formats.locust_stats",
    "locust-history": "perflib.formats.locust_history",
    "locust-requests": "perflib.formats.locust_requests",
    "locust-errors": "perflib.formats.locust_errors",
    "locust-json": "perflib.formats.locust_json",
    "locust-html": "perflib.formats.locust_html",
    "k6-summary": "perflib.formats.k6_summary",
    "k6-ndjson": "perflib.formats.k6_points",
    "k6-csv": "perflib.formats.k6_csv",
    "k6-text": "perflib.formats.k6_text",
    "jmeter-csv": "perflib.formats.jmeter_csv",
    "jmeter-xml": "perflib.formats.jmeter_xml",
    "jmeter-statistics": "perflib.formats.jmeter_statistics",
    "jmeter-table": "perflib.formats.jmeter_table",
    "gatling-log": "perflib.formats.gatling_log",
    "gatling-stats": "perflib.formats.gatling_stats",
    "artillery": "perflib.formats.artillery",
    "vegeta-report": "perflib.formats.vegeta_report",
    "vegeta-text": "perflib.formats.vegeta_text",
    "vegeta-results": "perflib.formats.vegeta_results",
    "wrk": "perflib.formats.wrk",
    "hey": "perflib.formats.hey",
    "hey-csv": "perflib.formats.hey_csv",
    "oha-json": "perflib.formats.oha_json",
    "ab": "perflib.formats.ab_text",
    "ab-tsv": "perflib.formats.ab_tsv",
    "ab-percentiles": "perflib.formats.ab_percentiles",
    "siege-log": "perflib.formats.siege_log",
    "siege": "perflib.formats.siege",
    "fortio": "perflib.formats.fortio",
    "taurus": "perflib.formats.taurus",
    "pytest-benchmark": "perflib.formats.pytest_benchmark",
    "pyperf": "perflib.formats.pyperf",
    "asv": "perflib.formats.asv",
    "hyperfine": "perflib.formats.hyperfine",
    "google-benchmark": "perflib.formats.google_benchmark",
    "jmh": "perflib.formats.jmh",
    "benchmarkdotnet": "perflib.formats.benchmarkdotnet",
    "criterion": "perflib.formats.criterion",
    "go-bench": "perflib.formats.go_bench",
    "github-action": "perflib.formats.github_action",
    "otava-csv": "perflib.formats.otava_csv",
    "pgbench": "perflib.formats.pgbench",
    "pgbench-log": "perflib.formats.pgbench_log",
    "sysbench": "perflib.formats.sysbench",
    "base-benchmark": "perflib.formats.base_benchmark",
    "chainhammer": "perflib.formats.chainhammer",
    "caliper": "perflib.formats.caliper",
    "prometheus": "perflib.formats.prometheus",
}


class Reader(Protocol):
    """What a module of this package offers."""

    def recognise(self, source: Source) -> bool:
        """Whether the content of `source` is in this format."""

    def read(self, source: Source) -> Iterator[Reading]:
        """The runs in `source`, which was recognised; raises `FormatError` for a broken file."""


def reader(name: str) -> Reader:
    """The reader of format `name`; raises `FormatError` with the nearest name."""
    require(name, str, "a format")
    if name not in FORMATS:
        raise FormatError(f"no format called `{name}`", expected=nearest(name, list(FORMATS)))
    module: Reader = importlib.import_module(FORMATS[name])
    return module


def recognise(source: Source) -> str:
    """The name of the format of `source`, told by its content alone.

    Raises `FormatError` when none matches, or more than one.
    """
    if not source.head.strip():
        raise source.fail("the file is empty")
    packed = next((kind for magic, kind in _PACKED.items() if source.head.startswith(magic)), "")
    if packed or source.head[257:262] == b"ustar":
        raise source.fail(f"packed ({packed or 'tar'})", next_step="unpack it first")
    if reader(OWN).recognise(source):
        return OWN
    found = [name for name in FORMATS if reader(name).recognise(source)]
    if len(found) == 1:
        return found[0]
    if found:
        raise source.fail(
            f"could be {' or '.join(found)}", next_step=f"say which with `--format {found[0]}`"
        )
    if "\0" in source.head_text:
        what = "no known format, but binary or UTF-16 without its mark"
        raise source.fail(what, next_step="save text as UTF-8")
    like = _nearest(source)
    raise source.fail(
        f"no known format{f', the nearest is {like}' if like else ''}",
        next_step="see `perflib formats`, force one with --format",
    )


def read(source: Source, name: str | None = None) -> list[Reading]:
    """The runs in `source`, in format `name` or the one that its content tells.

    Raises `FormatError` when the content is in no format, or not in the one that is forced.
    """
    chosen = reader(name or recognise(source))
    if name and not chosen.recognise(source):
        raise source.fail(f"not in the format {name}: {(chosen.__doc__ or '').splitlines()[0]}")
    found = list(chosen.read(source))
    if not any(each.indicators or each.samples or each.series for each in found):
        raise source.fail("nothing in it that was measured")
    for each in found:
        each.indicators = list(_once(source, each.indicators))
    return found


def _once(source: Source, stated: list[Indicator]) -> Iterator[Indicator]:
    """Of what is stated twice, as in a file that was doubled, the first counts."""
    told: dict[Key, float] = {}
    for each in stated:
        if each.key not in told:
            told[each.key] = each.value
            yield each
        elif each.value != told[each.key]:
            name = " ".join(filter(None, (each.metric, each.statistic, each.label)))
            source.skip(0, f"`{name}` is stated again as {each.value:g}, which is left out")


def _nearest(source: Source) -> str:
    alike = {name: likeness(reader(name), source.head_text) for name in FORMATS}  # type: ignore[arg-type]
    best = max(alike, key=lambda name: alike[name])
    return best if alike[best] else ""
