"""Every kind of bad input as a user meets it: a sentence, an exit code, and nothing lost."""

from __future__ import annotations

import contextlib
import re
import shutil
import socketserver
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from perflib import analysis, formats
from perflib.cli import main
from perflib.desk import open_all
from perflib.errors import ValuesError
from perflib.model import Run
from perflib.store import Store
from perflib.store.schema import VERSION_TABLE
from tests.test_monitor import page, serving
from tests.test_store import recorded
from tests.test_store_crash import mounted, sealed

CONFIG = """\
data: data
targets:
  db:
    kind: sql
    url: sqlite:///small.db
    load: {arrival: closed, users: 1}
    queries: {one: {sql: SELECT count(*) FROM t}}
    objectives: [p50(query_time) < 10 s]
"""
SCENARIOS = "scenarios: {light: {warmup: 0 s, run_time: 0.5 s, users: 2, rate: 40 req/s}}\n"
REMOTE = {
    "http": "kind: http, objectives: [error_rate < 1 %, throughput > 1 req/s]",
    "blocks": "kind: blocks, expected_block_time: 0.1 s, least_blocks: 2, "
    "objectives: [mean(block_time) < 1 s]",
    "chunks": "kind: chunks, objectives: [mean(processing_time) < 1 s]",
    "sql": "kind: sql, queries: {one: {sql: SELECT 1}}, objectives: [p50(query_time) < 1 s]",
}

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is a project with one SQLite target and one recorded run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    with contextlib.closing(sqlite3.connect("small.db")) as connection, connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS x")
    Path("c.yml").write_text(CONFIG)
    Path("load_test_scenarios.yml").write_text(SCENARIOS)
    return tmp_path


@pytest.fixture
def call(project: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Type a command with `--config c.yml`; gives the exit code and what was printed."""

    def typed(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main([*words, "--config", "c.yml"])
        printed = capsys.readouterr()
        return int(left.value.code or 0), printed.out + printed.err

    return typed


def kept(root: Path) -> dict[str, bytes]:
    """Every recorded file with its bytes."""
    runs = root / "runs"
    return {str(f.relative_to(runs)): f.read_bytes() for f in runs.rglob("*") if f.is_file()}


def assert_sentence(text: str, *says: str) -> None:
    """One complaint of one or two lines, with `says` in it and without a traceback."""
    for words in says:
        assert words in text, text
    assert "Traceback" not in text
    complaint = text[text.rfind("error: ") :].strip().splitlines()
    pointed = 2 * any(line.strip() == "^" for line in complaint)  # the objective and a caret
    assert len(complaint) - pointed <= 2, text


def configured(old: str, new: str) -> None:
    text = Path("c.yml").read_text()
    assert old in text
    Path("c.yml").write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("targets:\n", "targets: [\n", ["c.yml:", "broken YAML"]),
        ("    url:", "\turl:", ["c.yml:5", "broken YAML"]),
        ("data: data", "daat: data", ["c.yml:1", "unknown key `daat`", "nearest, `data`"]),
        ("    load:", "    lode:", ["c.yml:6", "unknown key `targets.db.lode`", "`load`"]),
        ("< 10 s", "< 10 MB", ["c.yml:8", "10 MB", "is in B"]),
        ("< 10 s", "< 10 parsecs", ["c.yml:8", "unknown unit `parsecs`"]),
        ("users: 1", "run_time: -3 s", ["c.yml:6", "greater than 0", "-3 s"]),
        ("users: 1", "users: many", ["c.yml:6", "valid integer", "many"]),
        ("kind: sql", "kind: sqll", ["c.yml:4", "unknown kind `sqll`", "nearest, `sql`"]),
        ("small.db", "${NOT_SET_HERE}", ["c.yml:5", "NOT_SET_HERE is not set", ":-default}"]),
        ("small.db", "\x07small.db", ["c.yml:5", "broken YAML", "U+0007 is not allowed"]),
        (CONFIG, "targets: &all [*all]\n", ["c.yml", "broken YAML", "an alias"]),
        (CONFIG, "targets: " + "[" * 2000 + "]" * 2000, ["c.yml", "broken YAML", "too deep"]),
        (CONFIG, "targets: {}\n", ["names no target", "at least one"]),
        (CONFIG, "targets: [db]\n", ["c.yml:1", "`key: value`"]),
        (CONFIG, "[db]\n", ["c.yml:1", "`key: value`"]),
        (
            CONFIG,
            "targets: {a: {kind: http, url: 'ftp://x'}}\n",
            ["c.yml:1", "an address", "http://127"],
        ),
    ],
)
def test_a_mistaken_configuration(
    call: Call, project: Path, old: str, new: str, says: list[str]
) -> None:
    recorded(Store("data"))
    before = kept(project / "data")
    configured(old, new)
    code, text = call("run")
    assert code == 2
    assert_sentence(text, *says)
    assert kept(project / "data") == before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("run", "bd"), 2, ["no target called `bd`", "nearest, `db`"]),
        (("run", "--scenario", "hard"), 2, ["no scenario called `hard`", "one of light"]),
        (("run", "--rate", "5"), 2, ["rate: `5` has no unit", "10 req/s", "--rate '"]),
        (("run", "--rate", "5 ms"), 2, ["rate: `5 ms` is in s", "req/s"]),
        (("run", "--rate", "-5 req/s"), 2, ["rate: should be greater than 0", "-5 req/s"]),
        (("run", "--rate", "1e12 req/s"), 2, ["rate: should be less than or equal to 1000000"]),
        (("run", "--run-time", "-1 s"), 2, ["run_time: should be", "-1 s", "--run-time '"]),
        (("run", "--run-time", "soon"), 2, ["`soon` is no quantity", "10 ms"]),
        (("run", "--config", "gone.yml"), 2, ["gone.yml: no such file", "--config"]),
        (("history", "show", "nobody"), 2, ["no run is called `nobody`", "perflib history"]),
        (("compare", "database", "nobody"), 2, ["no run is called `nobody`", "perflib history"]),
        (("compare", "database", "database"), 2, ["is on both sides", "database@-2"]),
        (("history", "nobody"), 0, ["no run is like this"]),
        (("history", "databaes"), 0, ["no run is like this: expected the nearest, `database`"]),
        (("isolation",), 2, ["tests/performance: no such file or folder", "isolation: {paths"]),
        (("gat",), 2, ["no verb called `gat`; expected the nearest, `gate`"]),
        (("report", "nobody"), 2, ["nothing to report on is called `nobody`", "perflib run"]),
        (("trend", "nobody"), 3, ["no run has this", "perflib run"]),
        (("restore", "gone.zip"), 2, ["gone.zip: no such file", "perflib backup"]),
    ],
)
def test_a_mistaken_command(
    call: Call, project: Path, words: tuple[str, ...], code: int, says: list[str]
) -> None:
    recorded(Store("data"))
    before = kept(project / "data")
    if "--config" in words:  # the last one counts
        Path("c.yml").rename("gone.yml.old")
        Path("c.yml").symlink_to("gone.yml")
        says = [says[0].replace("gone.yml", "c.yml"), *says[1:]]
        words = words[:1]
    answer, text = call(*words)
    assert answer == code, text
    assert_sentence(text, *says)
    assert kept(project / "data") == before


@pytest.mark.parametrize("verb", ["run", "gate", "trend", "report", "publish"])
def test_a_configuration_that_is_no_text(call: Call, project: Path, verb: str) -> None:
    Path("c.yml").write_bytes(b"data: d\xff\n")
    code, text = call(verb, *(["there"] if verb == "publish" else []))
    assert code == 2
    assert_sentence(text, "c.yml", "cannot be read as text", "UTF-8")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--start", "0 req/s"], 2, "`--start '0 req/s'`; expected more than 0 req/s"),
        (["--start", "-5 req/s"], 2, "`--start '-5 req/s'`; expected more than 0 req/s"),
        (["--limit", "0 req/s"], 2, "`--limit '0 req/s'`; expected more than 0 req/s"),
        (["--start", "2e5 req/s"], 2, "the first rate is 200 000 req/s; expected one up to"),
        (["--step-time", "0 s"], 2, "`--step-time '0 s'`; expected more than 0 s"),
        (["--step-time", "5"], 2, "`5` has no unit"),
        (["--precision", "-1"], 2, "not in the range"),
        (["--step-time", "1 s"], 3, "start the target, or correct its `url`"),
    ],
)
def test_a_search_that_cannot_be(
    call: Call, project: Path, words: list[str], code: int, says: str
) -> None:
    far = "  far: {kind: http, url: 'http://127.0.0.1:9', objectives: [error_rate < 1 %]}\n"
    Path("c.yml").write_text(CONFIG + far)
    found, text = call("capacity", "far", *words)
    assert found == code, text
    assert says in text
    assert "Traceback" not in text


def test_a_mistake_of_our_own_is_no_missed_promise(
    call: Call, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perflib.analysis.gate", lambda *_, **__: 1 / 0)
    code, text = call("gate")
    assert code == 3
    assert "ZeroDivisionError" in text
    assert "a mistake in perflib itself" in text


@contextlib.contextmanager
def babbling() -> Iterator[int]:
    """The port of a server that speaks, but no protocol."""

    class Babble(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(b"\x00\xffthis is nothing\r\n" * 3)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server(("127.0.0.1", 0), Babble) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", REMOTE)
@pytest.mark.parametrize("answers", [False, True], ids=["unreachable", "garbage"])
def test_a_target_that_is_none_is_unknown(
    call: Call, project: Path, kind: str, answers: bool
) -> None:
    earlier = recorded(Store("data"))
    before = kept(project / "data")
    with babbling() if answers else contextlib.nullcontext(9) as port:
        scheme = "postgresql+psycopg://u:geheim@" if kind == "sql" else "http://"
        end = "/x" if kind == "sql" else ""
        target = f"  far: {{{REMOTE[kind]}, url: '{scheme}127.0.0.1:{port}{end}'}}\n"
        Path("c.yml").write_text(CONFIG + target)
        code, text = call("run", "far")
    assert code == 3, text
    assert "unknown" in text
    assert "answered" in text or "did not answer" in text
    assert re.search(r"→ (start the (target|chain), or )?correct", text)
    assert ("Traceback" in text, "geheim" in text) == (False, False)
    reasons = re.findall(r"^! far: (.*)", text, re.MULTILINE)
    assert len(reasons) == len(set(reasons)), "each reason once"
    assert kept(project / "data").items() >= before.items()
    assert set(Store("data").runs("far")["status"]) == {"complete"}
    assert Store("data").runs(earlier.target)["run_id"].iloc[-1] == earlier.id


def test_an_invalid_metrics_page_is_a_caveat(call: Call) -> None:
    with serving(page(b"up one\n")) as url:
        configured("    load:", f"    metrics_url: {url}\n    load:")
        code, text = call("run")
    assert code == 0, text
    assert_sentence(text, "✓ met", "scrapes failed", "`one` is no value", "mend the metrics page")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "words", "says"),
    [
        ("run.json", ("history", "show", "{bad}"), ["run.json", "record is damaged", "backup"]),
        ("run.json", ("compare", "{good}", "{bad}"), ["run.json", "record is damaged", "backup"]),
        ("run.json", ("report", "{bad}"), ["run.json", "damaged", "backup"]),
        ("samples.parquet", ("compare", "{good}", "{bad}"), ["samples cannot be read", "backup"]),
    ],
)
def test_a_truncated_file_is_told_and_hides_no_other(
    call: Call, project: Path, name: str, words: tuple[str, ...], says: list[str]
) -> None:
    store = Store("data")
    ids = {"good": recorded(store).id, "bad": recorded(store).id}
    cut(store.folder(ids["bad"]) / name)
    before = kept(project / "data")
    code, text = call(*(word.format(**ids) for word in words))
    assert code == 2, text
    assert_sentence(text, *says)
    assert kept(project / "data") == before
    assert call("history", "show", ids["good"])[0] in (0, 3)


def test_a_truncated_samples_file_fails_on_its_page(call: Call) -> None:
    store = Store("data")
    bad = recorded(store)
    cut(store.folder(bad.id) / "samples.parquet")
    code, text = call("report", bad.id)
    assert code == 3, text
    assert "samples cannot be read" in text
    assert "Traceback" not in text


def test_an_unreadable_notebook_is_told(call: Call) -> None:
    recorded(Store("data"))
    Path("notebooks").mkdir()
    Path("notebooks/database.ipynb").write_text('{"cells": [')
    code, text = call("report", "database")
    assert code == 2, text
    assert_sentence(text, "notebooks/database.ipynb", "next: ")


def test_a_history_from_a_newer_version_is_left_alone(call: Call, project: Path) -> None:
    recorded(Store("data"))
    with contextlib.closing(sqlite3.connect("data/history.sqlite")) as connection, connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = 'later'")
    before = kept(project / "data")
    for words in (("history",), ("compare", "database", "database"), ("trend", "database")):
        code, text = call(*words)
        assert code == 2, text
        assert_sentence(text, "written by a newer perflib", "install the newer perflib")
    code, text = call("run")
    assert code == 2, text
    assert "install the newer perflib" in text
    assert kept(project / "data").items() >= before.items()


def test_a_read_only_folder_is_read_and_refuses_runs(call: Call, project: Path) -> None:
    with sealed(project / "data", history=True) as run_id:
        before = kept(project / "data")
        code, text = call("run")
        assert code == 2, text
        assert_sentence(text, "cannot be written", "make the folder accessible")
        assert run_id in call("history")[1]
        assert kept(project / "data") == before


def test_a_full_disk_keeps_what_was_recorded(call: Call, project: Path) -> None:
    with mounted(project / "data", "2m"):
        earlier = recorded(Store("data"))
        before = kept(project / "data")
        with contextlib.suppress(OSError), Path("data/filler").open("wb", 0) as filler:
            while True:
                filler.write(bytes(4096))
        command = [sys.executable, "-m", "perflib", "run", "--config", "c.yml"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert answer.returncode == 2, answer.stdout
        assert_sentence(answer.stderr, "No space left", "free space on the disk")
        assert kept(project / "data") == before
        code, text = call("report")
        assert code == 2
        assert_sentence(text, "data/reports/", "No space left", "free space there")
        Path("data/filler").unlink()
        assert earlier.id in call("history")[1]


def test_two_runs_at_once_are_both_kept(project: Path) -> None:
    earlier = recorded(Store("data"))
    command = [sys.executable, "-m", "perflib", "run", "--config", "c.yml"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    texts = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    assert len(Store("data").runs("db")) == 2
    assert Store("data").runs(earlier.target)["run_id"].iloc[-1] == earlier.id
    shutil.rmtree("data/staging", ignore_errors=True)
    assert Store("data").reindex() == 3


RUN = Run(id="r", target="t", kind="http", started_at="2026-01-01T00:00:00Z", duration_s=1.0)
ARGUMENTS = {
    "no store": (lambda: analysis.follow("data"), "Store"),
    "no store to gate": (lambda: analysis.gate(None), "Store"),
    "no store to compare with": (lambda: analysis.compare("a", "b", store="data"), "Store"),
    "one name, no list": (lambda: open_all("shop"), "names"),
    "no run": (lambda: analysis.estimates("r", pd.DataFrame()), "Run"),
    "a number for a folder": (lambda: open_all((), 3), "Path"),
    "a number for a format": (lambda: formats.reader(3), "str"),
    "no samples": (lambda: analysis.estimates(RUN, None), "DataFrame"),
    "a promise as text": (lambda: analysis.judge(RUN, [], ["p95 < 1 s"]), "Objective"),
    "no estimates": (lambda: analysis.judge(RUN, None, []), "Iterable"),
    "no verdicts": (lambda: analysis.overall(["met"]), "Verdict"),
    "no points": (lambda: analysis.trends([1.0]), "DataFrame"),
    "other columns": (lambda: analysis.trend(pd.DataFrame({"a": [1]})), "frame"),
    "a tolerance of text": (lambda: analysis.compare([1], [2], tolerance="3 %"), "0.03"),
    "a least of text": (lambda: analysis.change_points([1.0], least="2 %"), "number"),
    "a least of nan": (lambda: analysis.History(least=float("nan")), "number"),
}


@pytest.mark.parametrize(("call", "expected"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_of_another_kind_are_told(call, expected):
    with pytest.raises(ValuesError) as caught:
        call()
    assert expected in caught.value.expected


@pytest.mark.parametrize("verb", ["points", "runs", "load", "samples", "verdicts"])
def test_a_number_is_no_name(verb, tmp_path):
    with pytest.raises(ValuesError, match="is 3; expected a str"):
        getattr(Store(tmp_path), verb)(3)
