"""What there is to report: runs, the notebook of each, its parameters and what it depends on."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from perflib.errors import ReportError, nearest
from perflib.model import BAD, CAPACITY, RECORD, RECORDS, Verdict, worst
from perflib.report.notebook import Notebook, is_python, read
from perflib.report.parameters import check, declared, typed

KIND_NOTEBOOKS = {
    "http": "api_gateway",
    "blocks": "blockchain",
    "chunks": "session_processing",
    "sql": "database",
    "imported": "api_gateway",
}
"""The notebook of a kind of workload; a notebook called like the target comes first."""
_PACKAGE = Path(__file__).parents[1]
NOTEBOOKS = Path("notebooks")
SHIPPED = next(
    folder for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks") if folder.exists()
)
"""The project's own notebooks, for a folder that has none: in the wheel, or in the source tree."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
ENOUGH_FOR_TREND = 2


class Origin(msgspec.Struct, frozen=True):
    """The part of an environment that an index shows."""

    git_commit: str = ""


class Summary(msgspec.Struct, frozen=True):
    """The part of a `run.json` that an index shows."""

    id: str
    target: str
    kind: str = ""
    started_at: str = ""
    status: str = "complete"
    verdicts: list[Verdict] = []
    environment: Origin = Origin()
    bad: str = ""
    """Why people decided that it counts for nothing; no record tells it."""

    @property
    def when(self) -> str:
        """When it was measured, to the minute (UTC)."""
        return self.started_at[:16].replace("T", " ")

    @property
    def state(self) -> str:
        """The worst of its verdicts: missed, unknown, met; without verdicts unknown; or bad."""
        if self.bad:
            return BAD
        return str(worst(verdict.outcome for verdict in self.verdicts))


@dataclass(frozen=True)
class Order:
    """One page to make. `stem` names its files, `inputs` are the folders it depends on."""

    notebook: Path
    stem: str
    parameters: dict[str, Any]
    inputs: tuple[Path, ...]
    targets: tuple[str, ...]
    content: Notebook = field(repr=False)
    run: Summary | None = None

    @property
    def name(self) -> str:
        """The notebook's name."""
        return self.notebook.stem


def summaries(root: Path, bad: Mapping[str, str] | None = None) -> list[Summary]:
    """All recorded runs under `root`, oldest first, with why those in `bad` count for nothing.

    Damaged records are left out.
    """
    decoder = msgspec.json.Decoder(Summary)
    found = []
    files = sorted((root / "runs").glob(f"*/{RECORD}"))
    records: list[Path | bytes] = [*files, *committed_records(root)]
    for record in records:
        try:
            run = decoder.decode(record.read_bytes() if isinstance(record, Path) else record)
        except (msgspec.MsgspecError, OSError, UnicodeDecodeError):
            continue  # the store says what is wrong with it; an index must not fail on it
        found.append(msgspec.structs.replace(run, bad=(bad or {}).get(run.id, "")))
    return sorted(found, key=lambda run: (run.started_at, run.id))


def by_target(runs: Sequence[Summary]) -> dict[str, list[Summary]]:
    """The runs of each target, in the order they are given in."""
    found: dict[str, list[Summary]] = {}
    for run in runs:
        found.setdefault(run.target, []).append(run)
    return found


def newest(runs: Sequence[Summary]) -> Summary:
    """The last of `runs` that counts; where all are bad the last."""
    return next((run for run in reversed(runs) if not run.bad), runs[-1])


def committed_records(root: Path) -> list[bytes]:
    """The records of a committed history in `root`, if it holds one, each as JSON."""
    file = root / RECORDS
    return gzip.decompress(file.read_bytes()).splitlines() if file.exists() else []


def safe(name: str) -> str:
    """`name` as the stem of a file name; a changed name gets a digest, so that two stay two."""
    plain = _UNSAFE.sub("-", name).strip("-.")[:80]
    if plain and plain == name:
        return name
    return f"{plain}-{blake2b(name.encode(), digest_size=4).hexdigest()}".lstrip("-")


class Planner:
    """Turns what was asked for into orders. `values` are parameters for every notebook.

    `recorded` tells how many runs each target has, those of other machines among them, and
    `never_ran` which configured ones have none.
    """

    def __init__(
        self,
        root: Path,
        notebooks: Path,
        values: Mapping[str, Any],
        runs: Sequence[Summary],
        recorded: Mapping[str, int],
        never_ran: Sequence[str] = (),
    ) -> None:
        self.root = root
        self.notebooks = notebooks if notebooks.is_dir() or notebooks != NOTEBOOKS else SHIPPED
        self.values = dict(values)
        self.runs = runs
        self.by_target = by_target(runs)
        self.recorded = recorded
        self.never_ran = list(never_ran)

    def orders(self, asked: Sequence[str]) -> list[Order]:
        """The pages for `asked`: targets, run ids or notebooks; for all targets when empty."""
        if not asked and not self.recorded:
            raise ReportError(
                "no runs are recorded", next_step="measure first: `perflib run`", file=self.root
            )
        if not self.notebooks.is_dir():
            raise ReportError(
                "no such folder of notebooks",
                next_step="name one that is there, or leave `--notebooks` out for the shipped ones",
                file=self.notebooks,
            )
        names = list(asked) or [*filter(self._reported, self.recorded), "overview"]
        found = [order for name in dict.fromkeys(names) for order in self._orders(name)]
        return list({order.stem: order for order in found}.values())

    def _orders(self, name: str) -> list[Order]:
        run = next((run for run in self.runs if run.id == name), None)
        if run is not None:
            return [self._of_run(run)]
        if self._reported(name):
            own = self.by_target.get(name)
            orders = [self._of_run(newest(own))] if own else []
            if self._has_trends(name):
                orders.append(self._of_notebook("trends", {"target": name}))
            return orders
        if self._file(name).exists() and _UNSAFE.search(name) is None:
            return [self._of_notebook(name, {})]
        if name == "overview":
            return []
        self._complain_of_damage(name)
        known = [*self.recorded, *(file.stem for file in sorted(self.notebooks.glob("*.ipynb")))]
        raise ReportError(
            f"nothing to report on is called `{name[:80]}`",
            expected=f"a target, a run id or a notebook: {nearest(name, known)}",
            next_step="measure it with `perflib run`, or list runs with `perflib history list`",
        )

    def _reported(self, name: str) -> bool:
        return name in self.by_target or self._has_trends(name)

    def _has_trends(self, name: str) -> bool:
        enough = self.recorded.get(name, 0) >= ENOUGH_FOR_TREND
        return enough and self._file("trends").exists()

    def _complain_of_damage(self, name: str) -> None:
        folder = self.root / "runs" / name
        if _UNSAFE.search(name) is None and (folder / RECORD).exists():
            from perflib.store.folder import read_record  # costs what an unchanged report saves

            read_record(folder)

    def _file(self, name: str) -> Path:
        return self.notebooks / f"{name}.ipynb"

    def _of_run(self, run: Summary) -> Order:
        names = [run.target, KIND_NOTEBOOKS.get(run.kind, "")]
        file = next((self._file(name) for name in names if name and self._own(name)), None)
        if file is None:
            raise ReportError(
                f"no notebook for target `{run.target[:80]}` of kind `{run.kind[:80]}`",
                expected=f"{run.target[:80]}.ipynb in {self.notebooks}",
                next_step="copy the notebook that comes nearest under this name",
            )
        stem = "-".join(map(safe, [run.id, *map(str, self.values.values())]))
        return self._order(file, {"run_id": run.id, "target": run.target}, stem, run)

    def _own(self, name: str) -> bool:
        return _UNSAFE.search(name) is None and self._file(name).exists()

    def _of_notebook(self, name: str, given: dict[str, Any]) -> Order:
        chosen = given | self.values
        target = str(chosen.get("target", ""))
        run_id = chosen.get("run_id")
        run = next((run for run in self.runs if run.id == run_id), None)
        parts = [name, *(str(value) for key, value in chosen.items() if key != "data")]
        return self._order(self._file(name), given, "-".join(map(safe, parts)), run, target)

    def _order(
        self, file: Path, given: dict[str, Any], stem: str, run: Summary | None, target: str = ""
    ) -> Order:
        content = read(file)
        if not is_python(content):
            raise ReportError(
                "the notebook is not in Python", next_step="run it with papermill", file=file
            )
        known = declared(content, file)
        missing = {"never_ran": self.never_ran} if self.never_ran else {}
        wanted = {"data": str(self.root), **missing} | given
        values = {name: value for name, value in wanted.items() if name in known}
        values |= {name: typed(value, known.get(name)) for name, value in self.values.items()}
        checked = check(content, values, file.name)
        targets = [run.target] if run else [target] if target in self.recorded else self.recorded
        inputs = [
            folder if (folder := self.root / "runs" / one.id).exists() else self.root / RECORDS
            for name in targets
            for part in (name, name + CAPACITY)
            for one in self.by_target.get(part, ())
        ]
        return Order(file, safe(stem), checked, tuple(inputs), tuple(targets), content, run)
