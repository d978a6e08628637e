"""Files in, runs out, and back: as a user does it on the command line."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from perflib import load_results, samples
from perflib.analysis import judge
from perflib.errors import ExitCode, FormatError
from perflib.exporting import export
from perflib.formats.base import Indicator, Source
from perflib.importing import _estimate, import_source
from perflib.model import Objective, Run
from perflib.store import Store
from tests.formats.cases import CASES

CONFIG = """\
data: data
targets:
  shop:
    kind: http
    url: http://127.0.0.1:1
    objectives:
      - mean(service_time) < 1 s
"""
JTL = (
    "timeStamp,elapsed,label,responseCode,success\n"
    "1700000000000,100,Home,200,true\n1700000000900,300,Home,500,false\n"
)
HYPERFINE = '{"results":[{"command":"ls","mean":0.5,"median":0.4,"min":0.3,"max":0.7}]}'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_text(CONFIG)
    (tmp_path / "results.jtl").write_text(JTL)
    (tmp_path / "noise.txt").write_text("no result at all\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "hyperfine.json.gz").write_bytes(gzip.compress(HYPERFINE.encode()))
    return tmp_path


def perflib(home: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perflib", *words, "--config", "config.yml"],
        cwd=home,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def runs(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "data" / "runs").glob("*"))


def test_a_file_and_the_same_compressed_are_one_run(home: Path) -> None:
    (home / "results.jtl.gz").write_bytes(gzip.compress(JTL.encode()))
    done = perflib(home, "import", "results.jtl.gz", "results.jtl")
    assert done.returncode == ExitCode.MET
    assert done.stdout.count("(known already)") == len(runs(home)) == 1


def test_what_can_be_read_is_imported_and_the_rest_refused(home: Path) -> None:
    done = perflib(home, "import", "results.jtl", "missing.csv", "noise.txt", "mo*", "-", given=JTL)
    assert done.returncode == ExitCode.USAGE
    assert "missing.csv: no such file" in done.stderr
    assert "noise.txt: no known format" in done.stderr
    # standard input is the same file as results.jtl
    assert "2 files refused" in done.stdout
    assert [name.split("-")[1] for name in runs(home)] == ["jmeter", "hyperfine"]
    assert set(Store(home / "data").runs()["source"]) == {"JMeter", "hyperfine"}


def test_a_folder_is_enough(home: Path) -> None:
    """The first day: no configuration, everything in one folder, the runs below it as well."""
    for name in ("config.yml", "noise.txt"):
        (home / name).unlink()
    for words in (("import", "."), ("import", "."), ("history",)):
        done = subprocess.run(
            [sys.executable, "-m", "perflib", *words],
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (ExitCode.MET, "")
        assert "hyperfine" in done.stdout
        assert "jmeter" in done.stdout
    assert len(runs(home)) == 2


def test_what_lies_beside_results_is_passed_over(home: Path) -> None:
    machine = {"machine": "m", "arch": "x", "cpu": "c", "os": "o", "ram": "8G", "version": 1}
    (home / "more" / "machine.json").write_text(json.dumps(machine))
    done = perflib(home, "import", "more")
    assert done.returncode == ExitCode.MET
    assert "passed over: more/machine.json: asv's description" in done.stderr
    assert "1 run, 0 files refused" in done.stdout
    assert set(load_results(home / "more")["tool"]) == {"hyperfine"}
    alone = home / "more" / "machine.json"
    assert perflib(home, "import", str(alone)).returncode == ExitCode.USAGE
    with pytest.raises(FormatError, match="asv's description"):
        load_results(alone)


def test_importing_twice_changes_nothing(home: Path) -> None:
    perflib(home, "import", "results.jtl")
    before = runs(home)
    os.utime(home / "results.jtl", (0, 0))
    again = perflib(home, "import", "results.jtl")
    assert "known already" in again.stdout
    assert runs(home) == before == ["20231114T221320Z-jmeter-" + before[0][-8:]]


def test_a_file_that_is_refused_on_the_way_leaves_nothing(home: Path) -> None:
    many = JTL + "1700000000000,100,Home,200,true\n" * 100_000
    (home / "broken.jtl").write_text(f'{many}1700000000000,100,"Home\n{many}')
    done = perflib(home, "import", "broken.jtl")
    assert done.returncode == ExitCode.USAGE
    assert "a quote that is not closed" in done.stderr
    assert runs(home) == list((home / "data" / "staging").iterdir()) == []


def test_a_file_that_another_process_imports_meanwhile_is_known(home: Path) -> None:
    found = []
    for _ in range(2):
        source, store = Source(home / "results.jtl"), Store(home / "data")
        found += import_source(source, store, known={})  # as the history was before
    (first, is_new), (second, is_newer) = found
    assert (is_new, is_newer, second.id) == (True, False, first.id)
    assert list((home / "data" / "staging").iterdir()) == []


def test_promises_of_the_target_are_judged(home: Path) -> None:
    done = perflib(home, "import", "results.jtl", "--target", "shop")
    assert "mean(service_time) < 1 s" in done.stdout
    assert done.returncode in (ExitCode.MET, ExitCode.UNKNOWN)
    listed = perflib(home, "history", "list")
    assert "shop" in listed.stdout


@pytest.mark.parametrize("name", ["../x", "a b", "ü", "a" * 200])
def test_a_target_may_have_any_name(tmp_path: Path, name: str) -> None:
    source = Source(Path("a.jtl"), content=JTL.encode())
    ((run, _),) = import_source(source, Store(tmp_path), target=name)
    assert Store(tmp_path).load(run.id).target == name


def test_thresholds_that_a_tool_crossed_are_told(home: Path) -> None:
    """In k6's `--summary-export` true means crossed."""
    metric = {"avg": 10, "p(95)": 20, "thresholds": {"p(95)<5": True, "p(99)<900": False}}
    metrics = {"http_req_duration": metric, "iterations": {"count": 5}}
    (home / "summary.json").write_text(json.dumps({"metrics": metrics}))
    assert perflib(home, "import", "summary.json").returncode == ExitCode.MET
    (run,) = (run_id for run_id in runs(home) if "k6" in run_id)
    told = perflib(home, "history", "show", run).stdout
    assert "k6's own thresholds were crossed: http_req_duration: p(95)<5" in " ".join(told.split())
    assert "p(99)" not in told.partition("crossed")[2].partition("estimates")[0]


def test_failures_that_a_file_does_not_tell_leave_the_error_rate_unknown(home: Path) -> None:
    (home / "hey.csv").write_text("offset,response-time,status-code\n0.1,0.2,200\n0.5,0.2,200\n")
    (home / "config.yml").write_text(CONFIG + "      - error_rate < 1 %\n")
    done = perflib(home, "import", "hey.csv", "--target", "shop")
    assert "this file of hey does not tell all failed requests" in done.stderr
    run = Store(home / "data").load(runs(home)[0])
    (verdict,) = (each for each in run.verdicts if each.objective.metric == "error_rate")
    assert (verdict.outcome, verdict.reason) == ("unknown", run.caveats[0].message)


THREADS = [  # 2 ms and 3 ms each, one 5 ms after the other; then a row that is none
    "".join(f"0 {at} 2000 0 170000000{at} 5000\n" for at in range(10)),
    "".join(f"1 {at} 3000 0 170000000{at} 10000\n" for at in range(10)) + "broken\n",
]


@pytest.mark.parametrize("paths", [["."], ["log.7", "log.7.1", "log.8.1"], ["log.*", "log.7"]])
def test_the_logs_of_pgbenchs_threads_are_one_run(home: Path, paths: list[str]) -> None:
    """A number alone is no sign: the log of another run has one as well."""
    for name, text in zip(("log.7", "log.7.1"), THREADS, strict=True):
        (home / name).write_text(text)
    (home / "log.8.1").write_text(THREADS[0].replace("17000", "18000"))
    done = perflib(home, "import", *paths)
    assert "log.7 (2 files): pgbench" in done.stdout
    assert "log.7: skipped: log.7.1:11: no transaction" in done.stderr
    store = Store(home / "data")
    both, alone = (store.load(run) for run in runs(home) if "pgbench" in run)
    assert (both.counts.recorded, alone.counts.recorded) == (20, 10)
    assert store.samples(both.id)["end"].iloc[:3].tolist() == [0.002, 0.007, 1.002]
    assert both.source["skipped_rows"] == "1"


def test_intervals_of_pgbenchs_threads_add_up(tmp_path: Path) -> None:
    for name, count in (("log.7", 10), ("log.7.1", 30)):
        rows = [f"{1700000000 + at} {count} {count}000 9 500 {count}00 0" for at in range(4)]
        (tmp_path / name).write_text("\n".join(rows))
    found = load_results(tmp_path).set_index(["metric", "statistic"])["value"]
    assert found["transactions", "value"] == 160
    assert found["throughput", "value"] == 20 / 1 + 60 / 1 - 40
    assert found["transaction_time", "max"] == 0.003


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pipe", "no file but a pipe or a device"),
        ("loop", "no such file"),
        ("hollow", "no file in this folder"),
        ("all.zip", "packed (zip)"),
        ("all.tar", "packed (tar)"),
    ],
)
def test_what_is_no_result_file_is_named(home: Path, name: str, said: str) -> None:
    os.mkfifo(home / "pipe")
    (home / "loop").symlink_to("loop")
    (home / "hollow").mkdir()
    for kind in ("zip", "tar"):
        shutil.make_archive(str(home / "all"), kind, home / "more")
    done = perflib(home, "import", name)
    assert (done.returncode, f"refused: {name}: {said}" in done.stderr) == (ExitCode.USAGE, True)


def test_strict_refuses_what_a_broken_row_is_in(home: Path) -> None:
    (home / "bad.jtl").write_text(JTL + "x,1,Home,200,true\n")
    done = perflib(home, "import", "bad.jtl")
    assert done.returncode == ExitCode.MET
    assert "bad.jtl:4: skipped" in done.stderr
    strict = perflib(home, "import", "--strict", "bad.jtl", "--target", "other")
    assert strict.returncode == ExitCode.USAGE
    again = perflib(home, "import", "--strict", "bad.jtl")
    assert again.returncode == ExitCode.USAGE
    assert "imported before without its broken rows, 1 in all" in again.stderr


def test_a_format_can_be_forced_but_not_invented(home: Path) -> None:
    assert (
        "not in the format wrk" in perflib(home, "import", "--format", "wrk", "results.jtl").stderr
    )
    assert "the nearest, `wrk`" in perflib(home, "import", "--format", "wrkk", "results.jtl").stderr


def stored(tmp_path: Path, format_name: str) -> tuple[Store, list[str]]:
    store = Store(tmp_path / "data")
    text = next(case.text for case in CASES if case.format == format_name)
    source = Source(Path("file"), content=text.encode())
    return store, [run.id for run, _ in import_source(source, store)]


def back(tmp_path: Path, store: Store, ids: list[str], kind: str) -> pd.DataFrame:
    path = tmp_path / f"exported-{kind}"
    path.write_bytes(export(store, ids, kind))
    return load_results(path)


def test_exported_records_are_read_again(tmp_path: Path) -> None:
    store, ids = stored(tmp_path, "hyperfine")
    frame = back(tmp_path, store, ids, "json")
    ours = store.load(ids[0]).estimates
    assert list(frame["value"]) == [each.value for each in ours]
    assert list(frame["metric"]) == [each.metric for each in ours]


@pytest.mark.parametrize(
    ("kind", "metric", "statistic"),
    [
        ("pytest-benchmark", "time", "mean"),
        ("otava", "service_time_mean", "value"),
        ("openmetrics", "perflib_service_time_seconds", "value"),
    ],
)
def test_exported_numbers_come_back(tmp_path: Path, kind: str, metric: str, statistic: str) -> None:
    store, ids = stored(tmp_path, "vegeta-report")
    mean = next(
        each.value
        for each in store.load(ids[0]).estimates
        if (each.metric, each.statistic) == ("service_time", "mean")
    )
    frame = back(tmp_path, store, ids, kind)
    chosen = frame[(frame["metric"] == metric) & (frame["statistic"] == statistic)]
    assert chosen["value"].sub(mean).abs().min() == pytest.approx(0)


def test_a_file_without_rows_is_no_run(tmp_path: Path) -> None:
    source = Source(Path("empty.jtl"), content=JTL.splitlines()[0].encode() + b"\n")
    with pytest.raises(FormatError, match="no row"):
        list(import_source(source, Store(tmp_path)))


def test_a_slow_request_that_began_first_and_ended_last_is_measured(tmp_path: Path) -> None:
    quick = "".join(f"{1_700_000_000_100 + at},5,a,true\n" for at in range(80_000))
    text = f"timeStamp,elapsed,label,success\n{quick}1700000000000,60000,slow,true\n"
    source, store = Source(tmp_path / "jtl", content=text.encode()), Store(tmp_path)
    ((run, _),) = import_source(source, store)
    found = samples.measured(store.samples(run.id), run.measured_from_s, run.measured_until_s)
    assert (len(found), found["start"].min()) == (80_001, 0.0)
    assert run.started_at == "2023-11-14T22:13:20+00:00"


def test_a_summary_lasted_as_long_as_it_says(tmp_path: Path) -> None:
    head = "Running 30s test @ http://a\n  1 threads and 1 connections\n"
    text = f"{head}  9 requests in 30.02s, 1KB read\n"
    ((run, _),) = import_source(Source(tmp_path / "wrk", content=text.encode()), Store(tmp_path))
    assert run.duration_s == 30.02


def test_a_stated_share_of_few_requests_has_an_interval(tmp_path: Path) -> None:
    text = "Time taken for tests: 1 seconds\nComplete requests: 10\nFailed requests: 0\n"
    source = Source(Path("ab.txt"), content=text.encode())
    ((run, _),) = import_source(source, Store(tmp_path), objectives=["error_rate < 1 %"])
    assert [verdict.outcome for verdict in run.verdicts] == ["unknown"]


@pytest.mark.parametrize(("requests", "outcome"), [(10, "unknown"), (1000, "met")])
def test_a_percentile_is_of_as_many_as_the_file_counts_elsewhere(
    tmp_path: Path, requests: int, outcome: str
) -> None:
    text = f"Server Hostname: x\nComplete requests:  {requests}\nTime taken for tests: 1 seconds\n"
    (tmp_path / "ab.txt").write_text(f"{text}  99%     12\n")
    promises = ["p99(service_time) < 50 ms"]
    store = Store(tmp_path / "data")
    ((run, _),) = import_source(Source(tmp_path / "ab.txt"), store, objectives=promises)
    assert [verdict.outcome for verdict in run.verdicts] == [outcome]


@pytest.mark.parametrize(
    ("statistic", "n", "approximate", "code"),
    [
        ("p95", 58, False, "short"),
        ("p95", 58, True, "short"),
        ("p95", 59, False, ""),
        ("p95", 0, False, ""),
        ("p100", 3, False, ""),
        ("mean", 3, False, ""),
    ],
    ids=["few", "few and coarse", "enough", "number not told", "the largest", "a mean"],
)
def test_a_stated_percentile_of_few_requests_is_not_met(
    statistic: str, n: int, approximate: bool, code: str
) -> None:
    stated = Indicator(
        metric="service_time",
        statistic=statistic,
        value=0.02,
        unit="s",
        n=n,
        approximate=approximate,
        resolution=0.001,
    )
    found = _estimate(stated)
    assert [caveat.code for caveat in found.caveats] == [code] * bool(code)
    run = Run(id="r", target="t", kind="imported", started_at="", duration_s=1.0)
    promise = Objective(text="", metric="service_time", statistic=statistic, unit="s", high=1.0)
    (verdict,) = judge(run, [found], [promise])
    assert verdict.outcome == ("unknown" if code else "met")
