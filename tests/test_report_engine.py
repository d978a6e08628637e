"""A fork gives what papermill gives; whatever a notebook does, the caller goes on."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from perflib.errors import ConfigError
from perflib.report import notebook as books
from perflib.report.kernels import run_kernel
from perflib.report.outputs import steady
from perflib.report.warm import Task, WarmParent, imported
from tests.reporting import PARAMETERS, cell, drawn, text, write_notebook

RICH = [
    text("# Everything that a cell can put out"),
    PARAMETERS,
    cell("import sys\nimport pandas as pd\nimport matplotlib.pyplot as plt\nprint(run_id, target)"),
    cell("pd.DataFrame({'a': [1, 2], 'b': ['x', '<b>y</b>']})"),
    cell("figure, axes = plt.subplots()\naxes.plot([1, 3, 2])\naxes.set_title('a figure')"),
    cell("print('to stderr', file=sys.stderr)\nprint('to', end=' ')\nprint('stdout')"),
    cell(
        "from IPython.display import HTML, Image, Markdown, clear_output, display\n"
        "shown = display(Markdown('**first**'), display_id='one')"
    ),
    cell("shown.update(Markdown('**second**'))"),
    cell("display(Image(data=b'\\x89PNG no image', format='png'))\nHTML('<i>i</i>')"),
    cell("print('gone')\nclear_output(wait=True)\nprint('kept')\nclear_output"[:-13]),
    cell("import asyncio\nawait asyncio.sleep(0.001)\n'awaited'"),
    cell("'not shown';"),
    cell(""),
    cell("{'json': [1, None, True], 'deep': {'er': 2.5}}"),
    cell("def broken():\n    return 1 / 0\nbroken()", "raises-exception"),
    cell("raise SystemExit('never run')", "skip-execution"),
    cell("_, In[1][:6], __name__"),
    cell("this is no python"),
    cell("print('after the error: never run')"),
]


@pytest.fixture(scope="module")
def parent():
    with WarmParent() as parent:
        yield parent


def run(
    parent: WarmParent, *sources: str, timeout_s: float = 30.0, tags: tuple[str, ...] = ()
) -> Task:
    cells = [cell(source, *tags) for source in sources]
    task = Task({"cells": cells, "metadata": {}}, Path.cwd(), timeout_s)
    assert list(parent.run([task])) == [task]
    return task


def texts(task: Task, name: str = "stdout") -> str:
    return "".join(
        output["text"]
        for cell in task.notebook["cells"]
        for output in cell["outputs"]
        if output.get("name") == name
    )


def outputs(file: Path) -> list[Any]:
    notebook = books.read(file)
    cells = [cell for cell in notebook["cells"] if "papermill-error" not in str(cell["metadata"])]
    for one in cells:
        for output in one.get("outputs", ()):
            steady(output)
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = output["data"]["image/png"].strip()
        # a kernel sends its two streams in any order
        one.get("outputs", []).sort(key=lambda output: output.get("name") == "stderr")
    return [(cell["source"], cell.get("execution_count"), cell.get("outputs")) for cell in cells]


def test_equals_papermill(tmp_path, monkeypatch):
    import papermill
    from papermill.exceptions import PapermillExecutionError

    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    source = write_notebook(tmp_path / "rich.ipynb", RICH)
    values = {"run_id": "r1", "target": "db"}
    for engine in ("nbclient", "perflib"):
        with pytest.raises(PapermillExecutionError, match="SyntaxError"):
            papermill.execute_notebook(
                source, tmp_path / f"{engine}.ipynb", values, engine_name=engine, progress_bar=False
            )
    stock, ours = outputs(tmp_path / "nbclient.ipynb"), outputs(tmp_path / "perflib.ipynb")
    assert [one[0] for one in stock] == [one[0] for one in ours]
    for expected, actual in zip(stock, ours, strict=True):
        assert expected == actual, expected[0]


def test_kernel_equals_fork(tmp_path, parent):
    forked = books.read(drawn(tmp_path / "a.ipynb"))
    list(parent.run([Task(forked, tmp_path, 60)]))
    kernel = run_kernel(books.read(tmp_path / "a.ipynb"), 60)
    assert books.canonical(forked, {}) == books.canonical(kernel, {})


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os; os.system('echo from a shell')", "from a shell"),
        ("import os; os.write(1, b'from C')", "from C"),
        ("import ctypes; c = ctypes.CDLL(None); c.puts(b'from libc'); c.fflush(None)", "from libc"),
        ("import subprocess; subprocess.run(['echo', 'a child']);", "a child"),
        ("import sys; sys.stdout.write('x' * 200_000);", "x" * 200_000),
        ("print('a name \\udcff of a file')", "a name ? of a file"),
    ],
)
def test_captures_what_is_printed_anywhere(parent, source, told):
    assert told in texts(run(parent, source))


def test_order_of_c_and_python_output(parent):
    task = run(parent, "import os\nprint('one')\nos.system('echo two')\nprint('three')")
    assert texts(task).split() == ["one", "two", "three"]


def test_notebooks_do_not_see_each_other(parent):
    run(parent, "import json; json.mark = here = 1; import os; os.environ['MARK'] = '1'")
    task = run(
        parent,
        "import json, os; print('here' in dir(), hasattr(json, 'mark'), 'MARK' in os.environ)",
    )
    assert texts(task) == "False False False\n"


def test_no_thread_loop_or_gevent_before_the_fork(parent):
    task = run(
        parent,
        "import sys, threading; print(threading.active_count(), 'gevent' in sys.modules,"
        " 'locust' in sys.modules)",
    )
    assert texts(task) == "1 False False\n"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc on this system")
def test_the_warm_parent_has_one_thread_even_in_c():
    told = "import os; print(len(os.listdir(f'/proc/{os.getppid()}/task')))"
    with WarmParent() as own:
        own.prepare(["numpy", "pandas", "pyarrow.parquet", "matplotlib.pyplot"])
        assert texts(run(own, told)) == "1\n"


def test_error_is_kept_and_stops_the_notebook(parent):
    task = run(parent, "print('before')", "1 / 0", "print('after')")
    assert task.record.failed == 1
    assert texts(task) == "before\n"
    assert task.notebook["cells"][1]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert task.notebook["cells"][2]["execution_count"] is None
    half = run(parent, "raise ValueError('half \\udcff')").notebook["cells"][0]["outputs"][0]
    assert (half["ename"], half["evalue"]) == ("ValueError", "half ?")


def test_timeout_interrupts(parent):
    begin = time.monotonic()
    task = run(parent, "print('before')", "import time; time.sleep(60)", timeout_s=0.5)
    names = [output["ename"] for output in task.notebook["cells"][1]["outputs"]]
    assert names == ["KeyboardInterrupt", "TimeoutError"]
    assert time.monotonic() - begin < 30
    assert texts(task) == "before\n"


def test_timeout_kills_what_ignores_interrupts_and_its_children(parent, tmp_path):
    pid = tmp_path / "pid"
    task = run(
        parent,
        "import signal, subprocess, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"open({str(pid)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid))\n"
        "print('deaf', flush=True)\nwhile True: time.sleep(1)",
        timeout_s=1.0,
    )
    assert [output["ename"] for output in task.notebook["cells"][0]["outputs"][-1:]] == [
        "TimeoutError"
    ]
    assert texts(task) == "deaf\n"
    for _ in range(100):
        if not Path(f"/proc/{pid.read_text()}").exists() or "Z" in _state(pid.read_text()):
            return
        time.sleep(0.1)
    pytest.fail("the notebook's own child lives on")


def _state(pid: str) -> str:
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1]


def test_a_notebook_that_dies_is_told(parent):
    task = run(parent, "import os; os.kill(os.getpid(), 9)", "print('after')")
    assert task.record.failed == 0
    assert task.notebook["cells"][0]["outputs"][0]["ename"] == "ProcessDied"
    assert texts(run(parent, "print('the next one runs')")) == "the next one runs\n"


def test_several_at_a_time(parent):
    tasks = [
        Task(
            {"cells": [cell(f"import time; time.sleep(0.2); print({n})")], "metadata": {}},
            Path.cwd(),
            30,
        )
        for n in range(6)
    ]
    assert set(map(id, parent.run(iter(tasks), workers=3))) == set(map(id, tasks))
    assert [texts(task) for task in tasks] == [f"{n}\n" for n in range(6)]


def test_closing_ends_running_children(tmp_path):
    pid = tmp_path / "pid"
    with WarmParent() as own:
        source = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
        running = own.run([Task({"cells": [cell(source)], "metadata": {}}, tmp_path, 60)])
        with pytest.raises(TimeoutError):
            _interrupt(running)
    for _ in range(100):
        if pid.exists() and not Path(f"/proc/{pid.read_text()}").exists():
            return
        time.sleep(0.1)
    pytest.fail("a child outlived its parent")


def _interrupt(running: Any) -> None:
    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 2.0)
    try:
        next(running)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_papermill_refuses_what_is_not_declared(tmp_path):
    import papermill

    source = write_notebook(tmp_path / "a.ipynb", [PARAMETERS, cell("print(run_id)")])
    for values in ({"unknown": 1}, {"run_id": 5}, {"x=1\nimport os#": "code"}):
        with pytest.raises(ConfigError, match="parameter"):
            papermill.execute_notebook(
                source, tmp_path / "out.ipynb", values, engine_name="perflib", progress_bar=False
            )
    assert 'execution_count": 1' not in (tmp_path / "out.ipynb").read_text()


def test_imports_are_found_without_running():
    notebook = {"cells": [cell("import a.b, c as d\nfrom e import f\n%magic\n"), cell("import g")]}
    assert imported(notebook) == ["g"]
    notebook = {"cells": [cell("import a.b, c as d\nfrom e import f")]}
    assert imported(notebook) == ["a.b", "c", "e", "e.f"]


def test_open_files_do_not_grow(parent):
    run(parent, "1")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        run(parent, "1")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_secrets_do_not_stay_in_the_executed_notebook(parent):
    task = run(parent, "print('postgresql://ann:s3cret@db.example/x')")
    told = json.dumps(json.loads(books.canonical(task.notebook, {})))
    assert "s3cret" not in told
    assert "@db.example/x" in told
