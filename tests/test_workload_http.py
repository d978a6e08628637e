"""The http workload from plan to record, with real generators and a real server."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from perflib import config
from perflib.cli.run import permit
from perflib.errors import PerflibError, StoreError
from perflib.load import process
from perflib.load.plan import Outcome
from perflib.load.recorder import MOST_KINDS, PartWriter, Recorder, pack, shift_part
from perflib.model import Run, to_json
from perflib.monitor import parse_metrics
from perflib.samples import SampleWriter, measured, read_samples
from perflib.session import Session
from perflib.target import Scenario
from perflib.workloads import http
from perflib.workloads.http import HttpTarget
from tests.workload import codes

ROOT = Path(__file__).parents[1]


@contextmanager
def answering(*arguments):
    command = [sys.executable, "-m", "tests.stalling", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            host = arguments[3] if len(arguments) > 3 else "127.0.0.1"
            yield f"http://{host}:{server.stdout.readline().strip()}"
        finally:
            server.kill()


def order(monkeypatch, **changes):
    """Change the orders of the generators that follow."""
    plan = HttpTarget.plan
    monkeypatch.setattr(HttpTarget, "plan", lambda *given: replace(plan(*given), **changes))


@pytest.fixture(autouse=True)
def no_calibration(monkeypatch):
    monkeypatch.setattr(http, "machine_ceiling", lambda users: 50_000.0)


def load(tmp_path, url, during=lambda session: None, target=None, **scenario):
    run = Run(id="r", target="t", kind="http", started_at="", duration_s=0)
    session = Session(run, tmp_path)
    begun = threading.Event()
    session.show = lambda numbers: numbers["rate"] != "0.0 req/s" and begun.set()
    settings = {"users": 8, "spawn_rate": 100, "rate": "300 req/s"}
    settings |= {"warmup": "0.2 s", "run_time": "0.8 s"}

    def meanwhile():
        if begun.wait(60):
            during(session)

    threading.Thread(target=meanwhile, daemon=True).start()
    given = HttpTarget(name="t", kind="http", url=url, **(target or {}))
    given.measure(Scenario(**(settings | scenario)), session)
    session.close()
    samples = read_samples(tmp_path / "samples.parquet")
    return run, samples, measured(samples, run.measured_from_s, run.measured_until_s)


@pytest.mark.parametrize("processes", [1, 2])
def test_open_arrivals_are_all_recorded(tmp_path, processes):
    with answering() as url:
        run, samples, inside = load(tmp_path, url, processes=processes)
    assert len(samples) == run.counts.recorded == run.counts.engine == 300
    assert len(inside) == pytest.approx(240, abs=2)
    assert samples["ok"].all()
    assert (samples["status"] == 200).all()
    assert (run.arrival, run.status, run.errors) == ("open", "complete", {})
    assert run.generator.processes == processes
    assert run.generator.workers_lost == 0
    assert (samples["start"] >= samples["intended_start"]).all()
    assert [path.name for path in tmp_path.iterdir()] == ["samples.parquet"]
    assert run.workload["rate"] == 300
    assert codes(run) == set()


def test_a_generator_that_was_held_is_not_a_slow_target(tmp_path):
    def hold(_):
        (generator,) = runners([psutil.Process()])
        generator.suspend()
        time.sleep(0.4)
        generator.resume()

    with answering() as url:
        run, samples, _ = load(tmp_path, url, hold, run_time="2 s")
    assert samples["response_time"].max() > 0.3
    assert run.generator.loop_lateness_p99_s > 0.3
    (caveat,) = (each for each in run.caveats if each.code == "generator was the bottleneck")
    assert caveat.forbids("response_time")


@pytest.mark.parametrize(
    ("scenario", "more"),
    [
        ({"arrival": "closed"}, 600),
        ({"rate": "2000 req/s"}, 600),
        ({"rate": "2000 req/s", "processes": 2}, 6000),  # two reports of the workers
    ],
)
def test_a_run_ends_at_its_limit_of_requests(tmp_path, monkeypatch, scenario, more):
    order(monkeypatch, most_requests=3000)
    with answering() as url:
        run, samples, _ = load(tmp_path, url, run_time="30 s", **scenario)
    assert 3000 <= len(samples) < 3000 + more
    assert len(samples) == run.counts.recorded == run.counts.engine
    assert [c.message for c in run.caveats if c.code == "stopped early"] == [
        "the limit of 3000 requests was reached"
    ]


TASKS = """
import itertools
from locust import constant, task
from locust.exception import StopUser
from perflib.load import PerfHttpUser
turn = itertools.count()

class Visitor(PerfHttpUser):
    wait_time = constant(0.01)

    def on_start(self):
        {on_start}

    @task
    def visit(self):
        {visit}
"""


@pytest.mark.parametrize(
    ("parts", "status", "processes", "told"),
    [
        ({"on_start": "{}['token']"}, 200, 1, "KeyError: 'token'"),
        ({"visit": "self.client.get('/').json()['id']"}, 200, 2, "JSONDecodeError: Expecting"),
        ({"visit": "self.client.get('/').json()['id']"}, 500, 1, ""),
        ({"visit": "self.client.get('/').raise_for_status()"}, 500, 1, ""),
    ],
    ids=["start", "answer", "failed answer", "failure raised"],
)
def test_a_task_that_breaks_off_is_told_unless_a_failed_request_tells(
    tmp_path, parts, status, processes, told
):
    file = tmp_path / "locustfile.py"
    file.write_text(TASKS.format(**({"on_start": "pass", "visit": "pass"} | parts)))
    with answering(0, 1000, status) as url:
        run, samples, _ = load(
            tmp_path, url, target={"locustfile": str(file)}, processes=processes, users=4
        )
    found = [caveat for caveat in run.caveats if caveat.code == "tasks broke off"]
    assert [told in caveat.message for caveat in found] == [True] * bool(told)
    assert all(caveat.forbids("error_rate") for caveat in found)
    assert samples["ok"].all() or not told


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("proxy_port = 1", "StopTest: PerfHttpUser has no `proxy_port`: remove it, or use Fast"),
        ("__init__ = lambda *_: {}['token']", "KeyError: 'token'"),
    ],
)
def test_a_user_that_cannot_be_made_ends_the_run(tmp_path, mistake, told, processes):
    file = tmp_path / "locustfile.py"
    file.write_text(f"{TASKS.format(on_start='pass', visit='pass')}\n    {mistake}\n")
    run, _, _ = load(
        tmp_path, "http://127.0.0.1:1", target={"locustfile": str(file)}, processes=processes
    )
    (early,) = [caveat for caveat in run.caveats if caveat.code == "stopped early"]
    assert early.message.startswith(f"a user could not be made: {told}")
    assert "*" in early.voids
    assert run.generator.workers_lost == 0


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(("stops", "told"), [("next(turn) == 0", 1), ("False", 0)])
def test_users_that_stop_by_themselves_are_missed(tmp_path, stops, told, processes):
    file = tmp_path / "locustfile.py"
    visit = "self.client.get('/')"
    file.write_text(TASKS.format(on_start=f"if {stops}: raise StopUser", visit=visit))
    with answering() as url:
        run, _, _ = load(
            tmp_path,
            url,
            target={"locustfile": str(file)},
            arrival="closed",
            processes=processes,
        )
    gone = [caveat.message for caveat in run.caveats if caveat.code == "users gone"]
    assert gone == [f"only {8 - processes} of 8 users were there until the end"] * told


@pytest.mark.parametrize("processes", [1, 2])
def test_a_load_that_its_locustfile_ends_has_no_verdicts(tmp_path, monkeypatch, processes):
    order(monkeypatch, drain_s=1.0)  # for which the user that ends the load waits for itself
    file = tmp_path / "locustfile.py"
    file.write_text(
        TASKS.format(
            on_start="pass",
            visit="self.client.get('/') if next(turn) < 99 else self.environment.runner.quit()",
        )
    )
    with answering() as url:
        run, samples, _ = load(
            tmp_path, url, target={"locustfile": str(file)}, run_time="4 s", processes=processes
        )
    assert len(samples) == run.counts.engine == run.counts.recorded
    (early,) = (caveat for caveat in run.caveats if caveat.code == "stopped early")
    assert "before its time" in early.message
    assert early.voids == ("*",)


def test_closed_users_have_no_intended_start(tmp_path):
    requests = [{"path": "/a", "weight": 3}, {"path": "/b", "method": "HEAD", "name": "b"}]
    with answering() as url:
        run, samples, _ = load(
            tmp_path, url, target={"requests": requests[:1]}, arrival="closed", users=2
        )
    assert run.arrival == "closed"
    assert samples["intended_start"].isna().all()
    assert len(samples) == run.counts.engine > 100
    assert set(samples["label"]) == {"GET /a"}


def test_a_password_in_a_url_is_sent_and_not_recorded(tmp_path):
    with answering() as url:
        secret = url.replace("://", "://me:hush@")
        more = {"more_hosts": {"http://you:hush@127.0.0.2:9/a?key=hush": "the shared login"}}
        run, samples, _ = load(tmp_path, secret, target=more, run_time="0.5 s")
    assert samples["ok"].all()
    assert b"hush" not in to_json(run)
    assert run.workload["more_hosts"] == {"http://127.0.0.2:9/a": "the shared login"}


def test_an_unreachable_target_is_a_record_of_errors(tmp_path):
    run, samples, _ = load(tmp_path, "http://127.0.0.1:9")
    assert run.errors == {"connection refused": len(samples)}
    assert len(samples) == run.counts.engine > 250
    assert not samples["ok"].any()
    assert codes(run) >= {"no contact"}


def test_what_the_kind_of_an_error_leaves_open_is_told(tmp_path):
    elsewhere = {"requests": [{"path": "http://127.0.0.1:9/"}]}
    with answering() as url:
        run, samples, _ = load(tmp_path, url, target=elsewhere)
    assert run.errors == {"undeclared host": len(samples)}
    assert run.details["messages"]["undeclared host"].startswith("127.0.0.1:9; see")


def test_a_request_that_cannot_be_sent_says_why(tmp_path):
    (tmp_path / "locustfile.py").write_text(
        "from locust import constant, task\n"
        "from perflib.load import PerfHttpUser\n"
        "class Ada(PerfHttpUser):\n"
        "    wait_time = constant(0.1)\n"
        "    @task\n"
        "    def ask(self):\n"
        "        self.client.get('/', headers={'X A': 'b'})\n"
    )
    with answering() as url:
        run, samples, _ = load(
            tmp_path, url, target={"locustfile": str(tmp_path / "locustfile.py")}
        )
    assert not samples["ok"].any()
    assert [kind[:50] for kind in run.errors] == [
        "check: ValueError: the header field `X A` cannot b"
    ]


@pytest.mark.parametrize(
    ("expect", "kind"), [(0, "refused 429"), (200, "check: status 429, expected 200")]
)
def test_refusals_are_reported_apart(tmp_path, expect, kind):
    with answering(0, 1000, 429) as url:
        run, samples, _ = load(
            tmp_path, url, target={"requests": [{"path": "/", "expect": expect}]}, run_time="0.3 s"
        )
    assert run.errors == {kind: len(samples)}
    assert "rate limited" in codes(run)


@pytest.mark.parametrize(("status", "code"), [(401, "not authorised"), (404, "not served")])
def test_a_load_without_credentials_or_paths_gives_no_verdict(tmp_path, status, code):
    with answering(0, 1000, status) as url:
        run, samples, _ = load(tmp_path, url, run_time="0.3 s")
    assert run.errors == {f"status {status}": len(samples)}
    assert code in codes(run)


def recorded(folder):
    """A load of a second in which ten requests were answered."""
    writer = SampleWriter(folder / "samples.parquet")
    for number in range(10):
        writer.append("GET /", number / 10, number / 10 + 0.01, status=200)
    writer.close()
    return Outcome(engine=10, measured_from_s=0.0, measured_until_s=1.0, drained=True)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("c 1\n", "c 11\n", None),
        ("up 1\n", 'c{code="200"} 0\n', None),
        ("c 1\n", "# nothing\n", "could not be read"),
        ("c 1\n", "c NaN\n", "`c` is nan"),
        ("c 1\n", "c_total 9\nup 1\n", "the metrics page has no `c`"),
        ("c 900\n", "c 300\n", "fell from 900 to 300"),
    ],
    ids=["good", "a label's first request makes its series", "empty", "NaN", "misnamed", "restart"],
)
def test_a_count_that_cannot_be_compared_allows_no_verdict(
    tmp_path, monkeypatch, before, after, says
):
    pages = iter([before.encode(), after.encode()])
    monkeypatch.setattr(http, "scrape", lambda url: parse_metrics(next(pages)))
    monkeypatch.setattr(http, "generate", lambda plan, *_: recorded(Path(plan.folder)))
    counted = {"count_metric": "c", "metrics_url": "http://127.0.0.1:9/metrics"}
    run, _, _ = load(tmp_path, "http://127.0.0.1:9", target=counted)
    lost = [c for c in run.caveats if c.code == "counts not compared"]
    assert [c.voids for c in lost] == ([("*",)] if says else [])
    assert all(says in caveat.message for caveat in lost)
    assert (run.counts.target is None) is bool(lost)


def test_stopping_keeps_what_was_measured(tmp_path):
    with answering() as url:
        run, samples, _ = load(tmp_path, url, lambda session: session.stop.set(), run_time="600 s")
    assert codes(run) == set(), "what was due while it stopped is no backlog"
    assert len(samples) == run.counts.recorded == run.counts.engine > 100
    assert samples["ok"].all()
    assert run.measured_until_s < 300, "a throughput is not spread over time that never was"


def runners(parents):
    """The generator processes that `parents` started; other tests may have left zombies."""
    for parent in parents:
        for child in parent.children():
            with suppress(psutil.Error):
                if "perflib.load.runner" in child.cmdline():
                    yield child


def test_workers_of_a_killed_master_end_and_leave_their_samples(tmp_path):
    workers = []

    def kill(session):
        (master,) = runners([psutil.Process()])
        workers.extend(runners([master]))
        master.send_signal(signal.SIGKILL)

    with answering() as url:
        run, samples, _ = load(tmp_path, url, kill, processes=2, run_time="30 s")
    assert run.status == "failed"
    assert len(workers) == 2
    assert not [worker for worker in workers if worker.is_running()]
    assert len(samples) == run.counts.recorded > 0
    (told,) = (caveat for caveat in run.caveats if caveat.code == "generator died")
    assert told.message == "the generator died (SIGKILL): it said nothing"


def test_a_killed_worker_is_named_and_missed(tmp_path):
    def kill(session):
        workers = list(runners(runners([psutil.Process()])))
        workers[0].send_signal(signal.SIGKILL)

    with answering() as url:
        run, samples, _ = load(tmp_path, url, kill, processes=2, run_time="6 s")
    lost = [worker["id"] for worker in run.details["generator"] if worker["lost"]]
    assert len(lost) == run.generator.workers_lost == 1
    assert run.generator.processes == 2
    (told,) = (caveat for caveat in run.caveats if caveat.code == "workers")
    assert told.message == f"1 of 2 load workers died: {lost[0]}"
    assert told.voids == ("*",), "no verdict can be given"
    assert run.counts.recorded == len(samples) > 500


def test_a_killed_generator_leaves_its_parts(tmp_path):
    def kill(session):
        for child in list(runners([psutil.Process()])):
            child.send_signal(signal.SIGKILL)

    with answering() as url:
        run, samples, _ = load(tmp_path, url, kill, run_time="30 s")
    assert run.status == "failed"
    assert "generator died" in codes(run)
    assert len(samples) == run.counts.recorded


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nothing_of_that_name\n", "ModuleNotFoundError: No module named 'nothing_of"),
        ("class Broken(\n", "SyntaxError"),
        ("x = 1\n", "No User class found"),
    ],
)
def test_a_broken_locustfile_is_a_sentence(tmp_path, text, says):
    locustfile = tmp_path / "broken.py"
    locustfile.write_text(text)
    with pytest.raises(PerflibError, match="did not start") as caught:
        load(tmp_path, "http://127.0.0.1:9", target={"locustfile": str(locustfile)})
    assert f"did not start: {says}" in str(caught.value), "and neither when nor on which host"
    assert str(locustfile) in str(caught.value)


def test_a_generator_that_ends_in_mid_run_had_started(tmp_path):
    (tmp_path / "locustfile.py").write_text(
        "import os, time\n"
        "from locust import task\n"
        "from perflib.load.user import PerfHttpUser\n"
        "class Fatal(PerfHttpUser):\n"
        "    began = time.monotonic()\n"
        "    @task\n"
        "    def ask(self):\n"
        "        self.client.get('/')\n"
        "        if time.monotonic() - self.began > 4:\n"
        "            os._exit(7)\n"
    )
    with answering() as url:
        file = {"locustfile": str(tmp_path / "locustfile.py")}
        run, _, _ = load(tmp_path, url, target=file, run_time="60 s")
    (told,) = (caveat for caveat in run.caveats if caveat.code == "generator died")
    assert told.message == "the generator died (exit 7): it said nothing"


def test_a_generator_that_hangs_is_killed_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "PATIENCE_S", 0.5)
    order(monkeypatch, drain_s=1.0)
    (tmp_path / "locustfile.py").write_text(
        "import time\n"
        "from locust import task\n"
        "from perflib.load.user import PerfHttpUser\n"
        "class Busy(PerfHttpUser):\n"
        "    began = time.monotonic()\n"
        "    @task\n"
        "    def ask(self):\n"
        "        self.client.get('/')\n"
        "        while time.monotonic() - self.began > 1:\n"
        "            pass\n"
    )
    with answering() as url:
        file = {"locustfile": str(tmp_path / "locustfile.py")}
        run, _, _ = load(tmp_path, url, target=file, run_time="2 s")
    assert process.HUNG in {caveat.message for caveat in run.caveats}


def _break_off(numbers):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("target", "show", "error"),
    [
        ({}, _break_off, KeyboardInterrupt),
        ({"locustfile": "no/such/file.py"}, lambda numbers: None, PerflibError),
    ],
    ids=["Ctrl-C again", "no start"],
)
def test_what_breaks_off_leaves_samples_and_no_orders(tmp_path, target, show, error):
    """The orders hold the headers, which may be secret; a failed run is kept with its folder."""
    session = Session(Run(id="r", target="t", kind="http", started_at="", duration_s=0), tmp_path)
    session.show = show
    given = {"name": "t", "kind": "http", "headers": {"X-Key": "geheim"}, **target}
    with answering() as url, pytest.raises(error):
        HttpTarget(url=url, **given).measure(Scenario(users=2, run_time="30 s"), session)
    assert [path.name for path in tmp_path.iterdir()] == ["samples.parquet"]
    assert b"geheim" not in (tmp_path / "samples.parquet").read_bytes()


LOCUSTFILE = """
from locust import FastHttpUser, HttpUser, TaskSet, between, task
from perflib.load import PerfHttpUser

class Fast(PerfHttpUser):
    weight = 3
    wait_time = between(5, 9)

    @task
    class Inner(TaskSet):
        wait_time = between(5, 9)

        @task
        def first(self):
            self.client.get("/one")
            self.client.get("/two")

class Plain(HttpUser):
    @task
    def plain(self):
        self.client.get("/plain")

class Other(FastHttpUser):
    @task
    def other(self):
        self.client.get("/other")

class Elsewhere(PerfHttpUser):
    @task
    def undeclared(self):
        self.client.get("http://127.0.0.2:9/elsewhere", name="elsewhere")

class Never(PerfHttpUser):
    @task
    def never(self):
        raise AssertionError
"""


def test_a_scenario_rules_any_locustfile(tmp_path):
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(LOCUSTFILE)
    with answering() as url:
        run, samples, _ = load(
            tmp_path,
            url,
            target={"locustfile": str(locustfile)},
            weights={"Never": 0},
            rate="200 req/s",
        )
    labels = samples["label"].value_counts()
    assert set(labels[labels > 0].index) == {
        "GET /one",
        "GET /two",
        "GET /plain",
        "GET /other",
        "GET elsewhere",
    }
    assert labels["GET /one"] == labels["GET /two"]
    assert run.counts.recorded == run.counts.engine == len(samples)
    assert len(samples) - labels["GET /two"] == pytest.approx(200, abs=15)  # tasks are the arrivals
    assert samples["intended_start"].notna().mean() > 0.9  # but for first tasks of other clients
    assert run.errors == {"undeclared host": labels["GET elsewhere"]}


JUMPING = """
import time
from locust import task
from perflib.load import PerfHttpUser

wall, began = time.time, time.monotonic()
time.time = lambda: wall() + {jump_s} * (time.monotonic() - began > 1.5)

class Visitor(PerfHttpUser):
    @task
    def one(self):
        self.client.get("/one")
"""


@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_no_worker_ends_because_the_wall_clock_jumps(tmp_path, jump_s):
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(JUMPING.format(jump_s=jump_s))
    with answering() as url:
        given = {"locustfile": str(locustfile)}
        run, samples, _ = load(tmp_path, url, target=given, processes=2, run_time="3 s")
    assert len(samples) == run.counts.recorded == run.counts.engine == 960
    assert run.generator.workers_lost == 0


def test_other_hosts_are_loaded_for_a_reason_only(tmp_path):
    file = tmp_path / "performance.yml"
    file.write_text("targets:\n  t: {kind: http, url: http://h:1, more_hosts: {http://a:2: why}}\n")
    settings = config.load(file)
    permit(settings, (), ("http://b:3 the shared login",))
    target = settings.target("t")
    assert target.hosts() == ["http://h:1", "http://a:2", "http://b:3"]
    assert target.more_hosts == {"http://a:2": "why", "http://b:3": "the shared login"}
    for bad in ("http://b:3", "http://b:3 ", "because"):
        with pytest.raises(PerflibError, match="also-load"):
            permit(settings, ("t",), (bad,))


def test_an_unknown_weight_is_refused(tmp_path):
    with (
        answering() as url,
        pytest.raises(PerflibError, match="no user class or task is called `Absnt`"),
    ):
        load(tmp_path, url, weights={"Absnt": 1})


def test_latencies_are_true_against_a_stalling_server(tmp_path):
    """10 % of the time stalls for 200 ms: by arithmetic p95 is 100 ms and p99 is 180 ms.

    A slow machine adds to them and takes nothing away; how near they are is measured in the bench.
    """
    with answering(200, 2000) as url:
        run, _, inside = load(tmp_path, url, rate="500 req/s", run_time="4 s", users=32)
    times = inside["response_time"]
    assert times.quantile(0.95) > 0.07
    assert times.quantile(0.99) > 0.144
    assert inside["service_time"].quantile(0.95) < 0.9 * times.quantile(0.95)  # a closed view's
    assert run.counts.engine == run.counts.recorded


@contextmanager
def other_host():
    """A network namespace with a wire to this one: (our address, a command prefix inside it)."""
    name, here, there = f"perflib{os.getpid()}", f"pla{os.getpid()}", f"plb{os.getpid()}"
    if os.geteuid() != 0 or shutil.which("ip") is None:
        yield "127.0.0.1", []  # processes stand for hosts
        return
    steps = [
        f"netns add {name}",
        f"link add {here} type veth peer name {there} netns {name}",
        f"addr add 10.213.7.1/30 dev {here}",
        f"link set {here} up",
        f"-n {name} addr add 10.213.7.2/30 dev {there}",
        f"-n {name} link set {there} up",
        f"-n {name} link set lo up",
    ]
    try:
        for step in steps:
            if subprocess.run(["ip", *step.split()], capture_output=True, check=False).returncode:
                yield "127.0.0.1", []
                return
        yield "10.213.7.1", ["ip", "netns", "exec", name]
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def test_workers_join_from_other_hosts(tmp_path):
    with other_host() as (address, inside), answering(0, 1000, 200, address) as url:
        port = 20_000 + os.getpid() % 10_000
        join = [sys.executable, "-m", "perflib.load.runner", "--join", f"{address}:{port}"]
        workers = [
            subprocess.Popen([*prefix, *join], cwd=ROOT, stderr=subprocess.DEVNULL)
            for prefix in ([], inside)
        ]
        try:
            run, samples, _ = load(
                tmp_path, url, target={"joining_workers": 2, "bind": f"{address}:{port}"}
            )
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait()
    assert len(samples) == run.counts.recorded == run.counts.engine == 300
    assert [worker["rows"] for worker in run.details["generator"]] == [150, 150]
    assert samples["ok"].all()
    assert run.generator.workers_lost == 0


HOME = """
from perflib.load.plan import Plan
from perflib.load.recording import Recording
recording = object.__new__(Recording)
recording.plan = Plan(url="http://h:1", folder="/there/is/none", zero_ns=0)
print(recording._home().is_dir())
"""


def test_a_worker_elsewhere_leaves_no_folder(tmp_path):
    command, there = [sys.executable, "-c", HOME], {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=there, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), [*tmp_path.iterdir()]) == ("True", [])


def test_labels_may_grow_between_the_flushes_of_a_part(tmp_path):
    recorder, writer = Recorder(), PartWriter(tmp_path / "spool", zero_ns=0)
    for name, kind in [("/a", ""), ("/b", "timeout"), ("/c", "")]:
        label, error = recorder.label("GET", name), recorder.error(kind)
        recorder.add(pack(-1, 1, 2, 3, label, error, 200))
        writer.add(recorder.take(), recorder.labels, recorder.errors)
    writer.write(writer.take())
    frame = read_samples(writer.folder / "000000.parquet")
    assert frame["label"].tolist() == ["GET /a", "GET /b", "GET /c"]
    assert frame["error"].tolist() == ["", "timeout", ""]
    assert (writer.written, writer.due) == (3, False)


def test_a_full_disk_is_told_and_its_parts_stay(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("perflib.samples.pq.read_table", full)
    with answering() as url, pytest.raises(StoreError, match="No space left"):
        load(tmp_path, url, run_time="0.2 s")
    assert not (tmp_path / "samples.parquet").exists()
    assert [*(tmp_path / "parts").iterdir()]


def test_a_text_that_no_file_can_hold_costs_no_sample(tmp_path):
    recorder, writer = Recorder(), PartWriter(tmp_path, 0)
    label, kind = recorder.label("GET", "/\ud800"), recorder.error("check: \ud800", "\ud800")
    recorder.add(pack(-1, 1, 2, 3, label, kind, 200))
    writer.add(recorder.take(), recorder.labels, recorder.errors)
    writer.write(writer.take())
    assert read_samples(tmp_path / "000000.parquet")["label"].tolist() == ["GET /?"]
    assert recorder.messages == {"check: ?": "?"}


def test_failures_of_countless_kinds_stay_failures():
    recorder = Recorder()
    indexes = [recorder.error(f"check: order {number}") for number in range(MOST_KINDS + 100)]
    assert min(indexes) > 0, "0 would be a success"
    assert recorder.errors[indexes[-1]] == "other failures"
    assert recorder.error("check: order 7") == indexes[7]


def test_rows_that_come_while_a_part_is_written_are_in_the_next(tmp_path):
    recorder, writer = Recorder(), PartWriter(tmp_path / "spool", zero_ns=0)
    recorder.add(pack(-1, 1, 2, 3, recorder.label("GET", "/a"), 0, 200))
    writer.add(recorder.take(), recorder.labels, recorder.errors)
    taken = writer.take()
    assert writer.take() == [], "nothing is written twice"
    recorder.add(pack(-1, 5, 6, 3, recorder.label("GET", "/b"), 0, 200))
    writer.add(recorder.take(), recorder.labels, recorder.errors)
    writer.write(taken)
    writer.write(writer.take())
    labels = [read_samples(part)["label"].tolist() for part in sorted(writer.folder.iterdir())]
    assert labels == [["GET /a"], ["GET /b"]]


def test_times_of_another_clock_are_shifted(tmp_path):
    recorder = Recorder()
    label = recorder.label("GET", "/")
    for intended in (-1, 5_000):
        recorder.add(pack(intended, 6_000, 7_000, 3, label, 0, 200))
    writer = PartWriter(tmp_path / "spool", zero_ns=1_000)
    writer.add(recorder.take(), recorder.labels, recorder.errors)
    writer.write(writer.take())
    (part,) = writer.folder.iterdir()
    shift_part(part, 10**9)
    frame = read_samples(part)
    assert frame["start"].tolist() == pytest.approx([1.000005] * 2)
    assert frame["intended_start"].tolist() == pytest.approx([float("nan"), 1.000004], nan_ok=True)
    assert frame["end"].tolist() == pytest.approx([1.000006] * 2)
