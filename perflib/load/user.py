"""`PerfHttpUser`: change the import and the base class of a FastHttpUser, keep the rest."""

from __future__ import annotations

import logging
import random
import ssl
from collections.abc import Callable
from typing import Any

import gevent
import gevent.ssl
from gevent.event import Event
from locust import User
from locust.exception import StopTest, StopUser
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
)
from locust.user.users import RestMixin

from perflib.load.client import PerfHttpSession
from perflib.load.engine import engine_of

UNSUPPORTED = ("proxy_host", "proxy_port", "client_pool", "concurrency", "max_retries")
BREATH = 32  # tasks after which a user that never waits lets others run
logger = logging.getLogger(__name__)


class PerfHttpUser(User, RestMixin[Any]):
    """A Locust user with FastHttpUser's client, at about the pace of a tool written in C.

    Certificates are verified unless `insecure` is set (FastHttpUser does not verify them);
    `network_timeout` bounds a whole answer.
    """

    abstract = True
    connection_timeout: float = 60.0
    network_timeout: float = 60.0
    max_redirects: int = 30
    insecure: bool = False
    default_headers: dict[str, str] | None = None
    ssl_context_factory: Callable[[], ssl.SSLContext] | None = None
    intended_ns = -1
    """When the task under way was due (monotonic ns); 0 after its first request, −1 if closed."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        for name in UNSUPPORTED:
            if getattr(self, name, None):
                raise StopTest(f"PerfHttpUser has no `{name}`: remove it, or use FastHttpUser")
        if self.host is None:
            raise StopTest("no host: set `host` on the user class, or pass --host")
        default = _unverified if self.insecure else gevent.ssl.create_default_context
        self.client = PerfHttpSession(
            self.host,
            self,
            engine_of(environment),
            connection_timeout=self.connection_timeout,
            network_timeout=self.network_timeout,
            max_redirects=self.max_redirects,
            tls=type(self).ssl_context_factory or default,
            default_headers=self.default_headers,
        )

    def run(self) -> None:  # type: ignore[misc]
        """A user's life as in Locust (where this is final), over `LeanTasks`."""
        self._state = LOCUST_STATE_RUNNING
        self._taskset_instance = LeanTasks(self)
        try:
            try:
                self.on_start()
            except Exception as error:
                logger.exception("on_start failed")
                if not isinstance(error, StopUser | StopTest):
                    self.environment.events.user_error.fire(
                        user_instance=self, exception=error, tb=error.__traceback__
                    )
                raise
            self._taskset_instance.run()  # type: ignore[no-untyped-call]
        except (gevent.GreenletExit, StopUser, StopTest):
            self.on_stop()  # type: ignore[no-untyped-call]
        finally:
            self.client.close()


class LeanTasks(DefaultTaskSet):
    """Locust's loop over a user's tasks with fewer steps, and an arrival before the first task.

    Locust yields to other users after each task even when the task waited for its answer, which
    costs as much as a request; here a user yields by its requests, and now and then.
    """

    def __init__(self, user: Any) -> None:
        super().__init__(user)
        self._breath = 0
        self._engine = engine_of(user.environment)

    def on_start(self) -> None:
        """With open arrivals the first task, too, waits until it is due."""
        if getattr(self.user.wait_time, "is_open", False):
            self.wait()

    def execute_next_task(self) -> None:
        """Task after task; Locust's own loop around this takes what a task raises or schedules."""
        task = self._task_queue.popleft()
        while True:
            self.execute_task(task)  # type: ignore[no-untyped-call]
            if self._task_queue:
                return
            self.wait()
            task = self.get_next_task()

    def get_next_task(self) -> Any:
        """A task, each as often as its weight says."""
        tasks = self._user.tasks
        if not tasks:
            return super().get_next_task()  # type: ignore[no-untyped-call]
        return tasks[int(random.random() * len(tasks))]

    def wait(self) -> None:
        """Sleep for the user's wait time."""
        user = self._user
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        user._state = LOCUST_STATE_WAITING
        seconds = user.wait_time()
        self._breath += 1
        if seconds > 0 or self._breath >= BREATH:
            self._breath = 0
            gevent.sleep(seconds)
            if self._engine.stopping:  # Locust's kill is under way, and would cut a request off
                Event().wait()
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        user._state = LOCUST_STATE_RUNNING


def _unverified() -> ssl.SSLContext:
    context: ssl.SSLContext = gevent.ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
