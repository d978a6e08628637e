"""The reference gateway's users: a mix of what its real ones do, checked by what the answers say.

    locust -f tests/performance/locustfile.py --host=http://localhost:8080 --users=100 \
        --spawn-rate=10 --run-time=60s [--headless] [--html=performance_report.html]

For a system of your own, copy it and change paths and checks.
"""

import os
import random

from locust import TaskSet, between, task

from perflib.load import PerfHttpUser

PASSWORD = os.environ.get("LOAD_PASSWORD", "perflib")  # of the seeded users user1 … user5000
SEEDED_USERS = 5000


def ask(user, method, path, status, holds, **more):
    """The answer as JSON if it has `status` and `holds(content)`; else a failure, and None."""
    with user.client.request(method, path, catch_response=True, **more) as answer:
        if answer.status_code != status:
            if answer.ok:  # a success, but not the one that was asked for
                answer.failure(f"status {answer.status_code}, expected {status}")
            return None
        try:
            content = answer.json()
            if holds(content):
                return content
            answer.failure("unexpected content")
        except (ValueError, KeyError, TypeError) as error:
            answer.failure(f"unexpected content: {type(error).__name__}")
    return None


class GeneralUser(PerfHttpUser):
    """The general API: most of the traffic."""

    weight = 10
    wait_time = between(0.1, 1)

    @task
    class Browse(TaskSet):
        @task(3)
        def health(self):
            ask(self.user, "GET", "/health", 200, lambda c: c["status"] == "ok")

        @task(2)
        def chain(self):
            ask(self.user, "GET", "/chain/info", 200, lambda c: c["height"] >= 0 and c["status"])


class BlockchainUser(PerfHttpUser):
    """A reader of the chain: its head, then blocks below it."""

    weight = 4
    wait_time = between(0.5, 2)

    @task
    class Follow(TaskSet):
        height = 1

        @task(3)
        def head(self):
            block = ask(self.user, "GET", "/chain/blocks/latest", 200, lambda c: c["hash"])
            if block:
                self.height = block["height"]

        @task(2)
        def info(self):
            ask(self.user, "GET", "/chain/info", 200, lambda c: c["validators"])

        @task(1)
        def older(self):
            height = random.randint(1, self.height)
            path, name = f"/chain/blocks/{height}", "/chain/blocks/{height}"
            ask(self.user, "GET", path, 200, lambda c: c["height"] == height, name=name)


class SignedInUser(PerfHttpUser):
    """A user that logs in before its first task."""

    abstract = True
    wait_time = between(0.5, 2)
    signed = None

    def on_start(self):
        self.log_in()

    def log_in(self):
        login = {"username": f"user{random.randint(1, SEEDED_USERS)}", "password": PASSWORD}
        found = ask(self, "POST", "/auth/login", 200, lambda c: c["token"], json=login)
        self.signed = {"Authorization": f"Bearer {found['token']}"} if found else {}


class SessionUser(SignedInUser):
    """A user at work on sessions: created, listed, read, deleted."""

    weight = 5

    @task
    class Work(TaskSet):
        def on_start(self):
            self.mine = []

        def on_sessions(self, method, path, status, holds, **more):
            return ask(self.user, method, path, status, holds, headers=self.user.signed, **more)

        @task(4)
        def listing(self):
            path = "/sessions?limit=10"
            self.on_sessions("GET", path, 200, lambda c: len(c["sessions"]) <= 10, name="/sessions")

        @task(2)
        def create(self):
            name = f"load {random.randrange(10**9)}"
            new = {"name": name}
            made = self.on_sessions(
                "POST", "/sessions", 201, lambda c: c["id"] and c["name"] == name, json=new
            )
            if made:
                self.mine.append(made["id"])

        @task(3)
        def read(self):
            if not self.mine:
                return self.create()
            wanted = random.choice(self.mine)
            path, name = f"/sessions/{wanted}", "/sessions/{id}"
            return self.on_sessions("GET", path, 200, lambda c: c["id"] == wanted, name=name)

        @task(1)
        def delete(self):
            if not self.mine:
                return self.create()
            path, name = f"/sessions/{self.mine.pop()}", "/sessions/{id}"
            return self.user.client.delete(path, name=name, headers=self.user.signed)


class AdminUser(SignedInUser):
    """Few: looks after the system, now and then at its metrics, and logs in again."""

    weight = 1
    wait_time = between(1, 3)

    @task(20)
    def overview(self):
        ask(self, "GET", "/health", 200, lambda c: c["service"] and c["version"])

    @task(2)
    def metrics(self):
        with self.client.get("/metrics", catch_response=True) as page:
            if page.status_code == 200 and "gateway_requests_total" not in page.text:
                page.failure("no gateway_requests_total on the metrics page")

    @task(1)
    def log_in_again(self):
        self.log_in()
