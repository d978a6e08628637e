"""Whatever happened to a file, a reader loads it or refuses it with our own error, in time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from perflib.errors import FormatError
from perflib.formats import FORMATS, reader
from perflib.formats.base import Source
from perflib.formats.loading import readings, summarised
from tests.formats.cases import CASES, Case
from tests.formats.mutations import mutated
from tests.formats.test_samples import SAMPLES

SECONDS = 5.0
SMALL = 100_000


def load(content: bytes, format_name: str | None = None, *, strict: bool = False) -> str:
    """`loaded`, or why not; any other error than ours is a finding."""
    source = Source(Path("damaged"), content=content, strict=strict)
    try:
        for reading in readings(source, format_name):
            summarised(reading)
    except FormatError as error:
        return str(error)
    return "loaded"


@settings(
    max_examples=1500, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(case=st.sampled_from(CASES), seed=st.integers(0, 10**9))
@example(case=CASES[0], seed=0)
def test_mutated_files_load_or_are_refused(case: Case, seed: int) -> None:
    load(mutated(case.text.encode(), seed), case.format)


@pytest.mark.skipif(not SAMPLES, reason="no samples beside the project")
@settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(path=st.sampled_from(SAMPLES or [Path()]), seed=st.integers(0, 10**9))
def test_mutated_samples_load_or_are_refused(path: Path, seed: int) -> None:
    if path.stat().st_size < SMALL:
        load(mutated(path.read_bytes(), seed))


NASTY = {
    "nested lists": b"[" * 200_000,
    "nested objects": b'{"metrics":' * 50_000,
    "nested elements": b"<testResults>" + b"<a>" * 100_000,
    "a line of 3 MB": b"a," * 1_500_000,
    "NUL bytes": b"\x00" * 100_000,
    "half a UTF-16 character": b"\xff\xfea",
}


@pytest.mark.parametrize("content", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize("name", FORMATS)
def test_what_would_exhaust_a_reader_is_refused_in_time(name: str, content: bytes) -> None:
    started = time.monotonic()
    assert load(content, name) != "loaded"
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("case", CASES, ids=[f"{c.format}-{i}" for i, c in enumerate(CASES)])
def test_a_line_without_end_costs_no_more_than_itself(case: Case) -> None:
    started = time.monotonic()
    load(case.text.encode() + b"x" * 3_000_000, case.format)
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("0 1 1000 0 1700000000 5\n", "0 1 1000 0 9999999999 5\n"),
        (
            "starttime\tseconds\tctime\tdtime\tttime\twait\na\t1700000000\t1\t2\t3\t4\n",
            "a\t9999999999\t1\t2\t3\t4\n",
        ),
        (
            "request_type,name,response_time,start_time\nGET,/,5,1700000000\n",
            "GET,/,900000000000,8999999999\n",
        ),
        ("timeStamp,elapsed,success\n1700000000000,5,true\n", "1700000000000,-5,true\n"),
        ("timeStamp,elapsed,success\n1700000000000,5,true\n", f"1700000000000,{2**63 - 1},true\n"),
        ("timeStamp,elapsed,success\n1700000000000,5,true\n", f"{2**63 - 1},5,true\n"),
        ("timeStamp,elapsed,success\n1700000000,5,true\n", "99999999999,5,true\n"),
        (
            '<testResults><httpSample t="5" ts="1700000000000" s="true" lb="a"/>',
            '<httpSample t="900000000000" ts="8900000000000" s="true" lb="a"/></testResults>',
        ),
        (
            "RUN a a 2.3\nREQUEST a 1  b 1700000000000 1700000000005 OK\n".replace(" ", "\t"),
            "REQUEST a 1  b 9999999999999 1700000000001 1700000000002 1700000000005 OK\n".replace(
                " ", "\t"
            ),
        ),
    ],
)
def test_times_that_no_run_has_are_broken_rows(good: str, bad: str) -> None:
    source = Source(Path("late"), content=(good + bad).encode())
    (reading,) = readings(source)
    found = {i.key: i.value for i in summarised(reading)}
    assert (found["requests", "value", ""], source.skipped_rows) == (1, 1)
    assert found["service_time", "min", ""] > 0


TABLE, AGAIN = "Type,Name,Request Count,Failure Count\nGET,/a,10,1\n", "GET,/a,10,2\n"


@pytest.mark.parametrize(
    ("text", "noted"),
    [(TABLE * 2, 0), (TABLE + AGAIN, 2)],
    ids=["a doubled file", "a label twice"],
)
def test_of_what_is_stated_twice_the_first_counts(text: str, noted: int) -> None:
    source = Source(Path("doubled"), content=text.encode())
    (reading,) = readings(source)
    assert [i.value for i in reading.indicators if i.metric == "error_rate"] == [0.1]
    assert sum("is stated again as" in each.reason for each in source.skipped) == noted


@pytest.mark.parametrize("failed", ["-1", "11"])
def test_a_share_below_none_or_above_all_is_none(failed: str) -> None:
    text = f'{{"latencies":{{"mean":1}},"requests":10,"success":{failed}}}'
    (reading,) = readings(Source(Path("report"), content=text.encode()))
    assert "error_rate" not in {i.metric for i in reading.indicators}


def test_a_long_answer_in_a_row_is_no_long_line() -> None:
    row = "1700000000000000000,200,1000000,0,5,,{},,0,GET,http://a/\n"
    assert load((row.format("A") + row.format("A" * 200_000)).encode(), strict=True) == "loaded"


def test_a_forced_format_that_is_not_in_the_file_is_refused_by_name() -> None:
    assert load(b"Type,Name\n", "wrk").startswith("damaged: not in the format wrk")


def test_every_reader_says_what_it_reads() -> None:
    assert all(reader(name).__doc__ for name in FORMATS)
