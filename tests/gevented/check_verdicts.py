"""With `catch_response` the caller decides, in whatever order, and exceptions decide too."""

import pytest
from locust.exception import InterruptTaskSet, LocustError

from tests.gevented.conftest import Bench


def test_catch_response_orders(bench):
    def failing(answer):
        answer.failure("nope")

    def passing(answer):
        answer.success()

    def both(answer):
        answer.failure("nope")
        answer.success()

    cases = [
        ("/method", failing, "check: nope"),
        ("/method", lambda _: None, ""),
        ("/method", both, ""),
        ("/status/500", passing, ""),
        ("/status/500", lambda _: None, "status 500"),
    ]
    for path, act, _ in cases:
        with bench.client.get(path, catch_response=True) as answer:
            act(answer)
    assert [row[3] for row in bench.recorded()] == [error for *_, error in cases]


def test_a_check_that_raises_fails_the_request(bench):
    with (
        pytest.raises(KeyError),
        bench.client.get("/method", catch_response=True),
    ):
        raise KeyError("missing")
    with (
        pytest.raises(InterruptTaskSet),
        bench.client.get("/method", catch_response=True),
    ):
        raise InterruptTaskSet
    assert [row[3] for row in bench.recorded()] == ["check: KeyError: 'missing'", ""]


def test_a_forgotten_catch_response_is_recorded(bench):
    bench.client.get("/method", catch_response=True)
    bench.client.get("/status/500", catch_response=True)
    assert [row[3] for row in bench.recorded()] == ["", "status 500"]


def test_marking_without_a_block_is_refused(bench):
    answer = bench.client.get("/method")
    for act in (answer.success, answer.failure, answer.__enter__):
        with pytest.raises(LocustError):
            act()
    with pytest.raises(LocustError):
        bench.client.get("/method", catch_response=True).success()


@pytest.mark.parametrize(
    ("act", "counts"), [(lambda a: a.success(), (1, 0)), (lambda a: a.failure("no"), (1, 1))]
)
def test_a_request_without_an_answer_can_be_marked(act, counts):
    bench = Bench("http://127.0.0.1:1")
    with bench.client.get("/", catch_response=True) as answer:
        assert (answer.status_code, answer.content) == (0, None)
        act(answer)
    assert bench.stats() == counts


def test_a_verdict_outlives_another_exception(bench):
    def succeed_and_raise():
        with bench.client.get("/status/500", catch_response=True) as answer:
            answer.success()
            raise KeyError

    with pytest.raises(KeyError):
        succeed_and_raise()
    assert bench.stats() == (1, 0)


def test_rest_parses_and_checks(bench):
    with bench.user.rest("GET", "/echo") as answer:
        assert answer.js["query"] == {}
    with bench.user.rest("GET", "/method") as answer:
        assert answer.js is None
    with bench.user.rest("GET", "/echo") as answer:
        assert "impossible" in answer.js, "no such key"
    kinds = [row[3] for row in bench.recorded()]
    assert kinds[0] == ""
    assert "Could not parse" in kinds[1]
    assert "no such key" in kinds[2]
