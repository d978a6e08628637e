"""The load engine beside Locust's own client, hey and wrk: same server, same run, interleaved."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from perflib.load.plan import Plan, Request
from perflib.load.process import generate
from perflib.samples import measured, read_samples
from tests.benchmarks.table import Row

CONNECTIONS = 32
SECONDS = 4
ROUNDS = 5
PAIRS = 12
NGINX = """
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ return 200 "ok\\n"; }} }}
}}
"""
LOCUSTFILE = """
from {module} import {cls}
from locust import task, constant
class U({cls}):
    wait_time = constant(0)
    @task
    def ask(self):
        self.client.get("/")
"""
COUNTED = """
import json, os, time
import gevent
from locust import events
from perflib.load.engine import engine_of

@events.init.add_listener
def count(environment, **_):
    def window():
        seen = []
        for pause in (1, float(os.environ["BENCH_SECONDS"])):
            gevent.sleep(pause)
            engine_of(environment).flush()
            requests = environment.stats.total.num_requests
            seen.append((requests, time.monotonic(), time.process_time()))
        requests, wall_s, cpu_s = (b - a for a, b in zip(*seen))
        with open(os.environ["BENCH_FILE"], "w") as file:
            json.dump([requests / wall_s, cpu_s / requests], file)
    environment.events.spawning_complete.add_listener(lambda **_: gevent.spawn(window))
"""
PACED = """
from {module} import {cls}
from locust import task, constant_throughput
class U({cls}):
    wait_time = constant_throughput({rate})
    @task
    def ask(self):
        self.client.get("/")
"""


def measure() -> Iterator[Row]:
    """Every row of the load engine's promise; tools that are missing are named and skipped."""
    with suppress(PermissionError):
        os.nice(-10)  # all tools alike: other work on the machine disturbs less
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        yield Row(measure="fast user ÷ FastHttpUser, hey, wrk", skipped="nginx is not installed")
    else:
        with nginx_running(nginx) as url:
            yield from pace(url)
            yield from recording_cost(url)
            yield from start_error(url)
            yield from growth(url)
            yield from two_processes(url)
    yield from truth()


def pace(url: str) -> Iterator[Row]:
    """Requests a second, all tools in turn in each round, so that a busy moment hits all."""
    tools = {
        "perflib": lambda: locust_rate(url, "perflib.load", "PerfHttpUser"),
        "FastHttpUser": lambda: locust_rate(url, "locust", "FastHttpUser"),
    }
    for name, command in (("hey", hey), ("wrk", wrk)):
        if shutil.which(name):
            tools[name] = lambda command=command: command(url)
    rounds: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(ROUNDS):
        for name, run in tools.items():
            rounds[name].append(run())
    own = rounds["perflib"]
    for name, least in (("FastHttpUser", 5), ("hey", 1.2), ("wrk", 0.5)):
        if name in rounds:
            ratios = [a / b for a, b in zip(own, rounds[name], strict=True)]
            note = f"{statistics.median(own):,.0f} to {statistics.median(rounds[name]):,.0f} req/s"
            what = f"fast user ÷ {name}{' -t1' if name == 'wrk' else ''}"
            yield Row(measure=what, values=ratios, at_least=least, note=note)
        else:
            yield Row(measure=f"fast user ÷ {name}", skipped=f"{name} is not installed")


def recording_cost(url: str) -> Iterator[Row]:
    """One locustfile with its own count of one window, under a plan and without, in turns."""
    ratios, cpu_us = [], []
    for turn in range(PAIRS):
        order = (True, False) if turn % 2 else (False, True)
        told = {recording: counted(url, recording) for recording in order}
        ratios.append(told[True][0] / told[False][0])
        cpu_us.append([told[recording][1] * 1e6 for recording in (True, False)])
    on, off = np.median(cpu_us, axis=0)
    note = f"{on:.1f} to {off:.1f} µs of CPU a request"
    yield Row(measure="all recording on ÷ off", values=ratios, at_least=0.95, note=note)


def start_error(url: str) -> Iterator[Row]:
    """How far starts lie from their schedule at 2000 arrivals a second."""
    errors = [samples(url, rate=2000.0, run_s=5.0)["lateness"] for _ in range(3)]
    for name, level, most in (("median", 0.5, 0.2), ("p99", 0.99, 3.0)):
        values = [float(error.quantile(level)) * 1e3 for error in errors]
        what = f"error of a scheduled start, {name}"
        yield Row(measure=what, values=values, at_most=most, unit="ms")


def growth(url: str) -> Iterator[Row]:
    """Memory and disk that a million requests take, from two lengths of run."""
    with tempfile.TemporaryDirectory(prefix="perflib-") as folder:
        plan = closed(url, folder, run_s=max(SECONDS * 4, 1_200_000 / recorded(url)[0]))
        peaks: list[tuple[float, int]] = []
        done = threading.Event()
        watcher = threading.Thread(target=watch_memory, args=(folder, peaks, done))
        watcher.start()
        generate(plan, threading.Event())
        done.set()
        watcher.join()
        rows = len(read_samples(Path(folder) / "samples.parquet"))
        disk = (Path(folder) / "samples.parquet").stat().st_size
    settled = [size for moment, size in peaks if moment > peaks[0][0] + 3]
    per_million = 1e6 / rows
    grown = (np.median(settled[-5:]) - np.median(settled[:5])) / 1e6 * per_million
    note = f"{rows:,} requests"
    yield Row(
        measure="memory growth a million requests",
        values=[float(grown)],
        at_most=60,
        unit="MB",
        note=note,
    )
    size = disk / 1e6 * per_million
    yield Row(measure="disk a million requests", values=[size], at_most=12, unit="MB", note=note)


def watch_memory(folder: str, peaks: list[tuple[float, int]], done: threading.Event) -> None:
    """Sample the resident memory of the generator that works in `folder`."""
    import psutil

    me = psutil.Process()
    while not done.wait(0.5):
        with suppress(psutil.Error):
            ours = [c for c in me.children() if any(folder in word for word in c.cmdline())]
            peaks += [(time.monotonic(), child.memory_info().rss) for child in ours]


def truth() -> Iterator[Row]:
    """Percentiles against a server that stalls 200 ms each 2 s: p95 100 ms and p99 180 ms."""
    expected = {0.95: 0.100, 0.99: 0.180}
    found: dict[float, list[float]] = {level: [] for level in expected}
    paced: dict[float, list[float]] = {level: [] for level in expected}
    for _ in range(3):
        with server("tests.stalling", "200", "2000") as url:
            times = samples(url, rate=500.0, run_s=20.0)["response_time"]
            closed_ms = constant_throughput(url, 500.0, 20)
        for level, value in expected.items():
            found[level].append(abs(float(times.quantile(level)) / value - 1) * 100)
            paced[level].append(abs(closed_ms[level] / 1e3 / value - 1) * 100)
    for level in expected:
        note = f"constant_throughput is off by {statistics.median(paced[level]):.0f} %"
        what = f"p{100 * level:g} against a stalling server, error"
        yield Row(measure=what, values=found[level], at_most=10, unit="%", note=note)


def two_processes(url: str) -> Iterator[Row]:
    """Two generator processes against one. Where the target has no cores of its own, the sum of
    their rates says nothing; what a request costs in CPU then tells what two cores would give."""
    cores = os.cpu_count() or 1
    pairs = [(recorded(url, 2), recorded(url, 1)) for _ in range(3)]
    if cores >= 4:
        ratios = [two[0] / one[0] for two, one in pairs]
        yield Row(measure="two processes ÷ one", values=ratios, at_least=1.7)
    else:
        ratios = [2 * one[1] / two[1] for two, one in pairs]
        note = f"{cores} cores: requests a CPU second, since the target needs cores of its own"
        yield Row(measure="two processes ÷ one, by CPU", values=ratios, at_least=1.7, note=note)


# ---- the tools ------------------------------------------------------------------------------


@contextmanager
def nginx_running(nginx: str) -> Iterator[str]:
    """nginx with a tiny answer on a port of its own, one worker for each two cores."""
    with tempfile.TemporaryDirectory(prefix="perflib-") as folder:
        port = 18_000 + os.getpid() % 10_000
        file = Path(folder) / "nginx.conf"
        workers = max((os.cpu_count() or 2) // 2, 1)
        file.write_text(NGINX.format(folder=folder, port=port, workers=workers))
        with subprocess.Popen([nginx, "-p", folder, "-c", file, "-g", "daemon off;"]) as process:
            time.sleep(0.5)
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


@contextmanager
def server(module: str, *arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def closed(url: str, folder: str, *, run_s: float = SECONDS, processes: int = 1) -> Plan:
    return Plan(
        url=url,
        folder=folder,
        zero_ns=time.monotonic_ns(),
        requests=[Request(path="/")],
        arrival="closed",
        users=CONNECTIONS,
        spawn_rate=CONNECTIONS * 4,
        warmup_s=0.5,
        run_s=run_s,
        processes=processes,
    )


def recorded(url: str, processes: int = 1) -> tuple[float, float]:
    """Requests in the median second with all recording on, and the CPU seconds of a request."""
    with tempfile.TemporaryDirectory(prefix="perflib-") as folder:
        plan = closed(url, folder, processes=processes)
        outcome = generate(plan, threading.Event())
        window = outcome.measured_from_s or 0.0, outcome.measured_until_s
        ends = measured(read_samples(Path(folder) / "samples.parquet"), *window)["end"]
        rate = float(np.median(np.bincount((ends - window[0]).astype(int))[:-1]))
        return rate, sum(worker.health.cpu_share or 0.0 for worker in outcome.workers) / rate


def counted(url: str, recording: bool) -> tuple[float, float]:
    """Requests a second by the locustfile's own count, and the CPU seconds of a request."""
    with tempfile.TemporaryDirectory(prefix="perflib-") as folder:
        text = LOCUSTFILE.format(module="perflib.load", cls="PerfHttpUser") + COUNTED
        told = Path(folder) / "told.json"
        os.environ |= {"BENCH_FILE": str(told), "BENCH_SECONDS": str(SECONDS)}
        if recording:
            plan = closed(url, folder, run_s=SECONDS + 1)
            plan.locustfile = str(Path(folder) / "locustfile.py")
            Path(plan.locustfile).write_text(text)
            generate(plan, threading.Event())
        else:
            run_locust(url, text, SECONDS)
        rate, cpu_s = json.loads(told.read_text())
        return rate, cpu_s


def samples(url: str, *, rate: float, run_s: float):
    """The measured samples of open arrivals."""
    with tempfile.TemporaryDirectory(prefix="perflib-") as folder:
        plan = Plan(
            url=url,
            folder=folder,
            zero_ns=time.monotonic_ns(),
            requests=[Request(path="/")],
            rate=rate,
            users=CONNECTIONS,
            warmup_s=2.0,
            run_s=run_s,
        )
        outcome = generate(plan, threading.Event())
        window = outcome.measured_from_s or 0.0, outcome.measured_until_s
        return measured(read_samples(Path(folder) / "samples.parquet"), *window)


def run_locust(url: str, text: str, seconds: int) -> dict:
    """The aggregated statistics of plain Locust with the locustfile `text`, as it reports them."""
    with tempfile.TemporaryDirectory(prefix="perflib-") as folder:
        file = Path(folder) / "locustfile.py"
        file.write_text(text)
        command = [sys.executable, "-m", "locust", "-f", file, "--headless", "-H", url]
        command += ["-u", str(CONNECTIONS), "-r", str(CONNECTIONS * 4), "-t", f"{seconds + 3}s"]
        command += ["--only-summary", "--json", "--reset-stats", "--loglevel", "ERROR"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        return json.loads(output(command, environment))[0]


def locust_rate(url: str, module: str, cls: str) -> float:
    """Requests a second by Locust's count; its median second, without the first and last."""
    stats = run_locust(url, LOCUSTFILE.format(module=module, cls=cls), SECONDS)
    seconds = sorted(stats["num_reqs_per_sec"].items(), key=lambda item: float(item[0]))[1:-1]
    return statistics.median(count for _, count in seconds)


def constant_throughput(url: str, rate: float, seconds: int) -> dict[float, float]:
    """p95 and p99 in ms that FastHttpUser reports with Locust's own pacing."""
    text = PACED.format(module="locust", cls="FastHttpUser", rate=rate / CONNECTIONS)
    times = run_locust(url, text, seconds)["response_times"]
    values = np.repeat([float(t) for t in times], list(times.values()))
    return {level: float(np.quantile(values, level)) for level in (0.95, 0.99)}


def hey(url: str) -> float:
    command = ["hey", "-c", str(CONNECTIONS), "-z", f"{SECONDS}s", url + "/"]
    return found(r"Requests/sec:\s+([\d.]+)", command)


def wrk(url: str) -> float:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url + "/"]
    return found(r"Requests/sec:\s+([\d.]+)", command)


def found(pattern: str, command: list[str]) -> float:
    told = output(command)
    match = re.search(pattern, told)
    assert match, told
    return float(match[1])


def output(command: list[str], environment: dict[str, str] | None = None) -> str:
    """What `command` prints; in a session of its own as our generators are, since Linux shares
    cores out by session."""
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        check=False,
        start_new_session=True,
    ).stdout
