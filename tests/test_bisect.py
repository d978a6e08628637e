import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from perflib.cli.bisect import bisect, differ, own_measure
from perflib.errors import PerflibError
from perflib.model import Run, to_json
from perflib.stats.sequential import side_of

MEASURE = """import random, pathlib
base = float(pathlib.Path("base.txt").read_text())
print("something else")
print(base * random.lognormvariate(0, 0.02))
"""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Twelve commits; the eighth makes the benchmark 15 % slower, the fifth does not run."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    for number in range(12):
        (folder / "base.txt").write_text("1.15" if number >= 7 else "1.0")
        (folder / "bench.py").write_text("raise SystemExit(1)" if number == 4 else MEASURE)
        (folder / "number.txt").write_text(str(number))
        git(folder, "add", ".")
        git(folder, "commit", "-qm", f"commit {number}")
    monkeypatch.chdir(folder)
    return folder


def invoke(*arguments):
    done = CliRunner().invoke(bisect, arguments, standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.return_value, done.output


def test_the_commit_is_found_in_a_real_repository(repository):
    measure = f"{sys.executable} bench.py"
    code, text = invoke("db", "HEAD~11", "HEAD", "--measure", measure)
    assert code == 0
    assert "first bad commit: " in text
    assert "commit 7" in text.splitlines()[-1]
    assert git(repository, "status", "--porcelain") == ""
    assert len(git(repository, "worktree", "list").splitlines()) == 1


MEASURED = f"{sys.executable} bench.py"
EQUAL = f'{sys.executable} -c "print(10)"'


@pytest.mark.parametrize(
    ("good", "measure", "options", "says"),
    [
        ("HEAD~3", EQUAL, ["--most", "4"], "do not differ clearly"),
        ("HEAD~7", MEASURED, [], "cannot be measured: exit 1, it said nothing"),
        ("HEAD~11", MEASURED, ["--prepare", "echo no compiler; false"], "exit 1, no compiler"),
        ("HEAD~11", "echo lost >&2; exit 7", [], "exit 7, lost"),
        ("HEAD~11", "echo hello", [], "`hello` was printed last"),
        ("HEAD~11", "true", [], "`nothing` was printed last"),
        ("HEAD~11", "echo nan", [], "`nan` was printed last"),
        ("HEAD~11", "echo -3", [], "`-3` was printed last"),
        ("HEAD", MEASURED, [], "no commit leads from"),
        ("HEAD~11", "", [], "performance_config.yml: no such file"),
    ],
)
def test_what_cannot_be_bisected(repository, good, measure, options, says):
    with pytest.raises(PerflibError) as caught:
        invoke("db", good, "HEAD", "--measure", measure, *options)
    assert says in caught.value.found
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_bisection_that_is_ended_leaves_nothing(repository, number):
    command = [sys.executable, "-m", "perflib", "bisect", "db", "HEAD~11", "HEAD", "--measure"]
    with subprocess.Popen(
        [*command, f"{sys.executable} bench.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert b"differ by a factor" in process.stdout.readline()
        process.send_signal(number)
        _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint.strip()) == (130, b"")
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_commits_that_cannot_be_built_are_named_when_one_of_them_may_be_it(repository):
    broken = "test $(cat number.txt) != 7 || exit 1"
    code, text = invoke("db", "HEAD~11", "HEAD", "--measure", MEASURED, "--prepare", broken)
    assert code == 3
    named = text.partition("first bad commit:")[2]
    assert ["commit 7" in named, "commit 8" in named, "commit 9" in named] == [True, True, False]


def test_a_step_that_crashes_calls_no_commit_bad(tmp_path):
    """Git takes 1 for bad, and stops at 128."""
    step = [sys.executable, "-m", "perflib.cli.bisect", tmp_path / "gone.json"]
    done = subprocess.run(step, capture_output=True, text=True, check=False)
    assert (done.returncode, "FileNotFoundError" in done.stderr) == (128, True)


def test_a_commit_that_was_not_fetched_is_told(repository):
    folder = repository / "data" / "runs" / "x"
    folder.mkdir(parents=True)
    run = Run(id="x", target="db", kind="sql", started_at="2026-01-01T00:00:00Z", duration_s=1)
    run.environment.git_commit = "ab" * 20
    (folder / "run.json").write_bytes(to_json(run))
    with pytest.raises(PerflibError, match="commit ababababab of run x is not in this repo"):
        invoke("db", "x", "HEAD", "--measure", MEASURED, "--data", "data")


def test_outside_of_git_only_a_run_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PerflibError, match=r"no run is called `HEAD~1`, and git says: .*not a git"):
        invoke("db", "HEAD~1", "HEAD", "--measure", MEASURED)


def test_without_git_that_is_what_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PerflibError, match="git is not in PATH"):
        invoke("shop", "good", "bad")


def test_good_comes_before_bad(repository):
    with pytest.raises(PerflibError, match="no commit leads from"):
        invoke("db", "HEAD", "HEAD~11", "--measure", MEASURED)


def test_what_a_measurement_changes_is_not_in_the_way(repository):
    measure = f"{sys.executable} bench.py && echo changed > number.txt && {sys.executable} bench.py"
    code, text = invoke("db", "HEAD~11", "HEAD", "--measure", measure)
    assert code == 0
    assert "commit 7" in text.splitlines()[-1]


def test_equal_ends_seldom_differ_however_often_they_are_looked_at():
    rng, wrong = np.random.default_rng(3), 0
    for _ in range(300):
        good, bad = rng.lognormal(0, 0.05, (2, 20))
        wrong += any(differ(good[:n], bad[:n], 20) for n in range(1, 21))
    assert wrong / 300 <= 0.03


@pytest.mark.parametrize(("factor", "side"), [(1.0, "good"), (1.1, "bad"), (1.048, None)])
def test_sides(factor, side):
    rng = np.random.default_rng(1)
    good, bad = rng.lognormal(0, 0.01, 6), rng.lognormal(0, 0.01, 6) * 1.1
    values = rng.lognormal(0, 0.01, 4) * factor
    assert side_of(values, good, bad, decisions=4, looks=5) == side


def test_sides_are_seldom_wrong():
    rng, wrong = np.random.default_rng(2), 0
    for _ in range(300):
        good, bad = rng.lognormal(0, 0.03, 5), rng.lognormal(0, 0.03, 5) * 1.1
        values = []
        for _ in range(20):
            values.append(rng.lognormal(0, 0.03))
            side = side_of(values, good, bad, decisions=1, looks=20)
            if side:
                wrong += side == "bad"
                break
    assert wrong <= 300 * 0.05


def test_the_shell_takes_every_name_as_it_is(tmp_path):
    file = tmp_path / "it's $HOME & more.yml"
    line = own_measure("a;b", "query_time", "p95", file)
    shown = subprocess.run(
        line.replace("-m perflib.cli.measured", "-c 'import sys; print(sys.argv[1:])'"),
        shell=True, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert shown.strip() == repr(["a;b", "query_time", "p95", str(file)])
