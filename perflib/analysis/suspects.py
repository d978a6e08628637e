"""Where the time most likely goes: each suspect says what share it could explain and what shows it.

A suspect is a lead, not a verdict. Its weight is the share of the measured time (or of the
failures) that would go if it were innocent's work: between 0 and 1, comparable across suspects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from msgspec import Struct

from perflib.model import Run
from perflib.units import format_number, format_quantity

LEAST = 0.02
"""Suspects that explain less than this share are not worth a line."""


class Suspect(Struct, frozen=True, kw_only=True):
    """A lead: `weight` is the share of time or requests it could explain (0 to 1)."""

    code: str
    title: str
    weight: float
    evidence: str
    next_step: str


def suspects(
    run: Run,
    samples: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
    findings: Sequence[Any] = (),
) -> list[Suspect]:
    """Ranked suspects of a run, strongest first.

    `samples` are the measured ones; `metrics` the scraped series (time_s, name, labels,
    value); `findings` what the configuration review says of this run.
    """
    found = [s for check in CHECKS for s in check(run, samples)] if len(samples) else []
    found += list(_service(metrics)) + list(_settings(findings))
    strong = [s for s in found if s.weight >= LEAST]
    return sorted(strong, key=lambda s: (-s.weight, s.code, s.title))


def _generator(run: Run, samples: pd.DataFrame) -> Iterator[Suspect]:
    """The load generator started late: its delay is in the response time but not the target's."""
    if "lateness" not in samples or not samples["lateness"].notna().any():
        return
    late, whole = samples["lateness"].clip(lower=0).sum(), samples["response_time"].sum()
    p99 = samples["lateness"].quantile(0.99)
    busy = run.generator.cpu_share if run.generator else None
    yield Suspect(
        code="generator",
        title="the load generator started requests late",
        weight=_share(late, whole),
        evidence=f"lateness is {_percent(_share(late, whole))} of the response time, "
        f"p99 {format_quantity(float(p99), 's')}"
        + ("" if busy is None else f"; generator at {_percent(busy)} of a core"),
        next_step="use more generator processes or a lower rate, then measure again",
    )


def _queueing(_run: Run, samples: pd.DataFrame) -> Iterator[Suspect]:
    """Little's law: L = λ W. Time beyond the least loaded moments' service time is waiting."""
    good = samples[samples["ok"] & (samples["label"] != "connect")]
    if len(good) < 200 or "block_time" in good:
        return
    floor = good.groupby("label", observed=True)["service_time"].quantile(0.10)
    wait = good["service_time"] - good["label"].astype(object).map(floor).astype(float)
    share = _share(wait.clip(lower=0).sum(), good["service_time"].sum())
    span = float(good["end"].max() - good["start"].min())
    waiting = float(wait.clip(lower=0).sum()) / span
    inside = float(good["service_time"].sum()) / span
    growth = _growth(good)
    if growth < 1.2 and share < 0.5:
        return
    yield Suspect(
        code="queueing",
        title="requests wait in a queue inside the target",
        weight=share * min(1.0, max(growth - 1, 0.25)),
        evidence=f"Little's law: {format_number(inside)} requests are inside at any time, "
        f"{format_number(waiting)} of them beyond the fastest tenth's service time; the busiest "
        f"moments are {format_number(growth, 2)} times as slow as the calmest",
        next_step="run `perflib capacity` for the knee; then add workers or lower the rate",
    )


def _growth(good: pd.DataFrame) -> float:
    """Median service time with many requests in flight over that with few."""
    starts, ends = np.sort(good["start"]), np.sort(good["end"])
    at = good["start"].to_numpy()
    inside = np.searchsorted(starts, at, "right") - np.searchsorted(ends, at, "right")
    calm, busy = np.quantile(inside, [0.25, 0.75])
    time = good["service_time"].to_numpy()
    if busy <= calm:
        return 1.0
    return float(np.median(time[inside >= busy]) / max(np.median(time[inside <= calm]), 1e-12))


def _pool(_run: Run, samples: pd.DataFrame) -> Iterator[Suspect]:
    """Waiting for a pooled connection is time that no query optimisation brings back."""
    if "pool_wait" not in samples or "query_time" not in samples:
        return
    wait, query = samples["pool_wait"].sum(), samples["query_time"].sum()
    p95 = samples["pool_wait"].quantile(0.95)
    yield Suspect(
        code="pool",
        title="queries wait for a pooled connection",
        weight=_share(wait, wait + query),
        evidence=f"{_percent(_share(wait, wait + query))} of the time is waiting for the pool, "
        f"p95 {format_quantity(float(p95), 's')}",
        next_step="raise the pool size towards the concurrency, within the server's connection limit",
    )


def _plan(run: Run, samples: pd.DataFrame) -> Iterator[Suspect]:
    """A slow query whose plan reads a whole table."""
    if "query_time" not in samples:
        return
    plans = run.details.get("plans") or {}
    total = samples["query_time"].sum()
    for label, times in samples.groupby("label", observed=True)["query_time"]:
        plan = str(plans.get(label, ""))
        scan = next((line.strip(" ->") for line in plan.splitlines() if _scans(line)), "")
        if scan:
            share = _share(times.sum(), total)
            yield Suspect(
                code="plan",
                title=f"`{label}` reads a whole table",
                weight=share,
                evidence=f"its plan has `{scan[:90]}`; it takes {_percent(share)} of the query time",
                next_step="add an index on the filtered columns, then compare two runs",
            )


def _scans(line: str) -> bool:
    text = line.strip(" ->")
    return text.startswith(("Seq Scan", "Parallel Seq Scan")) or (
        text.startswith("SCAN ") and "USING" not in text
    )


def _dominance(_run: Run, samples: pd.DataFrame) -> Iterator[Suspect]:
    """One label takes far more of the time than of the requests."""
    good = samples[samples["ok"] & (samples["label"] != "connect")]
    if good["label"].nunique() < 2 or "block_time" in good:
        return
    by = good.groupby("label", observed=True)["service_time"].agg(["sum", "size", "median"])
    top = by["sum"].idxmax()
    share, part = _share(by["sum"][top], by["sum"].sum()), _share(by["size"][top], len(good))
    if share > 1.5 * part:
        yield Suspect(
            code="label",
            title=f"`{top}` dominates the time",
            weight=share - part,
            evidence=f"{_percent(share)} of the time with {_percent(part)} of the requests, "
            f"median {format_quantity(float(by['median'][top]), 's')}",
            next_step=f"look at `{top}` alone: choose its label above",
        )


def _errors(_run: Run, samples: pd.DataFrame) -> Iterator[Suspect]:
    """Failures of one kind."""
    kinds = samples.loc[~samples["ok"], "error"].astype(str).value_counts()
    for kind, count in kinds.head(3).items():
        yield Suspect(
            code="errors",
            title=f"requests fail with `{kind}`",
            weight=min(1.0, 5 * count / len(samples)),
            evidence=f"{count} of {len(samples)} requests ({_percent(count / len(samples))})",
            next_step="read the target's log at the moments marked in the time line",
        )


def _service(metrics: pd.DataFrame | None) -> Iterator[Suspect]:
    """CPU and garbage collection as the monitored service itself reports them."""
    if metrics is None or not len(metrics):
        return
    for ending, code, what in (
        ("process_cpu_seconds_total", "cpu", "the service's CPU is busy"),
        ("gc_pause_seconds_sum", "gc", "garbage collection stops the service"),
    ):
        rows = metrics[metrics["name"].str.endswith(ending)]
        for _, series in rows.groupby(rows["labels"].astype(str)):
            span = series["time_s"].iloc[-1] - series["time_s"].iloc[0]
            busy = (series["value"].iloc[-1] - series["value"].iloc[0]) / span if span > 0 else 0.0
            yield Suspect(
                code=code,
                title=what,
                weight=float(min(max(busy - 0.5, 0) * 2, 1) if code == "cpu" else min(busy, 1)),
                evidence=f"`{series['name'].iloc[0]}` grows by {format_number(float(busy))} s a second",
                next_step="profile the service, or give it more workers where cores are free",
            )


def _settings(findings: Sequence[Any]) -> Iterator[Suspect]:
    """What the configuration review found, weighted by the gain it expects."""
    for finding in findings:
        gain = getattr(finding, "gain", None)
        yield Suspect(
            code="setting",
            title=str(getattr(finding, "title", "") or getattr(finding, "reason", finding)),
            weight=float(gain) if isinstance(gain, int | float) else 0.1,
            evidence=str(getattr(finding, "evidence", "")),
            next_step=str(getattr(finding, "next_step", "") or getattr(finding, "setting", "")),
        )


def _share(part: float, whole: float) -> float:
    return float(min(max(part / whole, 0.0), 1.0)) if whole > 0 else 0.0


def _percent(share: float) -> str:
    return f"{format_number(100 * share, 2)} %"


CHECKS: tuple[Callable[[Run, pd.DataFrame], Iterator[Suspect]], ...] = (
    _generator,
    _queueing,
    _pool,
    _plan,
    _dominance,
    _errors,
)
