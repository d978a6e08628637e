"""A reading becomes a run: same store, same history, same notebooks as our own.

The id of an imported run comes from its content, so importing a file twice changes nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec.structs import replace

from perflib import analysis, samples, stats
from perflib.errors import AlreadyRecordedError
from perflib.formats.base import MOST, Indicator, Reading, Source
from perflib.formats.found import iso
from perflib.formats.loading import readings
from perflib.formats.tally import OUTSIDE, Tally
from perflib.model import SAMPLES, SCRAPED, Caveat, Environment, Estimate, Run
from perflib.store import Store
from perflib.store.folder import slug

KIND = "imported"
_LASTED = "duration", "value", ""
_OF_REQUESTS = ("service_time", "response_time")
_SLUG = re.compile(r"[^a-z0-9]+")


def known_imports(store: Store) -> dict[str, str]:
    """The id of each recorded run by target and content, whatever time its file had."""
    return {run_id.partition("-")[2]: run_id for run_id in store.runs()["run_id"]}


def import_source(
    source: Source,
    store: Store,
    *,
    format_name: str | None = None,
    target: str = "",
    objectives: list[str] | None = None,
    known: dict[str, str] | None = None,
) -> Iterator[tuple[Run, bool]]:
    """Each run in `source`, stored; the flag is False where the store already had it.

    Runs belong to `target`, or to one named after the tool. `known` spares many imports in a
    row the look into the history. Raises `FormatError` for a file that cannot be read as a
    whole; nothing of it is then stored.
    """
    known = known_imports(store) if known is None else known
    for number, reading in enumerate(readings(source, format_name)):
        chosen = target or _slug(reading.tool)
        key = f"{slug(chosen)}-{source.digest[:8]}{f'-{number}' if number else ''}"
        if key in known:
            yield _known(source, store.load(known[key])), False
            continue
        run, is_new = _new(source, store, reading, key, chosen, list(objectives or []))
        known[key] = run.id
        yield run, is_new


def _known(source: Source, run: Run) -> Run:
    """`run`, which came from `source`; an error under `--strict` where rows of it were broken."""
    if source.strict and (broken := run.source.get("skipped_rows", "0")) != "0":
        raise source.fail(f"imported before without its broken rows, {broken} in all")
    return run


def _new(
    source: Source, store: Store, reading: Reading, key: str, target: str, objectives: list[str]
) -> tuple[Run, bool]:
    _begin(source, reading)
    run = _record(source, reading, key, target)
    run.objectives = objectives
    _, staging = store.begin(run.target)
    try:
        _write_samples(reading, staging / SAMPLES, run)
        run.source["skipped_rows"] = str(source.skipped_rows)
        if reading.series is not None:
            pq.write_table(reading.series, staging / SCRAPED, compression="zstd")
        run.verdicts = analysis.judge(run, run.estimates)
        store.commit(run, staging)
    except AlreadyRecordedError:  # another process has imported it since
        return store.load(run.id), False
    finally:  # where the run is kept, its folder is no longer there
        shutil.rmtree(staging, ignore_errors=True)
    return run, True


def _begin(source: Source, reading: Reading) -> None:
    """Complete the time of the run from its first sample; without any there is no run."""
    if reading.samples is None:
        return
    before, rows = len(source.skipped), source.skipped_rows
    first = next(reading.samples(), None)
    error = source.without_rows()
    # the rows are read again to be stored
    del source.skipped[before:]
    source.skipped_rows = rows
    if first is None and not reading.indicators:
        raise error
    if first is not None and reading.clock:
        reading.started_at = iso(pc.min(first["start"]).as_py() * 1e-9)


def _record(source: Source, reading: Reading, key: str, target: str) -> Run:
    when = datetime.fromisoformat(reading.started_at)
    told = reading.details.pop("started_by", "file")
    return Run(
        id=f"{when:%Y%m%dT%H%M%SZ}-{key}",
        target=target,
        kind=KIND,
        started_at=reading.started_at,
        duration_s=next((i.value for i in reading.indicators if i.key == _LASTED), 0.0),
        environment=Environment(git_commit=reading.commit),
        estimates=[_estimate(indicator) for indicator in _counted(reading.indicators)],
        details=reading.details,
        caveats=[*_crossed(reading), *_untold(reading)],
        source={
            "tool": reading.tool,
            "version": reading.version,
            "run": reading.run,
            "file": source.path.name,
            "digest": source.digest,
            "time_told_by": told,
        },
    )


def _crossed(reading: Reading) -> Iterator[Caveat]:
    """What the tool itself judged to be broken; it judges nothing here."""
    if crossed := reading.details.get("thresholds_crossed", []):
        told = f"{reading.tool}'s own thresholds were crossed: {', '.join(crossed[:5])}"
        yield Caveat(code="thresholds", message=told)


def _untold(reading: Reading) -> Iterator[Caveat]:
    """Samples without their failures tell no error rate."""
    stated = {each.metric for each in reading.indicators}
    if reading.samples and not reading.outcomes and "error_rate" not in stated:
        yield Caveat(
            code="outcomes",
            message=f"this file of {reading.tool} does not tell all failed requests",
            next_step=f"import one that counts them, such as {reading.tool}'s summary",
            voids=("error_rate",),
        )


def _counted(stated: list[Indicator]) -> Iterator[Indicator]:
    """Each indicator; times whose number is not told are of the requests of their label."""
    requests = {each.label: each.value for each in stated if each.metric == "requests"}
    for each in stated:
        n = requests.get(each.label, 0)
        if each.metric in _OF_REQUESTS and not each.n and 0 < n <= MOST:
            yield replace(each, n=int(n))
        else:
            yield each


def _slug(tool: str) -> str:
    return _SLUG.sub("_", tool.lower()).strip("_")


def _estimate(stated: Indicator) -> Estimate:
    """A stated number; an approximate one is known to its resolution only.

    A share or a percentile of few requests is known no better for being stated.
    """
    short = _too_few(stated)
    half = stated.resolution if stated.approximate and not short else 0.0
    low, high = (stated.value - half, stated.value + half) if half else (None, None)
    if stated.metric == "error_rate" and stated.n and not half and 0 <= stated.value <= 1:
        interval = stats.counted_share_interval(stated.value, stated.n)
        low, high = interval.low, interval.high
    return Estimate(
        metric=stated.metric,
        statistic=stated.statistic,
        label=stated.label,
        value=stated.value,
        unit=stated.unit,
        n=stated.n,
        low=low,
        high=high,
        method=f"stated by the tool as {stated.source_name}" if stated.source_name else "stated",
        resolution=stated.resolution,
        caveats=short,
    )


def _too_few(stated: Indicator) -> tuple[Caveat, ...]:
    told = re.fullmatch(r"p(\d+(?:\.\d+)?)", stated.statistic)
    q = float(told[1]) / 100 if told else 0.0
    return stats.too_few(stated.n, q) if stated.n and 0 < q < 1 else ()


def _write_samples(reading: Reading, path: Path, run: Run) -> None:
    """Stream the samples into one Parquet file and complete `run` from them."""
    if reading.samples is None:
        samples.write_table(samples.schema().empty_table(), path)
        return
    tally = Tally(reading)
    parts = path.with_suffix(".parts")
    parts.mkdir()
    for count, rows in enumerate(reading.samples()):
        tally.add(rows)
        if rows.schema.metadata != OUTSIDE:
            table = pa.table(rows).cast(samples.schema())
            samples.write_table(table, parts / f"{count:06d}.parquet")
    # a slow request that began first comes late: tools write a request when it has ended
    zero_ns = (tally.first_ns or 0) if reading.clock else 0
    samples.join_parts(parts, path, samples.schema(), zero_ns)
    run.duration_s = tally.duration_s
    run.counts.recorded = tally.rows
    stated = {i.key for i in reading.indicators}
    run.estimates += [estimate for estimate in tally.estimates() if estimate.key not in stated]
    if zero_ns:
        run.started_at = datetime.fromtimestamp(zero_ns * 1e-9, UTC).isoformat()
