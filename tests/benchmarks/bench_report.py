"""Reports beside papermill's and nbconvert's own command lines, on the same five notebooks.

Each notebook reads 10 000 rows, draws six figures and shows three tables. The two command
lines are timed on one notebook a round, in rotation, and count five times.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import psutil

from perflib.report import Settings, render_reports
from perflib.report.plan import SHIPPED
from perflib.store import Store
from tests import fabricate
from tests.benchmarks.table import Row
from tests.reporting import PARAMETERS, add_run, cell, small, text, write_notebook

TARGETS = ("one", "two", "three", "four", "five")
ROUNDS = 5
LEAN = ("papermill", "nbconvert", "ipykernel", "pandas", "matplotlib", "pyarrow")
PERFLIB = "import sys; from perflib.cli import main; sys.exit(main(sys.argv[1:]))"
READ = """import pandas as pd
import matplotlib.pyplot as plt
samples = pd.read_parquet(f"{data}/runs/{run_id}/samples.parquet")
samples.describe()"""
FIGURES = (
    "axes.plot(samples['time_s'], samples['service_time'], lw=.5)",
    "axes.hist(samples['service_time'], bins=80)",
    "axes.plot(samples['service_time'].sort_values().to_numpy())",
    "samples.boxplot('service_time', by='label', ax=axes)",
    "axes.plot(samples['service_time'].rolling(200).quantile(.95))",
    "axes.hist2d(samples['time_s'], samples['service_time'], bins=60)",
)
TABLES = (
    "samples.groupby('label')['service_time'].describe()",
    "samples.nlargest(20, 'service_time')",
)


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-report-") as folder:
        root = _workbench(Path(folder) / "work")
        lean, why = _lean_python(Path(folder) / "lean")
        times = _interleaved(root, lean)
        yield from _rows(times, why)
        yield from _pages(root)
        yield from _house(Path(folder) / "house")
        yield from _many(Path(folder) / "many")


def _workbench(root: Path) -> Path:
    rng = np.random.default_rng(1)
    for number, target in enumerate(TARGETS):
        run = add_run(root / "data", target, number)
        frame = pd.DataFrame(
            {
                "time_s": np.sort(rng.uniform(0, 60, 10_000)),
                "service_time": rng.lognormal(-5, 0.6, 10_000),
                "label": rng.choice(["read", "write", "list", "login"], 10_000),
            }
        )
        frame.to_parquet(root / "data" / "runs" / run.id / "samples.parquet")
        _notebook(root / "notebooks" / f"{target}.ipynb")
    small(root / "notebooks" / "start.ipynb", "import pandas, matplotlib.pyplot")
    return root


def _notebook(file: Path, more: str = "") -> Path:
    drawn = [
        cell(f"figure, axes = plt.subplots()\n{figure}\naxes.set_title('Figure');")
        for figure in FIGURES
    ]
    tables = [cell(table) for table in TABLES]
    cells = [text("# Report"), PARAMETERS, cell(READ), text("## Evidence"), *drawn, *tables]
    return write_notebook(file, [*cells, text(f"## End\n\n{more}")])


def _lean_python(folder: Path) -> tuple[Path | None, str]:
    """A Python with the two command lines and no JupyterLab, in the versions used here."""
    wanted = [f"{name}=={version(name)}" for name in LEAN]
    python = folder / "bin" / "python"
    uv = shutil.which("uv")
    make = [sys.executable, "-m", "venv", str(folder)]
    install = [str(python), "-m", "pip", "install", "--quiet"]
    if uv:
        make = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    try:
        subprocess.run(make, check=True, capture_output=True, timeout=120)
        subprocess.run([*install, *wanted], check=True, capture_output=True, timeout=600)
    except (OSError, subprocess.SubprocessError):
        return None, "the lean environment could not be made"
    return python, ""


@dataclass
class Times:
    """Seconds for all five reports, a value a round."""

    lean: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    cells: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    one: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)


def _interleaved(root: Path, lean: Path | None) -> Times:
    times = Times()
    settings = Settings(notebooks=root / "notebooks", force=True, keep_warm=True)
    render_reports(root / "data", TARGETS, settings)
    alone = _CellsAlone(root)
    for number in range(ROUNDS):
        target = TARGETS[number % len(TARGETS)]
        if lean:
            times.lean.append(5 * _timed(lambda: _stock(root, lean, target)))  # noqa: B023
        times.full.append(5 * _timed(lambda: _stock(root, Path(sys.executable), target)))  # noqa: B023
        times.cold.append(_timed(lambda: _ours(root, *TARGETS, "--force")))
        times.again.append(_timed(lambda: _ours(root, *TARGETS)))
        _notebook(root / "notebooks" / f"{target}.ipynb", f"round {number}")
        times.one.append(_timed(lambda: _ours(root, *TARGETS)))
        times.start.append(_timed(lambda: _ours(root, "start", "--force")))
        times.warm.append(_timed(lambda: render_reports(root / "data", TARGETS, settings)))
        times.cells.append(alone.run())
    alone.close()
    return times


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _stock(root: Path, python: Path, target: str) -> None:
    run_id = next((root / "data" / "runs").glob(f"*-{target}-*")).name
    values = ["-p", "run_id", run_id, "-p", "target", target]
    execute = ["-m", "papermill", f"notebooks/{target}.ipynb", "out.ipynb", *values]
    for command in (execute, ["-m", "nbconvert", "--to", "html", "out.ipynb"]):
        subprocess.run([str(python), *command], cwd=root, check=True, capture_output=True)


def _ours(root: Path, *arguments: str) -> None:
    command = [sys.executable, "-c", PERFLIB, "report", *arguments]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


class _CellsAlone:
    """The same cells in one process that has run them before: no fork, no page."""

    SCRIPT = """
import json, os, sys, time
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
from pathlib import Path
from perflib.report import notebook as books
from perflib.report.shell import make_shell, run_cells
from perflib.report.warm import _runnable
talk, talk_in = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(0))
make_shell()
def every():
    for file in sorted(Path("notebooks").glob("*.ipynb")):
        if file.stem != "start":
            notebook = books.read(file)
            run = next(Path("data/runs").glob(f"*-{file.stem}-*")).name
            notebook["cells"][1]["source"] = f"run_id, data = {run!r}, 'data'"
            run_cells(_runnable(notebook), os.open(os.devnull, os.O_WRONLY))
every()
for _ in iter(talk_in.readline, ""):
    begin = time.perf_counter(); every(); print(time.perf_counter() - begin, file=talk, flush=True)
"""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.run()

    def run(self) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print("go", file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=60)


def _rows(times: Times, why: str) -> Iterator[Row]:
    def ratio(measure: str, above: list[float], below: list[float], bound: float) -> Row:
        values = [a / b for a, b in zip(above, below, strict=True)] if below else []
        note = f"{median(above):.2f} s" + (f" against {median(below):.2f} s" if below else "")
        skipped = "" if below else why
        return Row(measure=measure, values=values, at_most=bound, note=note, skipped=skipped)

    yield ratio("five reports, start included ÷ lean", times.cold, times.lean, 0.20)
    yield ratio("five reports, start included ÷ full", times.cold, times.full, 0.13)
    yield ratio("in a running workbench ÷ lean", times.warm, times.lean, 0.15)
    yield ratio("warm run ÷ the cells alone", times.warm, times.cells, 1.15)
    yield ratio("nothing changed ÷ lean", times.again, times.lean, 0.006)
    beyond = [one - start for one, start in zip(times.one, times.start, strict=True)]
    yield ratio("one of five changed, beyond its start ÷ all", beyond, times.cold, 1.5 / 5)


def _pages(root: Path) -> Iterator[Row]:
    import nbformat
    from nbconvert import HTMLExporter

    from perflib.report.page import make_page

    ours, theirs, sizes = [], [], []
    for file in sorted((root / "data" / "reports").glob("2*.ipynb")):
        data = file.read_bytes()
        node = nbformat.reads(data, 4)
        for _ in range(3):
            begin = time.perf_counter()
            page = make_page(data, file.stem, None).html
            ours.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            other, _resources = HTMLExporter().from_notebook_node(node)
            theirs.append(time.perf_counter() - begin)
        sizes.append(len(page.encode()) / len(other.encode()))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    told = f"{1000 * median(ours):.1f} ms against {1000 * median(theirs):.0f} ms"
    yield Row(measure="render of a page ÷ HTMLExporter", values=ratios, at_most=0.1, note=told)
    yield Row(measure="page size ÷ its page", values=sizes, at_most=0.5)


def _house(root: Path) -> Iterator[Row]:
    """The project's own notebooks on made-up runs: their pages are as small as plain ones."""
    from nbconvert import HTMLExporter

    store = Store(root)
    for target in fabricate.KINDS:
        fabricate.history(store, target, runs=8, shift_at=5)
    asked = [*fabricate.KINDS, "overview", "investigate"]
    pages = render_reports(store, asked, Settings(notebooks=SHIPPED)).pages
    sizes = [page.path.stat().st_size for page in pages]
    theirs = [
        len(HTMLExporter().from_filename(str(page.path.with_suffix(".ipynb")))[0].encode())
        for page in pages
    ]
    ratios = [a / b for a, b in zip(sizes, theirs, strict=True)]
    worst = f"{pages[ratios.index(max(ratios))].stem}; median of {len(pages)} {median(ratios):.2f}"
    yield Row(
        measure="largest of our own pages ÷ its page", values=[max(ratios)], at_most=0.5, note=worst
    )
    yield Row(measure="largest of our own pages", values=[max(sizes) / 1e6], at_most=1.5, unit="MB")


def _many(root: Path) -> Iterator[Row]:
    """200 reports: the second hundred costs what the first cost, in time and memory."""
    for number in range(200):
        add_run(root / "data", f"t{number:03}", 1)
        small(root / "notebooks" / f"t{number:03}.ipynb")
    settings = Settings(notebooks=root / "notebooks", keep_warm=True, force=True)
    names = [f"t{number:03}" for number in range(200)]
    render_reports(root / "data", names[:20], settings)
    seconds, memory = [], []
    for half in (names[:100], names[100:]):
        seconds.append(_timed(lambda: render_reports(root / "data", half, settings)))  # noqa: B023
        own = psutil.Process()
        memory.append(sum(p.memory_info().rss for p in (own, *own.children(recursive=True))))
    told = f"{1000 * seconds[1] / 100:.0f} ms a report"
    growth = {"time": (seconds, 1.3), "memory": (memory, 1.1)}
    for name, ((first, second), bound) in growth.items():
        measure = f"second hundred of 200 reports ÷ first, {name}"
        yield Row(measure=measure, values=[second / first], at_most=bound, note=told)
