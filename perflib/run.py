"""One execution: whatever the target does, a Run results.

A target that refuses, hangs or dies is a fact to record, and an interrupted run keeps what
it measured. Only a full disk, a broken folder or a killed process can stop a run from being kept;
what it wrote until then is found by the next one (see `perflib.recovery`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from perflib import analysis
from perflib.environment import differences, fingerprint
from perflib.errors import PerflibError, StoreError
from perflib.hidden import HIDDEN
from perflib.model import SAMPLES, SCRAPED, Caveat, Run
from perflib.monitor import Scraper
from perflib.review.settings import read_settings
from perflib.samples import read_samples
from perflib.session import Session
from perflib.store import Store
from perflib.store.claim import claimed
from perflib.store.folder import explained, write_record
from perflib.target import Scenario, Target

Show = Callable[[str, Mapping[str, str]], None]
CLOCK_TOLERANCE_S, CLOCK_LOOK_S = 0.5, 0.2
NOT_IN_HISTORY = "not in the history"


def execute(
    target: Target,
    scenario: Scenario,
    store: Store,
    *,
    stop: threading.Event | None = None,
    show: Show = lambda _target, _numbers: None,
    secrets: Iterable[str] = (),
) -> Run:
    """Measure `target` under `scenario`, judge it, keep it in `store` and return the run.

    Setting `stop` ends the run early: it is kept as `interrupted`. None of `secrets` reaches
    the record. A run that is kept but could not join the history comes back with the caveat
    `NOT_IN_HISTORY`. An unforeseen error is raised again after what was measured has been
    kept as `failed`.
    """
    secrets = tuple(secrets)
    run_id, staging = store.begin(target.name)
    run = Run(
        id=run_id,
        target=target.name,
        kind=target.kind,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        duration_s=0.0,
        seed=scenario.seed,
        objectives=[objective.text for objective in target.objectives],
        environment=fingerprint(Path.cwd()),
    )
    run.environment.settings = _settings(target)
    session = Session(run, staging, lambda numbers: show(target.name, numbers))
    session.stop = stop or session.stop
    session.keep = lambda: write_record(staging, _clean(run, secrets))
    with _left_behind(staging), claimed(staging) as claim:
        session.held = (claim,)
        session.keep()
        fault = _fault_in(lambda: _measure(target, scenario, session), session)
        run = _finish(session, store, secrets)
        if fault is not None:
            raise fault
        return run


@contextmanager
def _left_behind(staging: Path) -> Iterator[None]:
    """Tell where samples are that could not be recorded."""
    try:
        yield
    except StoreError as error:
        if staging.exists():
            step = f"what reached the disk is in {staging}: the next `perflib run` records it"
            error.next_step = f"{error.next_step}; {step}" if error.next_step else step
        raise


def _fault_in(measure: Callable[[], None], session: Session) -> BaseException | None:
    """What ended `measure`, unless it is for the record alone. A store that fails ends the run."""
    try:
        measure()
    except StoreError:
        raise
    except PerflibError as error:
        session.run.status = "failed"
        expected = f"; expected {error.expected}" if error.expected else ""
        session.warn("failed", f"{error.found}{expected}", error.next_step, ("*",))
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        session.run.status = "interrupted" if interrupted else "failed"
        return error
    return None


def _settings(target: Target) -> dict[str, str]:
    """The target's settings as their files say them now, so that a change shows in the history."""
    if not target.configs:
        return {}
    found, _ = read_settings(Path(target.configs))
    return {f"{setting.file.name}: {setting.key}": setting.shown for setting in found}


def _measure(target: Target, scenario: Scenario, session: Session) -> None:
    with ExitStack() as stack:
        ended = threading.Event()
        stack.callback(ended.set)
        threading.Thread(target=_watch_clock, args=(session, ended), daemon=True).start()
        if target.metrics_url:
            scraper = Scraper(target.metrics_url, session.folder / SCRAPED, zero_ns=session.zero_ns)
            stack.callback(lambda: session.run.caveats.extend(scraper.stop()))
            scraper.start()
        target.measure(scenario, session)
    if session.stop.is_set():
        session.run.status = "interrupted"


def _watch_clock(session: Session, ended: threading.Event) -> None:
    """A clock that jumps forth and back shows no difference at the end."""
    while not ended.wait(CLOCK_LOOK_S):
        session.look_at_clock()


def _finish(session: Session, store: Store, secrets: tuple[str, ...]) -> Run:
    """Complete the record and the samples, and keep everything."""
    run = session.run
    if not (session.folder / SAMPLES).exists():
        session.samples()
    with explained(session.folder, "written"):
        session.close()
    run.duration_s = session.now()
    _check_surroundings(session)
    return finish(run, session.folder, store, secrets)


def finish(run: Run, folder: Path, store: Store, secrets: tuple[str, ...]) -> Run:
    """Derive the estimates and verdicts of `run` from the samples in `folder`, and keep it all."""
    samples = read_samples(folder / SAMPLES)
    run.counts.recorded = run.counts.recorded or len(samples)
    run.estimates = analysis.estimates(run, samples)
    run.verdicts = analysis.judge(run, run.estimates)
    run = _clean(run, secrets)
    try:
        store.commit(run, folder)
    except StoreError as error:
        if not store.folder(run.id).exists():
            raise
        message = f"{error.file}: {error.found}" if error.file else error.found
        run.caveats.append(Caveat(code=NOT_IN_HISTORY, message=message, next_step=error.next_step))
    return run


def _clean(run: Run, secrets: tuple[str, ...]) -> Run:
    return msgspec.convert(_without(msgspec.to_builtins(run), secrets), Run)


def _without(value: Any, secrets: tuple[str, ...]) -> Any:
    """`value` with every secret in its texts struck out."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, dict):
        return {_without(key, secrets): _without(each, secrets) for key, each in value.items()}
    return [_without(each, secrets) for each in value] if isinstance(value, list | tuple) else value


def _check_surroundings(session: Session) -> None:
    """What changed around the run while it went on makes its numbers doubtful."""
    run, after = session.run, fingerprint(Path.cwd())
    run.environment.load_after = after.load_before
    after.target_version = run.environment.target_version
    after.settings = run.environment.settings
    for difference in differences(run.environment, after):
        session.warn(
            "environment changed",
            f"the environment changed during the run: {difference}",
            "measure again while nothing is installed or changed",
            ("*",),
        )
    session.look_at_clock()
    if abs(session.drift_s) > CLOCK_TOLERANCE_S:
        way = "forward" if session.drift_s > 0 else "back"
        session.warn(
            "clock jumped",
            f"the wall clock moved {way} by {abs(session.drift_s):.1f} s against the monotonic one",
            "stop clock adjustments during the run (NTP step, suspend) and measure again",
            ("*",),
        )
