"""The shell inside a forked child: IPython as a kernel has it, with a pipe instead of sockets.

It is made once in the warm parent, where no thread, event loop or database pool exists, and
every child inherits it. What it publishes is what ipykernel would publish, so that outputs
equal papermill's.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import msgspec
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

Emit = Callable[..., None]
_FLUSH_S = 0.2
_FLUSH_CHARACTERS = 1 << 16


def _clean(bundle: dict[str, Any]) -> dict[str, Any]:
    return {
        mime: b64encode(value).decode() if isinstance(value, bytes) else value
        for mime, value in bundle.items()
    }


class Outlet:
    """Everything a cell puts out, in order, as events: `send(kind, *values)`.

    What C code or a subprocess writes to the file descriptors 1 and 2 lands in two files
    and is picked up whenever Python output is flushed.
    """

    def __init__(self, send: Emit) -> None:
        self._send = send
        self._pending: list[str] = []
        self._name = ""
        self._size = 0
        self._flushed_s = time.monotonic()
        self._raw = {name: tempfile.TemporaryFile() for name in ("stdout", "stderr")}  # noqa: SIM115
        for number, file in enumerate(self._raw.values(), start=1):
            os.dup2(file.fileno(), number)
        self._read = dict.fromkeys(self._raw, 0)

    def stream(self, name: str, text: str) -> None:
        """Text that Python code wrote to `name`, after what C code wrote before it."""
        if any(map(self._unread, self._raw)):
            self.flush()
        if name != self._name:
            self._flush_pending()
            self._name = name
        self._pending.append(text)
        self._size += len(text)
        if self._size > _FLUSH_CHARACTERS or time.monotonic() - self._flushed_s > _FLUSH_S:
            self._flush_pending()

    def _flush_pending(self) -> None:
        if self._pending:
            self._send("stream", self._name, "".join(self._pending))
            self._pending.clear()
            self._size = 0
        self._flushed_s = time.monotonic()

    def flush(self) -> None:
        """Send what is pending, then what C code wrote since."""
        self._flush_pending()
        for name, file in self._raw.items():
            if unread := self._unread(name):
                data = os.pread(file.fileno(), unread, self._read[name])
                self._read[name] += len(data)
                self._send("stream", name, data.decode("utf-8", "replace"))

    def _unread(self, name: str) -> int:
        return os.fstat(self._raw[name].fileno()).st_size - self._read[name]

    def output(self, kind: str, *values: Any) -> None:
        """Anything but text, after the text that came before it."""
        self.flush()
        self._send(kind, *values)


class _Stream(io.TextIOBase):
    """`sys.stdout` and `sys.stderr` of a notebook."""

    encoding = "utf-8"
    errors = None

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self._number = number

    def fileno(self) -> int:
        return self._number

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        _outlet().stream(self.name, text)
        return len(text)

    def flush(self) -> None:
        if _OUTLETS:
            _outlet().flush()


_OUTLETS: list[Outlet] = []


def _outlet() -> Outlet:
    return _OUTLETS[-1]


class _Hook(DisplayHook):
    """The value of a cell's last expression."""

    _data: dict[str, Any]
    _metadata: dict[str, Any]

    def start_displayhook(self) -> None:
        self._data, self._metadata = {}, {}

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(
        self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None
    ) -> None:
        self._data, self._metadata = _clean(format_dict), md_dict or {}

    def finish_displayhook(self) -> None:
        if self._data:
            _outlet().output("result", self.prompt_count, self._data, self._metadata)


class _Publisher(DisplayPublisher):
    """What a cell displays."""

    def publish(  # type: ignore[override]  # IPython: the positional `source` is deprecated
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        name = (transient or {}).get("display_id", "")
        kind = "update" if update else "display"
        _outlet().output(kind, name, _clean(data), metadata or {})

    def clear_output(self, wait: bool = False) -> None:
        _outlet().output("clear", wait)


class Shell(InteractiveShell):
    """An interactive shell that publishes to the current outlet."""

    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)

    def init_environment(self) -> None:
        """What ipykernel sets, so that programs print what they print there."""
        os.environ.update(TERM="xterm-color", CLICOLOR="1", FORCE_COLOR="1", CLICOLOR_FORCE="1")
        os.environ.update(PAGER="cat", GIT_PAGER="cat")

    def enable_gui(self, gui: Any = None) -> None:
        """No toolkit: figures are inline."""

    def ask_exit(self) -> None:
        """`exit` ends nothing: the cells after it belong to the report."""

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        _outlet().output("error", etype.__name__, str(evalue), stb)


def make_shell() -> Shell:
    """The one shell of this process: no history file, hence no thread."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.autoindent = False
    shell: Shell = Shell.instance(config=config)
    return shell


def _told(value: Any) -> Any:
    """`value` without half characters, as in names of files that are not UTF-8."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list() | tuple():
            return list(map(_told, value))
        case dict():
            return {_told(key): _told(one) for key, one in value.items()}
    return value


def run_cells(cells: list[dict[str, Any]], write: int) -> None:
    """Execute `cells` in the current process's shell and send events to the pipe `write`.

    A cell is `{index, source, may_fail}`. The events are msgpack lists behind a length of four
    bytes: `start`, `stream`, `display`, `update`, `result`, `clear`, `error`, `end`, and
    `finished`.
    """
    pipe = os.fdopen(write, "wb", buffering=0)
    encoder = msgspec.msgpack.Encoder(enc_hook=str)

    def send(*event: Any) -> None:
        try:
            data = encoder.encode(event)
        except UnicodeEncodeError:
            data = encoder.encode(_told(event))
        frame = memoryview(len(data).to_bytes(4, "little") + data)
        while frame:
            frame = frame[pipe.write(frame) or 0 :]

    shell = Shell.instance()
    outlet = Outlet(send)
    _OUTLETS.append(outlet)
    sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115
    sys.stdout, sys.stderr = _Stream("stdout", 1), _Stream("stderr", 2)
    for cell in cells:
        send("start", cell["index"])
        result = shell.run_cell(cell["source"], store_history=True)  # type: ignore[no-untyped-call]
        outlet.flush()
        failed = result.error_before_exec or result.error_in_exec
        send("end", cell["index"], shell.execution_count - 1, not failed)
        if failed and not cell["may_fail"]:
            break
    send("finished")
