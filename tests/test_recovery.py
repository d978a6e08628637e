"""A killed measurement loses nothing that reached the disk, and the next command says so."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from perflib import samples
from perflib.errors import StoreError
from perflib.model import Run
from perflib.monitor import scraper
from perflib.recovery import leavings, recover
from perflib.run import execute
from perflib.samples import SampleWriter, read_samples, schema, write_table
from perflib.store import Store
from perflib.store.claim import FOREIGN_S, abandoned, claimed
from perflib.store.folder import write_record
from perflib.target import Scenario
from perflib.workloads.sql import SqlTarget
from tests.test_campaign import config, perflib, recorded
from tests.test_monitor import page, serving
from tests.test_store_crash import mounted
from tests.test_workload_http import answering

__all__ = ["config"]
HASTY = """
import sys
from perflib import samples
from perflib.cli import main
samples.PART_S = 0.1
main(sys.argv[1:])
"""
SECRETS = ("s3cret",)


def wait_for(found, seconds=30):
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def killed(root: Path, target="db", labels=("one", "two"), **changes) -> Path:
    """What a killed measurement leaves, in the store at `root`; returns its staging folder."""
    store = Store(root)
    run_id, staging = store.begin(target)
    run = Run(id=run_id, target=target, kind="sql", started_at="2026-01-01T00:00Z", duration_s=0.0)
    run.objectives = ["throughput > 1 req/s"]
    for name, value in changes.items():
        setattr(run, name, value)
    write_record(staging, run)
    writer = SampleWriter(staging / "samples.parquet", flush_rows=1)
    for at, label in enumerate(labels):
        writer.append(label, at, at + 0.5, ok=label == "one", error=label if label != "one" else "")
    claim = claimed(staging)
    claim.__enter__()
    claim.gen.gi_frame.f_locals["file"].close()  # as the system does when the process ends
    return staging


def told(root: Path, targets=("db",)) -> list[str]:
    said: list[str] = []
    recover(Store(root), targets, SECRETS, said.append)
    return said


def test_a_killed_run_is_named_and_then_recorded(config, tmp_path):
    command = [sys.executable, "-c", HASTY, "run", "--scenario", "long", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: [*tmp_path.glob("data/staging/*/samples.parts/00000[3-9].parquet")])
        assert [*leavings(Store(tmp_path / "data"))] == []  # it is alive
        process.kill()
    assert "a measurement was broken off" in perflib("history", "--config", config).stdout
    assert recorded(tmp_path) == []
    assert "is kept as run" in perflib("run", "--config", config).stdout
    run, _ = recorded(tmp_path)
    frame = read_samples(tmp_path / "data" / "runs" / run.id / "samples.parquet")
    assert (run.status, run.verdicts[0].outcome) == ("interrupted", "unknown")
    assert run.counts.recorded == len(frame) > 0
    assert run.workload["concurrency"] == 2
    assert run.measured_from_s > 1
    assert [*(tmp_path / "data" / "staging").iterdir()] == []
    assert "a measurement was broken off" not in perflib("history", "--config", config).stdout


def test_a_generator_that_outlives_its_run_is_not_disturbed(tmp_path):
    file, root = tmp_path / "web.yml", tmp_path / "data"
    with answering() as url:
        load = "{rate: 50 req/s, users: 2, warmup: 0.1 s, run_time: 60 s}"
        file.write_text(
            f"data: {root}\ntargets: {{web: {{kind: http, url: '{url}', load: {load}}}}}\n"
        )
        command = [sys.executable, "-m", "perflib", "run", "--config", str(file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            wait_for(lambda: [*root.glob("staging/*/spool/*")])
            time.sleep(3)
            process.kill()
        assert told(root, ("web",)) == []
        wait_for(lambda: [*abandoned(root / "staging")])
    assert "is kept as run" in told(root, ("web",))[0]
    (run,) = recorded(tmp_path)
    assert run.measured_from_s > 0.1
    assert run.counts.recorded > 50
    assert run.workload["rate"] == 50


def test_a_claim_lasts_as_long_as_any_process_that_writes(tmp_path):
    staging = tmp_path / "run"
    staging.mkdir()
    with claimed(staging) as claim:
        writer = subprocess.Popen(["sleep", "60"], pass_fds=[claim])
    assert [*abandoned(tmp_path)] == []
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert [*abandoned(tmp_path)] == [staging]


def test_what_another_machine_began_is_left_alone_for_a_day(tmp_path):
    staging = killed(tmp_path)
    mark = staging.with_name(f"{staging.name}.claim")
    mark.write_text("another boot\nanother host")
    assert told(tmp_path) == []
    assert staging.exists()
    for path in (mark, staging, *staging.rglob("*")):
        os.utime(path, (time.time() - FOREIGN_S - 1,) * 2)
    assert len(told(tmp_path)) == 1
    assert not mark.exists()


def test_a_power_loss_costs_the_files_that_it_cut_off(tmp_path):
    staging = killed(tmp_path)
    (staging / "samples.parts" / "000001.parquet").write_bytes(b"PAR1")
    (staging / "metrics.parquet").write_bytes(b"")
    (staging / "plan.json").write_text('{"headers": "s3cret"}')
    told(tmp_path)
    (run,) = [Store(tmp_path).load(run_id) for run_id in Store(tmp_path).runs()["run_id"]]
    assert (run.counts.recorded, run.duration_s) == (1, 0.5)
    assert "1 file could not be read; what was scraped" in run.caveats[-1].message
    names = {path.name for path in Store(tmp_path).folder(run.id).iterdir()}
    assert names == {"run.json", "samples.parquet"}


def test_what_was_scraped_until_then_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(scraper, "PART_S", 0.0)
    staging = killed(tmp_path)
    with serving(page(b"up 1\n")) as url:
        beside = scraper.Scraper(url, staging / "metrics.parquet", interval_s=0.02)
        beside.start()
        wait_for(lambda: len([*staging.glob("metrics.parts/*.parquet")]) > 2)
        shutil.copytree(staging / "metrics.parts", tmp_path / "kept")
        beside.stop()
    (staging / "metrics.parquet").unlink()
    (tmp_path / "kept").rename(staging / "metrics.parts")
    told(tmp_path)
    store = Store(tmp_path)
    (run,) = map(store.load, store.runs()["run_id"])
    assert (run.counts.recorded, len(store.metrics(run.id)) > 2) == (2, True)
    names = {path.name for path in store.folder(run.id).iterdir()}
    assert names == {"run.json", "samples.parquet", "metrics.parquet"}


def test_what_the_disk_does_not_give_today_is_kept_for_tomorrow(tmp_path, monkeypatch):
    staging = killed(tmp_path)

    def broken(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as now:
        now.setattr("perflib.recovery.pq.read_table", broken)
        (said,) = told(tmp_path)
    assert "Input/output error" in said
    assert len([*(staging / "samples.parts").iterdir()]) == 2
    assert "is kept as run" in told(tmp_path)[0]


def test_no_secret_reaches_the_record(tmp_path):
    killed(tmp_path, labels=("one", "s3cret"))
    told(tmp_path)
    (file,) = tmp_path.glob("runs/*/run.json")
    assert "s3cret" not in file.read_text()
    assert '"***": 1' in file.read_text()


def test_another_configuration_does_not_know_the_secrets(tmp_path):
    staging = killed(tmp_path)
    assert told(tmp_path, ("web",)) == []
    (left,) = leavings(Store(tmp_path))
    assert (left.file, "`perflib run`" in left.next_step) == (str(staging), True)


def test_a_run_that_lacked_its_last_step_only_is_complete(tmp_path):
    staging = killed(tmp_path, duration_s=2.0)
    SampleWriter(staging / "samples.parquet").close()
    told(tmp_path)
    assert Store(tmp_path).runs()["status"].tolist() == ["complete"]


def test_what_was_killed_before_it_measured_leaves_nothing(tmp_path):
    killed(tmp_path, labels=())
    assert [*leavings(Store(tmp_path))] == told(tmp_path) == []
    assert [*Store(tmp_path).staging.iterdir()] == []


def test_a_disk_that_took_no_sample_is_told(tmp_path):
    staging = killed(tmp_path, labels=())
    SampleWriter(staging / "samples.parquet").close()
    assert "no sample of run" in told(tmp_path)[0]
    assert [*Store(tmp_path).staging.iterdir()] == []
    assert Store(tmp_path).runs().empty


def test_a_record_that_cannot_be_read_is_told_each_time(tmp_path):
    (killed(tmp_path) / "run.json").write_text("{")
    for _ in range(2):
        (said,) = told(tmp_path)
        assert "record is damaged" in said


def test_a_disk_that_fills_up_in_mid_run_says_where_the_samples_are(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "PART_S", 0.1)
    filler = tmp_path / "disk" / "filler"

    def fill(_target, _numbers):
        if [*filler.parent.glob("staging/*/samples.parts/*")] and not filler.exists():
            with suppress(OSError), filler.open("wb", 0) as file:
                while True:
                    file.write(bytes(4096))

    target = SqlTarget(name="db", kind="sql", url="sqlite://", queries={"one": {"sql": "SELECT 1"}})
    with mounted(filler.parent, "4m"):
        store = Store(filler.parent)
        scenario = Scenario(arrival="closed", users=1, run_time="30 s", warmup="0 s")
        with pytest.raises(StoreError, match="No space left") as caught:
            execute(target, scenario, store, show=fill)
        assert "free space on the disk" in caught.value.next_step
        assert "the next `perflib run` records it" in caught.value.next_step
        assert len([*leavings(store)]) == 1
        filler.unlink()
        assert len(told(store.root)) == 1
        (run,) = map(store.load, store.runs()["run_id"])
        assert run.status == "interrupted"
        assert len(store.samples(run.id)) == run.counts.recorded > 0


def test_a_folder_that_is_removed_in_mid_run_is_told(tmp_path):
    target = SqlTarget(name="db", kind="sql", url="sqlite://", queries={"one": {"sql": "SELECT 1"}})
    scenario = Scenario(arrival="closed", users=1, run_time="1 s", warmup="0 s")
    store = Store(tmp_path / "data")

    def remove(_target, _numbers):
        shutil.rmtree(store.root, ignore_errors=True)

    with pytest.raises(StoreError, match="No such file") as caught:
        execute(target, scenario, store, show=remove)
    assert "reached the disk" not in caught.value.next_step


def test_many_small_parts_are_few_row_groups(tmp_path):
    writer = SampleWriter(tmp_path / "samples.parquet", flush_rows=1)
    for at in range(20):
        writer.append(f"label {at}", at, at + 1)
    writer.close()
    assert samples.pq.ParquetFile(tmp_path / "samples.parquet").num_row_groups == 1
    assert read_samples(tmp_path / "samples.parquet")["label"].nunique() == 20


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(samples.pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_table(schema().empty_table(), tmp_path / "samples.parquet")
    assert [*tmp_path.iterdir()] == []
