"""What the checks share; the first import of Locust patches this process."""

import locust  # noqa: F401, I001 (patches the standard library before anything else)

import pytest
from locust.env import Environment

from perflib.load import PerfHttpUser
from perflib.load.engine import engine_of
from tests.gevented.server import Server


class Bench:
    """A user in an environment, and what was recorded of it."""

    def __init__(self, url, cls=PerfHttpUser, **attributes):
        self.environment = Environment(user_classes=[])
        self.environment.create_local_runner()
        self.cls = type("Someone", (cls,), {"host": url, "abstract": False, **attributes})
        self.user = self.cls(self.environment)
        self.client = getattr(self.user, "client", None)
        self.engine = engine_of(self.environment)
        self.rows = []
        self.engine.takers.append(self.rows.extend)

    def recorded(self):
        """(label, status, size, error) of each request so far."""
        self.engine.flush()
        names = self.engine.recorder
        return [
            (
                " ".join(names.labels[row["label"] & ((1 << 30) - 1)]),
                int(row["status"]),
                int(row["size"]),
                names.errors[row["error"]],
            )
            for row in self.rows
        ]

    def stats(self):
        """Requests and failures that Locust counted."""
        self.engine.flush()
        total = self.environment.stats.total
        return total.num_requests, total.num_failures


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def bench(server):
    return Bench(server.url)
