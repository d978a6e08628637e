"""A database is judged query by query, each with its own name, its own wait and its own plan.

The pool is part of the measurement: waiting for a connection is told apart from the query.
Nothing is written unless a query says `writes: true`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import sqlalchemy as sa
from pydantic import Field, model_validator

from perflib.errors import TargetError
from perflib.hidden import without_secrets
from perflib.session import Session
from perflib.target import Scenario, Seconds, Settings, Target
from perflib.workloads.crew import Crew
from perflib.workloads.sql_task import DIALECTS, NEXT_STEPS, open_engine, plan_text, shown_url

METRICS = ("query_time", "pool_wait", "result_rows", "connection_time")


class Parameter(Settings):
    """How values of a bound parameter are drawn; exactly one of the keys."""

    int_: tuple[int, int] | None = Field(
        default=None, alias="int", description="whole numbers from … to …, both included"
    )
    float_: tuple[float, float] | None = Field(
        default=None, alias="float", description="numbers from … to …"
    )
    choice: list[Any] | None = Field(default=None, min_length=1, description="one of these")
    text: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="random letters, this many"
    )

    @model_validator(mode="after")
    def _one(self) -> Parameter:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("expected exactly one of int, float, choice, text")
        if any(low > high for low, high in filter(None, (self.int_, self.float_))):
            raise ValueError("expected the smaller number first, as in `int: [1, 100]`")
        return self


class Query(Settings):
    """A named statement with bound parameters."""

    sql: str = Field(description="the statement; parameters are written `:name`")
    params: dict[str, Parameter] = Field(default_factory=dict, description="how they are drawn")
    weight: int = Field(default=1, ge=0, description="how often, relative to the other queries")
    writes: bool = Field(default=False, description="run in a transaction that is committed")

    @model_validator(mode="after")
    def _all_bound(self) -> Query:
        named = set(sa.text(self.sql).compile().params)
        if named != set(self.params):
            raise ValueError(
                f"the statement binds {sorted(named)} but `params` gives {sorted(self.params)}"
            )
        return self


class SqlTarget(Target):
    """Any database that SQLAlchemy speaks to."""

    kind: Literal["sql"]
    url: str = Field(repr=False, description="SQLAlchemy URL; its password as `${NAME}`")
    queries: dict[str, Query] = Field(min_length=1, description="what is asked, by name")
    pool_size: int | None = Field(
        default=None, ge=1, description="pooled connections; without it one for each user"
    )
    think_time: Seconds = Field(default=0.0, description="mean pause of a closed user")
    timeout: Seconds = Field(default=10.0, gt=0, description="a slower query is an error")
    connect_interval: Seconds = Field(
        default=1.0, description="a fresh connection is timed this often; `0 s` for never"
    )

    in_process: ClassVar[tuple[str, ...]] = ("sqlite", "duckdb")

    def hosts(self) -> list[str]:
        """The database without its password, and the metrics page."""
        return [shown_url(self.url), *map(without_secrets, filter(None, [self.metrics_url]))]

    def measure(self, scenario: Scenario, session: Session) -> None:
        """Run the queries; sample rows are labelled by query, `connect` for fresh connections.

        A URL or driver that cannot be used raises `TargetError`.
        """
        dialect = self._dialect()
        threads = scenario.users
        weights = {
            name: scenario.weights.get(name, query.weight) for name, query in self.queries.items()
        }
        settings = {
            "url": self.url,
            "queries": {
                name: query.model_dump(by_alias=True, exclude_none=True)
                for name, query in self.queries.items()
            },
            "weights": weights if any(weights.values()) else dict.fromkeys(weights, 1),
            "timeout_s": self.timeout,
            "pool_size": -(-(self.pool_size or threads) // min(scenario.processes, threads)),
        }
        session.run.workload = settings | {
            "url": shown_url(self.url),
            "pool_size": self.pool_size or threads,
            "concurrency": threads,
            "think_time_s": self.think_time,
            "scenario": scenario.model_dump(mode="json"),
        }
        crew = Crew(
            session,
            scenario,
            "perflib.workloads.sql_task:SqlTask",
            settings,
            threads,
            self.timeout,
            METRICS,
            think_s=self.think_time,
            probe="perflib.workloads.sql_task:ConnectTask",
            # only one process at a time may open a file of DuckDB
            probe_interval_s=0.0 if dialect == "duckdb" else self.connect_interval,
            saturates=dialect not in self.in_process,
            next_steps=NEXT_STEPS,
        )
        if crew.work():
            session.run.environment.target_version = crew.facts["version"]
            session.run.details["messages"] = crew.messages()
            if not session.stop.is_set():
                self._explain(crew)

    def _dialect(self) -> str:
        try:
            url = sa.make_url(self.url)
            url.get_dialect().import_dbapi()
        except (sa.exc.NoSuchModuleError, ImportError) as error:
            raise TargetError(
                f"`{self.name}`: {error}",
                expected="a dialect and driver that SQLAlchemy can load",
                next_step="install the driver that the URL names: `mysql+pymysql://…` has "
                "`pip install pymysql`",
            ) from None
        except (sa.exc.ArgumentError, ValueError):  # a port that is no number
            raise TargetError(
                f"`{self.name}`: the database URL does not parse",
                expected="dialect+driver://user:password@host:port/name",
            ) from None
        return url.get_backend_name()

    def _explain(self, crew: Crew) -> None:
        """Keep the plan of each query, the one with the highest 95th percentile first."""
        p95 = {name: _p95(crew.tally.latest[name, "query_time"]) for name in self.queries}
        ranked = sorted((name for name in p95 if p95[name]), key=lambda name: -p95[name])
        engine = open_engine(self.url, self.timeout)
        try:
            crew.session.run.details["plans"] = [
                self._plan(engine, name, crew) | {"p95_query_time": p95[name]} for name in ranked
            ]
        finally:
            engine.dispose()

    def _plan(self, engine: sa.Engine, name: str, crew: Crew) -> dict[str, Any]:
        """The plan of query `name` with the parameters that took longest."""
        query, dialect = self.queries[name], engine.dialect.name
        _, parameters = max(
            (report["task"]["worst"].get(name, (0.0, {})) for report in crew.reports),
            key=lambda pair: pair[0],
            default=(0.0, {}),
        )
        explain = DIALECTS[dialect].explain if dialect in DIALECTS else "EXPLAIN"
        if query.writes and "ANALYZE" in explain:
            explain = "EXPLAIN"  # to analyse is to execute
        try:
            with engine.connect() as connection:
                if query.writes and dialect in DIALECTS:  # MariaDB explains no write to a reader
                    for statement in DIALECTS[dialect].begin_write:
                        connection.exec_driver_sql(statement)
                rows = connection.execute(sa.text(f"{explain} {query.sql}"), parameters).fetchall()
                connection.invalidate()
            text = plan_text(rows, dialect)
        except sa.exc.SQLAlchemyError as error:
            text = f"no plan: {str(getattr(error, 'orig', error)).strip().splitlines()[0]}"
        return {
            "query": name,
            "sql": query.sql,
            "parameters": parameters,
            "dialect": dialect,
            "text": text,
        }


def _p95(values: Any) -> float:
    ordered = sorted(values)
    return float(ordered[int(0.95 * len(ordered))]) if ordered else 0.0
