"""Events become the outputs of a notebook, by the rules of the Jupyter messaging protocol."""

from __future__ import annotations

import re
from typing import Any

Cell = dict[str, Any]
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,16}\b")
_CELL_FILE = re.compile(r"\((?:<ipython-input-[\w-]+>|\d+\.py), line")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_OVERWRITTEN = re.compile(r"^[^\r\n]*\r(?!\n|$)", re.MULTILINE)


class Record:
    """What one execution of a notebook put out; `cells` are filled in place, emptied if `fresh`.

    `failed` is the index of the cell that stopped the execution, else None.
    """

    def __init__(self, cells: list[Cell], *, fresh: bool = True) -> None:
        self.cells = cells
        self.at = -1
        self.failed: int | None = None
        self.finished = False
        self._displayed: dict[str, list[dict[str, Any]]] = {}
        self._clear_next = False
        for cell in cells:
            if fresh and cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None

    def take(self, event: list[Any]) -> None:
        """Apply one event of the child."""
        getattr(self, f"_{event[0]}")(*event[1:])

    def error(self, name: str, text: str, traceback: list[str] | None = None) -> None:
        """Record an error that stopped the current cell, whether or not the cell could tell."""
        self.failed = max(self.at, 0)
        self._error(name, text, traceback or [f"{name}: {text}"])

    @property
    def _outputs(self) -> list[dict[str, Any]]:
        outputs: list[dict[str, Any]] = self.cells[max(self.at, 0)].setdefault("outputs", [])
        return outputs

    def _append(self, output: dict[str, Any]) -> None:
        if self._clear_next:
            self._outputs.clear()
            self._clear_next = False
        self._outputs.append(output)

    def _start(self, index: int) -> None:
        self.at, self._clear_next = index, False

    def _end(self, index: int, count: int, ok: bool) -> None:
        cell = self.cells[index]
        cell["execution_count"] = count
        may_fail = "raises-exception" in cell["metadata"].get("tags", ())
        if not ok and not may_fail:
            self.failed = index

    def _finished(self) -> None:
        self.finished = True

    def _stream(self, name: str, text: str) -> None:
        outputs = self._outputs
        last = outputs[-1] if outputs and not self._clear_next else {}
        if last.get("output_type") == "stream" and last["name"] == name:
            last["text"] += text
        else:
            self._append({"output_type": "stream", "name": name, "text": text})

    def _display(self, name: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        output = {"output_type": "display_data", "data": data, "metadata": metadata}
        self._append(output)
        if name:
            self._displayed.setdefault(name, []).append(output)

    def _update(self, name: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        for output in self._displayed.get(name, ()):
            output["data"], output["metadata"] = data, metadata

    def _result(self, count: int, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        self._append(
            {
                "output_type": "execute_result",
                "execution_count": count,
                "data": data,
                "metadata": metadata,
            }
        )

    def _clear(self, wait: bool) -> None:
        if wait:
            self._clear_next = True
        else:
            self._outputs.clear()

    def _error(self, name: str, text: str, traceback: list[str]) -> None:
        self._append(
            {"output_type": "error", "ename": name, "evalue": text, "traceback": traceback}
        )


def steady(output: dict[str, Any]) -> None:
    """Remove from `output` what differs between equal runs: addresses, colours of tracebacks."""
    if output["output_type"] == "stream":
        output["text"] = _ADDRESS.sub("at 0x…", _OVERWRITTEN.sub("", output["text"]))
    elif output["output_type"] == "error":
        output["traceback"] = [
            _ADDRESS.sub("at 0x…", without_colours(line)) for line in output["traceback"]
        ]
        told = _CELL_FILE.sub("(cell, line", output["evalue"])
        output["evalue"] = _ADDRESS.sub("at 0x…", told)
    elif isinstance(plain := output["data"].get("text/plain"), str):
        output["data"]["text/plain"] = _ADDRESS.sub("at 0x…", plain)


def without_colours(text: str) -> str:
    """`text` without the control sequences of terminals."""
    return _COLOURS.sub("", text)
