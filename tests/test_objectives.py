import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflib.errors import ObjectiveError, PerflibError
from perflib.objectives import parse_objective
from perflib.units import format_quantity


@pytest.mark.parametrize(
    ("text", "metric", "statistic", "label", "low", "high", "inclusive"),
    [
        ("throughput > 1000 req/s", "throughput", "value", "", 1000, None, False),
        ("throughput >= 60000 req/min", "throughput", "value", "", 1000, None, True),
        ("p95(query_time) < 10 ms", "query_time", "p95", "", None, 0.01, False),
        ("p99.9(query_time)≤10ms", "query_time", "p99.9", "", None, 0.01, True),
        ("median(query_time) < 1 s", "query_time", "p50", "", None, 1, False),
        ("max ( query_time ) < 1 s", "query_time", "max", "", None, 1, False),
        ("mean(block_time) = 10 s ± 20 %", "block_time", "mean", "", 8, 12, True),
        ("mean(block_time) = 10 s +/- 500 ms", "block_time", "mean", "", 9.5, 10.5, True),
        ("error_rate < 1 %", "error_rate", "value", "", None, 0.01, False),
        ("error_rate < 0.01", "error_rate", "value", "", None, 0.01, False),
        ('error_rate["POST /x"] < 1 %', "error_rate", "value", "POST /x", None, 0.01, False),
        ('p99(service_time["GET /a]b"]) < 1 s', "service_time", "p99", "GET /a]b", None, 1, False),
        ("p99(service_time['it\"s']) < 1 s", "service_time", "p99", 'it"s', None, 1, False),
        ("p99(service_time[GET /a]) < 1 s", "service_time", "p99", "GET /a", None, 1, False),
        ('p99(service_time["a\n  b"]) < 1 s', "service_time", "p99", "a\n  b", None, 1, False),
        ("peak_memory < 2 GiB", "peak_memory", "value", "", None, 2**31, False),
        ("mean(result_rows) > 1e2 rows", "result_rows", "mean", "", 100, None, False),
    ],
)
def test_what_people_write(text, metric, statistic, label, low, high, inclusive):
    found = parse_objective(text)
    assert (found.metric, found.statistic, found.label) == (metric, statistic, label)
    assert (found.low, found.high, found.inclusive) == (low, high, inclusive)
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "caret_at", "says"),
    [
        ("p95(query_tme) < 10 ms", "query_tme", "the nearest, `query_time`"),
        ("p95(query_time) < 10 mss", "10 mss", "unknown unit `mss`"),
        ("p95(query_time) < 10 req/s", "10 req/s", "`10 req/s` is in req/s"),
        ("p95(query_time) < 10", "10", "has no unit"),
        ("p95(query_time) < fast", "fast", "is no quantity"),
        ("p95(query_time) <", None, "is no quantity"),
        ("p95(query_time)", None, "a bound such as"),
        ("p95(query_time < 10 ms", "< 10", "`)` is missing"),
        ("p95(query_time{a}) < 10 ms", "{a}", "a label in brackets"),
        ("query_time < 10 ms", "query_time", "needs a statistic"),
        ("p100(query_time) < 10 ms", "p100", "unknown statistic `p100`"),
        ("p0(query_time) < 10 ms", "p0", "unknown statistic `p0`"),
        ("pct(query_time) < 10 ms", "pct", "unknown statistic"),
        ("mean(throughput) > 1 req/s", "mean", "`throughput` is one number a run"),
        ("mean(block_time) = 10 s", "10 s", "needs a tolerance"),
        ("mean(block_time) = 10 s ± -5 %", "-5 %", "tolerance is negative"),
        ("mean(block_time) = 10 s ± 2 req", "2 req", "`2 req` is in req"),
        ('p95(query_time["a) < 10 ms', '"a)', "the label is not closed"),
        ("p95(query_time[a) < 10 ms", "a)", "`]` is missing"),
        ("p95(query_time[]) < 10 ms", "]", "an empty label"),
        ("p95(query_time) < 10 ms, please", "10 ms, please", "unknown unit"),
        ("", None, "a metric or a statistic"),
        ("p95(query_time) < 1e999 ms", "1e999", "not finite"),
        ("p95(query_time) < 1e308 h", "1e308", "not finite"),
        ("mean(block_time) = 1e308 s ± 90 %", "90 %", "reaches to infinity"),
        ("p99.99999999999999999(query_time) < 1 s", "p99", "unknown statistic"),
        ("p95(query_time) ! 10 ms", "! 10", "a bound such as"),
    ],
)
def test_a_caret_stands_under_the_mistake(text, caret_at, says):
    with pytest.raises(ObjectiveError) as caught:
        parse_objective(text)
    message = str(caught.value)
    assert says in message
    line, caret = message.splitlines()[1:3]
    at = len(text) if caret_at is None else text.index(caret_at)
    assert caret.index("^") - line.index(text or line) == at if text else True


def test_a_newline_does_not_move_the_caret():
    with pytest.raises(ObjectiveError) as caught:
        parse_objective("p95(query_time)\n < 10 foo")
    line, caret = str(caught.value).splitlines()[1:3]
    assert line.strip() == "p95(query_time)  < 10 foo"
    assert line[caret.index("^") :] == "10 foo"


def test_wide_and_invisible_signs_do_not_move_the_caret():
    with pytest.raises(ObjectiveError) as caught:
        parse_objective('p95(query_time["検索e\u0301"]) < 10 foo')
    line, caret = str(caught.value).splitlines()[1:3]
    assert caret.index("^") == line.index("10 foo") + 2 - 1  # two are wide, one has no width


def test_what_is_no_text_is_refused():
    with pytest.raises(PerflibError, match="an objective is 5"):
        parse_objective(5)


WORDS = ["p95", "p99.9", "mean", "query_time", "throughput", "10", "1e308", "-.5", "1_0", "ms"]
WORDS += ["s", "req/s", "%", "+/-", "a"]
GRAMMAR = st.lists(
    st.sampled_from([*"()[]\"'<>=≤≥±×µ²٣ \n", "\ud800", "\u202e", *WORDS]), max_size=14
)


@given(GRAMMAR.map("".join))
def test_what_is_nearly_an_objective_parses_to_itself_or_is_refused(text):
    try:
        found = parse_objective(text)
    except ObjectiveError as error:
        assert "^" in str(error)  # noqa: PT017 (most texts are refused, some are not)
        return
    assert parse_objective(found.text) == found
    assert found.bounds
    assert all(map(math.isfinite, found.bounds))


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text):
    try:
        parse_objective(text)
    except PerflibError as error:
        assert "^" in str(error)  # noqa: PT017 (most texts are refused, some are not)


@given(
    st.sampled_from(["p50", "p95", "p99.9", "mean", "max"]),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.floats(1e-3, 1e6).map(lambda value: f"{value:.6g}"),
)
def test_the_text_of_an_objective_parses_to_itself(statistic, bound, value):
    found = parse_objective(f"{statistic}(query_time) {bound} {value} ms")
    assert parse_objective(found.text) == found


@pytest.mark.parametrize(
    ("value", "base", "text"),
    [
        (0.0123456, "s", "12.3 ms"),
        (0.9999, "s", "1.00 s"),
        (9.9999, "s", "10.0 s"),
        (999.9e-6, "s", "1.00 ms"),
        (-0.9999, "s", "-1.00 s"),
        (0.0, "s", "0 s"),
        (2.5e-12, "s", "0.00250 ns"),
        (1_048_576, "B", "1.05 MB"),
        (123_456, "req/s", "123 000 req/s"),
        (999.6, "req/s", "1 000 req/s"),
        (0.05, "1", "0.0500"),
        (math.nan, "s", "–"),
        (math.inf, "s", "inf s"),
        (1.7976e308, "1", "inf"),
    ],
)
def test_a_value_reads_to_three_digits(value, base, text):
    assert format_quantity(value, base) == text
