"""Imports are followed as Python would resolve them, without running any of them."""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Reached:
    """One import: `module` as written, `origin` where it lies, `via` the file it began in."""

    module: str
    origin: str
    file: Path
    line: int
    via: str


def reached_imports(files: list[Path], root: Path | None = None) -> Iterator[Reached]:
    """Every import of `files` and of the local modules they reach, each file once."""
    root = (root or Path.cwd()).resolve()
    waiting: list[tuple[Path, str]] = [(file, "") for file in files]
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


def _imports_of(file: Path, root: Path) -> Iterator[tuple[str, int]]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8", errors="replace"))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, file, root)
            for name in node.names:
                yield f"{base}.{name.name}" if base else name.name, node.lineno
        elif isinstance(node, ast.Call) and node.args:
            called = node.func
            name_of = getattr(called, "attr", getattr(called, "id", ""))
            first = node.args[0]
            if name_of in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield str(first.value), node.lineno


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
