"""What is said of one run: its verdict first, then what to do, then how it was measured."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflib.analysis import overall
from perflib.analysis.suspects import late_p99, late_starts
from perflib.cards.card import Block, Card, Cell, Code, Number, Pre, State, Steps, Table
from perflib.load.findings import BUSY_SHARE, LATE_LOOP_S, NEAR_CEILING, share_of_ceiling
from perflib.model import CAPACITY, METRICS, Estimate, GeneratorHealth, Outcome, Run, Verdict
from perflib.units import format_quantity
from perflib.wording import (
    against,
    caution,
    clean,
    count,
    interval_text,
    many,
    named,
    percent,
    shown,
    signed,
)

if TYPE_CHECKING:
    from perflib.analysis.suspects import Suspect
    from perflib.desk import Desk

_VERBS = {
    Outcome.MISSED: "misses",
    Outcome.UNKNOWN: "cannot be judged on",
    Outcome.MET: "keeps",
}


def verdict(desk: Desk) -> Card:
    """Met, missed or unknown; by how much; since when; what to do."""
    verdicts = sorted(desk.verdicts, key=lambda v: v.outcome.rank)
    if not verdicts:
        step = "promise something: `objectives` of the target in performance_config.yml"
        return Card("Nothing is promised of this target.", "unknown", [step])
    state = str(overall(verdicts))
    first = verdicts[0]
    since, runs = desk.since(first)
    why = "Why" if first.outcome is Outcome.UNKNOWN else "By how much"
    blocks: list[Block] = [f"{why}: {first.reason}.", f"Since when: {since} ({runs})."]
    blocks += [f"Decided about this run: {told}." for told in desk.decisions]
    rows = [_verdict_row(v, desk) for v in verdicts]
    blocks.append(Table(["state", "promise", "measured [95 %]", "margin", "since"], rows))
    open_ones = [v for v in verdicts if v.outcome is not Outcome.MET]
    if open_ones:
        blocks += ["What to do:", Steps(_steps(open_ones, desk.suspects[:1]))]
    told = {v.reason.partition(" (and ")[0] for v in open_ones}
    blocks += [caution(c) for c in desk.run.caveats[:8] if c.message not in told]
    return Card(_verdict_finding(desk, verdicts), state, blocks)


def _steps(open_ones: list[Verdict], suspects: Sequence[Suspect] = ()) -> list[list[Cell]]:
    """What to do, each thing once, with the promises that it is for; the first suspect first."""
    by_step: dict[str, list[Cell]] = {}
    for one in open_ones:
        by_step.setdefault(one.next_step, []).append(Code(one.objective.text))
    looks: list[list[Cell]] = [[f"look first at: {s.title}; {s.next_step}"] for s in suspects]
    return looks + [[*promises, step] for step, promises in by_step.items()]


def _verdict_finding(desk: Desk, verdicts: list[Verdict]) -> str:
    target, first = clean(desk.run.target, 60), verdicts[0]
    number = sum(v.outcome is first.outcome for v in verdicts)
    which = f"all {number}" if number == len(verdicts) else f"{number} of {len(verdicts)}"
    promises = f"{which} promises" if len(verdicts) > 1 else "the promise"
    return f"{target} {_VERBS[first.outcome]} {promises}: {_by_how_much(first)}"


def _by_how_much(verdict: Verdict) -> str:
    estimate = verdict.estimate
    if estimate is None:
        return verdict.objective.text
    far = against(estimate.value, verdict.objective)
    text = f"{_name(estimate)} is {shown(estimate.value, estimate.unit)}"
    return f"{text}, {far}" if far else text


def _verdict_row(verdict: Verdict, desk: Desk) -> list[Cell]:
    estimate = verdict.estimate
    value = estimate.value if estimate else None
    measured = interval_text(estimate) if estimate else "–"
    margin = "–" if verdict.margin is None else f"{signed(100 * verdict.margin)} %"
    return [
        State(str(verdict.outcome)),
        Code(verdict.objective.text),
        Number(measured, value),
        Number(margin, verdict.margin),
        desk.since(verdict),
    ]


def facts(desk: Desk) -> Card:
    """What is reported beside the promises: every metric with unit, interval and number."""
    wanted = [e for e in desk.estimates if not e.label and e.statistic in ("mean", "p95", "value")]
    rows = [_fact_row(e) for e in sorted(wanted, key=_metric_order)]
    metrics = many(len({e.metric for e in wanted}), "metric")
    title = f"{metrics} of the whole run, promised or not"
    return Card(title, blocks=[Table(["metric", "value [95 %]", "n", "meaning"], rows)])


def _metric_order(estimate: Estimate) -> tuple[int, str]:
    known = [*METRICS]
    place = known.index(estimate.metric) if estimate.metric in METRICS else len(known)
    return place, estimate.statistic


def _name(estimate: Estimate) -> str:
    """`p95 of response time`, and of which label."""
    name = named(estimate.metric, estimate.statistic)
    return f"{name}, {estimate.label}" if estimate.label else name


def _fact_row(estimate: Estimate) -> list[Cell]:
    metric = METRICS.get(estimate.metric)
    single = estimate.low == estimate.high  # such as a fact, or what a tool states
    text = shown(estimate.value, estimate.unit) if single else interval_text(estimate)
    return [
        _name(estimate),
        Number(text, estimate.value),
        Number(count(estimate.n) if estimate.n or not single else "–", estimate.n),
        metric.meaning if metric else "",
    ]


def generator(desk: Desk) -> Card:
    """Whether the load generator itself was the bottleneck, and whether all counts agree."""
    health, counts = desk.run.generator, desk.run.counts
    if health is None:
        return Card("The load generator's health was not recorded.", "unknown")
    checks = [
        ("share of a core that the busiest used or waited for", _core(health), BUSY_SHARE, percent),
        ("rate, of what it reaches on this machine", _reached(desk), NEAR_CEILING, percent),
        ("its loop was late by (p99)", health.loop_lateness_p99_s, LATE_LOOP_S, _seconds),
        (*_late(desk), LATE_LOOP_S, _seconds),
        ("workers lost", health.workers_lost, 0, _count),
        ("socket errors", health.socket_errors, 0, _count),
    ]
    rows: list[list[Cell]] = []
    for name, value, most, say in checks:
        state = "unknown" if value is None else ("met" if value <= most else "missed")
        found = Number("–" if value is None else say(value), value)
        rows.append([State(state), name, found, f"under {say(most)}" if most else "none"])
    sides = {"by the engine": counts.engine, "by the target": counts.target}
    told = {"recorded": counts.recorded} | {n: c for n, c in sides.items() if c is not None}
    agree = "unknown" if len(told) == 1 else "met" if len({*told.values()}) == 1 else "missed"
    same = Number(" = ".join(map(count, told.values())))
    rows.append([State(agree), f"requests {' = '.join(told)}", same, "equal"])
    bad = sum(row[0] == State("missed") for row in rows)
    told_of = [c.message for c in desk.run.caveats if c.code.startswith("generator")]
    finding = f"{bad} of {len(rows)} checks of the load generator are off"
    return Card(
        told_of[0] if told_of else finding if bad else "The load generator was not the bottleneck",
        "missed" if told_of else "unknown" if bad else "met",
        [Table(["state", "check", "measured", "wanted"], rows)],
    )


def _core(health: GeneratorHealth) -> float | None:
    waited = health.cpu_wait_share or 0.0
    return None if health.cpu_share is None else health.cpu_share + waited


def _reached(desk: Desk) -> float | None:
    """The share of the generator's ceiling, as measured before the run, that the load took."""
    health, rate = desk.run.generator, desk.estimate("throughput", "value")
    return None if health is None or rate is None else share_of_ceiling(health, rate.value)


def _late(desk: Desk) -> tuple[str, float | None]:
    """What starts were late by; waiting for a user that the target holds is left out if it can."""
    rows = desk.measured
    if "lateness" in rows and rows["lateness"].notna().any():
        own, _ = late_starts(desk.run, rows)
        return "starts with a user free were late by (p99)", late_p99(own)
    health = desk.run.generator
    return "starts were late by (p99)", health.lateness_p99_s if health else None


def _seconds(value: float) -> str:
    return format_quantity(value, "s")


def _count(value: float) -> str:
    return count(int(value))


def next_steps(desk: Desk, most: int = 8) -> Card:
    """What to change, by what it would gain: suspects of this run, findings of the settings."""
    found = desk.suspects[:most]
    open_ones = [v for v in desk.verdicts if v.outcome is not Outcome.MET]
    if not found and not open_ones:
        return Card("Nothing to do: every promise is kept and nothing stands out.", "met")
    finding = f"Look first at: {found[0].title}" if found else "Follow the open promises"
    blocks: list[Block] = [Steps(_steps(open_ones))] if open_ones else []
    return Card(finding, blocks=[*blocks, ranked(found)] if found else blocks)


def ranked(found: Sequence[Suspect]) -> Table:
    """Suspects with their evidence, the share that each could explain, and what to do."""
    rows: list[list[Cell]] = [
        [
            (suspect.title, suspect.evidence),
            Number(percent(suspect.weight), suspect.weight),
            (suspect.next_step, Code(suspect.setting)) if suspect.setting else suspect.next_step,
        ]
        for suspect in found
    ]
    return Table(["suspect and evidence", "could explain", "what to do"], rows)


def plan(desk: Desk) -> Card:
    """The plan of the slowest query, as the database tells it."""
    plans: list[dict[str, Any]] = desk.run.details.get("plans") or []
    if not plans:
        return Card("No query plan was recorded.", "unknown")
    first = max(plans, key=lambda told: told.get("p95_query_time", 0.0))
    p95 = shown(float(first.get("p95_query_time", 0.0)), "s")
    text = f"The plan of the slowest query, `{first.get('query', '?')}` (p95 {p95})"
    parts = (str(first[name]) for name in ("sql", "text") if first.get(name))
    return Card(text, blocks=[Pre("\n\n".join(parts))])


def method(desk: Desk) -> Card:
    """The exact load, the machine, and how numbers became statements: enough to repeat it."""
    run = desk.run
    methods = {e.method.partition(" as ")[0] for e in desk.estimates}
    told: list[tuple[str, Cell]] = [
        ("run", f"{run.id}, {run.started_at[:19].replace('T', ' ')} UTC, {run.status}"),
        *_load(run),
        ("measured", _window(run, len(desk.measured), len(desk.samples))),
        ("machine", _machine(run)),
        ("software", _software(run)),
        ("intervals", "; ".join(sorted(filter(None, methods))) or "none"),
        _origin(run),
    ]
    title = "As another tool measured it" if run.source else "Enough to measure it again"
    rows: list[list[Cell]] = [[name, text] for name, text in told if text]
    return Card(title, blocks=[Table(["what", "how"], rows), *_caveats(desk)])


def _load(run: Run) -> list[tuple[str, Cell]]:
    """The load, and below it the target's other settings, one a line."""
    if run.source:
        return []  # the tool's files seldom tell it
    load = _scenario(run)
    again = {**load, "warmup_s": load.get("warmup"), "run_s": load.get("run_time")}
    target = {n: v for n, v in run.workload.items() if n != "scenario" and v != again.get(n)}
    if run.arrival == "watch":  # of a load it has only the time
        load = {name: load[name] for name in ("warmup", "run_time") if name in load}
    told = "; ".join(filter(None, (_arrivals(run), ", ".join(_settings({**load, "name": ""})))))
    return [("load", told), ("target", tuple(_settings(target)))]


def _scenario(run: Run) -> dict[str, Any]:
    scenario = run.workload.get("scenario")
    return scenario if isinstance(scenario, dict) else run.workload


def _origin(run: Run) -> tuple[str, Cell]:
    if not run.source:
        return "repeat it", Code(_command(run))
    return "imported", ", ".join(filter(None, map(run.source.get, ("tool", "version", "file"))))


def _command(run: Run) -> str:
    """What measures under the same load, whatever the scenario says by now."""
    name = run.target.removesuffix(CAPACITY)
    if name != run.target:  # the search chose the rate and the time
        return shlex.join(["perflib", "capacity", name])
    load, words = _scenario(run), ["perflib", "run", name]
    if load.get("name"):
        words += ["--scenario", load["name"]]
    if run.arrival == "open" and load.get("rate"):
        words += ["--rate", f"{load['rate']:.10g} req/s"]
    if load.get("run_time"):
        words += ["--run-time", f"{load['run_time']:.10g} s"]
    return shlex.join(words)


def _caveats(desk: Desk) -> list[Block]:
    rows: list[list[Cell]] = [
        [_name(e), caveat.message, caveat.next_step]
        for e in sorted(desk.estimates, key=lambda e: e.label != "")
        for caveat in e.caveats
    ]
    more = f"The first 12 of {len(rows)} caveats" if len(rows) > 12 else ""
    return [Table(["estimate", "its caveat", "what to do"], rows[:12], more)] if rows else []


_UNITS = {"rate": "/s", "spawn_rate": "/s", "warmup": " s", "run_time": " s", "timeout": " s"}


def _settings(given: Mapping[str, Any]) -> list[str]:
    """The settings that say something, such as `users 32`; those of a part in brackets."""
    nothing: tuple[object, ...] = (None, "", [], (), {})
    told = {
        name: value for name, value in given.items() if value not in nothing and value is not False
    }
    return [f"{name} {_setting(value)}{_UNITS.get(name, '')}" for name, value in told.items()]


def _setting(value: Any) -> str:
    match value:
        case Mapping():
            return f"({', '.join(_settings(value))})"
        case list() | tuple():
            return " ".join(map(_setting, value))
        case float():
            return f"{value:.10g}"
    return str(value)


def _arrivals(run: Run) -> str:
    meaning = {
        "open": "open arrivals: requests start on schedule, whatever the target does",
        "closed": "closed: each user waits for its answer, so there is no response time",
        "watch": "watched only, no load of its own",
    }
    return meaning[run.arrival]


def _window(run: Run, inside: int, total: int) -> str:
    until = run.duration_s if run.measured_until_s is None else run.measured_until_s
    rest = ", the rest is warm-up or tail" if inside < total else ""
    told = [
        f"{run.measured_from_s:.4g} s to {until:.4g} s of the run" if until else "",
        f"{count(inside)} of {count(total)} samples{rest}" if total else "its samples are not here",
        "" if run.seed is None else f"seed {run.seed}",
    ]
    return "; ".join(filter(None, told))


def _machine(run: Run) -> str:
    there = run.environment
    told = [
        there.cpu,
        many(there.cores, "core") if there.cores else "",
        format_quantity(there.memory_bytes, "B") if there.memory_bytes else "",
        there.system,
        f"load average before {there.load_before:.2f}" if there.load_before is not None else "",
    ]
    return ", ".join(filter(None, told)) or "not recorded"


def _software(run: Run) -> str:
    there = run.environment
    dirty = " with local changes" if there.git_dirty else ""
    told = [
        there.python,
        f"commit {there.git_commit[:12]}{dirty}" if there.git_commit else "",
        f"target {there.target_version}" if there.target_version else "",
    ]
    return ", ".join(filter(None, told)) or "not recorded"


def findings(desk: Desk, about: str = "") -> Card:
    """What the review found in the settings and the run, of what mentions `about`."""
    found = [f for f in desk.findings if about in f"{f.code} {f.message} {f.setting}".lower()]
    what = f" about {about}" if about else ""
    if not found:
        return Card(f"The review of the settings and the run found nothing{what}.", "met")
    rows: list[list[Cell]] = [
        [(f.message, f.evidence), f.gain, (Code(f.setting or "–"), Code(f.place or "–"))]
        for f in found
    ]
    table = Table(["finding and evidence", "gain", "setting and place"], rows)
    return Card(f"The review found {many(len(found), 'thing')}{what}", blocks=[table])
