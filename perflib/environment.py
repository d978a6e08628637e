"""Numbers of different machines or loads are not compared silently: this says what each is.

A fingerprint holds what explains a number and nothing that identifies people or places: no
host name, no user, no path, no address, no environment variable.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Set
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from perflib.model import CAPACITY, Environment, Run

PACKAGES = ("perflib", "locust", "gevent", "httptools", "httpx", "sqlalchemy", "psycopg", "pyarrow")
"""The packages whose version can change a measured number."""
MEMORY_TOLERANCE = 0.1
"""Virtual machines of one size report memories that differ by a few per cent."""
_LOAD_SETTINGS = {"arrival", "rate", "peak_rate", "users", "concurrency", "shape", "processes"}
_GIT_TIMEOUT_S = 10.0


def fingerprint(root: Path) -> Environment:
    """This machine, its software and the git state of the work tree at `root`, now.

    `load_before` is the load average of the last minute; the target's version and settings
    are for the workload to add.
    """
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no") if commit else ""
    return Environment(
        **_hardware(),
        memory_bytes=psutil.virtual_memory().total,
        system=_system(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: version for name in PACKAGES if (version := _version(name))},
        git_commit=commit,
        git_dirty=bool(changed),
        load_before=round(os.getloadavg()[0], 2),
    )


def environment_key(environment: Environment) -> str:
    """A short digest of what must be equal for two runs to belong to one history.

    The processor, its cores, the kind of kernel and the instruction set. Memory and versions
    stay out: an upgrade is a possible cause of a shift, so the history must show it.
    """
    kernel = environment.kernel.split()
    kind = [*kernel[:1], *kernel[2:]]
    identity = "\n".join([environment.cpu, str(environment.cores), *kind])
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def this_machine() -> str:
    """The `environment_key` of runs that are made here."""
    return environment_key(Environment(**_hardware()))


def load_settings(target: str) -> Set[str]:
    """Settings of a workload that make results incomparable when they differ.

    The rate that a capacity search found is its result.
    """
    return _LOAD_SETTINGS - {"rate"} if target.endswith(CAPACITY) else _LOAD_SETTINGS


def load_key(run: Run) -> str:
    """A short digest of the load, as `environment_key` is one of the machine; empty without one."""
    settings = "\n".join(sorted(_load_settings(run.workload, load_settings(run.target))))
    return settings and hashlib.sha256(settings.encode()).hexdigest()[:12]


def _load_settings(workload: Mapping[str, Any], names: Set[str], under: str = "") -> Iterator[str]:
    for name, value in workload.items():
        if isinstance(value, dict):
            yield from _load_settings(value, names, f"{under}{name} ")
        elif name in names and value is not None:
            yield f"{under}{name} {value}"


def differences(a: Environment, b: Environment) -> list[str]:
    """What differs between `a` and `b` and can move a number, as `name: old → new`, or nothing."""
    pairs: dict[str, tuple[object, object]] = {
        "CPU": (a.cpu, b.cpu),
        "cores": (a.cores, b.cores),
        "kernel": (a.kernel, b.kernel),
        "operating system": (a.system, b.system),
        "Python": (a.python, b.python),
        "target's version": (a.target_version, b.target_version),
    }
    if abs(a.memory_bytes - b.memory_bytes) > MEMORY_TOLERANCE * a.memory_bytes:
        pairs["memory"] = (_gibibytes(a.memory_bytes), _gibibytes(b.memory_bytes))
    pairs |= _changes("package", a.packages, b.packages)
    pairs |= _changes("setting", a.settings, b.settings)
    return [
        f"{name}: {old or '–'} → {new or '–'}" for name, (old, new) in pairs.items() if old != new
    ]


def _changes(kind: str, a: dict[str, str], b: dict[str, str]) -> dict[str, tuple[object, object]]:
    return {f"{kind} {name}": (a.get(name), b.get(name)) for name in sorted(a.keys() | b.keys())}


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size else ""


def usable_cores() -> int:
    """The cores this process may use: affinity and the container's quota count, not the board."""
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))


def _hardware() -> dict[str, Any]:
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    return {"cpu": _cpu(), "cores": usable_cores(), "kernel": kernel}


def _cpu() -> str:
    """The processor's marketing name; `/proc/cpuinfo` on Linux, `sysctl` on macOS."""
    if platform.system() == "Darwin":
        return _output(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.split(":", 1)[1] for line in lines if line.startswith("model name")]
    return " ".join(named[0].split()) if named else platform.processor() or platform.machine()


def _system() -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _git(root: Path, *arguments: str) -> str:
    return _output(["git", "--no-optional-locks", "-C", str(root), *arguments])


def _output(command: list[str]) -> str:
    """What `command` prints, or nothing when it fails or is not installed."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def boot_id() -> str:
    """Tells whether two processes run on one system, and so share its monotonic clock and locks."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def private_folder() -> Path | None:
    """One temporary folder for all processes of this user, into which nobody else can write.

    None where there can be none.
    """
    folder = Path(tempfile.gettempdir(), f"perflib-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if own and not found.st_mode & 0o022 and os.access(folder, os.W_OK) else None
