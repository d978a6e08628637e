"""What a machine is, what makes two of them comparable, and what never gets into a result."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflib.environment import differences, environment_key, fingerprint, load_key, usable_cores
from perflib.model import Environment, Run

HERE = Environment(
    cpu="Some CPU @ 2 GHz",
    cores=4,
    memory_bytes=16 * 2**30,
    kernel="Linux 6.1.0 x86_64",
    system="Debian GNU/Linux 12 (bookworm)",
    python="CPython 3.11.9",
    packages={"locust": "2.40.0"},
    target_version="1.4",
    settings={"workers": "2"},
)


def other(**changes: object) -> Environment:
    return msgspec.structs.replace(HERE, **changes)


def test_this_machine_has_a_fingerprint():
    found = fingerprint(Path.cwd())
    assert found.cpu
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.memory_bytes > 2**27
    assert found.kernel.startswith(platform.system())
    assert "locust" in found.packages
    assert found.load_before is not None
    assert differences(found, fingerprint(Path.cwd())) == []


def test_nothing_in_it_says_who_or_where(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2hunter2")
    text = msgspec.json.encode(fingerprint(Path.cwd())).decode()
    assert "hunter2" not in text
    assert str(Path.home()) not in text or str(Path.home()) == "/"
    assert str(Path.cwd()) not in text
    names = [platform.node(), getpass.getuser()]
    assert [name for name in names if f'"{name}"' in text] == []


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.invalid"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_the_commit_and_whether_it_is_all(tmp_path):
    git(tmp_path, "init")
    assert fingerprint(tmp_path).git_commit == ""
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "first")
    clean = fingerprint(tmp_path)
    assert (len(clean.git_commit), clean.git_dirty) == (40, False)
    (tmp_path / "a").write_text("2")
    assert fingerprint(tmp_path).git_dirty


def test_a_folder_that_is_not_there_has_no_commit(tmp_path):
    assert fingerprint(tmp_path / "gone").git_commit == ""


@pytest.mark.parametrize(
    ("changes", "same_key", "told"),
    [
        ({}, True, []),
        ({"load_before": 3.0, "git_commit": "abc", "git_dirty": True}, True, []),
        ({"memory_bytes": 15 * 2**30}, True, []),
        ({"memory_bytes": 8 * 2**30}, True, ["memory: 16.0 GiB → 8.0 GiB"]),
        ({"cpu": "Another"}, False, ["CPU: Some CPU @ 2 GHz → Another"]),
        ({"cores": 8}, False, ["cores: 4 → 8"]),
        (
            {"kernel": "Linux 6.2.0 x86_64"},
            True,
            ["kernel: Linux 6.1.0 x86_64 → Linux 6.2.0 x86_64"],
        ),
        (
            {"kernel": "Linux 6.1.0 aarch64"},
            False,
            ["kernel: Linux 6.1.0 x86_64 → Linux 6.1.0 aarch64"],
        ),
        ({"target_version": ""}, True, ["target's version: 1.4 → –"]),
        ({"settings": {"workers": "4"}}, True, ["setting workers: 2 → 4"]),
        ({"settings": {}}, True, ["setting workers: 2 → –"]),
        ({"packages": {"locust": "2.41.0"}}, True, ["package locust: 2.40.0 → 2.41.0"]),
    ],
)
def test_what_differs_and_what_makes_another_history(changes, same_key, told):
    assert differences(HERE, other(**changes)) == told
    assert (environment_key(HERE) == environment_key(other(**changes))) == same_key


@pytest.mark.parametrize(
    ("workload", "same"),
    [
        ({"url": "http://a", "scenario": {"users": 8, "rate": None, "run_time": 60}}, True),
        ({"scenario": {"users": 9}}, False),
        ({"users": 8}, False),
        ({"scenario": {"users": 8, "arrival": "open"}}, False),
        ({}, False),
    ],
)
def test_what_makes_another_load(workload, same):
    assert (load_key(run(workload)) == load_key(run({"scenario": {"users": 8}}))) is same


@pytest.mark.parametrize(("target", "same"), [("api", False), ("api_capacity", True)])
def test_a_rate_that_was_searched_for_is_no_setting(target, same):
    assert (load_key(run({"rate": 1}, target)) == load_key(run({"rate": 2}, target))) is same


def run(workload: dict, target: str = "api") -> Run:
    return Run(id="r", target=target, kind="http", started_at="", duration_s=1, workload=workload)


@given(st.text(), st.text(), st.integers(0, 512), st.integers(0, 512))
def test_the_key_tells_processors_apart(cpu, another, cores, more):
    a, b = Environment(cpu=cpu, cores=cores), Environment(cpu=another, cores=more)
    assert (environment_key(a) == environment_key(b)) == ((cpu, cores) == (another, more))


def test_cores_are_those_this_process_may_use():
    allowed = getattr(os, "sched_getaffinity", None)
    assert 1 <= usable_cores() <= (len(allowed(0)) if allowed else os.cpu_count())
