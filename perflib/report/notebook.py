"""A notebook is JSON, read and written as JSON; the same content is the same bytes.

`nbformat` is not imported: where JupyterLab is installed its import costs seconds.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from perflib.errors import ReportError
from perflib.model import CARD
from perflib.report.outputs import steady

Notebook = dict[str, Any]


def read(file: Path) -> Notebook:
    """The notebook in `file`, format 4, with sources as single strings."""
    try:
        return parse(file.read_bytes(), file)
    except FileNotFoundError:
        raise ReportError(
            "no such notebook", file=file, next_step="see `ls notebooks` for the reports there are"
        ) from None


def parse(data: bytes, file: Path) -> Notebook:
    """The notebook that `data` is; `file` is named where it is none."""
    try:
        notebook = msgspec.json.decode(data, type=dict[str, Any])
        _ = {4: notebook["metadata"].items}[notebook["nbformat"]]
        for number, cell in enumerate(notebook["cells"]):
            cell["source"] = joined(cell["source"])
            cell.setdefault("id", f"cell-{number}")
            cell.setdefault("metadata", {})
            _ = cell["cell_type"]
            for output in cell.get("outputs", ()):
                _join_output(output)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        raise ReportError(
            "this is not a notebook",
            expected="JSON of Jupyter's format 4",
            next_step="open and save it in JupyterLab, or take it from version control",
            file=file,
        ) from None
    return notebook


def joined(text: str | list[str]) -> str:
    """Text that may be kept as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def _join_output(output: dict[str, Any]) -> None:
    if "text" in output:
        output["text"] = joined(output["text"])
    for mime, value in output.get("data", {}).items():
        if isinstance(value, list) and not mime.endswith("json"):
            output["data"][mime] = joined(value)


def tagged(notebook: Notebook, tag: str) -> int | None:
    """Index of the first cell with `tag`."""
    for index, cell in enumerate(notebook["cells"]):
        if tag in cell["metadata"].get("tags", ()):
            return index
    return None


def told(notebook: Notebook) -> dict[str, str]:
    """State and finding of the card that the cell tagged `index` shows; empty without one."""
    index = tagged(notebook, "index")
    outputs = [] if index is None else notebook["cells"][index].get("outputs", ())
    cards = (output.get("data", {}).get(CARD) for output in outputs)
    found: dict[str, Any] = next(filter(None, cards), {})
    return {key: str(found.get(key, "")) for key in ("state", "finding")}


def is_python(notebook: Notebook) -> bool:
    """Whether its cells are Python, as far as the notebook says."""
    metadata = notebook["metadata"]
    kernel = metadata.get("kernelspec", {})
    language = metadata.get("language_info", {}).get("name") or kernel.get("language") or "python"
    return language == "python" and kernel.get("name", "python3").startswith("python")


def canonical(notebook: Notebook, told: dict[str, Any]) -> bytes:
    """`notebook` as bytes that depend on its content only; `told` is kept in its metadata.

    Times, process ids and memory addresses are left out, and so are credentials.
    """
    from perflib.report.redact import certain

    notebook = copy.deepcopy(notebook)
    kernel = notebook["metadata"].get("kernelspec", {"name": "python3", "display_name": "Python 3"})
    language = notebook["metadata"].get("language_info", {}).get("name", "python")
    notebook["metadata"] = {
        "kernelspec": kernel,
        "language_info": {"name": language},
        "perflib": told,
    }
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    for cell in notebook["cells"]:
        for transient in ("execution", "papermill"):
            cell["metadata"].pop(transient, None)
        cell["source"] = _lines(certain(cell["source"]))
        for output in cell.get("outputs", ()):
            _write_output(output, certain)
    data = msgspec.json.encode(notebook, order="sorted")
    return msgspec.json.format(data, indent=1) + b"\n"


def _write_output(output: dict[str, Any], certain: Callable[[str], str]) -> None:
    steady(output)
    if "text" in output:
        output["text"] = _lines(certain(output["text"]))
    if "evalue" in output:
        output["evalue"] = certain(output["evalue"])
        output["traceback"] = [certain(line) for line in output["traceback"]]
    data = output.get("data", {})
    for mime, value in data.items():
        if isinstance(value, str) and (mime.startswith("text/") or mime == "image/svg+xml"):
            data[mime] = _lines(certain(value))
        elif isinstance(value, str):
            data[mime] = value.rstrip("\n")
        elif mime == CARD:
            data[mime] = {key: certain(str(text)) for key, text in value.items()}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
