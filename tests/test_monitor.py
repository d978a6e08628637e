"""Pages of metrics: what is valid is read as it stands, what is not is refused with its line."""

from __future__ import annotations

import gzip
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import brotli
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_open

from perflib.errors import TargetError
from perflib.monitor import Scraper, parse_metrics, readings, scrape
from perflib.monitor.live import quantile

HISTOGRAM = """# TYPE t histogram
t_bucket{le="0.1"} 3
t_bucket{le="1"} 5
t_bucket{le="+Inf"} 6
t_sum 4.5
t_count 6
"""
EXEMPLAR = '# TYPE a counter\na_total 7 # {id="x"} .5\n# EOF\n'


def registry() -> CollectorRegistry:
    found = CollectorRegistry()
    requests = Counter("requests", "by\nroute", ["route"], registry=found)
    requests.labels(route='a "quoted" \\ route\nwith a line é').inc(7)
    Gauge("open_connections", "now", registry=found).set(-3.5)
    Histogram("query_time_seconds", "time", ["name"], registry=found).labels(name="q").observe(0.2)
    Summary("pause_seconds", "gc", registry=found).observe(0.1)
    Info("build", "what runs", registry=found).info({"version": "1.2"})
    return found


@pytest.mark.parametrize(
    ("generate", "content_type"), [(generate_latest, ""), (generate_open, OPENMETRICS)]
)
def test_what_the_official_client_writes_is_read(generate, content_type):
    samples = parse_metrics(generate(registry()), content_type)
    found = {(s.name, tuple(s.labels.values())): s for s in samples}
    counter = found["requests_total", ('a "quoted" \\ route\nwith a line é',)]
    assert (counter.value, counter.kind) == (7.0, "counter")
    assert counter.label_text == '{route="a \\"quoted\\" \\\\ route\\nwith a line é"}'
    assert found["open_connections", ()].value == -3.5
    assert found["query_time_seconds_count", ("q",)].kind == "histogram"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("up 1\n", 1.0),
        ("up{} 1 1700000000000\n", 1.0),
        ('# a remark\n\n  up{ a = "b" , } \t+Inf \n', math.inf),
        ("# TYPE up counter\r\nup 1e3\r\n", 1000.0),
        ('up{a="}, b="} .5\n', 0.5),
    ],
)
def test_what_the_format_allows_is_read(page, expected):
    assert [sample.value for sample in parse_metrics(page)] == [expected]


@pytest.mark.parametrize(
    "exemplar",
    [
        "",
        ' # {id="x"} .5',
        ' # {id="x"} .5 1520879607.789',
        " # {} 1",
        r' # {id="say \"x\"",b="\\"} +Inf',
        ' # {id="# {}"} 1',
        f' # {{id="{"x" * 200}"}} 1',
    ],
)
@pytest.mark.parametrize("series", ["a_total", r'a_total{b="# {c=\"d\"} 1"}'])
def test_what_an_exemplar_holds_costs_no_page(series, exemplar):
    page = f"# TYPE a counter\n{series} 7{exemplar}\n# EOF\n"
    assert [sample.value for sample in parse_metrics(page, OPENMETRICS)] == [7]


def test_names_stay_as_written():
    """The parser would add `_total` to a counter; people look for the name on the page."""
    assert parse_metrics("# TYPE hits counter\nhits 3\n")[0].name == "hits"


@pytest.mark.parametrize(
    ("page", "line", "message"),
    [
        (HISTOGRAM.replace('t_bucket{le="+Inf"} 6\n', ""), 2, 'no bucket le="+Inf"'),
        (HISTOGRAM.replace('"1"} 5', '"1"} 2'), 2, "do not grow"),
        (HISTOGRAM.replace("t_count 6", "t_count 7"), 2, "counts 7 but its +Inf bucket 6"),
        (HISTOGRAM.replace("t_sum 4.5\n", ""), 2, "has no `t_sum`"),
        (HISTOGRAM.replace('le="0.1"', 'le="x"'), 2, "le is `x`"),
        (HISTOGRAM.replace('le="0.1"', 'le="1.0"'), 3, "bound 1 twice"),
        (HISTOGRAM.replace('{le="0.1"}', ""), 2, "has no bound"),
        ("up 1\nup{a=b} 1\n", 2, "labels do not parse"),
        ("up 1\nup{a='b'} 1\n", 2, "labels do not parse"),
        ('up{a="b\n', 1, "labels do not parse"),
        ('up{a="1",a="2"} 1\n', 1, "Invalid labels"),
        ('up{a="\\x"} 1\n', 1, "labels do not parse"),
        ("up 1\nup 1\n", 2, "appears again, first in line 1"),
        ('up{a="1",b="2"} 1\nup{b="2",a="1"} 1\n', 2, "appears again"),
        ("up one\n", 1, "`one` is no value"),
        ("up 1_000\n", 1, "`1_000` is no value"),
        ("up\n", 1, "`up` has no value"),
        ("up 1 2 3\n", 1, "is no value"),
        ('up 1 # {a="b"} 2\n', 1, "is no value"),
        ("9up 1\n", 1, "must begin with a metric's name"),
        ("# TYPE up counter\nup -1\n", 2, "counter `up` is -1"),
        ("# TYPE up counter\nup NaN\n", 2, "counter `up` is nan"),
        ("# TYPE up speed\nup 1\n", 1, "`speed` is no kind"),
        ("# TYPE up\nup 1\n", 1, "needs a name and a kind"),
        ("# TYPE up gauge\nup 1\n# TYPE up gauge\n", 3, "second TYPE"),
        ("up 1\n# TYPE up gauge\n", 2, "comes after its samples"),
        ("up 1\nup2 ", 2, "may be cut off"),
        ("", 1, "may be cut off"),
        ("# nothing\n", 1, "no sample"),
        ('"up 1\\n"\n', 1, "wrapped in a JSON string"),
        ('{"up": 1}\n', 1, "JSON document"),
        ("<!doctype html><html></html>\n", 1, "HTML page"),
        (b"up 1\nup\xff 2\n", 2, "not UTF-8"),
    ],
)
def test_what_the_format_forbids_is_refused_with_its_line(page, line, message):
    with pytest.raises(TargetError) as caught:
        parse_metrics(page, source="page")
    assert (caught.value.line, message in caught.value.found) == (line, True), str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize(
    ("page", "content_type", "message"),
    [
        ("up 1\n", "text/html; charset=utf-8", "HTML page"),
        ("up 1\n", "application/json", "JSON document"),
        ("# TYPE up gauge\nup 1\n", OPENMETRICS, "EOF"),
        ("# TYPE up gauge\n\nup 1\n# EOF\n", OPENMETRICS, "blank line"),
        ("# TYPE up gauge\nup 1\nup 2\n# EOF\n", OPENMETRICS, "appears again"),
        (EXEMPLAR.replace(".5", "half"), OPENMETRICS, "half"),
        (EXEMPLAR.replace('"} .5', "} .5"), OPENMETRICS, "Invalid labels"),
        (EXEMPLAR.replace(".5", '.5 # {id="x"} .5'), OPENMETRICS, "Invalid labels"),
        (EXEMPLAR.replace('{id="x"}', "slow"), OPENMETRICS, "Invalid line"),
    ],
)
def test_the_content_type_decides_what_is_allowed(page, content_type, message):
    with pytest.raises(TargetError, match=message):
        parse_metrics(page, content_type)


@given(st.text(alphabet='up{}="\\,#e+ .01\nIFTYPEinfa', max_size=80))
def test_no_page_gives_another_error_than_ours(text):
    with suppress(TargetError):
        assert parse_metrics(text + "\n")


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), st.text(st.characters(codec="utf-8"))))
def test_any_label_value_survives(labels):
    found = CollectorRegistry()
    gauge = Gauge("g", "help", list(labels), registry=found)
    (gauge.labels(**labels) if labels else gauge).set(1)
    assert parse_metrics(generate_latest(found))[0].labels == labels


def test_rates_and_quantiles_between_two_pages():
    before = parse_metrics("# TYPE c counter\nc 10\n# TYPE g gauge\ng 4\n" + HISTOGRAM)
    later = HISTOGRAM.replace('"0.1"} 3', '"0.1"} 7').replace('"1"} 5', '"1"} 9')
    later = later.replace('"+Inf"} 6', '"+Inf"} 10').replace("t_count 6", "t_count 10")
    after = parse_metrics("# TYPE c counter\nc 30\n# TYPE g gauge\ng 2\n" + later)
    found = {reading.name: reading for reading in readings(before, after, 2.0)}
    assert (found["c"].rate, found["g"].value, found["t"].rate) == (10.0, 2.0, 2.0)
    assert found["t"].quantiles == pytest.approx((0.05, 0.095, 0.099))


def test_a_restarted_service_is_no_negative_rate():
    before, after = (parse_metrics(f"# TYPE c counter\nc {n}\n") for n in (1000, 30))
    assert next(readings(before, after, 3.0)).rate == 10.0
    assert next(readings([], after, 3.0)).rate is None


@pytest.mark.parametrize(
    ("counts", "q", "expected"),
    [
        ({1.0: 10.0, math.inf: 10.0}, 0.5, 0.5),
        ({1.0: 0.0, 2.0: 10.0, math.inf: 10.0}, 0.5, 1.5),
        ({1.0: 5.0, math.inf: 10.0}, 0.99, 1.0),
        ({math.inf: 0.0}, 0.5, math.nan),
        ({}, 0.5, math.nan),
    ],
)
def test_quantiles_of_a_histogram(counts, q, expected):
    assert quantile(q, counts) == pytest.approx(expected, nan_ok=True)


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def page(
    body: bytes, status: int = 200, coding: str = "identity"
) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("content-encoding", coding)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_a_scraper_keeps_every_series_beside_the_samples(tmp_path):
    file = tmp_path / "metrics.parquet"
    with serving(page(generate_latest(registry()))) as url:
        scraper = Scraper(url, file, interval_s=0.05)
        scraper.start()
        threading.Event().wait(0.3)
        assert scraper.stop() == []
    frame = pd.read_parquet(file)
    assert list(frame.columns) == ["time_s", "name", "labels", "value"]
    totals = frame[frame["name"] == "requests_total"]
    assert len(totals) == scraper.pages >= 2
    assert totals["time_s"].is_monotonic_increasing
    assert totals["value"].unique().tolist() == [7.0]


def test_a_page_that_fails_now_and_then_is_a_caveat_and_the_rest_is_kept(tmp_path):
    turns = iter(range(10_000))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        page(b"up 1\n" if next(turns) % 2 else b"up one\n")(handler)

    with serving(answer) as url:
        scraper = Scraper(url, tmp_path / "metrics.parquet", interval_s=0.02)
        scraper.start()
        threading.Event().wait(0.3)
        (caveat,) = scraper.stop()
    assert "`one` is no value" in caveat.message
    assert caveat.voids == ()
    assert len(pd.read_parquet(scraper.path)) == scraper.pages > 0


def test_a_page_that_is_work_to_read_does_not_take_the_runs_time(tmp_path):
    body = b"".join(b'm{i="%d"} 1\n' % number for number in range(10_000))
    with serving(page(body)) as url:
        scraper = Scraper(url, tmp_path / "metrics.parquet", interval_s=0.01)
        scraper.start()
        threading.Event().wait(1.2)
        assert scraper.stop() == []
    assert scraper.pages == 2, "one, a rest, and the last"


def test_a_service_that_is_not_there_is_a_caveat_and_no_file(tmp_path):
    scraper = Scraper("http://127.0.0.1:9/metrics", tmp_path / "metrics.parquet", interval_s=0.02)
    scraper.start()
    (caveat,) = scraper.stop()
    assert "no metrics page" in caveat.message
    assert not scraper.path.exists()


def test_a_full_disk_is_a_caveat(tmp_path):
    """The folder is gone when the first page is written."""
    with serving(page(b"up 1\n")) as url:
        scraper = Scraper(url, tmp_path / "gone" / "metrics.parquet", interval_s=0.02)
        scraper.start()
        (caveat,) = scraper.stop()
    assert "cannot be written" in caveat.message


def test_a_page_that_drips_for_ever_ends_at_the_timeout():
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not stop.wait(0.02):
            try:
                handler.wfile.write(b"#\n")
            except OSError:
                break

    with serving(drip) as url:
        try:
            with pytest.raises(TargetError, match="does not end within"):
                scrape(url, timeout_s=0.2)
        finally:
            stop.set()


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [(b"up 1\n", 503, "status 503"), (b"<html>", 200, "HTML page")],
)
def test_an_answer_that_is_no_page(body, status, message):
    with serving(page(body, status)) as url, pytest.raises(TargetError, match=message):
        scrape(url)


def test_credentials_of_the_url_stay_out_of_messages():
    with pytest.raises(TargetError) as caught:
        scrape("http://user:hunter2@127.0.0.1:9/metrics?token=s3cret")
    assert "hunter2" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://x/y", "http://[::1", "http://127.0.0.1:99999"]
)
def test_a_url_that_is_none_is_a_clear_error(url):
    with pytest.raises(TargetError):
        scrape(url)


LARGE = b"a 1\n" * 2**19


@pytest.mark.parametrize(
    ("body", "coding", "message"),
    [
        (LARGE, "identity", "the metrics page is over 1 MiB"),
        (gzip.compress(LARGE), "gzip", "the metrics page is over 1 MiB"),
        (brotli.compress(LARGE), "br", "the metrics page is coded as `br`, not as `gzip`"),
    ],
)
def test_a_page_without_end_is_refused_by_its_size(monkeypatch, body, coding, message):
    monkeypatch.setattr("perflib.monitor.scraper.MAX_PAGE_BYTES", 2**20)
    with (
        serving(page(body, coding=coding)) as url,
        pytest.raises(TargetError, match=message),
    ):
        scrape(url)


def test_a_coded_page_is_read():
    with serving(page(gzip.compress(b"up 1\n"), coding="gzip")) as url:
        assert [sample.value for sample in scrape(url)] == [1.0]
