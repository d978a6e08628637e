"""What a run tells of its own bottleneck: where its time went, and what a change could win.

A gain is the share of the time (or of the answers) that the finding is about: an upper
bound by Amdahl's law, never a promise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd

from perflib.model import Run
from perflib.review.finding import Finding, Place
from perflib.review.queries import filters_of
from perflib.review.settings import Setting
from perflib.samples import measured
from perflib.units import format_quantity
from perflib.wording import percent

LARGE = 0.2
"""A share of the time from which a part of it is worth a finding."""
DOMINANT = 0.5
STAGES = {
    "compress_time": (("compression_level", "level"), "a lower compression level"),
    "encrypt_time": (("cipher", "encryption"), "a cipher that the processor has instructions for"),
    "hash_time": (("leaf_size", "hash"), "larger leaves of the hash tree"),
    "store_time": (("sync", "pool_size", "storage"), "fewer flushes, or faster storage"),
}
_PG_SCAN = re.compile(r"(?:Parallel )?Seq Scan on (?:\w+\.)?(\w+)")
_LITE_SCAN = re.compile(r"^\s*SCAN (?:TABLE )?(\w+)(?! USING)(?:\s|$)", re.MULTILINE)
_MY_SCAN = re.compile(r"\btable=(\w+) .*?\btype=ALL\b")
_SCANS = (_PG_SCAN, _LITE_SCAN, _MY_SCAN)
_PG_FILTER = re.compile(r"Filter: \(+([\w.\"]+)")


class Evidence:
    """A run, its measured samples and a way to the settings behind it."""

    def __init__(self, run: Run, samples: pd.DataFrame, settings: list[Setting]) -> None:
        self.run = run
        self.samples = measured(samples, run.measured_from_s, run.measured_until_s)
        self.ok = self.samples[self.samples["ok"]]
        self.settings = settings

    def total(self, metric: str, label: str | None = None) -> float:
        """The sum of a metric over all good samples, or those of `label`; 0 where not recorded."""
        if metric not in self.ok:
            return 0.0
        rows = self.ok if label is None else self.ok[self.ok["label"] == label]
        return float(rows[metric].sum())

    def place(self, *names: str) -> Place:
        """File, line and name of the first setting called so, or on that topic."""
        for name in names:
            for setting in self.settings:
                if name in (setting.name, setting.topic):
                    return setting.place
        return {"setting": names[0]} if names else {}

    def finding(self, code: str, rank: float, places: tuple[str, ...], **texts: str) -> Finding:
        """A finding about this run's target."""
        place = self.place(*places)
        return Finding(code=code, rank=rank, target=self.run.target, **texts, **place)


def pool_waits(run: Evidence) -> Iterator[Finding]:
    """Queries that wait for a connection longer than they should."""
    wait, work = run.total("pool_wait"), run.total("query_time")
    share = wait / (wait + work) if wait + work else 0.0
    if share > LARGE:
        p95 = format_quantity(float(run.ok["pool_wait"].quantile(0.95)), "s")
        yield run.finding(
            "pool wait dominates",
            share,
            ("pool_size",),
            message=f"{percent(share)} of the time of a query is spent waiting for a connection",
            evidence=f"p95 of pool_wait is {p95}, pool of {run.run.workload.get('pool_size', '?')} "
            f"for {run.run.workload.get('concurrency', '?')} queries at once",
            next_step="make the pool larger, or ask fewer queries at once",
            gain=f"up to {percent(share)} of the response time",
        )


def scans(run: Evidence) -> Iterator[Finding]:
    """Plans that read a whole table to find a few rows."""
    for plan in run.run.details.get("plans", []):
        text = str(plan.get("text", ""))
        tables = next(filter(None, (scan.findall(text) for scan in _SCANS)), [])
        if not tables:
            continue
        told = next(iter(_PG_FILTER.findall(text)), "").strip('"').rpartition(".")[2]
        asked = filters_of(str(plan.get("sql", ""))).get(tables[0].lower(), set())
        column = told or ", ".join(sorted(asked))
        whole = run.total("query_time")
        share = run.total("query_time", plan["query"]) / whole if whole else 0.0
        wanted = f"{tables[0]}({column})" if column else f"{tables[0]}, by the filtered columns"
        yield run.finding(
            "sequential scan",
            share,
            ("indexes", "index"),
            message=f"query `{plan['query']}` reads the whole of `{tables[0]}`",
            evidence=next(line.strip() for line in text.splitlines() if tables[0] in line)
            + f"; p95 {format_quantity(plan.get('p95_query_time', float('nan')), 's')}",
            next_step=f"create an index on {wanted}",
            gain=f"up to {percent(share)} of all query time"
            if whole
            else "unknown without samples",
        )


def stages(run: Evidence) -> Iterator[Finding]:
    """The stage that takes most of a chunk's time, and the time outside of all stages."""
    total = run.total("processing_time")
    if not total:
        return
    told = {stage: run.total(stage) / total for stage in STAGES if run.total(stage)}
    parts = ", ".join(
        f"{name.removesuffix('_time')} {percent(part)}" for name, part in told.items()
    )
    if told and (share := max(told.values())) > LARGE:
        stage = max(told, key=lambda name: told[name])
        names, step = STAGES[stage]
        yield run.finding(
            "one stage dominates" if share > DOMINANT else "largest stage",
            share,
            names,
            message=f"{percent(share)} of a chunk's time is {stage.removesuffix('_time')}",
            evidence=parts,
            next_step=f"try {step}",
            gain=f"up to {percent(share)} of the processing time",
        )
    outside = 1 - sum(told.values())
    if told and outside > LARGE:
        yield run.finding(
            "time outside the stages",
            outside,
            ("threads", "workers"),
            message=f"{percent(outside)} of a chunk's time is spent outside of all told stages",
            evidence=parts,
            next_step="look for a queue before the pipeline (threads, workers) and at the upload",
            gain=f"up to {percent(outside)} of the processing time",
        )


def heavy_labels(run: Evidence) -> Iterator[Finding]:
    """One kind of request that takes most of the time of all."""
    if run.run.kind not in ("http", "sql") or run.ok.empty:
        return
    by_label = run.ok.groupby("label", observed=True)["service_time"].agg(["sum", "count"])
    if len(by_label) < 2 or not by_label["sum"].sum():
        return
    share = by_label["sum"] / by_label["sum"].sum()
    calls = by_label["count"] / by_label["count"].sum()
    label = str(share.idxmax())
    calls_of = int(by_label["count"].to_dict()[label])
    if share[label] > DOMINANT and share[label] > 1.5 * calls[label]:
        yield run.finding(
            "one request dominates",
            float(share[label]),
            (),
            message=f"`{label}` takes {percent(share[label])} of the time "
            f"with {percent(calls[label])} of the calls",
            evidence=f"{calls_of} of {int(by_label['count'].sum())} calls",
            next_step=f"profile `{label}` first",
            gain=f"up to {percent(share[label])} of the target's time",
        )


def errors(run: Evidence) -> Iterator[Finding]:
    """Failed calls: they make every other number a story about fewer calls."""
    failed, total = sum(run.run.errors.values()), max(len(run.samples), 1)
    if not failed:
        return
    kind = max(run.run.errors, key=lambda name: run.run.errors[name])
    share = min(failed / max(total, failed), 1.0)
    limited, messages = "429" in kind, run.run.details.get("messages", {})
    yield run.finding(
        "rate limited" if limited else "errors",
        min(0.5 + share, 1.0),
        ("rate_limit",) if limited else (),
        message=f"{failed} calls failed, most with `{kind}`",
        evidence=", ".join(
            f"{name}: {count}" + (f" – {messages[name]}" if name in messages else "")
            for name, count in run.run.errors.items()
        ),
        next_step="lift the limit for the test's client, or load below it"
        if limited
        else f"mend `{kind}` before reading any other number",
        gain=f"{share:.1%} of the calls",
    )


def generator(run: Evidence) -> Iterator[Finding]:
    """A run whose client was the bottleneck tells of the client."""
    for caveat in run.run.caveats:
        if caveat.code.startswith("generator"):
            yield run.finding(
                caveat.code,
                1.0,
                ("processes",),
                message=caveat.message,
                evidence=f"voids {', '.join(caveat.voids)}",
                next_step=caveat.next_step,
                gain="numbers that tell of the target",
            )


def slots(run: Evidence) -> Iterator[Finding]:
    """Slots of a chain that passed without a block."""
    chain = run.run.details.get("chain", {})
    missed, seen = chain.get("missed_slots", 0), len(run.run.details.get("blocks", []))
    if missed:
        yield run.finding(
            "missed slots",
            missed / (missed + seen),
            ("vote_timeout", "validators"),
            message=f"{missed} of {missed + seen} slots passed without a block",
            evidence=f"heights {chain.get('first_height')} to {chain.get('last_height')}",
            next_step="look for a silent validator, and shorten the time others wait for it",
            gain=f"{percent(missed / (missed + seen))} of the slots",
        )


RULES = (generator, errors, pool_waits, scans, stages, heavy_labels, slots)


def review_run(run: Run, samples: pd.DataFrame, settings: list[Setting]) -> list[Finding]:
    """Findings of one run."""
    evidence = Evidence(run, samples, settings)
    return [finding for rule in RULES for finding in rule(evidence)]
