"""Paths in, one table out: what notebooks use to look at results without importing them."""

from __future__ import annotations

import glob
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from perflib.errors import BesideError, FormatError
from perflib.formats import pgbench_log, read
from perflib.formats.base import Indicator, Reading, Source
from perflib.formats.found import instant, iso
from perflib.formats.tally import Tally

COLUMNS = (
    "file",
    "tool",
    "run",
    "started_at",
    "label",
    "metric",
    "statistic",
    "value",
    "unit",
    "approximate",
)


def sources(paths: Iterable[str | Path], *, strict: bool = False) -> Iterator[Source]:
    """The files behind `paths`: files, folders (searched through), globs, `-` for standard input.

    Raises `FormatError` for a path that names nothing.
    """
    for given in paths:
        if str(given) == "-":
            yield Source(Path("-"), content=sys.stdin.buffer.read(), strict=strict)
            continue
        named = [Path(given)] if Path(given).exists() else map(Path, sorted(glob.glob(str(given))))  # noqa: PTH207 (absolute patterns)
        found = [path for each in named for path in _files(each)]
        if not found:
            raise _nothing(given)
        for path in found:
            yield Source(path, strict=strict)


def _nothing(given: str | Path) -> FormatError:
    step = "check the path or the pattern"
    if Path(given).is_dir():
        return FormatError("no file in this folder", file=given, next_step=step)
    if Path(given).exists():
        step = "give its content to standard input: `perflib import - < …`"
        return FormatError("no file but a pipe or a device", file=given, next_step=step)
    return FormatError("no such file", file=given, next_step=step)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file())
    return [path] if path.is_file() else []


def by_run(found: Iterable[Source]) -> Iterator[Source]:
    """Each file of `found` once; the logs of pgbench's threads (`LOG.PID`, `LOG.PID.1`, …) as one.

    Numbered files come last, when all of them are known.
    """
    seen, numbered = set[Path](), dict[Path, Source]()
    for source in found:
        path = source.path.absolute()
        if path in seen:
            continue
        seen.add(path)
        if _number(path) < 0:
            yield source
        else:
            numbered[path] = source
    for path in sorted(numbered, key=_number):
        first = numbered.get(path.with_suffix(""))
        if first and all(map(_is_log, (first, numbered[path]))):
            first.join(numbered[path])
    while numbered:  # a source is let go of before the next is read: its content may be large
        source = numbered.pop(next(iter(numbered)))
        if source.parts[0] is source:
            yield source


def _number(path: Path) -> int:
    return int(path.suffix[1:]) if path.suffix[1:].isdecimal() else -1


def _is_log(source: Source) -> bool:
    try:
        return pgbench_log.recognise(source)
    except FormatError:  # it is told when the file is read
        return False


def readings(source: Source, format_name: str | None = None) -> list[Reading]:
    """The runs in `source`; the format is told by its content unless `format_name` forces it.

    A file that does not tell when it ran gets its own time, marked in `details`.
    """
    found = read(source, format_name)
    for reading in found:
        reading.started_at = instant(reading.started_at)
        if not reading.started_at and (reading.samples is None or not reading.clock):
            known = source.path.exists()
            reading.started_at = iso(source.path.stat().st_mtime if known else time.time())
            reading.details["started_by"] = "file time"
    return found


def summarised(reading: Reading) -> list[Indicator]:
    """The indicators that a reading states and those that its samples prove; may be none."""
    if reading.samples is None:
        return reading.indicators
    tally = Tally(reading)
    for rows in reading.samples():
        tally.add(rows)
    if reading.clock and tally.first_ns is not None:
        reading.started_at = reading.started_at or iso(tally.first_ns * 1e-9)
    stated = {i.key for i in reading.indicators}
    return reading.indicators + [i for i in tally.indicators() if i.key not in stated]


def load_results(
    paths: str | Path | Iterable[str | Path],
    *,
    format: str | None = None,  # noqa: A002 (the word of the command line)
    strict: bool = False,
) -> pd.DataFrame:
    """All indicators in the result files at `paths`, one row each, in base units.

    Columns: file, tool, run, started_at, label, metric, statistic, value, unit, approximate.
    Broken rows are skipped (an error if `strict`), and so are files without measurements that
    tools lay beside their results; a broken or unknown file raises `FormatError`.
    """
    listed = [paths] if isinstance(paths, str | Path) else paths
    rows: list[tuple[object, ...]] = []
    passed_over: BesideError | None = None
    for source in by_run(sources(listed, strict=strict)):
        try:
            read_in = readings(source, format)
        except BesideError as error:
            passed_over = error
            continue
        for reading in read_in:
            found = summarised(reading)
            if not found:
                raise source.without_rows()
            head = (str(source.path), reading.tool, reading.run, reading.started_at)
            rows += [
                (*head, i.label, i.metric, i.statistic, i.value, i.unit, i.approximate)
                for i in found
            ]
    if passed_over and not rows:
        raise passed_over
    return pd.DataFrame(rows, columns=list(COLUMNS))
