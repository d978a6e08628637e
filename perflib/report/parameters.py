"""Parameters are data: a declared name, a JSON value of the declared type, or nothing runs."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflib.errors import ConfigError, ReportError, nearest
from perflib.report.notebook import Notebook, tagged

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "None": (type(None),),
}


class Written(str):
    """A value as written on a command line, still without a type."""

    __slots__ = ()


@dataclass(frozen=True)
class Parameter:
    """One line of the parameters cell: `name: type = default  # meaning`."""

    name: str
    types: tuple[str, ...]
    default: Any
    meaning: str

    def __str__(self) -> str:
        return f"{self.name}: {' | '.join(self.types) or 'any'} = {self.default!r}"

    def accepts(self, value: object) -> bool:
        """Whether `value` is of the declared type; True and False are no numbers."""
        if not self.types:
            return True
        if isinstance(value, bool):
            return "bool" in self.types
        return isinstance(value, tuple(kind for name in self.types for kind in _TYPES[name]))


def typed(value: Any, parameter: Parameter | None) -> Any:
    """A written `value` as JSON where `parameter` is not text; any other value as it is."""
    if not isinstance(value, Written):
        return value
    if parameter is None or "str" in parameter.types or not parameter.types:
        return str(value)
    try:
        return json.loads(value)
    except ValueError:
        return str(value)


def declared(notebook: Notebook, file: str | Path | None = None) -> dict[str, Parameter]:
    """The parameters that `notebook` declares in its cell tagged `parameters`, by name.

    Raises `ReportError`, which names `file`, when the cell is no Python.
    """
    index = tagged(notebook, "parameters")
    try:
        return {} if index is None else _declared(notebook["cells"][index]["source"])
    except SyntaxError as error:
        raise ReportError(
            f"line {error.lineno} of the parameters cell is no Python ({error.msg})",
            expected='lines such as `target: str = "shop"  # its meaning`',
            next_step="mend the cell in JupyterLab",
            file=file,
        ) from None


def _declared(source: str) -> dict[str, Parameter]:
    lines = source.splitlines()
    found = (_parameter(statement, lines) for statement in ast.parse(source).body)
    return {parameter.name: parameter for parameter in found if parameter}


def _parameter(statement: ast.stmt, lines: list[str]) -> Parameter | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            types = _type_names(annotation)
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            types = ()
        case _:
            return None
    try:
        default = None if value is None else ast.literal_eval(value)
    except (ValueError, TypeError):
        default = None
    if not types and type(default).__name__ in _TYPES:
        types = (type(default).__name__,)
    line = lines[(statement.end_lineno or 1) - 1].encode()[statement.end_col_offset or 0 :].decode()
    return Parameter(name, types, default, line.strip().lstrip("# ").strip())


def _type_names(node: ast.expr) -> tuple[str, ...]:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type_names(left) + _type_names(right)
        case ast.Subscript(value=ast.Name(id=name)) | ast.Name(id=name) if name in _TYPES:
            return (name,)
        case ast.Constant(value=None):
            return ("None",)
        case ast.Constant(value=str(text)):
            return _type_names(ast.parse(text, mode="eval").body)
    return ()


def check(notebook: Notebook, values: Mapping[str, Any], file: str) -> dict[str, Any]:
    """`values` as a plain dict, or `ConfigError` with every mistake and the valid parameters."""
    _refuse(declared(notebook, file), values, file)
    return dict(values)


def check_here(names: Mapping[str, Any]) -> None:
    """Refuse parameters as `check` does, in the running notebook whose globals are `names`.

    So that papermill's own engine, which takes any, and JupyterLab refuse them too.
    """
    told = [source for source in names.get("In", ()) if ":" in source or "# Param" in source]
    known = next((found for source in told if (found := _typed_lines(source))), {})
    injected = [source for source in told if source.startswith("# Parameters")]
    given = {name for source in injected for name in _declared(source)}
    if known:
        _refuse(known, {name: names[name] for name in [*known, *sorted(given)]}, "this notebook")


def _typed_lines(source: str) -> dict[str, Parameter]:
    """The parameters of a cell that has nothing but typed lines, as a parameters cell has."""
    try:
        only = all(isinstance(line, ast.AnnAssign) for line in ast.parse(source).body)
    except SyntaxError:
        return {}
    return _declared(source) if only else {}


def _refuse(known: dict[str, Parameter], values: Mapping[str, Any], file: str) -> None:
    problems = [
        problem
        for name, value in values.items()
        if (problem := _problem(known, name, value, file)) is not None
    ]
    if problems:
        raise ConfigError(problems)


def _problem(known: dict[str, Parameter], name: str, value: Any, file: str) -> ReportError | None:
    valid = "; ".join(map(str, known.values())) or "none: the notebook declares no parameters"
    if name not in known:
        return ReportError(
            f"unknown parameter {name[:80]!r}",
            expected=nearest(name, list(known)) if known else "no parameter",
            next_step=f"the parameters are: {valid}",
            file=file,
        )
    if not _is_json(value) or not known[name].accepts(value):
        return ReportError(
            f"parameter {name} is {value!r:.80}",
            expected=" or ".join(known[name].types) or "a JSON value",
            next_step=f"the parameters are: {valid}",
            file=file,
        )
    return None


def _is_json(value: object) -> bool:
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return math.isfinite(value)
        case list():
            return all(map(_is_json, value))
        case dict():
            return all(isinstance(key, str) for key in value) and all(map(_is_json, value.values()))
    return False


def inject(notebook: Notebook, values: Mapping[str, Any]) -> None:
    """Put a cell with checked `values` after the parameters cell, as papermill does."""
    index = tagged(notebook, "parameters")
    if not values or index is None:
        return
    source = "# Parameters\n" + "".join(f"{name} = {value!r}\n" for name, value in values.items())
    notebook["cells"].insert(
        index + 1,
        {
            "cell_type": "code",
            "id": "injected-parameters",
            "metadata": {"tags": ["injected-parameters"]},
            "source": source.rstrip("\n"),
            "outputs": [],
            "execution_count": None,
        },
    )
