"""Each format says what its file says: no more, no less, in base units, told by content alone."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from perflib.errors import FormatError
from perflib.formats import FORMATS, recognise
from perflib.formats.base import Source
from perflib.formats.found import last_digit
from perflib.formats.loading import COLUMNS, load_results, readings, summarised
from perflib.formats.tally import MOST_LABELS, OTHERS
from tests.formats.cases import CASES, LOCUST_COLUMNS, Case

# a request a row
STREAMED = {
    "jmeter-csv",
    "jmeter-xml",
    "k6-ndjson",
    "k6-csv",
    "gatling-log",
    "pgbench-log",
    "vegeta-results",
    "locust-requests",
    "hey-csv",
    "ab-tsv",
}
# what one byte a character can say
NARROW = [
    case
    for case in CASES
    if not case.text.isascii()
    and case.text.encode("cp1252", "ignore").decode("cp1252") == case.text
]
IDS = [f"{case.format}-{at}" for at, case in enumerate(CASES)]


def source_of(case: Case) -> Source:
    return Source(Path("unnamed"), content=case.text.encode())


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_content_alone_tells_the_format(case: Case) -> None:
    assert recognise(source_of(case)) == case.format


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_numbers_are_those_of_the_file(case: Case) -> None:
    found = {
        (each.label, each.metric, each.statistic): each.value
        for reading in readings(source_of(case))
        for each in summarised(reading)
    }
    read = {key: found.get(key) for key in case.expected}
    assert read == pytest.approx(case.expected)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_nothing_is_said_twice(case: Case) -> None:
    for reading in readings(source_of(case)):
        keys = [indicator.key for indicator in reading.indicators]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("case", [case for case in CASES if case.format in STREAMED])
def test_a_file_of_any_size_is_never_looked_at_as_a_whole(case: Case) -> None:
    long = Source(Path("unnamed"), content=case.text.encode())
    for reading in readings(long):
        summarised(reading)
    assert not {"content", "text"} & set(vars(long))


def test_every_format_has_a_case() -> None:
    assert {case.format for case in CASES} == set(FORMATS)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_line_ends_and_marks_change_nothing(case: Case) -> None:
    plain = [summarised(reading) for reading in readings(source_of(case))]
    content = b"\xef\xbb\xbf" + case.text.replace("\n", "\r\n").encode()
    marked = Source(Path("unnamed"), content=content)
    assert [summarised(reading) for reading in readings(marked)] == plain


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gzip_is_unpacked(case: Case) -> None:
    packed = Source(Path("unnamed"), content=gzip.compress(case.text.encode()))
    assert recognise(packed) == case.format


@pytest.mark.parametrize("format_name", ["jmeter-csv", "k6-ndjson", "ab"])
def test_damaged_gzip_is_refused_by_every_way_to_read(format_name: str) -> None:
    case = next(case for case in CASES if case.format == format_name)
    packed = gzip.compress(case.text.encode() * 1000 + os.urandom(200_000))[:-100_000]
    with pytest.raises(FormatError, match="damaged gzip data"):
        summarised(readings(Source(Path("unnamed"), content=packed), format_name)[0])


# behind the part that tells the encoding
LATE = 5000


@pytest.mark.parametrize(
    ("row", "skipped"),
    [(b"1700000000000,5,\xe9,true\n", 0), (b"1700000000000,5,\xe9\xff\n", 1)],
    ids=["a label", "a broken row"],
)
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_byte_of_another_encoding_costs_no_row_of_a_jtl(row: bytes, skipped: int) -> None:
    rows = b"timeStamp,elapsed,label,success\n" + b"1700000000000,5,a,true\n" * LATE
    source = Source(Path("late"), content=rows + row)
    found = {i.key: i.value for reading in readings(source) for i in summarised(reading)}
    assert found["requests", "value", ""] == LATE + 1 - skipped
    assert source.skipped_rows == skipped


def test_a_byte_of_another_encoding_costs_no_number_of_a_document() -> None:
    case = next(case for case in CASES if case.format == "pytest-benchmark")
    named = case.text.encode().replace(b"{", b'{"x":"%b\xe9",' % (b" " * 70_000), 1)
    assert readings(Source(Path("late"), content=named))[0].indicators == (
        readings(source_of(case))[0].indicators
    )


@pytest.mark.parametrize("case", NARROW, ids=[case.format for case in NARROW])
def test_an_old_desktop_costs_no_number(case: Case) -> None:
    plain = [summarised(reading) for reading in readings(source_of(case))]
    old = Source(Path("unnamed"), content=case.text.encode("cp1252"))
    assert [summarised(reading) for reading in readings(old)] == plain


def test_a_score_of_jmh_is_of_as_many_values_as_are_counted() -> None:
    histogram = '"rawDataHistogram":[[[[1.0,5],[3.0,7]],[[2.0,4]]]]'
    text = '[{"benchmark":"a","mode":"sample","primaryMetric":{"score":1,"scoreUnit":"s/op",%s}}]'
    (reading,) = readings(Source(Path("jmh"), content=(text % histogram).encode()))
    assert [indicator.n for indicator in reading.indicators] == [16]


@pytest.mark.parametrize(
    "text",
    [
        '{"sampling_mode":"Flat","iters":[1,1],"times":[1e308,1e308]}',
        "name,iterations,real_time,cpu_time,time_unit\na,1,1e308,0,ns\na,1,1e308,0,ns\n",
        '{"benchmarks":[{"runs":[{"values":[1e308,1e308]}]}]}',
        '[{"BlockNumber":1,"ExecutionMetrics":{"a":1e308}},'
        '{"BlockNumber":2,"ExecutionMetrics":{"a":1e308}}]',
        "BenchmarkA 1 1e308 ns/op\nBenchmarkA 1 1e308 ns/op\n",
    ],
    ids=["criterion", "google-benchmark", "pyperf", "base-benchmark", "go-bench"],
)
@pytest.mark.filterwarnings("error")
def test_a_sum_too_large_for_a_number_is_no_mean(text: str) -> None:
    (reading,) = readings(Source(Path("huge"), content=text.encode()))
    found = {i.statistic for i in reading.indicators if i.value}
    assert found == {"min", "max"}


@pytest.mark.parametrize(
    "text",
    [
        '{"latency":{"count":1,"mean":1},"errors":0}',
        "breakpoint, filter, print, range",
    ],
    ids=["words of many tools", "words of Python"],
)
def test_common_words_make_no_likeness(text: str) -> None:
    with pytest.raises(FormatError, match="no known format\n"):
        recognise(Source(Path("unknown"), content=text.encode()))


def test_a_table_for_notebooks(tmp_path: Path) -> None:
    for at, case in enumerate(CASES[:3]):
        (tmp_path / f"{at}.txt").write_text(case.text)
    frame = load_results(tmp_path)
    assert tuple(frame.columns) == COLUMNS
    assert frame["file"].nunique() == 3
    assert frame["started_at"].str.len().gt(0).all()


def test_approximate_percentiles_are_marked() -> None:
    case = next(case for case in CASES if case.text.startswith(LOCUST_COLUMNS))
    (reading,) = readings(source_of(case))
    marks = {(i.metric, i.statistic): (i.approximate, i.resolution) for i in reading.indicators}
    assert marks["service_time", "p95"] == (True, 0.01)  # Locust rounds 390 ms to 10 ms
    assert marks["service_time", "mean"] == (False, 0.0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "[ 5s ] thds: 8 tps: 26.50 qps: 530.00 (r/w/o: 1/2/3) lat (ms,95%): 376.49 err/s: 0.00",
            [(5.0, "throughput", "", 26.5), (5.0, "event_time_p95", "", 0.37649)],
        ),
        (
            "[  10s] threads: 4, tps: 26.60, reads: 372.40, response time: 20.50ms (99%)",
            [(10.0, "throughput", "", 26.6), (10.0, "event_time_p99", "", 0.0205)],
        ),
        ("[ 1s ] thds: 1 eps: 1406.28", [(1.0, "throughput", "", 1406.28)]),
    ],
)
def test_what_sysbench_tells_on_the_way_is_a_series(
    line: str, expected: list[tuple[float, str, str, float]]
) -> None:
    text = (
        f"sysbench 1.0.20 (x)\nRunning the test with following options:\n{line}\ntotal time: 9s\n"
    )
    (reading,) = readings(Source(Path("log"), content=text.encode()))
    assert reading.series is not None
    found = [tuple(row.values()) for row in reading.series.to_pylist()]
    assert found == [(at, name, label, pytest.approx(v)) for at, name, label, v in expected]


@pytest.mark.parametrize(
    "content", ["Running 1s test @ x".encode("utf-16-le"), b"PAR1\0"], ids=["UTF-16", "binary"]
)
def test_what_is_no_text_is_told_as_such(content: bytes) -> None:
    with pytest.raises(FormatError, match="binary or UTF-16 without its mark"):
        recognise(Source(Path("unknown"), content=content))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_k6_points_of_a_windows_terminal_are_read(encoding: str) -> None:
    case = next(case for case in CASES if case.format == "k6-ndjson")
    wide = Source(Path("points"), content=case.text.encode(encoding))
    assert [summarised(reading) for reading in readings(wide)] == [
        summarised(reading) for reading in readings(source_of(case))
    ]


@pytest.mark.parametrize(
    ("name", "statistic", "approximate", "resolution"),
    [
        ("vegeta-report", "p99", True, 90e-6),  # a t-digest: 1 % of 9 ms
        ("vegeta-report", "max", False, 0.0),
        ("gatling-stats", "percentiles3", True, 2e-3),  # 1 % of 200 ms
        ("gatling-stats", "mean", False, 1e-3),
        ("jmeter-statistics", "pct1", False, 0.0),  # ten samples, all of which JMeter kept
        ("artillery", "p95", True, 80e-6),
    ],
)
def test_a_sketched_percentile_is_known_to_the_width_of_the_sketch(
    name: str, statistic: str, approximate: bool, resolution: float
) -> None:
    cases = (case for case in CASES if case.format == name)
    found = (i for case in cases for r in readings(source_of(case)) for i in r.indicators)
    each = next(i for i in found if (i.metric, i.statistic) == ("service_time", statistic))
    assert (each.approximate, each.resolution) == (approximate, pytest.approx(resolution))


@pytest.mark.parametrize(
    ("kind", "resolution"),
    [("Type", 0.0), ("Method", 0.25 - 0.2)],
)
def test_failures_may_have_been_apart_from_requests_in_old_versions_of_locust(
    kind: str, resolution: float
) -> None:
    text = f"{kind},Name,# requests,# failures\nGET,/a,4,1\n"
    (reading,) = readings(Source(Path("table"), content=text.encode()))
    rate = next(i for i in reading.indicators if i.metric == "error_rate")
    assert (rate.value, rate.approximate) == (0.25, resolution > 0)
    assert rate.resolution == pytest.approx(resolution)


def test_the_order_of_locusts_history_is_that_of_its_times() -> None:
    head = "Timestamp,User Count,Type,Name,Requests/s,50%,Total Request Count,Total Failure Count\n"
    moments = ["1700000000,1,,Aggregated,5,20,5,1\n", "1700000002,2,,Aggregated,6,N/A,12,3\n"]
    for listed in (moments, moments[::-1]):
        (reading,) = readings(Source(Path("history"), content=(head + "".join(listed)).encode()))
        assert reading.started_at == "2023-11-14T22:13:20+00:00"
        assert {i.key: i.value for i in reading.indicators}["error_rate", "value", ""] == 0.25
        assert reading.series is not None
        assert reading.series.to_pydict() == {
            "time_s": [0.0, 0.0, 0.0, 2.0, 2.0],
            "name": ["users", "throughput", "service_time_p50", "users", "throughput"],
            "labels": [""] * 5,
            "value": [1.0, 5.0, 0.02, 2.0, 6.0],
        }


def test_requests_of_locust_without_a_time_count_in_no_mean() -> None:
    entry = {"name": "/a", "num_requests": 4, "num_none_requests": 2, "num_failures": 0}
    times = {"total_response_time": 30, "response_times": {"10": 1, "20": 1}}
    alone = {"name": "/b", "num_requests": 1, "num_none_requests": 1, "total_response_time": 0}
    stats = [entry | times, alone | {"response_times": {}}]
    (reading,) = readings(Source(Path("stats"), content=json.dumps(stats).encode()))
    found = {i.key: (i.value, i.n) for i in reading.indicators}
    assert found["service_time", "mean", "/a"] == (0.015, 2)
    assert found["requests", "value", ""] == (5, 0)
    assert ("service_time", "max", "/b") not in found


def test_the_median_of_locusts_page_is_said_once() -> None:
    page = (
        "<html><title>Locust</title><script>window.templateArgs = "
        '{"requests_statistics":[{"name":"/a","num_requests":1,"median_response_time":5}],'
        '"response_time_statistics":[{"name":"/a","0.5":6,"0.9":7}]}</script></html>'
    )
    (reading,) = readings(Source(Path("page"), content=page.encode()))
    found = [(i.statistic, i.value) for i in reading.indicators if i.metric == "service_time"]
    assert found == [("p50", 0.005), ("p90", 0.007)]


def test_the_moments_of_a_series_are_kept() -> None:
    text = "# TYPE a gauge\na 1 100\na 3 160.5\nb 7\n# EOF\n"
    (reading,) = readings(Source(Path("page"), content=text.encode()))
    assert reading.started_at == "1970-01-01T00:01:40+00:00"
    assert reading.series is not None
    assert reading.series.to_pydict() == {
        "time_s": [0.0, 60.5],
        "name": ["a", "a"],
        "labels": ["", ""],
        "value": [1.0, 3.0],
    }


K6_CSV = "metric_name,timestamp,metric_value,error\nhttp_reqs,{0},1,\nhttp_req_duration,{0},5,\n"


@pytest.mark.parametrize(
    ("time", "step"),
    [
        ("1795645349", 1.0),
        ("1795645349123", 1e-3),
        ("1795645349123456", 1e-6),
        ("2026-11-25T22:22:59Z", 1.0),
        ("2026-11-25T22:22:59.317123456Z", 1e-9),
    ],
)
def test_k6_csv_is_as_exact_as_the_time_format_that_was_asked_for(time: str, step: float) -> None:
    content = K6_CSV.format(time).encode()
    (reading,) = readings(Source(Path("points.csv"), content=content))
    assert reading.time_step_s == pytest.approx(step)


@pytest.mark.parametrize(
    ("tags", "share"),
    [
        ({"status": "404", "error_code": "1404", "expected_response": "true"}, 0.0),
        ({"status": "200", "expected_response": "false"}, 1.0),
        ({"status": "500", "error_code": "1500"}, 1.0),  # before 0.31
        ({"status": "0", "error": "timeout", "error_code": "1050"}, 1.0),
        ({"status": "200"}, 0.0),
    ],
)
def test_k6_itself_tells_whether_it_expected_an_answer(tags: dict[str, str], share: float) -> None:
    time, metric = "2026-11-25T22:22:59Z", "http_req_duration"
    point = {"type": "Point", "metric": metric, "data": {"time": time, "value": 5, "tags": tags}}
    names = ",".join(["metric_name,timestamp,metric_value", *tags])
    cells = ",".join([f"{metric},{time},5", *tags.values()])
    for text in (json.dumps(point), f"{names}\n{cells}\n"):
        (reading,) = readings(Source(Path("points"), content=text.encode()))
        found = {i.key: i.value for i in summarised(reading)}
        assert found["error_rate", "value", ""] == share


@pytest.mark.parametrize(
    ("text", "step"),
    [("12", 1.0), ("1.25", 0.01), ("1e+08", 1e8), ("1.5e-05", 1e-6), ("1e400", float("inf"))],
)
def test_a_written_number_is_known_to_its_last_digit(text: str, step: float) -> None:
    assert last_digit(text) == pytest.approx(step)


@pytest.mark.parametrize(
    ("text", "requests"),
    [
        (
            '{"metrics":{"iterations":{"count":1},"http_req_failed":{"passes":1,"fails":3,"value":0.25}}}',
            4,
        ),
        (
            "  http_req_failed..: 25.00% 2 out of 8\n  http_reqs....: 8 4/s\n"
            "  iterations....: 2 1/s\n",
            8,
        ),
        (
            "  http_req_failed..: 12.50% ✓ 1        ✗ 7\n  http_reqs....: 8 4/s\n"
            "  iterations....: 2 1/s\n",
            8,
        ),
    ],
)
def test_k6_tells_of_how_many_requests_a_share_is(text: str, requests: int) -> None:
    (reading,) = readings(Source(Path("summary"), content=text.encode()))
    assert [i.n for i in reading.indicators if i.metric == "error_rate"] == [requests]


@pytest.mark.parametrize("key", ["generatedAt", "generated_at"])
def test_k6_tells_when_its_summary_was_made(key: str) -> None:
    text = (
        f'{{"metadata":{{"{key}":"2026-01-01T00:00:10Z"}},"config":{{"duration":4}},"results":'
        '{"metrics":[{"name":"http_reqs","type":"counter","values":{"count":5}}]}}'
    )
    (reading,) = readings(Source(Path("summary"), content=text.encode()))
    assert reading.started_at == "2026-01-01T00:00:06+00:00"


@pytest.mark.parametrize(
    ("time", "step"),
    [
        ("1700000000", 1.0),
        ("1700000000123", 0.0),
        ("25.11.2026 22:38:26", 1.0),
        ("2026/11/25 22:38:17.333", 0.0),
    ],
)
def test_jmeters_times_are_as_exact_as_their_format(time: str, step: float) -> None:
    content = f"timeStamp;elapsed;label;success\n{time};5;a;true\n".encode()
    (reading,) = readings(Source(Path("rows.csv"), content=content))
    assert reading.time_step_s == step


def test_artillerys_rate_is_known_no_better_than_its_requests_over_time() -> None:
    text = (
        '{"aggregate":{"counters":{"http.requests":72},"rates":{"http.request_rate":15},'
        '"firstMetricAt":1700000000000,"lastMetricAt":1700000006000,"summaries":'
        '{"http.response_time":{"min":0,"p50":0}}},"intermediate":[]}'
    )
    (reading,) = readings(Source(Path("report"), content=text.encode()))
    found = {(i.metric, i.statistic): (i.value, i.resolution) for i in reading.indicators}
    assert found["throughput", "value"] == (15, pytest.approx(3))
    # whole milliseconds
    assert found["service_time", "min"] == found["service_time", "p50"] == (0, 1e-3)


def test_criterions_estimates_are_named_by_the_file_beside(tmp_path: Path) -> None:
    (tmp_path / "benchmark.json").write_text('{"group_id":"g","function_id":"f","full_id":"g/f"}')
    path = tmp_path / "estimates.json"
    named = ("mean", "median", "std_dev")
    path.write_text(json.dumps({name: {"point_estimate": 5} for name in named}))
    (reading,) = readings(Source(path))
    assert {i.label for i in reading.indicators} == {"g/f"}


def test_names_beyond_ten_thousand_share_one() -> None:
    rows = "".join(f"{1700000000000 + at},5,/item/{at},true\n" for at in range(MOST_LABELS + 7))
    content = f"timeStamp,elapsed,label,success\n{rows}".encode()
    (reading,) = readings(Source(Path("rows.csv"), content=content))
    counts = {i.label: i.value for i in summarised(reading) if i.metric == "requests"}
    assert (len(counts), counts[""], counts[OTHERS]) == (MOST_LABELS + 2, MOST_LABELS + 7, 7)


LONG = {
    "k6-text": (
        "     execution: local",
        "running (0m01.0s), 1/1 VUs",
        "    http_reqs....: 7 5/s\n    iterations....: 9 5/s\n",
    ),
    "pgbench": (
        "pgbench (16.1)",
        "pgbench: client 1 got an error",
        "transaction type: x\nnumber of transactions actually processed: 7\n",
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_a_report_may_stand_at_the_end_of_a_long_log(name: str) -> None:
    begin, noise, end = LONG[name]
    text = f"{begin}\n{noise}\n" + f"{noise}\n" * 9000 + end
    assert recognise(Source(Path("log"), content=text.encode())) == name


SEVERAL = {
    "siege": "Transactions: {n} hits\nTransaction rate: 5.00 trans/sec\nLongest transaction: 1.00\n"
    "Shortest transaction: 0.10\n",
    "k6-text": "    http_req_duration....: avg=1ms\n    http_reqs....: {n} 5/s\n"
    "    iterations....: 9 5/s\n",
    "vegeta-text": "# Requests   [total, rate]  {n}, 5.00\n# Latencies  [mean]  1ms\n"
    "# Success    [ratio]  100.00%\n",
    "ab": "Server Hostname: x\nTime taken for tests: 1 seconds\nComplete requests: {n}\n",
    "wrk": "Running 1s test @ http://x/\n  2 threads and 10 connections\n"
    "  {n} requests in 1.00s, 1B read\n",
    "hey": "Summary:\n  Slowest: 1 secs\n  Fastest: 1 secs\n  Average: 1 secs\n  Requests/sec: 5\n"
    "  [200]\t{n} responses\n",
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_reports_in_one_file_are_several_runs(name: str) -> None:
    text = "".join(SEVERAL[name].format(n=n) for n in (7, 8))
    found = readings(Source(Path("notes"), content=text.encode()))
    counts = [i.value for r in found for i in r.indicators if i.metric == "requests"]
    assert (len(found), counts) == (2, [7.0, 8.0])


def test_notes_of_several_runs_are_not_mixed() -> None:
    """The watcher's clock starts anew where a run does; a title begins one as well."""
    block = "block {} | new #TX {} / 2000 ms = 1.0 TPS_current | total: #TX 9 / {} s = 1.0 TPS_a\n"
    text = "run 1\n" + block.format(7, 10, 2.1) + block.format(8, 20, 4.2)
    text += "run 2\n" + block.format(3, 60, 2.2)
    text += "## (x) Geth with 50 txs: 95.0 TPS\n" + block.format(9, 50, 2.3)
    found = readings(Source(Path("notes.md"), content=text.encode()))
    sizes = [i.value for r in found for i in r.indicators if i.metric == "block_transactions"]
    assert (sizes, [r.run for r in found]) == ([15, 60, 50], ["", "", "(x) Geth"])


BAD_ROWS = (
    "timeStamp,elapsed,label,success\n1700000000000,5,a,true\nx,5,a,true\n1700000000001,5,a\n"
    "1700000000002,5,a,true\n1700000000003,5,a,perhaps\n"
)


def test_broken_rows_are_told_and_skipped() -> None:
    source = Source(Path("rows.csv"), content=BAD_ROWS.encode())
    (reading,) = readings(source)
    assert {i.value for i in summarised(reading) if i.metric == "requests"} == {2.0}
    assert [skipped.line for skipped in source.skipped] == [3, 4, 6]
    assert source.skipped_rows == 3


def test_a_file_of_broken_rows_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("timeStamp,elapsed,label,success\n1700000000000,x,a,true\n")
    with pytest.raises(FormatError, match=r"rows.csv:2: no row .* 'elapsed': 'x'"):
        load_results(path)


def test_strict_makes_the_first_broken_row_an_error() -> None:
    source = Source(Path("rows.csv"), content=BAD_ROWS.encode(), strict=True)
    with pytest.raises(FormatError, match=r"rows.csv:3: no time"):
        summarised(readings(source)[0])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"  \n\n", "empty"),
        (b"hello world, this is no result\n", "no known format"),
        (b'{"metrics": {"iterations": {', "no known format"),
        (b"\x00\x00\x00\x00\x06" + b"3.14.3" + b"\x00" * 20, "binary log of Gatling 3.14.3"),
        (b"\x0f\x7f\x03\x01\x01\x06Result\x01\xff\x80\x00", "gob"),
        (b"\x1f\x8b\x08\x00garbage", "damaged gzip"),
        (
            b"timeStamp,elapsed,label\n" + b"1700000000000,5,a\n" * 9 + b'1,"' + b"x" * 2**22,
            "a line of more",
        ),
        (
            b"This is ApacheBench, Version 2.3\napr_socket_recv: refused (111)\n",
            "failed or was stop",
        ),
        (b"unable to connect to 127.0.0.1:1 Connection refused\n", "failed before it began"),
        (
            b'[{"num_requests":1.7e308,"total_response_time":1,"response_times":{}},'
            b'{"num_requests":1.7e308,"total_response_time":1,"response_times":{}}]',
            "no entry with Locust's statistics",
        ),
        (b'{"group_id":"g","function_id":null,"full_id":"g"}', "description of a benchmark"),
        (b"name,min,ops\na,1,5\nb,1,5\na,2,5\n", "several runs .* again"),
        (b"sysbench 1.0.20 (using system LuaJIT)\nCreating file test_file.0\n", "only prepared"),
        (b'{"machine":"m","arch":"x","cpu":"c","os":"o","ram":"8G","version":1}', "asv's descr"),
        (b"# TYPE a gauge\na 0 2\na 0 1\n# EOF\n", "appears again"),
        (b'{"mean":{"point_estimate":0.1},"median":{"point_estimate":-0.1}}', "criterion's change"),
        (b"running 0 tests\n\ntest result: ok. 0 passed; 0 measured\n", "nothing in it"),
        (gzip.compress(b"\x00" * 300_000_000, mtime=0), "unpacks to more than|no known format"),
        (
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><testResults>&a;</testResults>',
            "entit",
        ),
    ],
    ids=lambda value: str(value)[:25],
)
def test_what_is_no_result_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        [summarised(reading) for reading in readings(Source(Path("bad"), content=content))]
