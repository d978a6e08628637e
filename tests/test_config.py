"""Configuration: what is right is read into base units; all mistakes come together, in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perflib import config
from perflib.errors import ConfigError, PerflibError

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
        (HTTP + "    requests: [{path: x}]\n", 5, "expected a path such as `/health`"),
        (HTTP + "    requests: [{path: /, method: G ET}]\n", 5, "a method such as `GET`"),
        (HTTP + "    headers: {X A: b}\n", 5, "`X A` names no header field"),
        (HTTP + '    headers: {X-A: "b\\nc"}\n', 5, "the value of `X-A` holds a line break"),
        (HTTP.replace("//h", "//h/?a=1"), 4, "an address without `?`"),
        (HTTP.replace("d: http", "d: chunks").replace("//h", "//h/?a"), 4, "without `?`"),
        (HTTP + "    count_metric: c\n", 2, "`count_metric` needs the `metrics_url`"),
        (HTTP.replace(": http\n", ": chunks\n") + "    headers: {X-A: ä}\n", 5, "is not ASCII"),
        (HTTP.replace(": http\n", ": blocks\n") + "    headers: {X-A: ä}\n", 5, "is not ASCII"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_mistakes_are_shown_in_their_place(
    tmp_path: Path, text: str, line: int, found: str
) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert f"{file}:{line}: " in str(caught.value)
    assert found in str(caught.value)


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
