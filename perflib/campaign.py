"""A campaign measures several targets in one go, so that one command answers for a whole system.

Targets that only watch run beside the others from the start; those that load take turns,
because two loads at once would measure each other. Where nothing listens, the embedded
reference system is started for the time of the campaign, if the configuration allows it.
Campaigns of several processes on that system take turns for the same reason, and because the
one that started it also stops it; so do those of several checkouts, whose systems all want the
same ports. Who measures side by side on purpose gives one of them other ports.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from perflib import reference
from perflib.config import Config
from perflib.environment import private_folder
from perflib.errors import TargetError
from perflib.model import Run
from perflib.recovery import recover
from perflib.run import Show, execute
from perflib.store import Store
from perflib.target import Scenario, Target

EMBEDDED = "reference"
"""The `url` of a target that means the embedded system, wherever it listens."""

Say = Callable[[str], None]


def measure(
    config: Config,
    names: Sequence[str],
    scenario: Scenario,
    *,
    show: Show = lambda _target, _numbers: None,
    say: Say = print,
) -> list[Run]:
    """Run the targets called `names` (all when empty) and return their runs, loads first.

    Ctrl-C ends the running targets and keeps what they measured; those still waiting do not
    start.
    """
    targets = [config.target(name) for name in names or config.targets]
    store = Store(config.data, config.history)
    store.require_writable()
    recover(store, config.targets, config.secrets, say)
    with system(config, targets, say) as found, _stop_on_signal() as stop:

        def run(target: Target, run_time_s: float = 0.0) -> Run:
            load = target.loaded(scenario)
            lasting = load.model_copy(update={"run_time": max(run_time_s, load.run_time)})
            return execute(target, lasting, store, stop=stop, show=show, secrets=config.secrets)

        loading = [target for target in found if not target.watches]
        watching = [target for target in found if target.watches]
        loads_s = sum(target.time_needed(target.loaded(scenario)) for target in loading)
        with ThreadPoolExecutor(max_workers=len(watching) or 1) as pool:
            watched = [
                pool.submit(run, target, max(loads_s, target.time_needed(scenario)))
                for target in watching
            ]
            try:
                loaded = [run(target) for target in loading if not stop.is_set()]
            except BaseException:
                stop.set()  # nobody waits for what watches beside a load that broke
                raise
            return loaded + [future.result() for future in watched]


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one ends the process as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(_number: int, _frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def system(
    config: Config, targets: list[Target], say: Say, *, alone: bool = True
) -> Iterator[list[Target]]:
    """The targets with real addresses; the reference system is started where it is needed.

    Whoever loads it must be `alone` with it; only to look at what others load does not wait
    for them.
    """
    with ExitStack() as stack:
        running, missing = _look(config, targets)
        usual = any(_on_usual_port(target) for target in targets if not target.watches)
        if config.reference is not None and (missing or (alone and (running or usual))):
            places = [config.reference.data]
            if (missing or usual) and (shared := private_folder()):
                places.insert(0, shared)
            turns = [stack.enter_context(_turn(place, say)) for place in places]
            running, missing = _look(config, targets)  # as those before left it
        if config.reference is None or not missing:
            yield [_resolved(target, running and running["urls"]) for target in targets]
            return
        say(f"nothing listens for {', '.join(missing)}: starting the reference system")
        started = reference.start(
            config.reference.configs, data=config.reference.data, inherited=turns
        )
        urls = stack.enter_context(started).urls
        yield [_resolved(target, urls) for target in targets]


def _look(config: Config, targets: list[Target]) -> tuple[dict[str, Any] | None, list[str]]:
    """What the reference system tells of itself if it runs, and what it would bring."""
    if config.reference is None:
        return None, []
    running = reference.running(config.reference.data)
    own = [target for target in targets if target.address == EMBEDDED or _on_usual_port(target)]
    return running, [target.name for target in own if not _listens(target, bool(running))]


@contextmanager
def _turn(folder: Path, say: Say) -> Iterator[int]:
    """Wait until nobody else has the turn that `folder` stands for; yields the file with the lock.

    The lock goes with the processes that have the file open, however they end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "measuring").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            say(
                f"process {file.read()} uses the reference system: waiting until it ends, "
                "because two measurements at once would disturb each other"
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def _on_usual_port(target: Target) -> bool:
    """Whether `target` is, or is in the place of, a service of some checkout's system."""
    host, port = _place(target)
    return host in ("127.0.0.1", "localhost") and port in reference.PORTS.values()


def _listens(target: Target, embedded: bool) -> bool:
    if target.address == EMBEDDED:
        return embedded
    host, port = _place(target)
    if host is None or port is None:
        return True
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def _place(target: Target) -> tuple[str | None, int | None]:
    """Host and port of the target's address, as far as they are told."""
    try:
        place = urlsplit(target.address)
        host, port = place.hostname, place.port
    except ValueError:  # what no address is, the target itself refuses
        return None, None
    return host, port


def _resolved(target: Target, urls: dict[str, str] | None) -> Target:
    if target.address != EMBEDDED:
        return target
    if urls is None:
        raise TargetError(
            f"`{target.name}` means the embedded reference system, which does not run",
            next_step="start it with `perflib serve`, or set the `url` of your own system",
        )
    return target.model_copy(update={"url": urls["database"]})
