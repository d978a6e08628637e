"""Configuration: what is right is read into base units; all mistakes come together, in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perflib import config
from perflib.errors import ConfigError, PerflibError
from perflib.workloads.http import HttpTarget

ROOT = Path(__file__).parents[1]
GOOD = """\
targets:
  db:
    kind: sql
    url: sqlite:///x.db
    queries: {one: {sql: SELECT 1}}
    objectives: [p95(query_time) < 10 ms]
"""
HTTP = "targets:\n  web:\n    kind: http\n    url: http://h\n"


def write(folder: Path, text: str, scenarios: str | None = None) -> Path:
    file = folder / "performance_config.yml"
    file.write_text(text)
    if scenarios is not None:
        (folder / config.SCENARIOS).write_text(scenarios)
    return file


def test_reads_targets_and_scenarios_in_base_units(tmp_path: Path) -> None:
    scenarios = "scenarios:\n  light: {rate: 2 req/s, run_time: 2 min, warmup: 500 ms}\n"
    read = config.load(write(tmp_path, GOOD, scenarios))
    scenario = read.scenario()
    assert (scenario.name, scenario.rate, scenario.run_time, scenario.warmup) == (
        "light",
        2,
        120,
        0.5,
    )
    target = read.target("db")
    assert (target.name, target.kind, target.objectives[0].high) == ("db", "sql", 0.01)


def test_environment_variables_are_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "s3cret")
    text = GOOD.replace("sqlite:///x.db", "postgresql://u:${DB_PASSWORD}@${HOST:-localhost}/d")
    assert config.load(write(tmp_path, text)).target("db").address == (
        "postgresql://u:s3cret@localhost/d"
    )


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        (
            "targets:\n  db: {kind: sqll, url: x}\n",
            2,
            "unknown kind `sqll`; expected the nearest, `sql`",
        ),
        ("targets:\n  db: {url: x}\n", 2, "`kind` is missing"),
        (GOOD + "    ur: x\n", 7, "unknown key `targets.db.ur`; expected the nearest, `url`"),
        (GOOD.replace("10 ms", "10 MB"), 6, "is in B"),
        (GOOD.replace("query_time", "query_tim"), 6, "unknown metric `query_tim`"),
        (GOOD + "dat: x\n", 7, "unknown key `dat`; expected the nearest, `data`"),
        ("targets: [\n", 2, "broken YAML"),
        (GOOD + GOOD, 7, "`targets` is given twice"),
        (GOOD.replace("x.db", "${NOT_SET_ANYWHERE}"), 4, "NOT_SET_ANYWHERE is not set"),
        ("targets: !!python/object:os.system x\n", 1, "broken YAML"),
        ("targets:\n  db: {kind: [sql]}\n", 2, "unknown kind `['sql']`"),
        ("targets:\n  db: {kind: SQL}\n", 2, "expected the nearest, `sql`"),
        (HTTP + "    load: {users: yes}\n", 5, "a valid integer"),
        (HTTP + "    load: {users: true}\n", 5, "should be a number, not `True`"),
        (HTTP + "    load: {users: 1:30}\n", 5, "not `1:30`"),
        (HTTP + "    load: {spawn_rate: .inf}\n", 5, "a finite number"),
        (HTTP + "    load: {run_time: 2024-01-01}\n", 5, "unknown unit `-01-01`"),
        (HTTP + "    load: {seed: " + "9" * 5000 + "}\n", 5, "cannot be read as int"),
        (HTTP + "    load: {seed: !!int x}\n", 5, "`x` cannot be read as int"),
        (HTTP + "    load: {seed: !!bool x}\n", 5, "`x` cannot be read as bool"),
        (HTTP + "    load: {seed: ${SEED}}\n", 5, 'put "${NAME}" in quotes'),
        (HTTP + "    configs: ${ DB }\n", 5, "`${ DB }` names no variable"),
        (HTTP + "    configs: ${A:-${B}}\n", 5, "`${A:-${B}` names no variable"),
        (HTTP + "    [a]: b\n", 5, "a list or a mapping stands for a key"),
        (HTTP + "    <<: 3\n", 5, "`<<` takes in what is no mapping"),
        (HTTP + "data: 5\n", 5, "data: should be a path, not `5`"),
        (HTTP + "reference:\nisolation:\n", 6, "isolation: expected settings, one `key: value`"),
        (HTTP + "# " + "x" * 2**20, None, "too large (1,048,6"),
        (HTTP + "    requests: [{path: x}]\n", 5, "expected a path such as `/health`"),
        (HTTP + "    requests: [{path: /, method: G ET}]\n", 5, "a method such as `GET`"),
        (HTTP + "    headers: {X A: b}\n", 5, "`X A` names no header field"),
        (HTTP + '    headers: {X-A: "b\\nc"}\n', 5, "the value of `X-A` holds a line break"),
        (HTTP.replace("//h", "//h/?a=1"), 4, "a `url` without `?`"),
        (HTTP.replace("d: http", "d: chunks").replace("//h", "//h/?a"), 4, "without `?`"),
        (HTTP + "    count_metric: c\n", 2, "`count_metric` needs the `metrics_url`"),
        (HTTP.replace(": http\n", ": chunks\n") + "    headers: {X-A: ä}\n", 5, "is not ASCII"),
        (HTTP.replace(": http\n", ": blocks\n") + "    headers: {X-A: ä}\n", 5, "is not ASCII"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_mistakes_are_shown_in_their_place(
    tmp_path: Path, text: str, line: int | None, found: str
) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert (f"{file}:{line}: " if line else f"{file}: ") in str(caught.value)
    assert found in str(caught.value)
    assert "`None`" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("run_time: -3 s", "greater than"),
        ("run_time: 3", "has no unit"),
        ("run_time: 3 parsecs", "unknown unit `parsecs`"),
        ("rate: 5 ms", "is in s"),
        ("users: many", "valid integer"),
        ("userz: 3", "the nearest, `users`"),
    ],
)
def test_scenario_mistakes(tmp_path: Path, setting: str, found: str) -> None:
    file = write(tmp_path, GOOD, f"scenarios:\n  light:\n    {setting}\n")
    with pytest.raises(ConfigError, match=found) as caught:
        config.load(file)
    assert f"{config.SCENARIOS}:3: " in str(caught.value)


@pytest.mark.parametrize("word", ["no", "off", "y", "010", "0x1F", "1:30", "2024-01-01", "1_0"])
def test_what_older_yaml_would_turn_into_something_else_is_text(tmp_path: Path, word: str) -> None:
    text = HTTP + f"    headers: {{X-A: {word}}}\n    insecure: no\n    load: {{users: 010}}\n"
    target = config.load(write(tmp_path, text)).target("web")
    assert isinstance(target, HttpTarget)
    assert (target.headers, target.insecure, target.load.users) == ({"X-A": word}, False, 10)


def test_merges_are_followed_and_own_keys_win(tmp_path: Path) -> None:
    text = HTTP.replace("web:", "web: &web") + "    timeout: 1 s\n"
    text += (
        "  two: &two {timeout: 2 s, <<: *web}\n  three:\n    url: http://i\n    <<: [*two, *web]\n"
    )
    targets = config.load(write(tmp_path, text)).targets.values()
    found = [(each.address, each.timeout) for each in targets if isinstance(each, HttpTarget)]
    assert found == [("http://h", 1), ("http://h", 2), ("http://i", 2)]
    with pytest.raises(ConfigError, match=r"unknown key `targets.three.ur`") as caught:
        config.load(write(tmp_path, text + "    ur: x\n"))
    assert f"{config.DEFAULT.name}:10: " in str(caught.value)


def test_all_mistakes_come_together(tmp_path: Path) -> None:
    text = GOOD.replace("query_time", "query_tim") + "    ur: x\ndat: y\n"
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text, "scenarios: {light: {users: 0}}\n"))
    assert len(caught.value.problems) == 4


def test_missing_file_and_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        config.load(tmp_path / "nowhere.yml")
    read = config.load(write(tmp_path, GOOD))
    with pytest.raises(PerflibError, match="no target called `bd`"):
        read.target("bd")


def test_the_projects_own_files_are_valid_and_their_schemas_current(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    read = config.load()
    assert list(read.targets) == ["api_gateway", "blockchain", "session_processing", "database"]
    for name, schema in config.schemas().items():
        committed = ROOT / "tests" / "performance" / name
        assert json.loads(committed.read_text()) == schema, "run `perflib schema`"
