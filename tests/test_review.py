"""Settings are found with their line in every format; findings carry evidence and rank by gain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perflib.cli import main
from perflib.errors import PerflibError
from perflib.model import Caveat, Environment, Run
from perflib.review import Finding, findings, read_settings, review
from perflib.review.queries import filters_of, indexed_columns
from perflib.review.settings import topic_of, words
from perflib.store import BAD, Store

FILES = {
    "api/server.yml": "server:\n  workers: 4   # processes\n  threads: 8\n",
    "api/database.toml": 'title = "x"\n\n[pool]\nsize = 5\nmax_overflow = 2\n',
    "chain/consensus.json": '{\n "consensus": {\n  "block_time": "10 s",\n  "quorum": 3\n }\n}',
    "chain/.env": "# comment\nexport BLOCK_TIME_MS=5000\nVALIDATION=full\nOTHER=1\n",
    "db/postgresql.conf": "max_connections = 20   # few\nshared_buffers = 1GB\n",
    "db/pgbouncer.ini": "[pgbouncer]\n; comment\nquery_timeout = 3\nauth = x\n",
    "db/indexes.yml": "indexes:\n  - users(name)\n",
    "readme.md": "workers: 99\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_settings_are_found_with_their_line_in_every_format(folder: Path) -> None:
    settings, problems = read_settings(folder)
    found = {
        (str(one.file.relative_to(folder)), one.line, one.key, one.shown, one.topic)
        for one in settings
        if one.topic
    }
    assert problems == []
    assert found == {
        ("api/server.yml", 2, "server.workers", "4", "worker"),
        ("api/server.yml", 3, "server.threads", "8", "thread"),
        ("api/database.toml", 4, "pool.size", "5", "pool"),
        ("api/database.toml", 5, "pool.max_overflow", "2", "pool"),
        ("chain/consensus.json", 3, "consensus.block_time", "10 s", "block time"),
        ("chain/consensus.json", 4, "consensus.quorum", "3", "consensus"),
        ("chain/.env", 2, "BLOCK_TIME_MS", "5000", "block time"),
        ("chain/.env", 3, "VALIDATION", "full", "validation"),
        ("db/postgresql.conf", 1, "max_connections", "20", "connection"),
        ("db/pgbouncer.ini", 3, "pgbouncer.query_timeout", "3", "query"),
        ("db/indexes.yml", 1, "indexes", "['users(name)']", "index"),
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "WORKERS=3"),
        ("a.ini", "workers = 3"),
        ("a.toml", "workers = 3"),
        ("a.json", '{"workers": 3}'),
        ("a.yml", "workers: 3"),
    ],
)
def test_a_mark_of_its_encoding_hides_no_setting(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    ((setting,), problems) = read_settings(tmp_path)
    assert (setting.name, setting.number, problems) == ("workers", 3, [])


@pytest.mark.parametrize(
    ("path", "topic"),
    [
        (("workers",), "worker"),
        (("maxWorkers",), "worker"),
        (("WEB_CONCURRENCY",), "thread"),
        (("pool", "size"), "pool"),
        (("blockTime",), "block time"),
        (("block-interval",), "block time"),
        (("consensus", "timeout"), "consensus"),
        (("validation", "mode"), "validation"),
        (("indexes", "by_name"), "index"),
        (("statement_timeout",), "query"),
        (("connections", "max"), "connection"),
        (("spool",), ""),
        (("colour",), ""),
    ],
)
def test_topics_are_read_from_the_words_of_keys(path: tuple[str, ...], topic: str) -> None:
    assert topic_of(path) == topic


def test_words_of_keys() -> None:
    assert words("maxBlock-time_ms") == ["max", "block", "time", "ms"]
    assert words("HTTPPool2") == ["http", "pool", "2"]


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text(
        "CONNECTION=postgresql://me:hunter2@h/db\n"
        "CONNECTION_PASSWORD=hunter2\n"
        "CONNECTION_MIRROR=postgresql://me:hunter2@[::1/db\n"
    )
    settings, _ = read_settings(tmp_path)
    expected = ["postgresql://h/db", "***", "a URL that does not parse"]
    assert [one.shown for one in settings] == expected


@pytest.mark.parametrize(
    ("key", "value", "hidden"),
    [
        ("DB_PASS", "hunter2", True),
        ("NODE_KEY", "hunter2", True),
        ("signingKey", "hunter2", True),
        ("tls.key", "hunter2", True),
        ("wallet.mnemonic", "hunter2", True),
        ("dsn", "host=db user=me password=hunter2", True),
        ("bypass", "cache", False),
        ("primary_key", "id", False),
        ("rate_limit.algorithm", "token bucket", False),
    ],
)
def test_secrets_are_known_by_their_names(
    tmp_path: Path, key: str, value: str, hidden: bool
) -> None:
    (tmp_path / "a.ini").write_text(f"{key} = {value}\n")
    (one,) = read_settings(tmp_path)[0]
    assert one.shown == ("***" if hidden else value)


def found_in(tmp_path: Path, files: dict[str, str], **given: Any) -> list[Finding]:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    return review(read_settings(tmp_path)[0], **{"cores": 4} | given)


@pytest.mark.parametrize(
    ("files", "code", "place", "said"),
    [
        (
            {"api/a.yml": "workers: 2\nthreads: 8\npool_size: 4\n"},
            "pool smaller than threads",
            "api/a.yml:3",
            "up to 4 threads wait",
        ),
        (
            {"api/a.yml": "workers: 2\nthreads: 8\n", "api/b.ini": "[pool]\nsize = 8\n"},
            "pool smaller than threads",
            "api/b.ini:2",
            "2 workers × 8 threads if the pool is shared",
        ),
        ({"api/a.yml": "workers: 16\n"}, "workers beyond cores", "api/a.yml:1", "on 4 cores"),
        (
            {
                "api/a.yml": "workers: 4\npool_size: 5\npool_overflow: 1\n",
                "jobs/a.toml": "pool_size = 10\n",
                "db/a.conf": "max_connections = 30\n",
            },
            "pools beyond the connection limit",
            "db/a.conf:1",
            "ask for 34 connections, the server gives 30",
        ),
        (
            {"chain/a.yml": "block_time: 10 s\n", "web/a.env": "BLOCK_TIME_MS=5000\n"},
            "block time differs",
            "web/a.env:1",
            "10 s in one place and 5 s in another",
        ),
        (
            {"chain/a.yml": "block_time: 2 s\nvote_timeout: 3 s\n"},
            "vote timeout beyond the block time",
            "chain/a.yml:2",
            "one silent validator",
        ),
        (
            {"db/a.yml": "indexes:\n  by_name: users(name)\n"},
            "index missing",
            "db/a.yml:2",
            "looks in `orders` by user_id",
        ),
    ],
)
def test_settings_are_held_against_each_other(
    tmp_path: Path, files: dict[str, str], code: str, place: str, said: str
) -> None:
    queries = {
        "q": "SELECT * FROM orders WHERE user_id = :u",
        "p": "SELECT * FROM users WHERE id=:i",
    }
    (finding,) = found_in(tmp_path, files, queries=queries)
    assert finding.code == code
    assert finding.place == str(tmp_path / place)
    assert said in finding.message
    assert finding.evidence
    assert finding.next_step
    assert finding.gain


@pytest.mark.parametrize(
    "files",
    [
        {"api/a.yml": "workers: 4\nthreads: 2\npool_size: 8\n"},
        {"api/a.yml": "threads: 8\npool_size: 4\npool_overflow: 4\n"},
        {"api/a.yml": "pool_size: 5\n", "db/a.yml": "max_connections: 5\n"},
        {"chain/a.yml": "block_time: 10 s\n", "web/a.env": "BLOCK_TIME_MS=10000\n"},
        {"db/a.yml": "indexes:\n  a: orders(user_id)\n"},
        {"db/a.yml": "query_timeout: 1 s\n"},
        {"api/a.yml": "workers: auto\nthreads: many\npool_size: 4\n"},
    ],
)
def test_settings_that_fit_give_no_finding(tmp_path: Path, files: dict[str, str]) -> None:
    assert found_in(tmp_path, files, queries={"q": "SELECT 1 FROM orders WHERE user_id=:u"}) == []


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM users WHERE name = :n", {"users": {"name"}}),
        ("SELECT * FROM users u WHERE u.name IN (:a) AND u.x > 3", {"users": {"name", "x"}}),
        (
            "SELECT 1 FROM a JOIN b ON b.a_id = a.id WHERE a.k = :k ORDER BY b.z",
            {"a": {"k"}, "b": {"a_id"}},
        ),
        ("SELECT 1 FROM blocks ORDER BY time DESC LIMIT 5", {"blocks": {"time"}}),
        ("SELECT 1 FROM blocks ORDER BY time", {}),
        ("UPDATE users SET x = :x WHERE mail = :m", {"users": {"mail"}}),
        ("SELECT 1", {}),
        ("not sql at all", {}),
    ],
)
def test_columns_that_queries_look_by(sql: str, expected: dict[str, set[str]]) -> None:
    assert filters_of(sql) == expected


def test_first_columns_of_indexes() -> None:
    listed = ["users(name, x)", "CREATE INDEX i ON public.orders USING btree (user_id)"]
    assert indexed_columns(listed) == {"users": {"name"}, "orders": {"user_id"}}


def run_of(kind: str, **more: Any) -> Run:
    return Run(id="r", target="t", kind=kind, started_at="", duration_s=10, **more)


def samples_of(labels: dict[str, int], **metrics: float) -> pd.DataFrame:
    rows = [label for label, count in labels.items() for _ in range(count)]
    size = len(rows)
    frame = pd.DataFrame({"label": rows, "start": np.linspace(0, 9, size), "ok": True})
    frame["intended_start"] = np.nan
    frame["service_time"] = frame["label"].map(lambda label: 1.0 if label == "slow" else 0.01)
    for name, value in metrics.items():
        frame[name] = value
    return frame


PLAN = {
    "query": "slow",
    "p95_query_time": 0.4,
    "text": "Limit\n  ->  Seq Scan on users  (cost=0)\n  Filter: (users.name = 'x')",
}


@pytest.mark.parametrize(
    ("run", "samples", "code", "rank", "said"),
    [
        (
            run_of("sql", workload={"pool_size": 2, "concurrency": 8}),
            samples_of({"a": 10}, query_time=0.01, pool_wait=0.03),
            "pool wait dominates",
            0.75,
            "75 % of the time",
        ),
        (
            run_of("sql", details={"plans": [PLAN]}),
            samples_of({"slow": 5, "a": 5}, query_time=0.1),
            "sequential scan",
            0.5,
            "reads the whole of `users`",
        ),
        (
            run_of("sql", details={"plans": [PLAN | {"text": "SCAN users"}]}),
            samples_of({"slow": 10}, query_time=0.1),
            "sequential scan",
            1.0,
            "reads the whole of `users`",
        ),
        (
            run_of("sql", details={"plans": [PLAN | {"text": "id=1 table=users type=ALL rows=9"}]}),
            samples_of({"slow": 10}, query_time=0.1),
            "sequential scan",
            1.0,
            "reads the whole of `users`",
        ),
        (
            run_of("chunks"),
            samples_of({"a": 10}, processing_time=0.1, compress_time=0.08, store_time=0.01),
            "one stage dominates",
            0.8,
            "80 % of a chunk's time is compress",
        ),
        (
            run_of("chunks"),
            samples_of({"a": 10}, processing_time=0.1, compress_time=0.02, store_time=0.01),
            "time outside the stages",
            0.7,
            "outside of all told stages",
        ),
        (
            run_of("http"),
            samples_of({"slow": 5, "quick": 50}),
            "one request dominates",
            0.909,
            "`slow` takes 91 % of the time with 9.1 % of the calls",
        ),
        (
            run_of("http", errors={"status 500": 5, "timeout": 1}),
            samples_of({"a": 60}),
            "errors",
            0.6,
            "6 calls failed, most with `status 500`",
        ),
        (
            run_of("http", errors={"status 429": 60}),
            samples_of({"a": 60}),
            "rate limited",
            1.0,
            "`status 429`",
        ),
        (
            run_of(
                "http",
                caveats=[Caveat(code="generator was the bottleneck", message="93 %", voids=("*",))],
            ),
            samples_of({"a": 60}),
            "generator was the bottleneck",
            1.0,
            "93 %",
        ),
        (
            run_of("blocks", details={"chain": {"missed_slots": 1}, "blocks": [{}, {}, {}]}),
            samples_of({"block": 3}),
            "missed slots",
            0.25,
            "1 of 4 slots",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_runs_tell_their_bottleneck(
    run: Run, samples: pd.DataFrame, code: str, rank: float, said: str
) -> None:
    found = {finding.code: finding for finding in findings(run, samples)}
    assert code in found
    assert found[code].rank == pytest.approx(rank, abs=0.01)
    assert said in found[code].message
    assert found[code].target == "t"


def test_a_run_without_trouble_gives_no_finding() -> None:
    assert findings(run_of("http"), samples_of({"a": 10, "b": 10})) == []


def test_findings_of_runs_and_settings_are_ranked_together(tmp_path: Path) -> None:
    (tmp_path / "api.yml").write_text("threads: 4\npool_size: 3\nindexes: {a: users(id)}\n")
    run = run_of("sql", details={"plans": [PLAN]}, environment=Environment(cores=8))
    found = findings(run, samples_of({"slow": 10}, query_time=0.1), tmp_path)
    assert [one.code for one in found] == ["sequential scan", "pool smaller than threads"]
    assert found[0].place == f"{tmp_path}/api.yml:3"
    assert "users(name)" in found[0].next_step


def test_a_broken_file_is_a_finding_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("workers: [1\n")
    (tmp_path / "b.json").write_text("{,}")
    (tmp_path / "c.toml").write_text("workers = = 1")
    (tmp_path / "d.yml").write_text("threads: 4\npool_size: 1\n")
    found = findings(configs=tmp_path)
    assert [one.code for one in found[:3]] == ["unreadable settings"] * 3
    assert found[0].line == 2
    assert found[3].code == "pool smaller than threads"


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PerflibError, match="no such folder"):
        findings(configs=tmp_path / "none")


@pytest.fixture
def elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["review", "."], ["api/server.yml:2", "server.workers", "pool smaller than threads"]),
        (["review", ".", "--markdown"], ["| server.workers | 4 | worker | api/server.yml:2 |"]),
        (["review", ".", "--report"], ["pools beyond the connection limit", "next"]),
        (["review", ".", "--report", "--markdown"], ["# Optimisation report", "## 1. "]),
    ],
)
def test_the_verb_prints_settings_and_findings(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert [text for text in said if text not in printed] == []


def test_the_report_reads_the_record_of_a_run_whose_samples_are_gone(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my.yml").write_text("data: data\ntargets: {db: {kind: chunks, url: 'http://h:1'}}\n")
    store = Store("data")
    run_id, staging = store.begin("db")
    run = run_of("chunks", errors={"timeout": 3})
    run.id, run.target, run.started_at = run_id, "db", "2026-11-25T00:00:00Z"
    store.commit(run, staging)
    with pytest.raises(SystemExit) as ended:
        main(["review", ".", "--report", "--config", "my.yml"])
    assert (ended.value.code, "3 calls failed" in capsys.readouterr().out) == (0, True)
    store.add_triage(target="db", action=BAD, reason="a power cut", run_id=run_id)
    with pytest.raises(SystemExit):
        main(["review", ".", "--report", "--config", "my.yml"])
    assert "3 calls failed" not in capsys.readouterr().out, "a bad run tells nothing"


def test_the_verb_exits_with_2_when_a_file_cannot_be_read(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.yml").write_text("a: [\n")
    with pytest.raises(SystemExit) as ended:
        main(["review", "."])
    assert ended.value.code == 2
    assert "broken.yml" in capsys.readouterr().out


def test_the_reference_systems_own_settings_fit_each_other() -> None:
    assert [one.code for one in findings(configs=Path("configs"))] == []


def test_a_scan_is_told_of_a_run_whose_samples_are_gone() -> None:
    gone = samples_of({"slow": 0}).assign(service_time=[])
    (found,) = findings(run_of("sql", details={"plans": [PLAN]}), gone)
    assert (found.code, found.rank) == ("sequential scan", 0.0)
    assert found.gain == "unknown without samples"


def test_a_folder_without_settings_is_not_found_to_be_fine(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("texts").mkdir()
    Path("texts/README.md").write_text("workers: 4\n")
    for place in ("texts", "texts/README.md"):
        with pytest.raises(SystemExit) as ended:
            main(["review", place])
        printed = capsys.readouterr()
        assert (ended.value.code, printed.out) == (2, "")
        assert f"{place}: no settings; expected YAML" in printed.err
