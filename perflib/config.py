"""YAML in, targets out; all mistakes at once, each with its file, line and path.

`performance_config.yml` says what is measured and promised, `load_test_scenarios.yml`
beside it how hard. Secrets come from the environment as `${NAME}`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from perflib.errors import ConfigError, PerflibError, nearest
from perflib.target import Scenario, Settings, Target
from perflib.workloads import KINDS, target_class
from perflib.yamlfile import Document, read_yaml, validate

T = TypeVar("T")
DEFAULT = Path("tests/performance/performance_config.yml")
SCENARIOS = "load_test_scenarios.yml"


class Isolation(Settings):
    """What must never appear in performance tests, and which hosts may."""

    forbidden: list[str] = Field(default_factory=list, description="words of forbidden subsystems")
    paths: list[Path] = Field(default_factory=lambda: [Path("tests/performance")])
    allowed_hosts: list[str] = Field(
        default_factory=list, description="hosts that may be named, beside those of the targets"
    )


class Reference(Settings):
    """The embedded reference system, started where nothing listens on a target's port."""

    configs: Path = Field(default=Path("configs"), description="folder of its settings")
    data: Path = Field(default=Path("data/reference"), description="folder of its database")


class File(Settings):
    """The keys of `performance_config.yml`; targets are then read kind by kind."""

    data: Path = Field(default=Path("data"), description="folder of runs, reports and history")
    history: str = Field(default="", description="SQLAlchemy URL of the history database")
    scenario: str = Field(default="light", description="the scenario used when none is named")
    reference: Reference | None = Field(
        default=None, description="start the embedded system where nothing listens"
    )
    targets: dict[str, dict[str, Any]] = Field(description="what is measured, by name")
    isolation: Isolation = Isolation()


class ScenarioFile(Settings):
    """The keys of `load_test_scenarios.yml`."""

    scenarios: dict[str, Scenario]


class Config:
    """A configuration that was read without a mistake."""

    def __init__(
        self,
        file: Path,
        top: File,
        targets: dict[str, Target],
        scenarios: dict[str, Scenario],
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        self.file = file
        self.secrets = secrets
        self.data = top.data
        self.history = top.history or None
        self.reference = top.reference
        self.isolation = top.isolation
        self.default_scenario = top.scenario
        self.targets = targets
        self.scenarios = scenarios

    def target(self, name: str) -> Target:
        """The target called `name`; raises with the nearest name."""
        return _pick(self.targets, name, "target", self.file)

    def scenario(self, name: str = "") -> Scenario:
        """The scenario called `name`, or the default one."""
        file = self.file.parent / SCENARIOS
        return _pick(self.scenarios, name or self.default_scenario, "scenario", file)


def is_configuration(file: Path) -> bool:
    """Whether `file` has the keys of a configuration or of scenarios, whatever their values."""
    try:
        data = read_yaml(file).data
    except ConfigError:
        return False
    keys = {*data} if isinstance(data, dict) else set()
    return any(
        needed in keys and keys <= {*model.model_fields}
        for needed, model in (("targets", File), ("scenarios", ScenarioFile))
    )


def load_if_there(file: Path = DEFAULT) -> Config:
    """As `load`; without the default file nothing is promised and runs are kept in `data`."""
    if file == DEFAULT and not file.exists():
        return Config(file, File(targets={}), {}, {})
    return load(file)


def load(file: Path = DEFAULT) -> Config:
    """Read `file` and the scenarios beside it; raises `ConfigError` with every mistake in both."""
    problems: list[PerflibError] = []
    targets: dict[str, Target] = {}
    scenarios: dict[str, Scenario] = {}
    with _collecting(problems):
        document = read_yaml(file, os.environ)
        with _collecting(problems):
            top = validate(File, document)
        targets = _targets(document, problems)
        if not problems and not targets:
            problems.append(_no_target(document))
    beside = file.parent / SCENARIOS
    if beside.exists():
        with _collecting(problems):
            listed = validate(ScenarioFile, read_yaml(beside, os.environ))
            scenarios = {
                name: scenario.model_copy(update={"name": name})
                for name, scenario in listed.scenarios.items()
            }
    if problems:
        raise ConfigError(problems)
    scenarios = scenarios or {"light": Scenario(name="light")}
    return Config(file, top, targets, scenarios, document.secrets)


def _targets(document: Document, problems: list[PerflibError]) -> dict[str, Target]:
    listed = document.data.get("targets") if isinstance(document.data, dict) else None
    targets: dict[str, Target] = {}
    for name, settings in listed.items() if isinstance(listed, dict) else ():
        kind = settings.get("kind") if isinstance(settings, dict) else None
        if not isinstance(kind, str) or kind not in KINDS:
            problems.append(_unknown_kind(document, name, kind))
            continue
        with _collecting(problems):
            target = validate(target_class(kind), document, ("targets", name))
            targets[name] = target.model_copy(update={"name": name})
    return targets


def _no_target(document: Document) -> PerflibError:
    return PerflibError(
        "`targets` names no target",
        expected="at least one, such as `shop: {kind: http, url: http://127.0.0.1:8080}`",
        file=document.file,
        line=document.line(("targets",)),
    )


def _unknown_kind(document: Document, name: str, kind: Any) -> PerflibError:
    found = f"unknown kind `{kind}`" if kind else "`kind` is missing"
    return PerflibError(
        f"targets.{name}: {found}",
        expected=nearest(str(kind), list(KINDS)),
        file=document.file,
        line=document.line(("targets", name, "kind")),
    )


@contextmanager
def _collecting(problems: list[PerflibError]) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        problems.extend(error.problems)


def _pick(known: Mapping[str, T], name: str, what: str, file: Path) -> T:
    if name not in known:
        raise PerflibError(
            f"no {what} called `{name}`", expected=nearest(name, list(known)), file=file
        )
    return known[name]


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each configuration file, by its name, for completion in editors."""
    config = File.model_json_schema()
    kinds = [target_class(kind).model_json_schema() for kind in KINDS]
    config["properties"]["targets"]["additionalProperties"] = {
        "oneOf": [{"$ref": f"#/$defs/{kind['title']}"} for kind in kinds]
    }
    for kind in kinds:
        config["$defs"] |= kind.pop("$defs", {})
        config["$defs"][kind["title"]] = kind
    return {
        "performance_config.schema.json": config,
        "load_test_scenarios.schema.json": ScenarioFile.model_json_schema(),
    }
