"""Notebooks keep the house style, and run from top to bottom on runs of every kind."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import RichOutput, capture_output

from perflib.store import Store
from tests import fabricate

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SECTIONS = ["Question", "Verdict", "Evidence", "What to do next", "How it was measured"]
REPORTS = {
    "api_gateway": {},
    "blockchain": {},
    "session_processing": {},
    "database": {},
    "trends": {"target": "database"},
    "compare": {"target": "database"},
    "overview": {},
    "investigate": {"target": "api_gateway"},
}


def cells(path: Path, kind: str = "code") -> list[dict]:
    found = json.loads(path.read_text())["cells"]
    return [
        cell | {"source": "".join(cell["source"])} for cell in found if cell["cell_type"] == kind
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("data"))
    for target in fabricate.KINDS:
        fabricate.history(store, target, runs=8, shift_at=5)
    return store.root


@pytest.fixture(scope="module")
def shell() -> InteractiveShell:
    return InteractiveShell.instance()


def test_every_notebook_is_tried() -> None:
    assert sorted(REPORTS) == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestStyle:
    def test_format_is_4_5_and_ids_are_words(self, path: Path) -> None:
        notebook = json.loads(path.read_text())
        ids = [cell["id"] for cell in notebook["cells"]]
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", cell_id) for cell_id in ids)
        assert {"question", "parameters", "verdict", "next-steps", "method"} <= set(ids)

    def test_sections_come_in_order(self, path: Path) -> None:
        text = "\n".join(cell["source"] for cell in cells(path, "markdown"))
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS

    def test_no_outputs_are_committed(self, path: Path) -> None:
        assert all(not c["outputs"] and c["execution_count"] is None for c in cells(path))

    def test_code_is_short_and_only_calls(self, path: Path) -> None:
        forbidden = (ast.FunctionDef, ast.For, ast.While, ast.ClassDef, ast.Lambda, ast.ListComp)
        for cell in cells(path):
            lines = [line for line in cell["source"].splitlines() if line.strip()]
            nodes = list(ast.walk(ast.parse(cell["source"])))
            texts = [
                n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)
            ]
            assert len(lines) <= 8
            assert not any(isinstance(node, forbidden) for node in nodes)
            assert not any("/" in text or text.endswith((".json", ".parquet")) for text in texts)

    def test_parameters_are_typed_with_a_meaning(self, path: Path) -> None:
        (cell,) = [c for c in cells(path) if "parameters" in c["metadata"].get("tags", ())]
        for line in cell["source"].splitlines():
            assert re.fullmatch(r"\w+: (str|int|float|bool|list) = .+?  # \w.+", line)

    def test_no_locust(self, path: Path) -> None:
        assert "locust" not in path.read_text()


def run(path: Path, shell: InteractiveShell, given: dict) -> list:
    """The outputs of every code cell, run in order in one namespace."""
    shell.reset()
    outputs = []
    for cell in cells(path):
        with capture_output() as told:
            result = shell.run_cell(cell["source"])
        result.raise_error()
        outputs += [(cell["id"], output) for output in told.outputs]
        if result.result is not None:
            made = RichOutput(*shell.display_formatter.format(result.result))
            outputs.append((cell["id"], made))
        assert "Warning" not in told.stderr
        if cell["id"] == "parameters":
            shell.push(given)
    return outputs


@pytest.mark.filterwarnings("ignore:Passing unrecognized arguments:DeprecationWarning")
@pytest.mark.parametrize("name", REPORTS)
def test_runs_from_top_to_bottom(name: str, shell: InteractiveShell, data: Path) -> None:
    outputs = run(FOLDER / f"{name}.ipynb", shell, REPORTS[name] | {"data": str(data)})
    shown = {cell_id for cell_id, _ in outputs}
    silent = {cell["id"] for cell in cells(FOLDER / f"{name}.ipynb")} - shown
    pictures = [output for _, output in outputs if "image/png" in output.data]
    assert silent == {"parameters"}
    assert pictures or name == "overview"
    assert all(len(output.metadata["alt"]) > 20 for output in pictures)
    assert not any("nan" in str(output.data.get("text/plain", "")).split() for _, output in outputs)


def test_a_first_run_alone_is_enough(shell: InteractiveShell, tmp_path: Path) -> None:
    store = Store(tmp_path)
    for target in fabricate.KINDS:
        fabricate.commit(store, target)
    for name in ("database", "blockchain", "overview", "trends"):
        outputs = run(FOLDER / f"{name}.ipynb", shell, REPORTS[name] | {"data": str(tmp_path)})
        assert "verdict" in {cell_id for cell_id, _ in outputs}


def test_equal_inputs_give_equal_outputs(shell: InteractiveShell, data: Path) -> None:
    given = {"data": str(data), "target": "database"}
    first, second = (run(FOLDER / "database.ipynb", shell, given) for _ in range(2))
    assert [output.data for _, output in first] == [output.data for _, output in second]


def test_a_mistake_is_a_message_and_no_traceback(shell: InteractiveShell, capsys) -> None:
    shell.run_cell("from perflib.desk import open_desk; open_desk('databse', data='nowhere')")
    told = capsys.readouterr().out
    assert told.strip().startswith("StoreError: no folder `nowhere`")
    assert "Traceback" not in told
