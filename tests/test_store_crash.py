"""Whatever happens while a run is recorded: no earlier run is lost, no half one is read."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perflib.errors import StoreError
from perflib.model import Run
from perflib.store import BAD, Store
from tests.test_store import estimate, recorded, verdict

SAMPLES = b"PAR1" + bytes(200_000) + b"PAR1"


def plain_run(store: Store, target: str = "t") -> str:
    """Record a run without the writer of samples, whose threads do not survive a fork."""
    run_id, staging = store.begin(target)
    (staging / "samples.parquet").write_bytes(SAMPLES)
    run = Run(id=run_id, target=target, kind="sql", started_at="2026-01-01T00:00:00Z", duration_s=1)
    run.estimates, run.verdicts = [estimate(), estimate(label="b")], [verdict()]
    store.commit(run, staging)
    return run_id


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a child of this process; returns its id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)


def check(root: Path, promised: set[str]) -> None:
    """Everything promised is there, everything there is whole, in folders and history alike."""
    store = Store(root)
    listed = set(store.runs()["run_id"])
    assert promised <= listed
    assert store.damaged == []
    for run_id in listed:
        assert store.load(run_id).id == run_id
        assert (store.folder(run_id) / "samples.parquet").read_bytes() == SAMPLES
    assert store.points().groupby("run_id").size().eq(2).all()
    assert set(store.points()["run_id"]) == set(store.verdicts()["run_id"]) == listed


def test_a_writer_killed_at_any_instant_loses_nothing(tmp_path):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    promised: set[str] = set()
    for turn in range(15):
        told, tell = os.pipe()

        def work(tell: int = tell) -> None:
            store = Store(tmp_path)
            while True:
                os.write(tell, plain_run(store).encode() + b"\n")

        child = forked(work)
        os.close(tell)
        with os.fdopen(told, "rb") as lines:
            early = [lines.readline()] if turn % 2 else []  # the start is killed, and what follows
            time.sleep(chance.uniform(0.001, 0.12))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            whole = [line for line in [*early, *lines] if line.endswith(b"\n")]
        promised |= {line.decode().strip() for line in whole}
        check(tmp_path, promised)
    assert len(promised) >= 7, f"runs were promised and not told (seed {seed})"


def test_many_writers_at_once(tmp_path):
    """They race to create the history as well."""

    def work() -> None:
        store = Store(tmp_path)
        for _ in range(8):
            plain_run(store)
            store.points()

    children = [forked(work) for _ in range(4)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    check(tmp_path, set())
    assert len(Store(tmp_path).runs()) == 32


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path):
    """The limit of a file's size stands for a quota."""
    promised = {plain_run(Store(tmp_path))}

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
        store = Store(tmp_path)
        run_id, staging = store.begin("t")
        run = Run(id=run_id, target="t", kind="sql", started_at="2026-01-01", duration_s=1)
        with pytest.raises(StoreError, match="free space"):
            store.commit(_long(run), staging)

    assert os.waitpid(forked(work), 0)[1] == 0
    check(tmp_path, promised)


def _long(run: Run) -> Run:
    run.details = {"plan": "x" * 10_000}
    return run


@contextlib.contextmanager
def mounted(place: Path, size: str) -> Iterator[None]:
    """A small disk at `place`, where that is allowed."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if (
        not shutil.which("mount")
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("this user may not mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_keeps_what_was_recorded(tmp_path):
    root = tmp_path / "disk"
    with mounted(root, "2m"):
        store, promised = Store(root), set()
        with pytest.raises((StoreError, OSError), match=r"No space left|full"):
            promised.update(plain_run(store) for _ in range(100))
        assert 3 < len(promised) < 100
        for _ in range(2):
            for left in (root / "staging").iterdir():
                shutil.rmtree(left)
            check(root, promised)
            with contextlib.suppress(StoreError):
                run_id, staging = store.begin("t")
                run = Run(id=run_id, target="t", kind="sql", started_at="2026-01-01", duration_s=1)
                run.details = {"plan": "x" * 2_000_000}
                store.commit(run, staging)


@pytest.mark.parametrize("history", [True, False])
def test_a_read_only_store_is_read_and_refuses_to_write(tmp_path, history):
    root = tmp_path / "data"
    with sealed(root, history) as run_id:
        store = Store(root)
        assert store.runs()["run_id"].tolist() == [run_id]
        assert len(store.points()) == 1
        assert len(store.samples(run_id)) == 50
        for write in (
            lambda: store.begin("t"),
            store.require_writable,
            Store(tmp_path, f"sqlite:///{root}/history.sqlite").require_writable,
            store.reindex,
            lambda: store.add_triage(target="t", action=BAD, reason="x"),
            lambda: store.keep_changes([]),
        ):
            with pytest.raises(StoreError) as caught:
                write()
            assert "make the folder" in str(caught.value)


@contextlib.contextmanager
def sealed(root: Path, history: bool) -> Iterator[str]:
    """A store that this user cannot write; root needs a read-only mount for that."""
    if os.geteuid() == 0:
        with mounted(root, "4m"):
            run_id = recorded(Store(root)).id
            if not history:
                (root / "history.sqlite").unlink()
            subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
            yield run_id
        return
    run_id = recorded(Store(root)).id
    if not history:
        (root / "history.sqlite").unlink()
    paths = [root, *root.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    yield run_id
    for path in paths:
        path.chmod(path.stat().st_mode | 0o200)
