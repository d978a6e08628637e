"""The warm parent: imports once, then forks a child for each notebook.

A process of its own, so that it is clean whatever the caller is: a command, a notebook in
JupyterLab, a Dask worker. It ends, with its children, when the caller's socket closes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from typing import Any

import msgspec

from perflib.report.shell import make_shell, run_cells

MAY_WARM = ("perflib", "numpy", "pandas", "matplotlib", "pyarrow", "scipy", "sqlalchemy", "IPython")
"""Packages that are imported before the fork; the others are the notebook's own affair."""
NEVER_WARM = ("perflib.load", "perflib.reference", "perflib.cli")


def _warm(modules: list[str]) -> None:
    for name in modules:
        if name.split(".")[0] in MAY_WARM and not name.startswith(NEVER_WARM):
            # a module that cannot be imported shows its error in the notebook that wants it
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    _rehearse()
    if "gevent" in sys.modules:
        raise SystemExit("gevent was imported into the warm parent; notebooks would hang")


def _rehearse() -> None:
    """Do once what every first figure and every first table would do again in each child."""
    if "matplotlib.pyplot" in sys.modules and "matplotlib_inline.backend_inline" not in sys.modules:
        from IPython.core.pylabtools import print_figure
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        importlib.import_module("matplotlib_inline.backend_inline")
        figure = Figure()
        FigureCanvasAgg(figure)
        figure.subplots().plot([0, 1])
        print_figure(figure)  # type: ignore[no-untyped-call]
        if "pandas" in sys.modules:
            sys.modules["pandas"].DataFrame({"a": [1.5]})._repr_html_()


def _read(caller: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = caller.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _child(job: dict[str, Any], write: int) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        os.chdir(job["folder"])
        run_cells(job["cells"], write)
    finally:
        os._exit(0)


def _reap(children: set[int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            children.discard(pid)


def _serve(caller: socket.socket, children: set[int]) -> None:
    while True:
        header, descriptors, _, _ = socket.recv_fds(caller, 8, 1)
        if len(header) < 8:
            return
        job = msgspec.msgpack.decode(_read(caller, int.from_bytes(header, "little")))
        _warm(job["modules"])
        if "cells" not in job:
            continue
        gc.collect()
        gc.freeze()
        _reap(children)
        pid = os.fork()
        if pid == 0:
            caller.close()
            _child(job, descriptors[0])
        children.add(pid)
        os.close(descriptors[0])
        caller.sendall(pid.to_bytes(8, "little"))


def main(descriptor: int) -> None:
    """Serve jobs from the socket `descriptor` until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    make_shell()
    children: set[int] = set()
    with socket.socket(fileno=descriptor) as caller, contextlib.suppress(EOFError, OSError):
        _serve(caller, children)
    _reap(children)
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
