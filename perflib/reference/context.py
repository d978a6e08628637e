"""What each service of the reference system knows of itself and of the others."""

from __future__ import annotations

import http.client
from pathlib import Path

import msgspec


class Context(msgspec.Struct, frozen=True):
    """What a service is told at its start."""

    service: str
    ports: dict[str, int]
    configs: str
    data: str
    database_url: str
    shared_metrics: str = ""
    """A folder where several workers of the service keep their counts; empty for one worker."""

    @property
    def folder(self) -> Path:
        """Where the service keeps its files."""
        return Path(self.data)

    @property
    def log(self) -> Path:
        """Where the service's output goes."""
        return self.folder / "logs" / f"{self.service}.log"

    def ask(self, service: str, path: str, timeout_s: float) -> tuple[int, bytes]:
        """Status and body of a service's answer; raises `OSError` (no proxy comes in between)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[service], timeout_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"no HTTP: {error!r}") from None
        finally:
            connection.close()
