"""Nothing is executed again whose inputs did not change: their digests are kept beside the pages.

A file's content is read once; afterwards its size, time and inode vouch for its digest.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec

from perflib.files import write
from perflib.report.plan import Order, Summary

FILE = ".state.json"
_LIBRARIES = ("pandas", "matplotlib", "numpy", "ipython", "markdown_it_py", "nh3", "jinja2")


class Made(msgspec.Struct):
    """A page as it was made: `key` of its inputs, its files' digests, what it tells the index."""

    key: str
    files: dict[str, str]
    title: str = ""
    targets: list[str] = []
    run_id: str = ""
    notebook: str = ""
    failed: str = ""
    state: str = ""
    finding: str = ""


class State(msgspec.Struct):
    """What is remembered between calls: pages by stem, and digests of files by path.

    `configured` are the targets of the configuration with this digest.
    """

    pages: dict[str, Made] = {}
    files: dict[str, tuple[int, int, int, str]] = {}
    index: str = ""
    configured: tuple[str, list[str]] = ("", [])

    def signature(self) -> bytes:
        """Equal for equal states."""
        return msgspec.json.encode(self)


class Cache:
    """The remembered state of the folder `out`; `save` writes it whole or not at all."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.library = library()
        self.state = State()
        # a state that is missing or damaged costs an execution, never a wrong page
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            self.state = msgspec.json.decode((out / FILE).read_bytes(), type=State)
        for stem, made in list(self.state.pages.items()):
            if not all((out / name).exists() for name in made.files):
                del self.state.pages[stem]  # or the index would lead to what is gone

    def save(self) -> None:
        """Write the state, forgetting files and pages that are gone."""
        self.state.files = {
            name: known
            for name, known in self.state.files.items()
            if os.path.exists(name)  # noqa: PTH110
        }
        self.state.pages = {
            stem: made for stem, made in self.state.pages.items() if self._whole(made)
        }
        write(self.out / FILE, msgspec.json.encode(self.state))

    def _whole(self, made: Made) -> bool:
        return all(self.digest(self.out / name) == known for name, known in made.files.items())

    def current(self, order: Order, key: str) -> Made | None:
        """The page of `order` if it was made from inputs with `key`, succeeded and is intact."""
        made = self.state.pages.get(order.stem)
        usable = made and made.key == key and not made.failed and made.files and self._whole(made)
        return made if usable else None

    def digest(self, file: Path) -> str:
        """Digest of the content of `file`, empty if it is not there."""
        try:
            told = file.stat()
        except OSError:
            return ""
        name = os.fspath(file)
        signature = (told.st_size, told.st_mtime_ns, told.st_ino)
        known = self.state.files.get(name)
        if known is None or tuple(known[:3]) != signature:
            known = (*signature, _content(file))
            self.state.files[name] = known
        return known[3]

    def index_key(self, runs: Sequence[Summary], *more: str) -> str:
        """Digest of what the index tells: the runs, the pages, the library, and `more`."""
        told = [runs, self.state.pages, self.library, *more]
        return _digest(msgspec.json.encode(told, order="sorted"))

    def key(self, order: Order, history: str) -> str:
        """Digest of everything the page of `order` depends on, `history` among it."""
        told = {
            "notebook": self.digest(order.notebook),
            "parameters": order.parameters,
            "library": self.library,
            "history": history,
            "inputs": [
                [place.name, *((file.name, self.digest(file)) for file in _files(place))]
                for place in dict.fromkeys(order.inputs)
            ],
        }
        return _digest(msgspec.json.encode(told, order="sorted"))


def _files(place: Path) -> list[Path]:
    """The files of a run's folder, or the one file that holds many runs."""
    if not place.is_dir():
        return [place]
    with os.scandir(place) as entries:
        return sorted(Path(entry) for entry in entries if entry.is_file())


def library() -> str:
    """Versions of what makes a page: Python, the libraries, and this package's own sources."""
    parts = [sys.version, *_installed()]
    package = Path(__file__).parents[1]
    for folder, _, files in sorted(os.walk(package)):
        if not folder.endswith("__pycache__"):  # compiled code is made of these sources
            told = folder.removeprefix(str(package))
            parts += [f"{told}/{name} {_content(f'{folder}/{name}')}" for name in sorted(files)]
    return _digest("\n".join(parts).encode())


def _installed() -> list[str]:
    """The libraries' versions, from the names of their folders: importlib.metadata costs more."""
    folders = Path(msgspec.__file__).parents[1].glob("*.dist-info")
    names = (folder.name for folder in folders)
    return sorted(name for name in names if name.split("-")[0].lower() in _LIBRARIES)


def _content(file: str | Path) -> str:
    with open(file, "rb", buffering=0) as source:  # noqa: PTH123 (a Path a source file costs)
        digest = blake2b(digest_size=16)
        while part := source.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
