"""From samples to numbers with intervals: only successes have a latency, failures still count.

Latencies are those of successful samples inside the measured window. A failure has no
latency, so it must not improve one: an interval of a percentile reaches up to where it
would lie with the failures counted as endless waits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perflib import stats
from perflib.errors import ValuesError, require, require_each
from perflib.model import METRICS, Caveat, Estimate, Objective, Run, find_metric
from perflib.objectives import PARSE_IT, parse_objective
from perflib.samples import POLL, TIMES, is_measured, is_probe
from perflib.stats import Interval
from perflib.stats.intervals import share_inflation
from perflib.stats.values import Floats

Flags = NDArray[np.bool_]

STATISTICS = ("mean", "p50", "p90", "p95", "p99", "max")
"""Estimated for each metric of the samples, beside what the objectives name."""
MOST_LABELS = 100
"""Only so many labels, those with the most samples, have estimates of their own."""
FAILED_SHARE = 0.01
"""With more failures than this a mean of the successes says little."""
_PERCENTILE = re.compile(r"p[\d.]+").fullmatch
_NEEDED = ("label", "start", "end", "ok")
_NOT_METRICS = {"label", *TIMES, "ok", "error", "status", "size"}


class _Group(NamedTuple):
    """The rows of one label (empty: all), as positions in the order of time."""

    label: str
    rows: NDArray[np.intp] | Flags | slice


def estimates(
    run: Run, samples: pd.DataFrame, objectives: Iterable[Objective] | None = None
) -> list[Estimate]:
    """Every indicator of `run` with its interval, overall (label "") and by label.

    `samples` is what `perflib.samples.read_samples` gives, warm-up included. Metrics have
    mean, p50, p90, p95, p99, max and what the objectives (of the run, if not given) name;
    `throughput` and `error_rate` have a `value`, as have the run's facts. What an imported
    run brought itself stays, widened by its resolution, where samples give nothing better.
    """
    require(run, Run, "run")
    require(samples, pd.DataFrame, "samples", "read them with `store.samples(run.id)`")
    if lacking := [name for name in _NEEDED if name not in samples]:
        raise ValuesError(
            f"the samples have no column `{lacking[0]}`",
            expected="the frame that `perflib.samples.read_samples` gives",
        )
    if objectives is None:
        objectives = _objectives(run)
    wanted = require_each(objectives, Objective, "objective", PARSE_IT)
    until_s = _until(run, samples)
    table = _Table(samples, run.measured_from_s, until_s)
    found = [
        estimate
        for column in _columns(table, wanted)
        for estimate in describe(column, _statistics(column, wanted))
    ]
    if run.arrival != "watch" and len(samples) and until_s > run.measured_from_s:
        found += _scalars(samples, table, wanted, run.measured_from_s, until_s)
    known = {estimate.key for estimate in found}
    return found + [given for given in _given(run) if given.key not in known]


class _Table:
    """The measured samples as columns in order of time."""

    def __init__(self, samples: pd.DataFrame, since_s: float, until_s: float) -> None:
        rows = np.flatnonzero(is_measured(samples, since_s, until_s))
        starts = samples["start"].to_numpy(dtype=np.float64)[rows]
        if not (starts[1:] >= starts[:-1]).all():
            rows = rows[np.argsort(starts, kind="stable")]
        self.ok = samples["ok"].to_numpy(dtype=bool)[rows]
        codes, self.names = _labels(samples)
        self.codes = codes[rows]
        self.beside = is_probe(samples)[rows]
        self.metrics = {
            name: samples[name].to_numpy(dtype=np.float64)[rows]
            for name in samples.columns
            if name not in _NOT_METRICS
        }


def _objectives(run: Run) -> list[Objective]:
    return [parse_objective(text) for text in run.objectives]


def _labels(samples: pd.DataFrame) -> tuple[NDArray[np.intp], list[str]]:
    """Each row's label as a code, and the sorted labels; a missing label is the empty one."""
    codes, names = pd.factorize(samples["label"], sort=True, use_na_sentinel=False)
    return codes, ["" if pd.isna(name) else str(name) for name in names]


def _groups(
    codes: NDArray[np.intp],
    names: Sequence[str],
    beside: Flags,
    wanted: Sequence[Objective] = (),
) -> list[_Group]:
    """All rows but those `beside` the load, then the rows of each label, in the order of time."""
    small = codes.astype(np.int16) if len(names) < 2**15 else codes
    order = np.argsort(small, kind="stable")
    counts = np.bincount(codes, minlength=len(names))
    ends = np.cumsum(counts)
    most = set(np.argsort(-counts, kind="stable")[:MOST_LABELS].tolist())
    asked = {objective.label for objective in wanted}
    return [_Group("", ~beside if beside.any() else slice(None))] + [
        _Group(name, order[ends[code] - counts[code] : ends[code]])
        for code, name in enumerate(names)
        if name and counts[code] and (code in most or name in asked)
    ]


class Column(NamedTuple):
    """The values of a metric under a label (empty: all) in order of time, and failed samples."""

    metric: str
    label: str
    values: Floats
    failed: int


def sample_columns(run: Run, samples: pd.DataFrame) -> Iterator[Column]:
    """What the estimates of `run` are made of: successes in the measured window, without NaN."""
    return _columns(_Table(samples, run.measured_from_s, _until(run, samples)), ())


def _columns(table: _Table, wanted: Sequence[Objective]) -> Iterator[Column]:
    groups = _groups(table.codes, table.names, table.beside, wanted)
    watched = "arrival_interval" in table.metrics and POLL in table.names
    poll = table.names.index(POLL) if watched else -1
    for name, column in table.metrics.items():
        for label, rows in groups:
            nowhere_else = not label and np.isnan(column[rows]).all()
            where = table.beside if nowhere_else else rows
            values, fine = column[where], table.ok[where]
            values = values[fine & ~np.isnan(values)]
            if len(values):
                polled = watched and not label and name != "service_time"
                failed = ~table.ok & (table.codes != poll) if polled else ~fine
                yield Column(name, label, values, int(failed.sum()))


def _until(run: Run, samples: pd.DataFrame) -> float:
    """The end of the measured window; without one, the end of the run."""
    if run.measured_until_s is not None:
        return run.measured_until_s
    return max(run.duration_s, float(samples["end"].max()) if len(samples) else 0.0)


def _statistics(column: Column, wanted: Sequence[Objective]) -> list[str]:
    asked = [o.statistic for o in wanted if (o.metric, o.label) == (column.metric, column.label)]
    return [*dict.fromkeys((*STATISTICS, *(name for name in asked if name != "value")))]


def describe(column: Column, statistics: Sequence[str] = STATISTICS) -> Iterator[Estimate]:
    """Estimates of one metric under one label."""
    metric, label, values, failed = column
    unit = find_metric(metric).unit
    caveats = _impossible(metric, values)
    values = values[np.isfinite(values)]
    if not len(values):
        return
    failed = failed if metric not in METRICS or _is_latency(metric) else 0
    ordered = np.sort(values)
    endless = np.append(ordered, np.full(failed, np.inf)) if failed else ordered
    intervals = {name: _estimate(name, values, ordered, endless) for name in statistics}
    mean = intervals.get("mean")
    if mean and mean.low is not None and mean.low < 0 <= ordered[0] and metric in METRICS:
        intervals["mean"] = replace(mean, low=0.0)  # none of these is ever negative
    for statistic, interval in _nested(intervals).items():
        found = interval.caveats + caveats + _failures(metric, statistic, failed, interval)
        yield replace(interval, caveats=found).of(metric, statistic, unit, label)


def _estimate(statistic: str, values: Floats, ordered: Floats, endless: Floats) -> Interval:
    if statistic == "mean":
        return stats.mean_interval(values)
    if not _PERCENTILE(statistic):
        value = float(ordered[0 if statistic == "min" else -1])
        return Interval(
            value=value, low=value, high=value, n=len(values), level=0.95, method="seen"
        )
    q = float(statistic[1:]) / 100
    here = ordered[min(int(q * len(ordered)), len(ordered) - 1)]
    inflation = [share_inflation(values < here)]  # with ties their share is not q
    interval = stats.percentiles(ordered, [q], inflations=inflation)[0]
    if len(endless) > len(ordered) and interval.high is not None:
        high = stats.percentiles(endless, [q], inflations=inflation)[0].high
        interval = replace(interval, high=high if high is not None and high < np.inf else None)
    return interval


def _nested(intervals: Mapping[str, Interval]) -> dict[str, Interval]:
    """No percentile can lie beyond the ends of its neighbours, so no end of it does.

    Where the slow samples come in one burst, the lower percentile may be worth fewer of them
    than the higher one, and alone be left without an end.
    """
    names = sorted((name for name in intervals if _PERCENTILE(name)), key=lambda n: float(n[1:]))
    lows = np.array([intervals[name].low for name in names], dtype=np.float64)  # None is nan
    highs = np.array([intervals[name].high for name in names], dtype=np.float64)
    lows = np.fmax.accumulate(lows)
    highs = np.fmin.accumulate(highs[::-1])[::-1]
    found = dict(intervals)
    for name, low, high in zip(names, lows.tolist(), highs.tolist(), strict=True):
        ends = (None if math.isnan(low) else low, None if math.isnan(high) else high)
        whole = None not in ends
        kept = tuple(c for c in found[name].caveats if not (whole and c.code == "short"))
        found[name] = replace(found[name], low=ends[0], high=ends[1], caveats=kept)
    return found


def _is_latency(metric: str) -> bool:
    return METRICS[metric].unit == "s" and METRICS[metric].better == "lower"


def _impossible(metric: str, values: Floats) -> tuple[Caveat, ...]:
    """Infinities are left out and told; negative durations make the metric unfit to judge."""
    found: tuple[Caveat, ...] = ()
    infinite = int(np.isinf(values).sum())
    if infinite:
        message = f"{infinite} of {len(values)} values are infinite and were left out"
        found += (Caveat(code="infinite", message=message, voids=(metric,)),)
    if metric in METRICS and metric != "lateness" and _is_latency(metric):
        negative = int((values < 0).sum())
        if negative:
            message = f"{negative} of {len(values)} durations are negative"
            step = "check the clock of the recording machine, then measure again"
            found += (Caveat(code="negative", message=message, next_step=step, voids=(metric,)),)
    return found


def _failures(metric: str, statistic: str, failed: int, interval: Interval) -> tuple[Caveat, ...]:
    """A caveat where the failures leave the statistic without an upper end, as one does a maximum.

    A mean has none either, but is told as that of the successes while few fail. Where the
    samples were too few for an end, only failures that reach the percentile itself count.
    """
    share = failed / (interval.n + failed)
    if statistic == "mean":
        beyond = share > FAILED_SHARE
    elif _PERCENTILE(statistic):
        short = any(caveat.code == "short" for caveat in interval.caveats)
        reached = share >= 1 - float(statistic[1:]) / 100
        beyond = interval.high is None and (reached or not short)
    else:
        beyond = statistic == "max"
    if not failed or not beyond:
        return ()
    message = f"{100 * share:.2g} % failed; counted as endless they carry {statistic} away"
    step = "find out why requests fail first (`error_rate`, errors by kind)"
    return (Caveat(code="failures", message=message, next_step=step, voids=(metric,)),)


def _scalars(
    samples: pd.DataFrame,
    table: _Table,
    wanted: Sequence[Objective],
    since_s: float,
    until_s: float,
) -> Iterator[Estimate]:
    """Throughput counts successes that end in the window; the error rate what began in it."""
    ends = samples["end"].to_numpy(dtype=np.float64)
    done = samples["ok"].to_numpy(dtype=bool) & (ends >= since_s) & (ends < until_s)
    codes, names = _labels(samples)
    ends, codes, beside = ends[done], codes[done], is_probe(samples)[done]
    sizes = None
    if "chunk_size" in samples:
        sizes = samples["chunk_size"].fillna(0.0).to_numpy(dtype=np.float64)[done]
    for label, where in _groups(codes, names, beside, wanted):
        interval = stats.rate_interval(ends[where], since_s, until_s)
        yield interval.of("throughput", "value", "req/s", label)
        if sizes is not None:
            interval = stats.rate_interval(ends[where], since_s, until_s, weights=sizes[where])
            yield interval.of("data_rate", "value", "B/s", label)
    for label, where in _groups(table.codes, table.names, table.beside, wanted):
        if len(failed := ~table.ok[where]):
            yield stats.share_interval(failed).of("error_rate", "value", "1", label)


def _given(run: Run) -> Iterator[Estimate]:
    """What needs no samples: the facts of the run, and an imported run's own summaries."""
    for name, value in run.facts.items():
        if np.isfinite(value):
            yield Estimate(
                metric=name,
                statistic="value",
                value=value,
                unit=find_metric(name).unit,
                n=1,
                low=value,
                high=value,
                method="one value a run",
            )
    for estimate in run.estimates if run.source else ():
        yield widened(estimate)


def widened(estimate: Estimate) -> Estimate:
    """An estimate without interval, but known to a resolution, gets that as its interval."""
    if estimate.resolution <= 0 or estimate.low is not None or estimate.high is not None:
        return estimate
    low, high = estimate.value - estimate.resolution, estimate.value + estimate.resolution
    return msgspec.structs.replace(estimate, low=low, high=high)
