"""Runs a target as a campaign does, without store and judgement: the run and its samples."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd

from perflib.model import SAMPLES, Run, to_json
from perflib.samples import read_samples
from perflib.session import Session
from perflib.target import Scenario, Target

SHORT = {"warmup": "0.1 s", "run_time": "0.6 s", "users": 2, "spawn_rate": 100, "arrival": "closed"}


def go(
    target: Target,
    *,
    show: Callable[[Session, Mapping[str, str]], None] | None = None,
    stop_after_s: float = 1e6,
    **changes: Any,
) -> tuple[Run, pd.DataFrame]:
    """Measure `target` under a short closed scenario with `changes`."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(id="r", target="t", kind=target.kind, started_at="", duration_s=0.0, seed=1)
        session = Session(run, Path(folder))
        if show is not None:
            session.show = lambda numbers: show(session, numbers)
        timer = threading.Timer(stop_after_s, session.stop.set)
        timer.daemon = True
        timer.start()
        target.measure(Scenario(**SHORT | changes), session)
        timer.cancel()
        session.close()
        return run, read_samples(Path(folder) / SAMPLES)


def time_to_stop(target: Target, number: str) -> float:
    """Seconds from `session.stop`, set once the live `number` is above 0, to the end of the run."""
    stopped: list[float] = []

    def stop_when_busy(session: Session, numbers: Mapping[str, str]) -> None:
        if numbers[number] != "0" and not stopped:
            stopped.append(time.monotonic())
            session.stop.set()

    _, samples = go(target, show=stop_when_busy, run_time="60 s")
    assert samples["ok"].any()
    return time.monotonic() - stopped[0]


def codes(run: Run) -> set[str]:
    """The caveats of a run, but for the one that a busy machine gives."""
    return {caveat.code for caveat in run.caveats} - {"generator was the bottleneck"}


def voids_all(run: Run) -> bool:
    return any("*" in caveat.voids for caveat in run.caveats)


def text_of(run: Run) -> str:
    return to_json(run).decode()


class Server:
    """A local HTTP server: `answer(method, path, body)` gives status and body; None hangs.

    An iterator as body drips; a third part is the content encoding of the body.
    """

    def __init__(self, answer: Callable[[str, str, bytes], tuple[Any, ...] | None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                given = answer(self.command, self.path, body)
                if given is None:
                    time.sleep(30)
                    return
                status, content, *coding = given
                if isinstance(content, Iterator):  # piece by piece, of more than will ever come
                    self.send_response(status)
                    self.send_header("content-length", "1000000")
                    self.end_headers()
                    for piece in content:
                        self.wfile.write(piece)
                        self.wfile.flush()
                    return
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.send_header("content-encoding", *coding or ["identity"])
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.url

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
