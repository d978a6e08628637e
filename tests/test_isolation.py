"""A forbidden word is found where it is a word, an import where it resolves, a host everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perflib.cli import main
from perflib.review import isolate
from perflib.review.isolation import host_of

FORBIDDEN = ["tron", "payment-systems"]


def kinds(tmp_path: Path, text: str, name: str = "test_a.py", **more: str) -> list[tuple[str, int]]:
    for file, content in {name: text, **more}.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    hits = isolate([tmp_path / name], FORBIDDEN, ["gateway.internal", "http://chain.example:80"])
    return [(hit.kind, hit.line) for hit in hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1", []),
        ("tron", [("word", 1)]),
        ("\n# the TRON network", [("word", 2)]),
        ("tron_client = 1", [("word", 1)]),
        ("TRON_URL = 1", [("word", 1)]),
        ("class TronClient: ...", [("word", 1)]),
        ("myTronClient", [("word", 1)]),
        ("tron2 = 1", [("word", 1)]),
        ("tron tron", [("word", 1), ("word", 1)]),
        ("electron", [("note", 1)]),
        ("ELECTRON_URL", [("note", 1)]),
        ("electronics, strong", [("note", 1), ("note", 1)]),
        ("TRONIC", [("note", 1)]),
        ("electron and tron", [("note", 1), ("word", 1)]),
        ("payment-systems", [("word", 1)]),
        ("payment_systems", [("word", 1)]),
        ("PaymentSystems()", [("word", 1)]),
        ("payment systems", [("word", 1)]),
        ("payments and systems", []),
        ("payment__systems", [("word", 1)]),
        ("TRONClient", [("word", 1)]),
        ("TRONs", [("note", 1)]),
        ("neutron, patron, synchrotron", [("note", 1)] * 3),
    ],
)
def test_words_are_told_from_parts_of_words(
    tmp_path: Path, text: str, expected: list[tuple[str, int]]
) -> None:
    assert kinds(tmp_path, text, name="notes.md") == expected


@pytest.mark.parametrize(
    "text",
    [
        "'tr' + \"on\"",
        "'tr' 'on'",
        r"'\x74ron'",
        r'"\u0074ron"',
        "http://localhost/%74ron",
        "http:\\/\\/localhost\\/tron",
        "tr\u00f8n tr\u200bon",
        "tr\u043en",
        "T\u03a1\u03a4 TR\u039fN",
        "\uff54\uff52\uff4f\uff4e",
        "payment\u2011systems",
        "payment\u00adsystems",
        r"'\U00000074ron'",
        "&#116;ron &#x74;r",
        "http://localhost/payment/systems",
        "payment::systems",
        "payment  systems",
        "payment\tsystems",
        "SELECT 'tr' || 'on'",
    ],
)
def test_a_disguised_word_is_found_once(tmp_path: Path, text: str) -> None:
    assert kinds(tmp_path, text, name="notes.txt") == [("word", 1)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = ('tr'\n     'on')", 1),
        ("\nx = 'tr' + (  # the first half\n    'on')", 2),
        ("x = f\"tr{'on'}\"", 1),
        ("x = ''.join(['tr', 'on'])", 1),
        ("x = '-'.join(('payment', 'systems'))", 1),
        (r"x = '\164ron'", 1),
        (r"x = '\N{LATIN SMALL LETTER T}ron'", 1),
        ('x = """\ntron\n"""', 2),
    ],
)
def test_a_text_that_constants_make_is_read_as_made(tmp_path: Path, text: str, line: int) -> None:
    assert kinds(tmp_path, text) == [("word", line)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x: >-\n  payment\n  systems\n", 1),
        ('a: 1\nx: "payment-\\\n  systems"\n', 2),
        ("x: |\n  a\n  tron\n", 3),
        ("x: &tron 1\n", 1),
    ],
)
def test_a_value_of_yaml_is_read_as_meant(tmp_path: Path, text: str, line: int) -> None:
    assert kinds(tmp_path, text, name="a.yml") == [("word", line)]


@pytest.mark.parametrize("text", ["x = 'tr' + on", "x = ', '.join(['tr', 'on'])", "f'tr{on}'"])
def test_a_text_that_constants_do_not_make_is_no_word(tmp_path: Path, text: str) -> None:
    assert kinds(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("import tronpy", "import"),
        ("from helpers import tronweb", "import"),
        ("import electron, patron.tools", "note"),
    ],
)
def test_a_module_that_begins_with_the_word_is_imported(
    tmp_path: Path, text: str, kind: str
) -> None:
    assert {found for found, _ in kinds(tmp_path, text)} == {kind, "note"}


@pytest.mark.parametrize(
    "text", ["'neu' + 'tron'", "\u0442\u0440\u043e\u043d", "100%74", "''tron''"]
)
def test_what_looks_like_a_disguise_is_none(tmp_path: Path, text: str) -> None:
    counted = [kind for kind, _ in kinds(tmp_path, text, name="notes.txt") if kind != "note"]
    assert counted == ["word"] * ("'tron'" in text)


@pytest.mark.parametrize(
    "name", ["Dockerfile", "plan.jmx", "a.js", "A.YML", "x.properties", "y.j2"]
)
def test_every_text_is_searched_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    text = "from tron: http://prod.example.com"
    (tmp_path / "b").write_bytes(b"\0 tron")
    (tmp_path / "c.yml").write_text(text, encoding="utf-16")
    (tmp_path / name).write_text(text)
    found = {(hit.kind, hit.file.name) for hit in isolate([tmp_path], FORBIDDEN)}
    assert found == {(kind, file) for kind in ("word", "host") for file in (name, "c.yml")}


def test_names_of_files_and_folders_are_searched(tmp_path: Path) -> None:
    below = tmp_path / "tron" / "tron"
    below.mkdir(parents=True)
    (below / "electron.png").write_bytes(b"\0")
    hits = isolate([tmp_path / "tron"], FORBIDDEN)
    assert [(hit.kind, hit.message) for hit in hits] == [
        ("word", "names `tron`: tron/electron.png"),
        ("note", "`electron` contains `tron` and is another word"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u = 'http://localhost:8080/x'", []),
        ("u = 'http://127.0.0.1:8080'", []),
        ("u = 'http://[::1]:8080/'", []),
        ("u = 'http://gateway.internal/x'", []),
        ("u = 'http://chain.example:8082'", []),
        ("u = 'http://prod.example.com/x'", [("host", 1)]),
        ("u = 'postgresql://me:pw@db.example.com:5432/x'", [("host", 1)]),
        ("u = '10.1.2.3'", [("host", 1)]),
        ("u = 'db.example.com:5432'", [("host", 1)]),
        ("version = '1.2.3'", []),
        ("u = f'http://{host}:{port}'", []),
        ("u = 'http://${HOST}/x'", []),
        ("see 'http://\u2026' or 'http://[::1'", []),
        ("u = 'http://\u00e9vil.com/'", [("host", 1)]),
        ("u = 'http://prod\u3002example.com/'", [("host", 1)]),
        (r'{"u": "http:\/\/prod.example.com\/x"}', [("host", 1)]),
        ("u = 'postgresql:///db?host=prod.example.com'", [("host", 1)]),
        ("u = '//prod.example.com/x'", [("host", 1)]),
        ("connect(host='prod.example.com')", [("host", 1)]),
        ("connect(host=place.netloc)", []),
        ("create_connection(('prod.example.com', 80))", [("host", 1)]),
        ("HTTPSConnection('prod.example.com')", [("host", 1)]),
        ("connect('dbname=a host=prod.example.com')", [("host", 1)]),
        ("connect('data.sqlite')", []),
        ("half = a //b.count", []),
    ],
)
def test_hosts_must_be_declared(tmp_path: Path, text: str, expected: list[tuple[str, int]]) -> None:
    assert kinds(tmp_path, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "host: http://prod.example.com",
        '{"host": "http://prod.example.com"}',
        "db_host: prod.example.com  # ours",
        "url: //prod.example.com/x",
    ],
)
def test_hosts_are_looked_for_in_configuration_too(tmp_path: Path, text: str) -> None:
    assert kinds(tmp_path, text, name="config.yml") == [("host", 1)]


def notebook(*cells: str) -> str:
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["x"]}, *code]}, indent=1)


@pytest.mark.parametrize(
    "text",
    [
        "import helper",
        "from helper import client",
        "import importlib\nimportlib.import_module('helper')",
        "import importlib\nimportlib.import_module(name='.wallet', package='inner')",
        "import importlib.util\nimportlib.util.find_spec('inner.wallet')",
        "import runpy\nrunpy.run_path('inner/wallet.py')",
        "exec(open('./inner/wallet.py').read())",
        "pytest_plugins = ['inner.wallet']",
        "pytest_plugins = 'helper'",
        "\ufeffimport helper",
        "__import__('hel' + f'{\"per\"}')",
    ],
)
def test_imports_are_followed_to_where_they_lead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    follow(tmp_path, monkeypatch, "a.py", text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yml", "targets:\n  a:\n    callable: inner.wallet:run\n"),
        ("a.yml", "targets:\n  a:\n    locustfile: inner/wallet.py\n"),
        ("a.ipynb", notebook("%%bash\nls", "%pip list\nimport helper")),
    ],
)
def test_settings_and_notebooks_are_followed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    follow(tmp_path, monkeypatch, name, text)


def test_what_pytest_loads_unasked_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests" / "performance").mkdir(parents=True)
    (tmp_path / "tests" / "performance" / "test_a.py").write_text("")
    (tmp_path / "tests" / "conftest.py").write_text("\nfrom tron import client\n")
    (hit,) = isolate([Path("tests/performance")], FORBIDDEN)
    assert (hit.kind, str(hit.file), hit.line) == ("import", "tests/conftest.py", 2)


def test_a_hit_in_a_notebook_has_its_line(tmp_path: Path) -> None:
    text = notebook("x = 1", "!ls\nimport payment.systems")
    line = text[: text.index("payment")].count("\n") + 1
    # told as a word, and not again as an import of another line
    assert kinds(tmp_path, text, name="a.ipynb") == [("word", line)]


def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / name).write_text(text)
    (tmp_path / "helper.py").write_text("import inner.wallet\nclient = 1\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").write_text("")
    (tmp_path / "inner" / "wallet.py").write_text("\n\nfrom tron import client\n")
    (hit,) = isolate([Path("tests")], FORBIDDEN)
    assert (hit.kind, str(hit.file), hit.line) == ("import", "inner/wallet.py", 3)
    assert f"tests/{name}" in hit.message


def test_an_import_that_lies_in_a_forbidden_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "payment-systems"
    outside.mkdir()
    (outside / "innocent.py").write_text("")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "a.py").write_text("import json\nimport innocent\n")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.syspath_prepend(outside)
    (hit,) = isolate([Path("a.py")], FORBIDDEN)
    assert (hit.kind, hit.line) == ("import", 2)


def test_a_word_of_separators_alone_means_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a - b")
    assert isolate([tmp_path], ["-", " ", ""]) == []


def test_files_that_do_not_parse_are_still_searched(tmp_path: Path) -> None:
    assert kinds(tmp_path, "def broken(:\n    tron") == [("word", 2)]


def test_hosts_are_read_from_addresses() -> None:
    named = [host_of(url) for url in ("http://A.b:1/x", "a.b:1", "a.b", "http://[::1]:2/")]
    assert named == ["a.b", "a.b", "a.b", "::1"]


CONFIG = """
targets:
  chain: {kind: blocks, url: "http://node.example:8082"}
isolation:
  forbidden: [tron]
  paths: [checks]
"""


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("url = 'http://node.example:8082'\nelectron = 1\n", 0, "0 forbidden references, 1 notes"),
        ("import tron\n", 1, "checks/a.py:1: word"),
        ("url = 'http://other.example'\n", 1, "checks/a.py:1: host"),
    ],
)
def test_the_verb_says_where_and_exits_with_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "a.py").write_text(text)
    (tmp_path / "checks" / "config.yml").write_text(CONFIG)
    with pytest.raises(SystemExit) as ended:
        main(["isolation", "--config", "checks/config.yml"])
    assert ended.value.code == code
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--config", "c.yml"], "nowhere: no such file or folder"),
        (["--config", "none.yml"], "none.yml: no such file"),
        (["--config", "c.yml", "--forbid", ""], "`--forbid ''` is no word"),
        (["--config", "c.yml", "--forbid", " - "], "`--forbid ' - '` is no word"),
    ],
)
def test_a_wrong_path_is_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yml").write_text(CONFIG)
    with pytest.raises(SystemExit) as ended:
        main(["isolation", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_this_projects_own_performance_tests_are_isolated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["isolation"])
    assert ended.value.code == 0, capsys.readouterr().out
