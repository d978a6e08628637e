"""The tree is the architecture: data flows one way, and no module reaches upwards."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "perflib"

# A room may import from the rooms on the lines above its own, and from itself.
LAYERS = [
    ["errors", "files", "headers", "hidden"],
    ["units"],
    ["model"],
    ["objectives", "headline", "spark", "wording"],
    ["samples", "target", "yamlfile"],
    ["session", "stats"],
    ["environment", "monitor"],
    ["store"],
    ["load"],
    ["workloads"],
    ["config"],
    ["formats"],
    ["analysis"],
    ["review"],
    ["run", "reference", "importing"],
    ["recovery"],
    ["campaign", "selection"],
    ["desk"],
    ["course"],
    ["plots", "cards"],
    ["investigate"],
    ["report"],
    ["backup", "exporting"],
    ["cli"],
    ["__main__"],
]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}

# Notebooks and the warm parent of the reports load these; gevent would hang them.
NOTEBOOK_ROOMS = [
    "analysis",
    "cards",
    "cli",
    "course",
    "desk",
    "investigate",
    "plots",
    "report",
    "review",
    "store",
]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The rooms of ours that the module at `path` names in any import statement."""
    found: set[str] = set()
    for node in ast.walk(_without_type_checking(ast.parse(path.read_text()))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("perflib.")}
    return found - {"__version__"}


class _Runtime(ast.NodeTransformer):
    """Drops what only a type checker sees."""

    def visit_If(self, node: ast.If) -> ast.AST:
        hidden = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return ast.Pass() if hidden else self.generic_visit(node)


def _without_type_checking(tree: ast.Module) -> ast.AST:
    return _Runtime().visit(tree)


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
NAMES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in MODULES
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_reaches_upwards(path: Path) -> None:
    room = room_of(path)
    upwards = {other for other in imports(path) if other != room and RANK[other] >= RANK[room]}
    assert upwards == set()


def named(path: Path) -> set[str]:
    """Our modules that the one at `path` names in any import, those for types included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                name if (name := f"{node.module}.{alias.name}") in NAMES else node.module
                for alias in node.names
            }
    return found & NAMES.keys()


def test_no_two_modules_need_each_other_not_even_for_types() -> None:
    graph = {name: named(path) - {name} for name, path in NAMES.items()}
    assert [*TopologicalSorter(graph).static_order()]  # raises CycleError with the circle


def test_every_room_has_its_place() -> None:
    rooms = {room_of(path) for path in MODULES}
    assert rooms == set(RANK)


def test_modules_stay_readable() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > 450} == {}


def test_no_test_module_brings_gevent_into_this_process() -> None:
    assert {"gevent", "locust"} & set(sys.modules) == set(), "run what needs it in a subprocess"


def test_what_notebooks_import_never_imports_locust() -> None:
    rooms = ", ".join(f"perflib.{room}" for room in NOTEBOOK_ROOMS)
    code = f"import sys, {rooms}; print([m for m in ('locust', 'gevent') if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert answer.stdout.strip() == "[]"
