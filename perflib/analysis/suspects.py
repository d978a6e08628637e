"""Where the time most likely goes: a suspect says what share it could explain and what shows it.

A suspect is a lead, not a verdict. Its weight is the share of the measured time, or of the
answers, that is at stake: between 0 and 1, so that suspects of all kinds rank in one list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from msgspec import Struct

from perflib.analysis.series import in_flight
from perflib.model import Run
from perflib.samples import is_probe
from perflib.stats.values import Floats
from perflib.units import format_number, format_quantity
from perflib.wording import percent

LEAST = 0.02
"""Suspects that explain less than this share are not worth a line."""


class Suspect(Struct, frozen=True, kw_only=True):
    """A lead: `weight` is the share of time or requests it could explain (0 to 1)."""

    code: str
    title: str
    weight: float
    evidence: str
    next_step: str
    setting: str = ""


def suspects(
    run: Run,
    samples: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
    findings: Sequence[Any] = (),
    *,
    every: int = 1,
) -> list[Suspect]:
    """Ranked suspects of a run, strongest first.

    `samples` are the measured ones, or one in `every` of them; `metrics` the scraped series
    (time_s, name, labels, value); `findings` those of `perflib.review`, a layer above.
    """
    found = [s for check in CHECKS for s in check(run, samples, every)] if len(samples) else []
    found += list(_service(metrics)) + list(_reviewed(findings))
    strong = [s for s in found if s.weight >= LEAST]
    return sorted(strong, key=lambda s: (-s.weight, s.code, s.title))


def _generator(run: Run, samples: pd.DataFrame, every: int) -> Iterator[Suspect]:
    """Starts were late: the target held every user, or the generator was late by itself."""
    if "lateness" not in samples or not samples["lateness"].notna().any():
        return
    own, held = late_starts(run, samples, every)
    whole = float(samples["response_time"].sum())
    yield Suspect(
        code="users",
        title="requests wait for a free user: the target holds them all",
        weight=_share(held.sum(), whole),
        evidence=f"waiting while all {users_of(run)} users were busy is "
        f"{percent(_share(held.sum(), whole))} of the response time",
        next_step="find what the target waits for: the generator is not the limit; where the "
        "service time stays flat under more load, give it more `users`",
    )
    yield Suspect(
        code="generator",
        title="the load generator started requests late",
        weight=_share(own.sum(), whole),
        evidence=f"lateness with a user free is {percent(_share(own.sum(), whole))} of the "
        f"response time, p99 {format_quantity(late_p99(own), 's')}{_core(run)}",
        next_step="give the generator cores of its own, more `processes` or a lower rate, "
        "then measure again",
    )


def late_starts(run: Run, samples: pd.DataFrame, every: int = 1) -> tuple[Floats, Floats]:
    """Lateness (s) of starts with a user free, then of those that had to wait for one.

    A request waits when more are due and unanswered than there are users.
    """
    rows = samples[samples["lateness"].notna()]
    late, due = rows["lateness"].clip(lower=0).to_numpy(), rows["intended_start"].to_numpy()
    held = every * in_flight(due, rows["end"].to_numpy(), due) > users_of(run)
    return late[~held], late[held]


def users_of(run: Run) -> float:
    """How many requests the load can have under way; infinite where that is not known."""
    return run.workload.get("users") or run.workload.get("concurrency") or np.inf


def late_p99(late: Floats) -> float:
    """The 99th percentile; 0 where nothing was late."""
    return float(np.quantile(late, 0.99)) if len(late) else 0.0


def _core(run: Run) -> str:
    """What the generator used of a core, and how long it waited for one."""
    health = run.generator
    if health is None or health.cpu_share is None:
        return ""
    waited = health.cpu_wait_share
    return f"; generator at {percent(health.cpu_share)} of a core" + (
        f", waiting for one {percent(waited)} of the time" if waited else ""
    )


def _queueing(_run: Run, samples: pd.DataFrame, every: int) -> Iterator[Suspect]:
    """Little's law: L = λ W. Time beyond the least loaded moments' service time is waiting."""
    good = samples[samples["ok"] & ~is_probe(samples)]
    if len(good) < 200 or "block_time" in good:
        return
    floor = good.groupby("label", observed=True)["service_time"].quantile(0.10)
    wait = good["service_time"] - good["label"].astype(object).map(floor).astype(float)
    share = _share(wait.clip(lower=0).sum(), good["service_time"].sum())
    span = float(good["end"].max() - good["start"].min())
    waiting = every * float(wait.clip(lower=0).sum()) / span
    inside = every * float(good["service_time"].sum()) / span
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
                evidence=f"`{series['name'].iloc[0]}` grows {float(busy):.2g} s a second",
                next_step="profile the service, or give it more workers where cores are free",
            )


def _reviewed(findings: Sequence[Any]) -> Iterator[Suspect]:
    """What the review found in the settings and in the run: its rank is the share at stake."""
    for finding in findings:
        place = ", ".join(part for part in (finding.setting, finding.place) if part)
        yield Suspect(
            code=finding.code,
            title=finding.message,
            weight=float(finding.rank),
            evidence=finding.evidence,
            next_step=finding.next_step,
            setting=place,
        )


def _share(part: float, whole: float) -> float:
    return float(min(max(part / whole, 0.0), 1.0)) if whole > 0 else 0.0


CHECKS = (_generator, _queueing)
