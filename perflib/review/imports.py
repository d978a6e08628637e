"""Imports are followed as Python would resolve them, without running any of them."""

from __future__ import annotations

import ast
import importlib.machinery
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

_YAML = {".yml", ".yaml"}
IMPORTING = {".py", ".ipynb", *_YAML}
"""Files that name code: Python, notebooks, and configurations by a locustfile or a callable."""
_LOADERS = ("import_module", "__import__", "find_spec", "run_module", "run_path")
_PATH = re.compile(r"(?:\./)?([\w./-]+)\.py")
_SETTING = re.compile(r"\s*(?:locustfile|callable):\s*[\"']?([\w./-]+)(?::\w+)?")
_MAGIC = re.compile(r"^([ \t]*)[%!?].*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Reached:
    """One import: `module` as written, `origin` where it lies, `via` the file it began in."""

    module: str
    origin: str
    file: Path
    line: int
    via: str


def reached_imports(files: list[Path], root: Path | None = None) -> Iterator[Reached]:
    """Every import of `files` and of the local modules and scripts they reach, each file once."""
    root = (root or Path.cwd()).resolve()
    waiting: list[tuple[Path, str]] = [(file, "") for file in [*files, *_unasked(files, root)]]
    done: set[Path] = set()
    while waiting:
        file, via = waiting.pop(0)
        if file.resolve() in done:
            continue
        done.add(file.resolve())
        for module, line in _imports_of(file, root):
            found = _resolve(module, file, root)
            yield Reached(
                module=module,
                origin=_shown(found, root),
                file=file,
                line=line,
                via=via,
            )
            if found and _is_local(found, root):
                waiting.append((found.relative_to(root), via or str(file)))


def _unasked(files: list[Path], root: Path) -> list[Path]:
    """The `conftest.py` of each folder above a test, which pytest loads whoever asks."""
    above = (folder for file in files if file.suffix == ".py" for folder in file.resolve().parents)
    found = dict.fromkeys(each / "conftest.py" for each in above if each.is_relative_to(root))
    return [file.relative_to(root) for file in found if file.is_file()]


def _imports_of(file: Path, root: Path) -> Iterator[tuple[str, int]]:
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    if file.suffix in _YAML:
        for number, line in enumerate(text.splitlines(), 1):
            if setting := _SETTING.match(line):
                yield _module_at(setting[1]) or setting[1], number
        return
    for tree, line_of in _trees(file, text):
        for module, at in _named(tree, file, root):
            yield module, line_of(at)


def made_texts(file: Path) -> Iterator[tuple[str, int, int]]:
    """Each text of a Python file or notebook as its constants make it, its first and last line.

    Of YAML each value as it is meant, with escapes undone and lines folded.
    """
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    if file.suffix.lower() in _YAML:
        with suppress(yaml.YAMLError):
            for token in yaml.scan(text):
                if isinstance(token, yaml.ScalarToken):
                    yield token.value, token.start_mark.line + 1, token.end_mark.line + 1
        return
    for tree, line_of in _trees(file, text):
        for node in ast.walk(tree):
            if isinstance(node, ast.expr) and (made := _made(node)):
                yield made, line_of(node.lineno), line_of(node.end_lineno or node.lineno)


def _made(node: ast.expr) -> str | None:
    """The text of an expression of constants; None where it depends on anything else."""
    parts: list[ast.expr]
    between = ""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=value):
            return _made(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = [left, right]
        case ast.JoinedStr(values=parts):
            pass
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(between)), attr="join"),
            args=[ast.List(elts=parts) | ast.Tuple(elts=parts)],
        ):
            pass
        case _:
            return None
    made = [_made(part) for part in parts]
    return None if None in made else between.join(text for text in made if text)


def _trees(file: Path, text: str) -> Iterator[tuple[ast.AST, Callable[[int], int]]]:
    """What parses of a Python file or of a notebook's cells, each with where its lines stand."""
    for source in _cells(text) if file.suffix == ".ipynb" else [text]:
        try:
            with warnings.catch_warnings(action="ignore"):  # of escapes in what is only read
                tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            continue
        yield tree, (lambda at: at) if source is text else partial(_line_of, text, source)


def _cells(text: str) -> Iterator[str]:
    """The code of a notebook, its magics left out."""
    try:
        cells = json.loads(text)["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError):
        return
    yield from (_MAGIC.sub(r"\1pass", source) for source in code)


def _line_of(text: str, source: str, line: int) -> int:
    """Where in the JSON a line of a cell stands."""
    written = json.dumps(source.split("\n")[line - 1], ensure_ascii=False)[1:-1]
    return text.count("\n", 0, max(text.find(written), 0)) + 1


def _module_at(path: str) -> str:
    """The module that the script at `path` would be; empty where it is no path of one."""
    match = _PATH.fullmatch(path)
    return match[1].replace("/", ".") if match else ""


def _named(tree: ast.AST, file: Path, root: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, file, root)
            for name in node.names:
                yield f"{base}.{name.name}" if base else name.name, node.lineno
        elif isinstance(node, ast.Call):
            called = node.func
            if getattr(called, "attr", getattr(called, "id", "")) in _LOADERS:
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                words = [text for each in given if (text := _made(each))]
                # the package of a relative name is the next argument
                module, base = [*words, "", ""][:2]
                yield base + module if module.startswith(".") else module, node.lineno
        elif isinstance(node, ast.Assign) and "pytest_plugins" in map(ast.unparse, node.targets):
            texts = (each for each in ast.walk(node.value) if isinstance(each, ast.Constant))
            yield from ((str(each.value), each.lineno) for each in texts)
        elif isinstance(node, ast.Constant) and (module := _module_at(str(node.value))):
            yield module, node.lineno


def _absolute(node: ast.ImportFrom, file: Path, root: Path) -> str:
    if not node.level:
        return node.module or ""
    folder = file.resolve().parent
    for _ in range(node.level - 1):
        folder = folder.parent
    base = ".".join(folder.relative_to(root).parts) if folder.is_relative_to(root) else ""
    return ".".join(part for part in (base, node.module or "") if part)


def _resolve(module: str, file: Path, root: Path) -> Path | None:
    """The file of `module`, or of its nearest parent: beside `file`, below `root`, or installed."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        for base in (file.resolve().parent, root):
            place = base.joinpath(*parts[:length])
            for candidate in (place.with_suffix(".py"), place / "__init__.py"):
                if candidate.is_file():
                    return candidate
    if parts[0] in sys.stdlib_module_names:
        return None
    spec = importlib.machinery.PathFinder.find_spec(parts[0])
    return Path(spec.origin) if spec and spec.origin else None


def _is_local(file: Path, root: Path) -> bool:
    real = file.resolve()
    inside = file.is_relative_to(root) and real.is_relative_to(root)
    return inside and file.suffix == ".py" and "site-packages" not in real.parts


def _shown(file: Path | None, root: Path) -> str:
    """Where a module lies, links resolved: below the root, or below its packages' folder."""
    if file is None:
        return ""
    real = file.resolve()
    if real.is_relative_to(root) and "site-packages" not in real.parts:
        return str(real.relative_to(root))
    parts = real.parts
    if "site-packages" in parts:
        return "/".join(parts[parts.index("site-packages") + 1 :])
    return str(real)
