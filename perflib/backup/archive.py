"""The archive: what goes in, and the proof that what comes out is the same and harmless."""

from __future__ import annotations

import hashlib
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Any

import msgspec
from msgspec import Struct

from perflib import __version__
from perflib.config import is_configuration
from perflib.errors import StoreError
from perflib.files import in_one_step
from perflib.model import RECORD, SAMPLES, SCRAPED, to_json
from perflib.store import Store
from perflib.store.folder import check_id, explained

FORMAT = 1
MANIFEST = "manifest.json"
TRIAGE, CHANGES = "history/triage.json", "history/changes.json"
SETTINGS = frozenset({".yml", ".yaml", ".toml", ".ini", ".cfg", ".conf", ".json", ".env"})
"""Only such files are settings; a program is never restored from an archive."""
SAMPLE_FILES = (SAMPLES, SCRAPED)
_BLOCK = 2**20
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, RuntimeError, ValueError
)  # fmt: skip
"""All that reading a damaged zip file can raise."""


class Entry(Struct, frozen=True):
    """One file of the archive."""

    sha256: str
    size: int


class Manifest(Struct, kw_only=True):
    """What the archive holds and when it was made.

    `elsewhere` are the runs that other machines recorded in a shared history.
    """

    format: int
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    perflib: str
    samples: bool
    files: dict[str, Entry]
    elsewhere: list[str] = []


def create(
    store: Store, file: Path, *, root: Path, settings: Iterable[Path], samples: bool = False
) -> Manifest:
    """Write the settings (files and folders below `root`), decisions and runs to `file`.

    The archive appears under its name only when it is complete; an existing one is never
    replaced.
    """
    if file.exists():
        raise StoreError("this file exists already", next_step="name another file", file=file)
    manifest = Manifest(
        format=FORMAT,
        created_at=datetime.now(UTC).replace(microsecond=0),
        perflib=__version__,
        samples=samples,
        files={},
        elsewhere=[
            run_id for run_id in store.runs()["run_id"] if not store.folder(run_id).exists()
        ],
    )
    with explained(file, "written"):
        file.parent.mkdir(parents=True, exist_ok=True)
        with (
            in_one_step(file) as aside,
            zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name, source in _contents(store, root, settings, samples):
                manifest.files[name] = _put(archive, name, source)
            archive.writestr(MANIFEST, to_json(manifest))
    return manifest


def _contents(
    store: Store, root: Path, settings: Iterable[Path], samples: bool
) -> Iterator[tuple[str, Path | bytes]]:
    for path in _setting_files(settings):
        if path.resolve().is_relative_to(root.resolve()):
            name = f"config/{path.resolve().relative_to(root.resolve()).as_posix()}"
            if _allowed(name) and _belongs(name, path):  # what no restore would take is left out
                yield name, path
    yield TRIAGE, _table(store.triage(undone=True).drop(columns="id"))
    yield CHANGES, _table(store.changes())
    for run_id in store.runs()["run_id"]:
        folder = store.folder(run_id)
        yield f"runs/{run_id}/{RECORD}", _record(store, run_id)
        for name in SAMPLE_FILES if samples else ():
            if (folder / name).exists():
                yield f"runs/{run_id}/{name}", folder / name


def _record(store: Store, run_id: str) -> bytes:
    """The record of a run; where its folder's is damaged, as the history keeps it."""
    own = store.folder(run_id) / RECORD
    try:
        run = store.load(run_id)
    except StoreError:
        return to_json(store.remembered(run_id))
    return own.read_bytes() if own.exists() else to_json(run)


def _setting_files(places: Iterable[Path]) -> list[Path]:
    found = {
        path
        for place in places
        for path in (place.rglob("*") if place.is_dir() else [place])
        if path.is_file() and not path.is_symlink() and _is_setting(PurePosixPath(path.name))
    }
    return sorted(found)


def _is_setting(path: PurePosixPath) -> bool:
    return path.suffix in SETTINGS or path.name == ".env"


def _table(frame: Any) -> bytes:
    return json.dumps(frame.to_dict("records"), indent=1, ensure_ascii=False, default=bool).encode()


def _put(archive: zipfile.ZipFile, name: str, source: Path | bytes) -> Entry:
    digest, size = hashlib.sha256(), 0
    with archive.open(name, "w", force_zip64=True) as out:
        for block in [source] if isinstance(source, bytes) else _blocks(source):
            digest.update(block)
            size += len(block)
            out.write(block)
    return Entry(digest.hexdigest(), size)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_BLOCK), b"")


def digest_of(path: Path) -> str:
    """The SHA-256 of the file at `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Archive:
    """A backup file whose table of contents has been checked; `unpack` checks the contents."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            step = "name an archive that `perflib backup` made"
            raise StoreError("no such file", next_step=step, file=file)
        with explained(file, "read"):
            try:
                self._zip = zipfile.ZipFile(file)
                self.manifest = self._read_manifest()
            except (*_BROKEN, msgspec.MsgspecError) as error:
                raise self._damaged(f"no backup of perflib ({error})") from None
        self._check_names()

    def unpack(self, folder: Path) -> None:
        """Write every file below `folder`; raises at the first that is not what was packed."""
        for name, entry in self.manifest.files.items():
            target = folder / name
            with explained(target, "written"):
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    with self._zip.open(name) as source, target.open("wb") as out:
                        whole = _copy(source, out, entry)
                except _BROKEN as error:
                    raise self._damaged(f"`{name}` is damaged ({error})") from None
            if not whole:
                raise self._damaged(f"`{name}` is not what was packed")
            if not _belongs(name, target):
                raise self._misplaced(name)

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def _read_manifest(self) -> Manifest:
        manifest = msgspec.json.decode(self._zip.read(MANIFEST), type=Manifest)
        if manifest.format > FORMAT:
            raise StoreError(
                f"backup was made by a newer perflib ({manifest.perflib})",
                next_step="install the newer perflib",
                file=self.file,
            )
        return manifest

    def _check_names(self) -> None:
        """Exactly the files of the manifest, each a plain file in a place that it may have."""
        infos = self._zip.infolist()
        names = [info.filename for info in infos]
        expected = {*self.manifest.files, MANIFEST}
        if len(names) != len(expected) or set(names) != expected:
            odd = sorted(set(names) ^ expected) or ["a name twice"]
            raise self._damaged(f"contents differ from the manifest: {odd[0][:80]}")
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG) or not _allowed(info.filename):
                raise self._misplaced(info.filename)

    def _misplaced(self, name: str) -> StoreError:
        return self._damaged(f"`{name[:80]}` has no place in a backup")

    def _damaged(self, found: str) -> StoreError:
        return StoreError(
            found,
            expected="a file made by `perflib backup`",
            next_step="nothing was changed; use another backup",
            file=self.file,
        )


def _allowed(name: str) -> bool:
    """Whether a restore may write `name`: no way up, nothing hidden, only settings and runs."""
    path = PurePosixPath(name)
    if path.is_absolute() or "\\" in name or str(path) != name or ".." in path.parts:
        return False
    if name in (MANIFEST, TRIAGE, CHANGES):
        return True
    if path.parts[0] == "runs" and len(path.parts) == 3:
        try:
            check_id(path.parts[1])
        except StoreError:
            return False
        return path.name in (RECORD, *SAMPLE_FILES)
    visible = not any(part.startswith(".") for part in path.parts[:-1])
    inside = path.parts[0] == "config" and len(path.parts) > 1
    return inside and visible and "\0" not in name and _is_setting(path)


def _belongs(name: str, content: Path) -> bool:
    """At the top of a project, where other tools find orders of theirs, only our own files do."""
    top = name.startswith("config/") and name.count("/") == 1
    return not top or (name.endswith((".yml", ".yaml")) and is_configuration(content))


def _copy(source: IO[bytes], out: IO[bytes], entry: Entry) -> bool:
    """Copy at most what the manifest promises; whether it was exactly that."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > entry.size:
            return False
        digest.update(block)
        out.write(block)
    return size == entry.size and digest.hexdigest() == entry.sha256
