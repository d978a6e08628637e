"""Run the benches named on the command line (all without), print the table, keep it as JSON.

A bench is a module `bench_<name>` here with `measure() -> Iterator[Row]`.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from perflib.cli.show import console
from tests.benchmarks.table import Row

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "data" / "bench"
SIGNS = {True: "[green]✓ holds[/]", False: "[red]✗ missed[/]", None: ""}


def main(names: list[str]) -> int:
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no bench called {', '.join(unknown)}; there are {', '.join(known)}")
    rows: list[tuple[str, Row]] = []
    for name in names or known:
        console.rule(name)
        for row in importlib.import_module(f"tests.benchmarks.bench_{name}").measure():
            console.print(_line(row))
            rows.append((name, row))
    console.print(_table(rows))
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    path.write_text(json.dumps([{"bench": name, **asdict(row)} for name, row in rows], indent=1))
    console.print(f"kept in {path.relative_to(HERE.parents[1])}")
    return int(any(row.holds is False for _, row in rows))


def _line(row: Row) -> str:
    return f"{row.measure}: {row.skipped or f'{row.median:.4g} {row.unit}'} {SIGNS[row.holds]}"


def _table(rows: list[tuple[str, Row]]) -> Table:
    table = Table("bench", "measure", "min", "median", "max", "bound", "", "note")
    for name, row in rows:
        cells = (
            [f"{value:.4g}" for value in (min(row.values), row.median, max(row.values))]
            if (row.values)
            else ["–"] * 3
        )
        bound = " ".join(
            f"{sign} {limit:g}"
            for sign, limit in (("≥", row.at_least), ("≤", row.at_most))
            if limit is not None
        )
        table.add_row(
            name,
            row.measure,
            *cells,
            f"{bound} {row.unit}",
            SIGNS[row.holds],
            row.skipped or row.note,
        )
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
