"""What settings tell against each other, before anything is measured.

A service is a folder below the one reviewed. Pools are taken to be held by each worker, as
those of Python services are; where they are shared, the finding says so.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from perflib.environment import usable_cores
from perflib.review.finding import Finding
from perflib.review.queries import filters_of, indexed_columns
from perflib.review.settings import Setting
from perflib.wording import percent

KEYS = ("id", "uuid", "key", "pk", "rowid", "height")
"""Columns taken to be a primary key, which needs no index of its own."""


class Settings:
    """The settings of all services, found by service and topic."""

    def __init__(self, found: list[Setting], queries: Mapping[str, str], cores: int) -> None:
        self.all, self.queries, self.cores = found, queries, cores
        self.services: dict[str, list[Setting]] = defaultdict(list)
        for setting in found:
            self.services[setting.service].append(setting)

    def one(self, service: str, topic: str, *names: str) -> Setting | None:
        """The first numeric setting of `service` on `topic` with one of `names`."""
        for setting in self.services[service]:
            if setting.topic == topic and setting.name in names and setting.number is not None:
                return setting
        return None

    def workers(self, service: str) -> Setting | None:
        """How many processes the service has."""
        return self.one(
            service, "worker", "workers", "worker", "processes", "replicas", "worker_processes"
        )

    def threads(self, service: str) -> Setting | None:
        """How many threads each of them has."""
        return self.one(
            service, "thread", "threads", "thread_count", "worker_threads", "max_threads"
        )

    def pools(self, service: str) -> list[Setting]:
        """Sizes of connection pools."""
        sizes = ("pool_size", "pool", "size", "max_size", "max_pool_size", "pool_max_size")
        return [
            setting
            for setting in self.services[service]
            if setting.topic == "pool"
            and setting.number is not None
            and (setting.name in sizes or setting.name.endswith("_pool_size"))
            and not setting.name.startswith("transaction")
        ]

    def overflow(self, service: str) -> float:
        """Connections that a pool may open beyond its size."""
        setting = self.one(service, "pool", "pool_overflow", "max_overflow", "overflow")
        return _number(setting, 0.0)


def _number(setting: Setting | None, missing: float) -> float:
    value = setting.number if setting else None
    return missing if value is None else value


def small_pools(settings: Settings) -> Iterator[Finding]:
    """Threads that must wait for a connection, because the pool has fewer than there are."""
    for service in settings.services:
        threads, workers = settings.threads(service), settings.workers(service)
        pool = next(iter(settings.pools(service)), None)
        if threads is None or pool is None:
            continue
        size = _number(pool, 0.0) + settings.overflow(service)
        each = _number(threads, 1.0)
        total = each * _number(workers, 1.0)
        if size >= total:
            continue
        waiting = each if size < each else total
        shared = "" if size < each else " if the pool is shared by all workers"
        product = ""
        if workers:
            product = f"{workers.number:g} worker{'s' * (workers.number != 1)} × {each:g} threads"
        yield Finding(
            code="pool smaller than threads",
            message=f"{service}: a pool of {size:g} for {product or f'{each:g} threads'}{shared}: "
            f"up to {waiting - size:g} threads wait for a connection",
            evidence=f"{pool.key} = {pool.shown}, {threads.key} = {threads.shown} "
            f"({threads.file}:{threads.line})",
            next_step=f"set {pool.key} to {waiting:g}, or fewer threads",
            gain=f"waiting for {percent(1 - size / waiting)} of the threads under full load",
            rank=(1 - size / waiting) * (1.0 if size < each else 0.3),
            **pool.place,
        )


def many_workers(settings: Settings) -> Iterator[Finding]:
    """More processes than cores only take turns."""
    for service in settings.services:
        workers = settings.workers(service)
        count = _number(workers, 0.0)
        if workers and count > settings.cores:
            yield Finding(
                code="workers beyond cores",
                message=f"{service}: {count:g} workers on {settings.cores} cores take turns",
                evidence=f"{workers.key} = {workers.shown}; this machine has {settings.cores} "
                "cores",
                next_step=f"set {workers.key} to at most {settings.cores}",
                gain="less switching and memory; throughput cannot rise beyond the cores",
                rank=0.2 * (1 - settings.cores / count),
                **workers.place,
            )


def many_connections(settings: Settings) -> Iterator[Finding]:
    """All pools together may ask for more connections than the server gives."""
    limits = [
        setting
        for setting in settings.all
        if setting.name in ("max_connections", "connection_limit", "max_client_conn")
        and setting.number is not None
    ]
    if not limits:
        return
    limit = min(limits, key=lambda setting: setting.number or math.inf)
    asked: dict[str, float] = {}
    for service in settings.services:
        workers = _number(settings.workers(service), 1.0)
        for pool in settings.pools(service):
            each = _number(pool, 0.0) + settings.overflow(service)
            asked[f"{service} {pool.key}"] = workers * each
    total = sum(asked.values())
    allowed = _number(limit, math.inf)
    if total > allowed:
        yield Finding(
            code="pools beyond the connection limit",
            message=f"all pools together may ask for {total:g} connections, "
            f"the server gives {allowed:g}",
            evidence=" + ".join(f"{name}: {count:g}" for name, count in asked.items()),
            next_step=f"raise {limit.key} above {total:g}, or make pools or workers fewer",
            gain=f"no refused connections for {percent(1 - allowed / total)} of the demand",
            rank=0.5 + 0.5 * (1 - allowed / total),
            **limit.place,
        )


def block_times(settings: Settings) -> Iterator[Finding]:
    """One chain has one block time."""
    told = [
        setting
        for setting in settings.all
        if setting.topic == "block time" and setting.number is not None
    ]
    for setting in told[1:]:
        first = told[0]
        if not math.isclose(setting.number or 0.0, first.number or 0.0, rel_tol=1e-6):
            yield Finding(
                code="block time differs",
                message=f"the block time is {first.number:g} s in one place "
                f"and {setting.number:g} s in another",
                evidence=f"{first.key} = {first.shown} ({first.file}:{first.line}), "
                f"{setting.key} = {setting.shown} ({setting.file}:{setting.line})",
                next_step="write one value, or let one file read it from the other",
                gain="a block time that can be promised",
                rank=0.6,
                **setting.place,
            )


def fragile_consensus(settings: Settings) -> Iterator[Finding]:
    """Votes that are waited for as long as a block takes let one dead validator stop a slot."""
    for service in settings.services:
        slot = next((s for s in settings.services[service] if s.topic == "block time"), None)
        vote = settings.one(service, "consensus", "vote_timeout", "consensus_timeout")
        if slot and vote and _number(vote, 0.0) >= _number(slot, math.inf):
            yield Finding(
                code="vote timeout beyond the block time",
                message=f"{service}: one silent validator holds a slot up for longer than a block",
                evidence=f"{vote.key} = {vote.shown}, {slot.key} = {slot.shown}",
                next_step=f"set {vote.key} well below {slot.shown}",
                gain="no missed slot when a validator dies",
                rank=0.4,
                **vote.place,
            )


def missing_indexes(settings: Settings) -> Iterator[Finding]:
    """Columns that queries filter by and that no listed index begins with."""
    listed = [setting for setting in settings.all if setting.topic == "index"]
    known = indexed_columns([str(setting.value) for setting in listed])
    if not known:
        return
    for name, sql in settings.queries.items():
        for table, columns in filters_of(sql).items():
            single = table.removesuffix("s")
            usable = set(KEYS) | {f"{single}_id", f"{table}_id"} | known.get(table, set())
            if columns and not columns & usable:
                wanted = ", ".join(sorted(columns))
                yield Finding(
                    code="index missing",
                    message=f"query `{name}` looks in `{table}` by {wanted}, "
                    "but no listed index begins with it",
                    evidence=f"{' '.join(sql.split())}; indexes of {table}: "
                    f"{', '.join(sorted(known.get(table, set()))) or 'none'}",
                    next_step=f"list an index such as {table}({wanted})",
                    gain="a look-up instead of a scan of the whole table",
                    rank=0.7,
                    **listed[0].place,
                )


RULES: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    small_pools,
    many_workers,
    many_connections,
    block_times,
    fragile_consensus,
    missing_indexes,
)


def review(
    found: list[Setting], queries: Mapping[str, str] | None = None, cores: int | None = None
) -> list[Finding]:
    """Findings of all rules; `queries` are SQL texts by name, `cores` those of the system."""
    settings = Settings(found, queries or {}, cores or usable_cores())
    return [finding for rule in RULES for finding in rule(settings)]
