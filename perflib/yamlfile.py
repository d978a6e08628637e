"""YAML with a memory: every value knows its line, so every mistake can be shown in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from perflib.errors import ConfigError, PerflibError, nearest

Path_ = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)
SHORTEST_SECRET = 4
_VARIABLE = re.compile(r"\$\{(?:([A-Za-z_]\w*)(?::-([^${}]*))?\}|[^}]*\}?)", re.ASCII)
_MOST_CHARACTERS = 2**20
"""More than a person writes; to read so many takes seconds."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2: `no`, `010`, `1:30` and `2024-01-01` are the text that stands there."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
    ("merge", "<<", ["<"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})$"), _first
    )


class Document(NamedTuple):
    """The values of a file and the line (from 1) of each, by its path of keys.

    `secrets` are the values that came from the environment.
    """

    file: Path
    data: Any
    lines: dict[Path_, int]
    secrets: frozenset[str] = frozenset()

    def line(self, path: Path_) -> int | None:
        """The line of `path`, or of its nearest parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_yaml(file: Path, variables: Mapping[str, str] | None = None) -> Document:
    """Parse `file`, replacing `${NAME}` and `${NAME:-default}` from `variables`.

    Raises `ConfigError` for a missing file, broken YAML, a key given twice, or an unset variable.
    Merges (`<<: *name`) are followed.
    """

    def refused(found: str, next_step: str = "", line: int | None = None) -> ConfigError:
        return ConfigError([PerflibError(found, file=file, line=line, next_step=next_step)])

    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise refused("no such file", "name the file with --config") from None
    except OSError as error:
        step = "name a readable file with --config"
        raise refused(f"cannot be read ({error.strerror})", step) from None
    except UnicodeDecodeError as error:
        step = "save it as text in UTF-8"
        raise refused(f"cannot be read as text (byte {error.start})", step) from None
    if len(text) > _MOST_CHARACTERS:
        step = "name a file that a person wrote"
        raise refused(f"too large ({len(text):,} characters)", step)
    builder = _Builder(file, variables)
    try:
        node = yaml.compose(text, Loader=_Loader)
        data = builder.build(node, ()) if node else {}
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_broken(file, text.splitlines(), error)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"broken YAML: the character U+{error.character:04X} is not allowed"
        raise refused(problem, line=line) from None
    except RecursionError:
        raise refused(
            "broken YAML: an alias means a part that it stands in, or the parts lie too deep"
        ) from None
    if builder.problems:
        raise ConfigError(builder.problems)
    return Document(file, data, builder.lines, frozenset(builder.secrets))


def _broken(file: Path, lines: list[str], error: yaml.MarkedYAMLError) -> PerflibError:
    """What is wrong with the YAML in `lines`, and where; a conflict of git is called that."""
    for at, text in enumerate(lines, 1):
        if text.startswith("<<<<<<< "):
            step = "keep what is right of both sides, without the lines of `<`, `=` and `>`"
            return PerflibError("a merge left a conflict", file=file, line=at, next_step=step)
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = f"broken YAML: {error.problem or error.context}"
    there = lines[line - 1 : line] if line else []
    step = 'put "${NAME}" in quotes where it stands in braces' if "${" in "".join(there) else ""
    return PerflibError(problem, file=file, line=line, next_step=step)


class _Builder:
    def __init__(self, file: Path, variables: Mapping[str, str] | None) -> None:
        self.file = file
        self.variables = variables
        self.lines: dict[Path_, int] = {}
        self.problems: list[PerflibError] = []
        self.secrets: set[str] = set()

    def build(self, node: yaml.Node, path: Path_) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        result: dict[str, Any] = {}
        for key_node, value_node in sorted(node.value, key=lambda pair: not _merges(pair[0])):
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if _merges(key_node):
                merged = self._merged(value_node, path) | merged
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem("a list or a mapping stands for a key", line, "write a name")
                continue
            if key in result:
                self._problem(f"`{key}` is given twice", line)
            self.lines[(*path, key)] = line
            result[key] = self.build(value_node, (*path, key))
        return merged | result

    def _merged(self, node: yaml.Node, path: Path_) -> dict[str, Any]:
        """What `<<` takes in: a mapping, or several of which the first counts."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in reversed(parts):
            if isinstance(part, yaml.MappingNode):
                merged |= self._mapping(part, path)
            else:
                self._problem("`<<` takes in what is no mapping", part.start_mark.line + 1)
        return merged

    def _scalar(self, node: yaml.Node) -> Any:
        if self.variables is not None and "${" in node.value:
            node.value = _VARIABLE.sub(lambda match: self._variable(match, node), node.value)
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, LookupError, AttributeError):  # `!!int x`, or too many digits
            kind, line = node.tag.rpartition(":")[2], node.start_mark.line + 1
            self._problem(f"`{node.value[:40]}` cannot be read as {kind}", line)

    def _variable(self, match: re.Match[str], node: yaml.Node) -> str:
        if not match[1]:
            line = node.start_mark.line + 1
            self._problem(f"`{match[0]}` names no variable", line, "write `${NAME}`")
            return ""
        given = (self.variables or {}).get(match[1])
        value = match[2] if given is None else given
        if given is not None and len(given) >= SHORTEST_SECRET:
            self.secrets.add(given)
        if value is None:
            self._problem(
                f"the environment variable {match[1]} is not set",
                node.start_mark.line + 1,
                f"set it before the call, or write `${{{match[1]}:-default}}`",
            )
        return value or ""

    def _problem(self, found: str, line: int, next_step: str = "") -> None:
        self.problems.append(PerflibError(found, file=self.file, line=line, next_step=next_step))


def _merges(key: yaml.Node) -> bool:
    return bool(key.tag == "tag:yaml.org,2002:merge")


def validate(model: type[ModelT], document: Document, path: Path_ = ()) -> ModelT:
    """The part of `document` at `path` as `model`; raises `ConfigError` with all mistakes."""
    data = document.data
    for key in path:
        data = data[key]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            [_problem(model, document, path, dict(item)) for item in error.errors()]
        ) from None


def _problem(
    model: type[BaseModel], document: Document, path: Path_, item: dict[str, Any]
) -> PerflibError:
    where = (*path, *(part for part in item["loc"]))
    dotted = ".".join(str(part) for part in where)
    given = _given(document.data, where, item["input"])
    found, expected = wording(item | {"loc": where, "input": given}), ""
    if item["type"] == "extra_forbidden":
        found = f"unknown key `{dotted}`"
        expected = nearest(str(where[-1]), _keys_at(model, item["loc"][:-1]))
    elif item["type"] == "missing":
        found = f"`{dotted}` is missing"
    return PerflibError(found, expected=expected, file=document.file, line=document.line(where))


def _given(data: Any, path: Path_, otherwise: Any) -> Any:
    """What the file says at `path`, before it was read into base units."""
    try:
        for key in path:
            data = data[key]
    except (LookupError, TypeError):
        return otherwise
    return data


def wording(item: Mapping[str, Any]) -> str:
    """One of pydantic's errors in a user's words, with its path and the value that was given."""
    said, given = item["msg"].removeprefix("Value error, "), item["input"]
    if item["type"] in ("dict_type", "model_type", "model_attributes_type"):
        said = "expected settings, one `key: value` a line"
    if item["type"] == "path_type":
        said = "should be a path"
    said = said.replace("Input should be", "should be")
    if "`" not in said.replace("`key: value`", "") and not isinstance(given, dict | list | None):
        said += f", not `{given}`"
    dotted = ".".join(str(part) for part in item["loc"])
    return f"{dotted}: {said}" if dotted else said


def _keys_at(model: type[BaseModel], path: Path_) -> list[str]:
    """The keys that are valid at `path` below `model`, as far as its types tell."""
    current: Any = model
    for key in path:
        fields = getattr(current, "model_fields", {})
        annotation = fields[key].annotation if key in fields else current
        current = next(_models_in(annotation), current)
    return list(getattr(current, "model_fields", {}))


def _models_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)
