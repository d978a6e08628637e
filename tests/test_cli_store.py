"""The verbs around the store as people type them: output, exit codes, no traceback."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perflib.cli import main
from perflib.model import Estimate, Objective, Outcome, Run, Verdict
from perflib.store import BASELINE, Store
from tests.fabricate import keep
from tests.test_monitor import HISTOGRAM, page, serving
from tests.test_store import recorded, verdict

ROOT = Path(__file__).parents[1]


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Type a command in a project of its own; returns the exit code and what was printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def typed(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        return int(left.value.code or 0), printed.out + printed.err

    return typed


def configure(folder: Path, url: str = "http://127.0.0.1:9/metrics", more: str = "") -> Path:
    file = folder / "tests/performance/performance_config.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"data: data\ntargets:\n  one: {{kind: chunks, url: 'http://127.0.0.1:9', "
        f"metrics_url: '{url}', configs: configs/one}}\n"
        "  other: {kind: chunks, url: 'http://127.0.0.1:9'}\n" + more
    )
    return file


def test_history_lists_shows_and_prunes(call, tmp_path, monkeypatch):
    configure(tmp_path)
    store = Store("data")
    mixed = [verdict(Outcome.MET), verdict(Outcome.MISSED), verdict(Outcome.UNKNOWN)]
    old = [
        recorded(store, started_at=f"2026-01-0{day}T12:00:00Z", verdicts=mixed) for day in (1, 2, 3)
    ]
    store.add_triage(target="database", action=BASELINE, reason="start", run_id=old[0].id)
    code, text = call("history")
    assert (code, text.count("✓✗?")) == (0, 3)
    assert all(run.id in text for run in old)
    assert old[0].id not in call("history", "database", "--limit", "1")[1]
    assert old[2].id in call("history", "list", "--since", "2026-01-03")[1]
    assert len(json.loads(call("history", "--json")[1])) == 3
    code, text = call("history", "show", old[1].id)
    assert code == 0
    assert "4.00 ms" in text
    assert "Made-up CPU" in text
    assert json.loads(call("history", "show", "--json", old[1].id)[1])["id"] == old[1].id
    sweep = ("history", "prune", "--older-than", "1 d", "--keep", "1")
    code, text = call(*sweep, "--dry-run")
    assert (code, "1 run would go" in text, old[1].id in text) == (0, True, True)
    assert len(store.runs()) == 3
    for nobody in (io.StringIO(), None):  # no terminal: an empty input, a closed one
        monkeypatch.setattr(sys, "stdin", nobody)
        code, text = call(*sweep)
        assert (code, "--yes" in text, "--dry-run" in text) == (2, True, True)
    assert len(store.runs()) == 3
    assert "gone: 1 run" in call(*sweep, "--yes")[1]
    assert store.runs()["run_id"].tolist() == [old[0].id, old[2].id]
    assert "in the history: 2 runs" in call("history", "reindex")[1]


def test_prune_names_what_is_pruned_elsewhere(call, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    configure(tmp_path, more=f"history: {url}\n")
    there = recorded(Store(tmp_path / "there", url), started_at="2026-01-01T12:00:00Z")
    sweep = ("history", "prune", "--keep", "0")
    code, text = call(*sweep, "--yes")
    assert (code, "0 runs would go" in text, f"1 run, such as {there.id}" in text) == (
        0,
        True,
        True,
    )
    assert "1 run would go" in call(*sweep, "--dry-run", "--everywhere")[1]
    code, text = call(*sweep, "--yes", "--everywhere")
    assert (code, "gone: 1 run" in text, "elsewhere" in text) == (0, True, False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("history", "show", "nothing"), "no run is called"),
        (("history", "prune", "--older-than", "3 parsecs"), "unknown unit"),
        (("history", "prune", "--older-than", "1e300 d"), "1970 at most"),
        (("history", "prune", "--older-than", "-1 d"), "1970 at most"),
        (("history", "list", "--since", "yesterday"), "does not match"),
        (("history", "list", "--limit", "0"), "x>=1"),
        (("history", "--status", "odd"), "complete"),
        (("history", "--config", "gone.yml"), "gone.yml"),
        (("history", "--data", "gone"), "no such folder"),
        (("collect", "nobody"), "no target called"),
        (("collect", "other"), "no metrics page is configured for other"),
        (("watch", "--match", "("), "no regular expression"),
        (("restore", "gone.zip"), "no such file"),
    ],
)
def test_mistakes_are_sentences(call, tmp_path, words, message):
    configure(tmp_path)
    code, text = call(*words)
    assert (code, message in text, "Traceback" in text) == (2, True, False), text


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("history",), 0, "nothing is recorded here"),
        (("history", "show", "one"), 2, "no run is called"),
        (("history", "prune", "--yes"), 0, "0 runs would go"),
        (("trend",), 3, "no run has this"),
        (("gate",), 3, "one, a run to judge: it never ran"),
        (("compare", "one", "one"), 2, "no run is called"),
        (("export", "one"), 2, "no run is called"),
        (("bisect", "one", "good", "bad"), 2, "no run is called"),
        (("triage",), 0, "no decisions yet"),
        (("report",), 2, "no runs are recorded"),
        (("import", "gone.json"), 2, "no such file"),
        (("backup", "kept.zip"), 0, "0 runs"),
        (("restore", "gone.zip"), 2, "no such file"),
    ],
)
def test_reading_where_nothing_is_recorded_writes_nothing(call, tmp_path, words, code, message):
    configure(tmp_path)
    found, text = call(*words)
    assert (found, message in text) == (code, True), text
    assert not Path("data").exists()


def test_a_damaged_run_is_told_and_hides_no_other(call, tmp_path):
    configure(tmp_path)
    good, bad = recorded(Store("data")), recorded(Store("data"))
    (Store("data").folder(bad.id) / "run.json").write_bytes(b"{")
    Path("data/history.sqlite").unlink()
    code, text = call("history")
    assert (code, good.id in text, "record is damaged" in text) == (0, True, True)
    code, text = call("history", "show", bad.id)
    assert (code, "record is damaged" in text) == (2, True)
    code, text = call("backup", "kept.zip")
    assert (code, "1 run," in text, "record is damaged" in text) == (0, True, True)


def test_collect_keeps_and_tells_the_page(call, tmp_path):
    with serving(page(HISTOGRAM.encode())) as url:
        configure(tmp_path, url)
        code, text = call("collect")
        as_json = json.loads(call("collect", "one", "--json")[1])
    assert (code, "5 values" in text, " t " in text) == (0, True, True)
    (kept, *_) = sorted(Path("data/metrics").glob("*.json"))
    samples = json.loads(kept.read_text())["samples"]
    assert samples == as_json[0]["samples"]
    assert samples[0] == {
        "name": "t_bucket",
        "labels": {"le": "0.1"},
        "kind": "histogram",
        "value": 3,
    }


def test_collect_of_a_page_that_lies_is_unknown(call, tmp_path):
    with serving(page(b"up one\n")) as url:
        configure(tmp_path, url)
        code, text = call("collect")
    assert (code, "`one` is no value" in text) == (3, True)
    assert not Path("data/metrics").exists()


def test_watch_shows_rates_and_ends(call, tmp_path):
    with serving(page(HISTOGRAM.encode())) as url:
        configure(tmp_path, url)
        code, text = call("watch", "--count", "2", "--interval", "0.1")
    assert (code, text.count("p95")) == (0, 2)


def test_ctrl_c_ends_watching_cleanly(tmp_path):
    with serving(page(HISTOGRAM.encode())) as url:
        file = configure(tmp_path, url)
        command = [sys.executable, "-m", "perflib", "watch", "--interval", "0.1", "--config", file]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watching:
            assert watching.stdout is not None
            assert watching.stderr is not None
            watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            complaint = watching.stderr.read()
            assert (watching.wait(30), complaint) == (0, "")


def test_backup_and_restore_from_the_command_line(call, tmp_path):
    configure(tmp_path)
    settings = tmp_path / "configs/one/pool.yml"
    settings.parent.mkdir(parents=True)
    settings.write_text("pool: 1\n")
    run = recorded(Store("data"))
    code, text = call("backup", "kept.zip")
    assert (code, "2 settings files, 1 run," in text) == (0, True), text
    assert call("backup", "kept.zip")[0] == 2
    settings.unlink()
    (tmp_path / "data").rename(tmp_path / "lost")
    code, text = call("restore", "kept.zip", "--dry-run")
    assert (code, "2 files: would be new" in text) == (0, True), text
    assert not settings.exists()
    assert call("restore", "kept.zip")[0] == 0
    assert settings.read_text() == "pool: 1\n"
    assert Store("data").runs()["run_id"].tolist() == [run.id]
    assert call("backup")[0] == 0
    assert len(list(Path("data/backups").glob("*.zip"))) == 1


@pytest.mark.parametrize("words", [["gate"], ["trend", "db"], ["history", "show", "db"]])
def test_what_a_result_brought_gives_the_terminal_no_orders(call, tmp_path, words):
    label = "/a:cat:b\x1b[31m\u202eX\n[b]✓ met"
    estimate = Estimate(metric="query_time", statistic="p95", value=1.0, unit="s", n=9, label=label)
    objective = Objective(text=label, metric="query_time", statistic="p95", unit="s", label=label)
    told = Verdict(
        objective=objective, outcome=Outcome.MISSED, reason=label, next_step="x", estimate=estimate
    )
    run = Run(
        id="20260101T000000Z-db-0001",
        target="db",
        kind="sql",
        started_at="2026-01-01",
        duration_s=1,
    )
    run.verdicts, run.estimates = [told], [estimate]
    keep(Store(tmp_path / "data"), [run])
    _, printed = call(*words, "--data", str(tmp_path / "data"))
    assert "/a:cat:b\ufffd[31m\ufffdX" in printed
    assert not {"\x1b", "\u202e"} & {*printed}
    assert words != ["gate"] or "[b]✓ met" not in printed.splitlines()


def test_an_encoding_without_our_signs_changes_no_verdict():
    sample = ROOT / "data" / "sample"
    done = subprocess.run(
        [sys.executable, "-m", "perflib", "trend", "--data", sample],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"? improved     database" in done.stdout
