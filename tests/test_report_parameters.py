"""What is not declared, not JSON or not of the declared type never reaches a notebook."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from perflib.errors import ConfigError, ReportError
from perflib.report import notebook as books
from perflib.report.parameters import Parameter, Written, check, check_here, declared, inject, typed
from tests.reporting import cell, text, write_notebook

TYPED = cell(
    'name: str = "x"  # a name\n'
    "count: int = 3  # how many # times\n"
    "share: float = 0.5\n"
    "deep: bool = False\n"
    "labels: list[str] = []  # which\n"
    "extra: dict = {}\n"
    "maybe: str | None = None  # or nothing\n"
    "loose = 2\n"
    "import os",
    "parameters",
)
NOTEBOOK = {"cells": [text("# T"), TYPED], "metadata": {}}


def test_declared():
    found = declared(NOTEBOOK)
    assert found["name"] == Parameter("name", ("str",), "x", "a name")
    assert found["count"] == Parameter("count", ("int",), 3, "how many # times")
    assert found["maybe"] == Parameter("maybe", ("str", "None"), None, "or nothing")
    assert found["loose"].types == ("int",)
    assert found["labels"].types == ("list",)
    assert list(found) == ["name", "count", "share", "deep", "labels", "extra", "maybe", "loose"]
    assert declared({"cells": [text("no cell")], "metadata": {}}) == {}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"name": "y", "count": -1, "share": 1, "deep": True},
        {"labels": ["a", 1, None, {"b": [2.5]}], "extra": {"a": {"b": None}}, "maybe": None},
        {"maybe": "text", "name": '"; import os; os.system("true") #\n'},
    ],
)
def test_accepted_and_injected_as_data(values):
    notebook = {"cells": [TYPED], "metadata": {}}
    inject(notebook, check(notebook, values, "a.ipynb"))
    scope: dict[str, object] = {}
    if values:
        exec(notebook["cells"][1]["source"], {"__builtins__": {}}, scope)
    assert scope == values


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"nmae": "y"}, "the nearest, `name`"),
        ({"x = 1; import os": 1}, "unknown parameter"),
        ({"os": 1}, "unknown parameter"),
        ({"name": 5}, "expected str"),
        ({"count": "5"}, "expected int"),
        ({"count": True}, "expected int"),
        ({"count": 5.0}, "expected int"),
        ({"share": math.nan}, "expected float"),
        ({"share": math.inf}, "expected float"),
        ({"name": None}, "expected str"),
        ({"labels": ("a",)}, "expected list"),
        ({"labels": [b"bytes"]}, "expected list"),
        ({"extra": {1: "a"}}, "expected dict"),
        ({"extra": {"a": Path("x")}}, "expected dict"),
        ({"labels": [math.nan]}, "expected list"),
    ],
)
def test_refused(values, told):
    with pytest.raises(ConfigError) as caught:
        check(NOTEBOOK, values, "a.ipynb")
    assert told in str(caught.value)
    assert "count: int = 3" in str(caught.value), "the valid ones are listed"


def test_all_mistakes_at_once():
    with pytest.raises(ConfigError) as caught:
        check(NOTEBOOK, {"nmae": 1, "count": "x"}, "a.ipynb")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("source", ["def (:", "%matplotlib inline", 'x: "list[" = 1'])
def test_a_cell_that_is_no_python_is_named(source):
    broken = {"cells": [cell(source, "parameters")], "metadata": {}}
    with pytest.raises(ReportError, match=r"line 1 of the parameters cell") as caught:
        check(broken, {}, "mine.ipynb")
    assert "mine.ipynb" in str(caught.value)
    unhashable = {"cells": [cell("x: dict = {[]: 1}", "parameters")], "metadata": {}}
    assert declared(unhashable)["x"].default is None


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [("5", "count", 5), ("5", "name", "5"), ('["a"]', "labels", ["a"]), ("x", "count", "x")],
)
def test_written_values_take_the_declared_type(text, name, value):
    assert typed(Written(text), declared(NOTEBOOK)[name]) == value


@pytest.mark.parametrize(
    ("injected", "told"),
    [
        ("", None),
        ("# Parameters\nshare = 2\n", None),
        ("# Parameters\nshare = 'x'\n", "parameter share is 'x'; expected float"),
        ("# Parameters\nhsare = 2\n", "unknown parameter 'hsare'; expected the nearest, `share`"),
    ],
)
def test_a_running_notebook_refuses_too(injected, told):
    names = {"In": ["", "%time 1", "share: float = 1.0  # of all", injected, "x: int = 1; x"]}
    exec("share: float = 1.0\n" + injected, names)
    if told is None:
        check_here(names)
        return
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        check_here(names)
    assert "share: float = 1.0" in str(caught.value), "the valid ones are listed"


def test_no_parameters_cell_takes_none(tmp_path):
    notebook = books.read(write_notebook(tmp_path / "a.ipynb", [text("# A")]))
    with pytest.raises(ConfigError, match="unknown parameter"):
        check(notebook, {"a": 1}, "a.ipynb")
