"""A target is what is measured and what is promised of it; each kind of workload refines it.

Quantities are written with their unit (`10 s`, `64 KiB`, `1000 req/s`) and held in base
units. Field names that appear here are the keys of the YAML files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    field_validator,
)

from perflib.errors import PerflibError
from perflib.headers import TOKEN
from perflib.hidden import without_secrets
from perflib.model import Objective
from perflib.objectives import parse_objective
from perflib.units import parse_quantity

if TYPE_CHECKING:
    from perflib.session import Session


def _quantity(base: str, example: str) -> tuple[BeforeValidator, WithJsonSchema]:
    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"expected a quantity such as `{example}`")
        try:
            return parse_quantity(str(value), base)
        except PerflibError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(read), WithJsonSchema({"type": "string", "examples": [example]})


Seconds = Annotated[float, *_quantity("s", "10 s"), Field(ge=0)]
"""A duration; in YAML a string with its unit."""
Bytes = Annotated[float, *_quantity("B", "64 KiB"), Field(ge=0)]
"""A size in bytes; in YAML a string with its unit."""
Rate = Annotated[float, *_quantity("req/s", "1000 req/s"), Field(gt=0, le=1e6)]
"""Arrivals a second, no more than many hosts could make; in YAML a string with its unit."""


def _url(value: str) -> str:
    try:
        place = urlsplit(value)
        good = place.scheme in ("http", "https") and place.hostname and place.port != 0
    except ValueError:
        good = False
    if value and not good:
        raise ValueError("expected an address such as `http://127.0.0.1:8080`")
    return value


HttpUrl = Annotated[str, AfterValidator(_url)]
"""An http or https address, or nothing."""


def as_base(url: str) -> str:
    """`url` if paths can be added to it; raises `ValueError` for any other."""
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError("expected a `url` without `?` and `#`: paths are added at its end")
    return url


BaseUrl = Annotated[HttpUrl, AfterValidator(as_base)]
"""An address to which paths are added."""


def _headers(fields: dict[str, str]) -> dict[str, str]:
    for name, value in fields.items():
        if not TOKEN.fullmatch(name):
            raise ValueError(f"`{name}` names no header field; expected a name such as `X-Id`")
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"the value of `{name}` holds a line break, or is not ASCII")
    return fields


Headers = Annotated[dict[str, str], AfterValidator(_headers)]
"""Header fields that every client can send."""


def _objective(value: Any) -> Objective:
    if isinstance(value, Objective):
        return value
    if not isinstance(value, str):
        raise ValueError("expected an objective such as `p95(query_time) < 10 ms`")
    try:
        return parse_objective(value)
    except PerflibError as error:
        raise ValueError(str(error)) from None


ObjectiveText = Annotated[
    Any,
    BeforeValidator(_objective),
    PlainSerializer(lambda objective: objective.text),
    WithJsonSchema({"type": "string", "examples": ["p95(query_time) < 10 ms"]}),
]


class Settings(BaseModel):
    """Strict settings: unknown keys are mistakes, values are not changed after reading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _no_truth(cls, value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        """`true` is no number, though Python takes it for one."""
        result = read(value)
        if isinstance(value, bool) and not isinstance(result, bool):
            raise ValueError("should be a number")
        return result


class Scenario(Settings):
    """How hard and how long a target is loaded."""

    name: str = Field(default="", description="the key under `scenarios`")
    arrival: Literal["open", "closed"] = Field(
        default="open",
        description="`open`: arrivals on a schedule, whatever the target does; "
        "`closed`: each user waits for its answer",
    )
    users: int = Field(default=32, ge=1, description="concurrent users or connections")
    spawn_rate: float = Field(default=32, gt=0, description="users started a second")
    rate: Rate | None = Field(default=None, description="arrivals a second (open)")
    shape: Literal["constant", "poisson", "ramp", "steps"] = "constant"
    peak_rate: Rate | None = Field(default=None, description="the rate a ramp or steps end with")
    steps: int = Field(default=5, ge=1, description="number of steps between rate and peak_rate")
    warmup: Seconds = Field(default=3.0, description="excluded from the judgement")
    run_time: Seconds = Field(default=30.0, gt=0, description="the measured time after the warm-up")
    weights: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="weight of each user class or task by its name"
    )
    processes: int = Field(default=1, ge=1, description="generator processes")
    seed: int = 1

    @property
    def spawning_s(self) -> float:
        """Seconds until all users are there; only then the warm-up begins."""
        return self.users / self.spawn_rate


class Target(Settings):
    """What every target has; a workload's own target class adds the keys of its kind."""

    name: str = Field(default="", description="the key under `targets`", exclude=True)
    kind: str = Field(description="the kind of workload")
    objectives: list[ObjectiveText] = Field(
        default_factory=list, description="promises, such as `p95(query_time) < 10 ms`"
    )
    metrics_url: HttpUrl = Field(default="", description="a Prometheus page scraped during the run")
    load: Scenario = Field(
        default_factory=Scenario,
        description="what this target replaces of the scenario, such as its own `rate`",
    )
    configs: str = Field(default="", description="folder of the settings that are reviewed")

    watches: ClassVar[bool] = False
    """Whether a run only observes, so that it can go on beside a load."""

    @property
    def address(self) -> str:
        """Where the target answers: its URL."""
        return str(getattr(self, "url", ""))

    def loaded(self, scenario: Scenario) -> Scenario:
        """`scenario` with what this target sets itself."""
        own = {name: getattr(self.load, name) for name in self.load.model_fields_set}
        return scenario.model_copy(update=own)

    def time_needed(self, scenario: Scenario) -> float:
        """Seconds that a run under `scenario` takes."""
        spawning_s = 0.0 if self.watches else scenario.spawning_s
        return spawning_s + scenario.warmup + scenario.run_time

    def measure(self, scenario: Scenario, session: Session) -> None:
        """Load or watch the target until the scenario ends or `session.stop` is set.

        Samples go to `session.samples(...)`, everything else into `session.run`. A target
        that does not answer is recorded as errors, not raised.
        """
        raise NotImplementedError

    def hosts(self) -> list[str]:
        """The URLs, without secrets, that a run talks to; only these may receive load."""
        return [without_secrets(url) for url in (self.address, self.metrics_url) if url]
