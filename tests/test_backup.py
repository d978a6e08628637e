"""Backups: what was kept comes back whole, and nothing damaged, hostile or older gets in."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from perflib.backup import create, restore
from perflib.backup.archive import digest_of
from perflib.errors import StoreError
from perflib.model import to_json
from perflib.store import BAD, Store, rows
from tests.test_store import recorded

SETTINGS = {
    "tests/performance/performance_config.yml": "targets: {}\n",
    "configs/database/pool.yml": "pool: 8\n",
    "configs/api-gateway/gateway.toml": "workers = 2\n",
    "configs/api-gateway/run.json": "{}",  # called as a record is
}


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A small project with settings, two runs and decisions, all older than any backup."""
    root = tmp_path_factory.mktemp("original")
    for name, text in SETTINGS.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (1.7e9, 1.7e9))
    (root / "configs/database/run.sh").write_text("rm -rf /")
    store = Store(root / "data")
    runs = [recorded(store), recorded(store, "blockchain")]
    store.add_triage(target="database", action=BAD, reason="battery", run_id=runs[0].id)
    store.undo_triage(store.add_triage(target="database", action="explain", reason="no"))
    store.keep_changes([{"target": "database", "run_id": runs[0].id, "status": "confirmed"}])
    return root


@pytest.fixture
def project(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "project"))


def backed_up(root: Path, samples: bool = False) -> Path:
    file = root.parent / f"backup{len(list(root.parent.glob('*.zip')))}.zip"
    settings = [root / "tests/performance", root / "configs"]
    create(Store(root / "data"), file, root=root, settings=settings, samples=samples)
    return file


def snapshot(root: Path) -> dict[str, str]:
    """Every file but the database, with its content's digest."""
    files = (
        path for path in root.rglob("*") if path.is_file() and "history.sqlite" not in path.name
    )
    return {str(path.relative_to(root)): digest_of(path) for path in files}


def test_all_comes_back_on_an_empty_machine(project, tmp_path):
    file, new = backed_up(project), tmp_path / "new"
    new.mkdir()
    plan = restore(Store(new / "data"), file, root=new)
    assert len(plan.new) == len(SETTINGS) + 2
    assert {name: (new / name).read_text() for name in SETTINGS} == SETTINGS
    assert not (new / "configs/database/run.sh").exists(), "a program is no setting"
    old, store = Store(project / "data"), Store(new / "data")
    for run_id in old.runs()["run_id"]:
        assert to_json(store.load(run_id)) == to_json(old.load(run_id))
    assert store.points().equals(old.points())
    columns = ["target", "action", "reason", "undone", "created_at"]
    assert store.triage(undone=True)[columns].equals(old.triage(undone=True)[columns])
    assert store.changes().equals(old.changes())
    with pytest.raises(StoreError, match="no samples"):
        store.samples(store.runs("database")["run_id"].iloc[-1])


def test_samples_travel_when_asked_for(project, tmp_path):
    file, store = backed_up(project, samples=True), Store(tmp_path / "new")
    restore(store, file, root=tmp_path / "new")
    assert len(store.samples(store.runs("database")["run_id"].iloc[-1])) == 50


def test_a_damaged_record_is_kept_as_the_history_knows_it(project, tmp_path):
    store = Store(project / "data")
    run = store.load(store.runs("database")["run_id"].iloc[-1])
    (store.folder(run.id) / "run.json").write_bytes(b"{")
    restore(Store(tmp_path / "new"), backed_up(project), root=tmp_path / "new")
    assert Store(tmp_path / "new").load(run.id) == run


def test_a_restore_of_what_is_there_changes_nothing(project):
    file, before = backed_up(project, samples=True), snapshot(project)
    plan = restore(Store(project / "data"), file, root=project)
    assert (plan.new, plan.older, plan.newer) == ([], [], [])
    assert snapshot(project) == before
    assert len(Store(project / "data").triage(undone=True)) == 2


def test_what_was_made_since_the_backup_stays(project):
    file, store = backed_up(project), Store(project / "data")
    run = recorded(store)
    store.add_triage(target="database", action="explain", reason="later")
    restore(store, file, root=project)
    assert store.load(run.id).id == run.id
    assert "later" in store.triage()["reason"].tolist()


@pytest.mark.parametrize(
    ("lost", "force", "back"),
    [(False, False, []), (False, True, ["pruned"]), (True, False, ["kept", "pruned"])],
    ids=["others prune", "asked for", "the database was lost"],
)
def test_what_others_pruned_of_a_shared_history_stays_gone(project, tmp_path, lost, force, back):
    database = tmp_path / "shared.sqlite"
    here, there = (Store(tmp_path / name, f"sqlite:///{database}") for name in ("here", "there"))
    ids = {"own": recorded(here).id, "kept": recorded(there).id, "pruned": recorded(there).id}
    file = tmp_path / "backup.zip"
    create(here, file, root=project, settings=[])
    shutil.rmtree(there.folder(ids["pruned"]))
    with there.database.writing() as connection:
        rows.remove(connection, [ids["pruned"]])
    if lost:
        database.unlink()
    again = Store(tmp_path / "here", here.history_url)
    plan = restore(again, file, root=project, force=force)
    assert plan.pruned == ([] if lost or force else [ids["pruned"]])
    made = {path.name for path in (tmp_path / "here" / "runs").iterdir()}
    assert made == {ids[name] for name in ("own", *back)}
    assert {*again.runs()["run_id"]} == {ids[name] for name in {"own", "kept", *back}}


def test_newer_work_is_not_overwritten_without_force(project):
    file, changed = backed_up(project), project / "configs/database/pool.yml"
    changed.write_text("pool: 16\n")
    os.utime(changed, (time.time() + 60, time.time() + 60))
    (project / "configs/api-gateway/gateway.toml").unlink()
    before, store = snapshot(project), Store(project / "data")
    with pytest.raises(StoreError, match="newer than the backup") as caught:
        restore(store, file, root=project)
    assert "--force" in str(caught.value)
    assert snapshot(project) == before
    plan = restore(store, file, root=project, dry_run=True)
    assert (plan.newer, len(plan.new)) == ([changed], 1)
    assert snapshot(project) == before
    restore(store, file, root=project, force=True)
    assert {name: (project / name).read_text() for name in SETTINGS} == SETTINGS


def test_an_older_file_is_replaced(project):
    file, changed = backed_up(project), project / "configs/database/pool.yml"
    changed.write_text("pool: 1\n")
    os.utime(changed, (1.6e9, 1.6e9))
    assert restore(Store(project / "data"), file, root=project).older == [changed]
    assert changed.read_text() == SETTINGS["configs/database/pool.yml"]


def test_another_record_of_the_same_run_is_newer_work(project):
    file, store = backed_up(project), Store(project / "data")
    record = store.folder(store.runs("database")["run_id"].iloc[-1]) / "run.json"
    record.write_bytes(record.read_bytes().replace(b"Made-up CPU", b"Another CPU"))
    with pytest.raises(StoreError, match="newer than the backup"):
        restore(store, file, root=project)


def test_a_record_that_comes_back_by_force_is_in_the_history_too(project):
    file, store = backed_up(project), Store(project / "data")
    machine = store.runs("database")["environment_key"].tolist()
    record = store.folder(store.runs("database")["run_id"].iloc[-1]) / "run.json"
    record.write_bytes(record.read_bytes().replace(b"Made-up CPU", b"Another CPU"))
    store.reindex()
    assert store.runs("database")["environment_key"].tolist() != machine
    restore(store, file, root=project, force=True)
    assert Store(project / "data").runs("database")["environment_key"].tolist() == machine


def test_a_failure_half_way_puts_everything_back(project):
    """The last of the moves fails: its place is a folder."""
    file = backed_up(project)
    for name in SETTINGS:
        (project / name).write_text("changed: true\n")
        os.utime(project / name, (1.6e9, 1.6e9))
    store = Store(project / "data")
    shutil.rmtree(project / "data" / "runs")
    (project / "data" / "runs").write_text("not a folder")
    before = snapshot(project)
    with pytest.raises(StoreError):
        restore(store, file, root=project)
    assert snapshot(project) == before


def rewritten(
    file: Path, change: Callable[[dict[str, bytes]], None], honest: bool = True, **told: str
) -> Path:
    """A copy of the archive after `change`; an honest one has the manifest that fits."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(content.pop("manifest.json")) | told
    change(content)
    if honest:
        manifest["files"] = {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in content.items()
        }
    copy = file.with_name("changed.zip")
    with zipfile.ZipFile(copy, "w") as archive:
        for name, data in {**content, "manifest.json": json.dumps(manifest).encode()}.items():
            archive.writestr(name, data)
    return copy


def put(name: str, data: bytes = b"x: 1\n") -> Callable[[dict[str, bytes]], None]:
    return lambda content: content.update({name: data})


TOP = {
    "my.yml": ("data: data\ntargets: {a: {kind: http, url: '${URL}'}}\n", True),
    "load_test_scenarios.yml": ("scenarios: {light: {}}\n", True),
    "typo.yml": ("targets: {a: {knid: http}}\n", True),
    "compose.yml": ("services: {a: {image: x}}\n", False),
    "mixed.yml": ("services: {a: {image: x}}\ntargets: {}\n", False),
    "broken.yml": ("targets: [\n", False),
    "pyproject.toml": ("[tool]\n", False),
    "package.json": ("{}", False),
    ".env": ("PASSWORD=x\n", False),
}


def test_settings_at_the_top_of_a_project_come_back_and_nothing_of_other_tools(tmp_path):
    """The README's own-system way: `my.yml` lies beside everything else."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    for name, (text, _) in TOP.items():
        (old / name).write_text(text)
    store = Store(old / "data")
    recorded(store)
    create(store, tmp_path / "b.zip", root=old, settings=[old / name for name in TOP])
    restore(Store(new / "data"), tmp_path / "b.zip", root=new)
    found = {path.name: path.read_text() for path in new.iterdir() if path.is_file()}
    assert found == {name: text for name, (text, ours) in TOP.items() if ours}
    assert len(Store(new / "data").runs()) == 1


@pytest.mark.parametrize(
    "name",
    [
        "config/../../outside/evil.yml",
        "../evil.yml",
        "/etc/evil.yml",
        "config//etc/evil.yml",
        "config/configs\\..\\evil.yml",
        "config/evil.yml",
        "config/.git/hooks/evil.yml",
        "config/configs/evil.py",
        "config/notebooks/evil.ipynb",
        "runs/../evil/run.json",
        "runs/20260101T000000Z-x-0001/evil.sh",
        "runs/.hidden/run.json",
        "evil.yml",
        "history/evil.json",
    ],
)
def test_a_hostile_name_is_refused(project, name):
    file, before = rewritten(backed_up(project), put(name)), snapshot(project.parent)
    with pytest.raises(StoreError, match="no place in a backup"):
        restore(Store(project / "data"), file, root=project, force=True)
    assert snapshot(project.parent) == before


def test_a_link_in_the_archive_is_refused(project):
    file = backed_up(project)
    link = zipfile.ZipInfo("config/configs/link.yml")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(StoreError):
        restore(Store(project / "data"), file, root=project)


def test_a_link_out_of_the_project_is_not_followed(project, tmp_path):
    file, outside = backed_up(project), tmp_path / "outside"
    shutil.move(project / "configs/database", outside)
    (project / "configs/database").symlink_to(outside)
    (outside / "pool.yml").unlink()
    with pytest.raises(StoreError, match="leads out of the project"):
        restore(Store(project / "data"), file, root=project)
    assert not (outside / "pool.yml").exists()


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


DAMAGES: dict[str, Callable[[Path], Path]] = {
    "empty": lambda file: _write(file, b""),
    "no zip": lambda file: _write(file, b"just some text" * 100),
    "cut off": lambda file: _write(file, file.read_bytes()[:-200]),
    "a flipped byte": lambda file: _write(file, _flip(file.read_bytes(), 250)),
    "other content": lambda file: rewritten(file, _other_content, honest=False),
    "a longer file": lambda file: rewritten(file, _longer, honest=False),
    "a file more": lambda file: rewritten(file, put("config/configs/a.yml"), honest=False),
    "a file less": lambda file: rewritten(
        file, lambda c: c.pop("history/triage.json"), honest=False
    ),
    "no decisions": lambda file: rewritten(file, lambda c: c.pop("history/triage.json")),
    "odd decisions": lambda file: rewritten(file, put("history/triage.json", b'[{"x": 1}]')),
    "no time": lambda file: rewritten(file, lambda _: None, created_at="yesterday"),
    "no manifest": lambda file: _write(file, _bare_zip(file)),
    "not there": lambda file: file.with_name("gone.zip"),
    "a folder": lambda file: file.parent,
}


def _write(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


def _other_content(content: dict[str, bytes]) -> None:
    content["config/configs/database/pool.yml"] = b"pool: 9\n"


def _longer(content: dict[str, bytes]) -> None:
    content["config/configs/database/pool.yml"] += b"#" * 10_000_000


def _bare_zip(file: Path) -> bytes:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.yml", "x: 1")
    return file.read_bytes()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_archive_is_refused_and_changes_nothing(project, damage):
    file = DAMAGES[damage](backed_up(project))
    (project / "configs/database/pool.yml").unlink()
    before, store = snapshot(project), Store(project / "data")
    with pytest.raises(StoreError) as caught:
        restore(store, file, root=project, force=True)
    assert len(str(caught.value).splitlines()) <= 2
    assert snapshot(project) == before
    assert len(store.triage(undone=True)) == 2


def test_a_flipped_byte_anywhere_is_harmless(project):
    """Some bytes of a zip file mean nothing; all others must be noticed before anything is done."""
    file, store = backed_up(project), Store(project / "data")
    whole, refused = file.read_bytes(), 0
    for at in range(0, len(whole), len(whole) // 150):
        file.write_bytes(_flip(whole, at))
        try:
            plan = restore(store, file, root=project, dry_run=True)
        except StoreError:
            refused += 1
        else:
            assert (plan.new, plan.older, plan.newer) == ([], [], []), at
    assert refused > 100


def test_a_newer_format_is_refused(project):
    file = backed_up(project)
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["manifest.json"] = content["manifest.json"].replace(b'"format": 1', b'"format": 9')
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.raises(StoreError, match="newer perflib"):
        restore(Store(project / "data"), file, root=project)


def test_an_existing_archive_is_never_replaced(project):
    file = backed_up(project)
    with pytest.raises(StoreError, match="exists already"):
        create(Store(project / "data"), file, root=project, settings=[])
    with pytest.raises(StoreError, match="cannot be written"):
        create(Store(project / "data"), file / "below", root=project, settings=[])
