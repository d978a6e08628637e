"""A user class takes the place of FastHttpUser: its tasks, its attributes, its refusals."""

import gevent
import pytest
from locust import FastHttpUser, TaskSet, constant, task
from locust.exception import StopTest
from locust.util.load_locustfile import is_user_class

from perflib.load import PerfHttpUser
from tests.gevented.conftest import Bench


def test_unsupported_bodies_and_classes_are_refused(server, bench):
    with pytest.raises(TypeError, match="not supported"):
        bench.client.post("/method", data=iter([b"x"]))
    for name in ("proxy_host", "concurrency"):
        with pytest.raises(StopTest, match=name):
            Bench(server.url, **{name: 1})
    with pytest.raises(StopTest, match="no host"):
        Bench(None)
    with pytest.raises(AttributeError, match="has no `elapsed`"):
        _ = bench.client.get("/method").elapsed


def test_the_class_is_abstract_and_its_subclasses_are_not():
    assert not is_user_class(PerfHttpUser)
    assert is_user_class(Bench("http://127.0.0.1:1").cls)


def test_tasks_run_with_their_weights_and_leave_their_sets(server):
    done = []

    class Someone(PerfHttpUser):
        host = server.url

        @task
        class Inner(TaskSet):
            @task
            def one(self):
                done.append("inner")
                self.interrupt()

        @task(3)
        def outer(self):
            done.append("outer")
            if len(done) > 400:
                self.environment.runner.quit()

        def on_stop(self):
            done.append("stopped")

    environment = Bench(server.url).environment
    environment.user_classes = [Someone]
    environment.runner.start(1, 1)
    environment.runner.greenlet.join(timeout=10)
    assert done[-1] == "stopped"
    assert 0.1 < done.count("inner") / len(done) < 0.4


def test_a_user_that_wakes_while_the_load_is_stopped_asks_nothing_more(server):
    class Someone(PerfHttpUser):
        host, stopped = server.url, False
        wait_time = constant(0.05)

        @task
        def ask(self):
            self.client.get("/method")

        def on_stop(self):
            type(self).stopped = True

    bench = Bench(server.url)
    bench.environment.user_classes = [Someone]
    bench.environment.stop_timeout = 5
    # Locust's kill of waiting users comes a moment after this
    bench.environment.events.test_stopping.add_listener(lambda **_: gevent.sleep(0.2))
    bench.environment.runner.start(1, 1)
    while not server.requests:
        gevent.sleep(0.01)
    asked = len(server.requests)
    bench.environment.runner.quit()
    assert (len(server.requests), Someone.stopped) == (asked, True)


@pytest.mark.parametrize("nested", [False, True], ids=["user", "task set"])
@pytest.mark.parametrize("cls", [PerfHttpUser, FastHttpUser])
def test_a_failed_request_excuses_an_error_of_its_own_task_only(server, cls, nested):
    turns = iter([(True, False), (False, True), (True, True), (False, True)])

    def ask(holder):
        fails, raises = next(turns, (None, None))
        holder.client.get("/status/500" if fails else "/method")
        holder.client.get("/method")
        if raises:
            raise KeyError("id")
        if fails is None:
            holder.user.environment.runner.quit()

    class Holder(TaskSet):
        tasks = (ask,)

    bench = Bench(server.url, cls, tasks=[Holder if nested else lambda user: ask(Holder(user))])
    bench.cls.wait_time = constant(0)
    bench.environment.user_classes = [bench.cls]
    bench.environment.runner.start(1, 1)
    bench.environment.runner.greenlet.join(timeout=10)
    assert (bench.engine.raised, bench.engine.first_raised) == (2, "KeyError: 'id'")
