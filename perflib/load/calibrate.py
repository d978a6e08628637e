"""The generator's own limit on this machine: the same generator against a faster responder."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import msgspec

from perflib.environment import usable_cores
from perflib.errors import PerflibError
from perflib.load.plan import Plan, Request
from perflib.load.process import generate
from perflib.model import SAMPLES

SECONDS = 1.5
QUIET = 0.3  # load average a core up to which a ceiling is worth keeping
KEPT_S = 7 * 86400.0
MOST_USERS = 1000  # more need longer than this lasts to connect, and are hardly slower then


class Ceiling(msgspec.Struct):
    """What a calibration found, and for what."""

    key: str
    rate: float
    measured_at: float


def machine_ceiling(users: int, cache: Path | None = None) -> float | None:
    """Requests a second that one generator process reaches here with `users` connections.

    Measured in about three seconds and kept for a week, or until the machine or the engine
    changes; what a busy machine gives is not kept. None where it cannot be measured.
    """
    users = min(users, MOST_USERS)
    file = cache or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    file = file / "perflib" / "ceiling.json"
    packages = "/".join(version(name) for name in ("locust", "gevent", "httptools"))
    engine = max(part.stat().st_mtime_ns for part in Path(__file__).parent.glob("*.py"))
    machine = f"{platform.node()}/{platform.release()}/{usable_cores()}"
    key = f"{machine}/{packages}/{sys.version}/{engine}/{users}"
    with suppress(OSError, msgspec.DecodeError):
        kept = msgspec.json.decode(file.read_bytes(), type=Ceiling)
        if kept.key == key and time.time() - kept.measured_at < KEPT_S:
            return kept.rate
    busy = os.getloadavg()[0] > QUIET * usable_cores()
    try:
        rate = measure_ceiling(users)
    except (OSError, PerflibError):
        return None
    if rate is not None and not busy:
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(msgspec.json.encode(Ceiling(key, rate, time.time())))
    return rate


def measure_ceiling(users: int, seconds: float = SECONDS) -> float | None:
    """Requests a second of one process in a closed loop against the shipped responder."""
    import pyarrow.parquet as pq

    command = [sys.executable, "-m", "perflib.load.responder"]
    pipe = subprocess.PIPE
    responder = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    assert responder.stdout is not None
    try:
        port = responder.stdout.readline().strip()
        if not port:
            return None
        with tempfile.TemporaryDirectory(prefix="perflib-") as folder:
            plan = Plan(
                url=f"http://127.0.0.1:{port}",
                folder=folder,
                zero_ns=time.monotonic_ns(),
                requests=[Request(path="/")],
                arrival="closed",
                users=users,
                spawn_rate=users,
                warmup_s=0.5,
                run_s=seconds,
                drain_s=1.0,
            )
            outcome = generate(plan, threading.Event())
            if outcome.measured_from_s is None or outcome.measured_until_s is None:
                return None
            table = pq.read_table(Path(folder) / SAMPLES, columns=["end", "ok"])
            ends = table.filter(table["ok"])["end"].to_numpy() * 1e-9  # to fail is quicker
            window = outcome.measured_from_s, outcome.measured_until_s
            return float(((ends >= window[0]) & (ends < window[1])).sum() / seconds) or None
    finally:
        responder.kill()
        responder.communicate()
