"""Real files, where they are beside the project: their numbers, found a second way or by hand."""

from __future__ import annotations

import csv
import json
import re
import statistics
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from perflib.errors import FormatError
from perflib.formats import FORMATS, reader
from perflib.formats.base import Source
from perflib.formats.loading import readings, summarised

FOLDER = Path(__file__).parents[3] / "shared" / "samples"
SAMPLES = sorted(
    path for path in FOLDER.rglob("*") if path.is_file() and path.parent.name != "samples"
)
pytestmark = pytest.mark.skipif(not SAMPLES, reason="no samples beside the project")
Key = tuple[str, str, str]

REFUSED = {  # part of the name: the reason
    "emptyfile.jtl": "the file is empty",
    "gatling-6-314": "binary log of Gatling 3.14.3",
    "assertions.json": "Gatling's assertions",
    "machine.json": "asv's description",
    "results-benchmarks.json": "asv's description",
    "results-init.txt": "filling tables",
    "results.bin": "gob",
    "bad_histograms_13": "Count does not match",
    "NT531-project__k6-summary.json": "no known format, the nearest is k6-summary",
    "5b8a043b-conda-py3.9": "nothing in it that was measured",  # all null
    "parsers-nan": "nothing in it that was measured",
    "internship_task__locust.json": "no known format",
    "elysia-json-performance-report": "no known format",
}


def files(pattern: str) -> list[Path]:
    return sorted(FOLDER.glob(pattern))


def numbers(path: Path, run: int = 0) -> dict[Key, float]:
    found = readings(Source(path))[run]
    return {(i.label, i.metric, i.statistic): i.value for i in summarised(found)}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name[-60:])
def test_each_file_is_loaded_or_refused_for_its_true_reason(path: Path) -> None:
    reason = next((why for part, why in REFUSED.items() if part in path.name), "")
    if reason:
        with pytest.raises(FormatError, match=re.escape(reason)):
            readings(Source(path))
        return
    assert numbers(path)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name[-60:])
def test_no_two_formats_claim_a_file(path: Path) -> None:
    assert len([n for n in FORMATS if reader(n).recognise(Source(path))]) <= 1


def close(found: dict[Key, float], expected: dict[Key, float]) -> None:
    assert {key: found.get(key) for key in expected} == pytest.approx(expected)


def test_jmeter_csv() -> None:
    checked = 0
    for path in files("jmeter-jtl/*"):
        lines = path.read_text("utf-8", "replace").splitlines()
        if not lines or "elapsed" not in lines[0]:
            continue
        rows = list(csv.DictReader(lines, delimiter="\t" if "\t" in lines[0] else ","))
        parts = [r for r in rows if "samples in transaction" not in r.get("responseMessage", "")]
        rows = parts or rows
        took = [int(row["elapsed"]) for row in rows]
        failed = [row["success"].lower() != "true" for row in rows]
        expected = {
            ("", "requests", "value"): len(rows),
            ("", "service_time", "mean"): statistics.fmean(took) / 1e3,
            ("", "service_time", "p50"): statistics.median(took) / 1e3,
            ("", "service_time", "max"): max(took) / 1e3,
            ("", "error_rate", "value"): sum(failed) / len(rows),
        }
        if rows[0]["timeStamp"].isdigit():
            starts = [int(row["timeStamp"]) for row in rows]
            span = max(s + t for s, t in zip(starts, took, strict=True)) - min(starts)
            if parts == rows and len(parts) == len(lines) - 1:
                expected[("", "throughput", "value")] = len(rows) / span * 1e3
        close(numbers(path), expected)
        checked += 1
    assert checked >= 8


@pytest.mark.parametrize(
    ("name", "elapsed", "success"),
    [("felipesuarezB*", 0, 4), ("*JENKINS-16627*", 1, 7)],
)
def test_jmeter_csv_without_a_header(name: str, elapsed: int, success: int) -> None:
    (path,) = files(f"jmeter-jtl/{name}")
    rows = [row for row in csv.reader(path.read_text().splitlines()) if row]
    took = [int(row[elapsed]) for row in rows if row[elapsed].isdigit()]
    if len(took) != len(rows) or {row[success] for row in rows} - {"true", "false"}:
        pytest.skip("the file is of another version")
    close(
        numbers(path),
        {
            ("", "service_time", "mean"): statistics.fmean(took) / 1e3,
            ("", "error_rate", "value"): sum(row[success] == "false" for row in rows) / len(rows),
        },
    )


def test_jmeter_xml() -> None:
    checked = 0
    for path in files("jmeter-jtl/*"):
        text = path.read_text("utf-8", "replace").lstrip()
        try:
            root = ET.fromstring(text) if "<testResults" in text[:500] else None
        except ET.ParseError:
            continue
        outer = [e for e in (root if root is not None else ()) if "t" in e.attrib]
        if not outer:
            continue
        took = [int(each.attrib["t"]) for each in outer]
        close(
            numbers(path),
            {
                ("", "requests", "value"): len(outer),
                ("", "service_time", "mean"): statistics.fmean(took) / 1e3,
                ("", "error_rate", "value"): sum(e.attrib["s"] != "true" for e in outer)
                / len(outer),
            },
        )
        checked += 1
    assert checked >= 3


def test_locust_csv() -> None:
    for path in files("locust-csv/*_stats.csv"):
        found = numbers(path)
        rows = [r for r in csv.DictReader(path.open(encoding="utf-8", errors="replace")) if r]
        total = next(row for row in rows if row["Name"] in ("Aggregated", "Total"))
        n = int(total["Request Count"])
        close(
            found,
            {
                ("", "requests", "value"): n,
                ("", "error_rate", "value"): int(total["Failure Count"]) / n,
                ("", "service_time", "mean"): float(total["Average Response Time"]) / 1e3,
                ("", "service_time", "p95"): float(total["95%"]) / 1e3,
                ("", "throughput", "value"): float(total["Requests/s"]),
            },
        )


def test_locust_html_states_what_its_csv_states() -> None:
    (page,) = files("locust-html/Aedificare*")
    (table,) = files("locust-csv/Aedificare*report_stats.csv")
    for key in (
        ("", "service_time", "mean"),
        ("", "requests", "value"),
        ("", "error_rate", "value"),
    ):
        assert numbers(page)[key] == pytest.approx(numbers(table)[key])


def test_k6_points() -> None:
    for path in files("k6-ndjson/*"):
        points = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        took = [
            p["data"]["value"]
            for p in points
            if p["type"] == "Point" and p["metric"] == "http_req_duration"
        ]
        mean, top = statistics.fmean(took) / 1e3, max(took) / 1e3
        found = numbers(path)
        assert found["", "requests", "value"] == len(took)
        assert found["", "service_time", "mean"] == pytest.approx(mean, rel=1e-6)
        assert found["", "service_time", "max"] == pytest.approx(top, rel=1e-6)
    for path in files("k6-csv/*"):
        rows = csv.DictReader(path.read_text().splitlines())
        took = [float(r["metric_value"]) for r in rows if r["metric_name"] == "http_req_duration"]
        mean = statistics.fmean(took) / 1e3
        assert numbers(path)["", "service_time", "mean"] == pytest.approx(mean, rel=1e-6)


def test_k6_summaries() -> None:
    (path,) = files("k6-summary/sningwal*")
    metrics = json.loads(path.read_text())["metrics"]
    duration = metrics["http_req_duration"]["values"]
    close(
        numbers(path),
        {
            ("", "service_time", "p95"): duration["p(95)"] / 1e3,
            ("", "service_time", "mean"): duration["avg"] / 1e3,
            ("", "error_rate", "value"): metrics["http_req_failed"]["values"]["rate"],
            ("", "throughput", "value"): metrics["http_reqs"]["values"]["rate"],
            ("", "data_received", "count"): metrics["data_received"]["values"]["count"],
        },
    )


def test_gatling() -> None:
    request = re.compile(r"REQUEST\t.*?\t(\d{13})\t(\d{13})\t(OK|KO)")
    for path in files("gatling-simulation-log/*"):
        rows = request.findall(path.read_text("utf-8", "replace"))
        if not rows:
            continue
        took = [int(end) - int(start) for start, end, _ in rows]
        found = numbers(path)
        assert found["", "requests", "value"] == len(rows)
        assert found["", "service_time", "mean"] == pytest.approx(statistics.fmean(took) / 1e3)
        share = sum(state == "KO" for *_, state in rows) / len(rows)
        assert found["", "error_rate", "value"] == pytest.approx(share)
    for path in files("gatling-stats-json/*stats.json"):
        document = json.loads(path.read_text())
        stats = document.get("stats", document)
        close(
            numbers(path),
            {
                ("", "requests", "value"): stats["numberOfRequests"]["total"],
                ("", "service_time", "mean"): stats["meanResponseTime"]["total"] / 1e3,
                ("", "service_time", "percentiles3"): stats["percentiles3"]["total"] / 1e3,
            },
        )


def test_go_benchmarks() -> None:
    path = FOLDER / "go-bench" / "33TU-json-experiment__assets-benchmarks-raw-bench3.txt"
    times: dict[str, list[float]] = {}
    for name, value in re.findall(
        r"^(Benchmark\S+)\s+\d+\s+([\d.]+) ns/op", path.read_text(), re.MULTILINE
    ):
        times.setdefault(name, []).append(float(value))
    found = {
        label: value for (label, *what), value in numbers(path).items() if what == ["time", "mean"]
    }
    assert found == pytest.approx({name: statistics.fmean(v) / 1e9 for name, v in times.items()})


def test_benchmark_files() -> None:
    for path in files("pyperf/*"):
        document = json.loads(path.read_text())
        values = [v for r in document["benchmarks"][0]["runs"] for v in r.get("values", [])]
        (mean,) = [v for (_, _, statistic), v in numbers(path).items() if statistic == "mean"]
        assert mean == pytest.approx(statistics.fmean(values))
    for path in files("pytest-benchmark/*"):
        for entry in json.loads(path.read_text())["benchmarks"]:
            stats = entry["stats"]
            key = (entry["fullname"], "time", "mean")
            assert numbers(path)[key] == pytest.approx(stats["mean"])
    for path in files("hyperfine/*"):
        for entry in json.loads(path.read_text())["results"]:
            mean = statistics.fmean(entry["times"])
            assert numbers(path)[entry["command"], "time", "mean"] == pytest.approx(mean)
    for path in files("jmeter-dashboard-statistics/*"):
        total = json.loads(path.read_text())["Total"]
        share = total["errorCount"] / total["sampleCount"]
        assert numbers(path)["", "error_rate", "value"] == pytest.approx(share, rel=1e-4)


BY_HAND = {
    "ab-text/*": {("", "service_time", "p95"): 0.070, ("", "throughput", "value"): 1470.81}
    | {("", "service_time", "mean"): 0.067990, ("", "error_rate", "value"): 0},
    "wrk/PPACI*": {("", "service_time", "p99"): 0.0058, ("", "throughput", "value"): 748868.53}
    | {("", "requests", "value"): 22464657, ("", "service_time", "mean"): 635.91e-6},
    "wrk2/PPACI*": {("", "response_time", "p99"): 0.01118, ("", "response_time", "mean"): 0.0066},
    "oha-text/*": {("", "service_time", "p99.9"): 0.0018, ("", "throughput", "value"): 4393.6538}
    | {("", "error_rate", "value"): 0, ("", "duration", "value"): 4.552},
    "pgbench/*normal*": {("", "transaction_time", "mean"): 0.022203}
    | {("", "throughput", "value"): 540.578481, ("", "transactions", "value"): 32484},
    "sysbench/Tony*": {("", "throughput", "value"): 222.13, ("", "event_time", "p95"): 0.06219}
    | {("", "event_time", "max"): 0.13783},
    "siege/*": {("", "service_time", "min"): 0.36, ("", "service_time", "max"): 0.41}
    | {("", "requests", "value"): 10},
    "artillery/*": {("", "requests", "value"): 300, ("", "error_rate", "value"): 1.0}
    | {("", "throughput", "value"): 5},
    "taurus*/*": {("", "service_time", "p95"): 1.293, ("", "service_time", "p99.9"): 1.718}
    | {("", "service_time", "min"): 0.064},
    "vegeta-json/kham*": {("", "error_rate", "value"): 1 - 8 / 600, ("", "requests", "value"): 600}
    | {("", "service_time", "mean"): 24.3978484},
    "chainhammer/*": {("", "transactions", "value"): 15000},
    "k6-text/*": {("", "service_time", "p95"): 0.43378, ("", "throughput", "value"): 7.230018}
    | {("", "requests", "value"): 13095, ("", "error_rate", "value"): 0}
    | {("expected_response:true", "service_time", "mean"): 0.37739},
    "gbench/*": {("BM_2xFaster", "time", "mean"): 25e-9},
}  # fmt: skip


@pytest.mark.parametrize("pattern", BY_HAND)
def test_numbers_read_by_hand(pattern: str) -> None:
    found = numbers(files(pattern)[0])
    close(found, BY_HAND[pattern])
