"""What can be checked of the promised commands without any load: files, verbs, their help."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from perflib.cli import VERBS, perflib
from perflib.cli.show import print_runs
from perflib.model import Estimate, Outcome, Run, Verdict
from perflib.objectives import parse_objective

ROOT = Path(__file__).parents[1]
PERFORMANCE = ROOT / "tests" / "performance"
LOADERS = ("locust", "gevent")
HEAVY = (*LOADERS, "pandas", "sqlalchemy", "matplotlib", "pyarrow", "scipy")


def text_of(folder: Path, pattern: str = "*") -> str:
    files = [file for file in folder.rglob(pattern) if file.is_file()]
    assert files, f"nothing in {folder}"
    return "\n".join(file.read_text() for file in files)


@pytest.mark.parametrize("words", ["tron|TRON", "payment-systems"])
def test_forbidden_words_are_in_no_performance_test(words: str) -> None:
    assert re.search(words, text_of(PERFORMANCE, "*.py")) is None


@pytest.mark.parametrize("wanted", ["class.*TaskSet", "weight", "wait_time"])
def test_the_locustfile_has_weighted_task_sets(wanted: str) -> None:
    assert re.search(wanted, (PERFORMANCE / "locustfile.py").read_text())


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("api-gateway", ["workers", "threads", "pool"]),
        ("blockchain", ["consensus", "block_time", "validation"]),
        ("session-processing", ["level"]),
        ("database", ["index", "query", "connection", "pool"]),
    ],
)
def test_the_settings_are_found(folder: str, words: list[str]) -> None:
    text = text_of(ROOT / "configs" / folder)
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    "script",
    [
        "test_api_gateway_throughput",
        "test_blockchain_consensus",
        "test_session_processing",
        "test_database_queries",
        "collect_metrics",
        "generate_report",
        "analyze_trends",
    ],
)
def test_the_scripts_compile_and_can_be_run(script: str) -> None:
    text = (PERFORMANCE / f"{script}.py").read_text()
    compile(text, script, "exec")
    assert '__name__ == "__main__"' in text


def test_a_benchmark_takes_what_perflib_run_takes(tmp_path: Path) -> None:
    database = "{kind: sql, url: 'sqlite:///x.db', queries: {one: {sql: SELECT 1}}}"
    (tmp_path / "my.yml").write_text(f"targets:\n  database: {database}\n")
    (tmp_path / "x.db").touch()
    script = [sys.executable, str(PERFORMANCE / "test_database_queries.py"), "--config", "my.yml"]
    for words, code in ((["--run-tme", "1 s"], 2), (["--run-time", "1 s"], 3)):
        done = subprocess.run(
            [*script, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
    (result,) = tmp_path.glob("tests/performance/results/database_queries.json")
    assert json.loads(result.read_text())["query_time"] > 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_tells_what_it_is_for(verb: str) -> None:
    module, _, name = VERBS[verb].partition(":")
    assert getattr(importlib.import_module(module), name).name == verb
    told = CliRunner().invoke(perflib, [verb, "--help"])
    assert told.exit_code == 0, told.output
    assert told.output.startswith("Usage: ")


def test_the_list_of_verbs_says_what_each_is_for() -> None:
    text = CliRunner().invoke(perflib, ["--help"]).output
    for verb in VERBS:
        assert re.search(rf"^  {verb} +\w+", text, re.MULTILINE), text


def loaded_by(*words: str) -> set[str]:
    """Top-level modules that a fresh `perflib WORDS` has imported at its end."""
    code = (
        "import sys; from perflib.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(answer.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("words", "without"),
    [
        (["--help"], HEAVY),
        (["run", "--help"], HEAVY),
        (["report", "--help"], HEAVY),
        (["formats"], (*LOADERS, "pandas", "sqlalchemy", "matplotlib")),
    ],
)
def test_help_does_not_import_what_only_work_needs(words: list[str], without: tuple[str]) -> None:
    assert loaded_by(*words) & set(without) == set()


def test_no_verb_imports_the_load_generator() -> None:
    code = "import sys, importlib\n" + "".join(
        f"importlib.import_module({place.partition(':')[0]!r})\n" for place in VERBS.values()
    )
    code += f"assert not set(sys.modules) & set({LOADERS!r})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("words", [["formats"], ["gate", "--data", "data/sample"]])
def test_an_output_that_nobody_reads_is_no_verdict(words: list[str]) -> None:
    command = [sys.executable, "-m", "perflib", *words]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")


def test_shares_are_told_in_percent(capsys: pytest.CaptureFixture[str]) -> None:
    objective = parse_objective("error_rate < 1 %")
    estimate = Estimate(
        metric="error_rate", statistic="value", value=1.0, low=0.999, high=1.0, unit="1", n=9
    )
    verdict = Verdict(
        objective=objective, outcome=Outcome.MISSED, reason="", next_step="", estimate=estimate
    )
    run = Run(id="r", target="shop", kind="http", started_at="2026", duration_s=1)
    run.verdicts = [verdict]
    assert print_runs([run]) == 1
    assert "100 % [99.9, 100]" in capsys.readouterr().out
