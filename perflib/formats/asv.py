"""airspeed velocity's results, one commit on one machine (versions 1 and 2 of the file).

The kind of a benchmark is in its name: `time_` is seconds, `mem_` and `peakmem_` bytes, `track_`
a number whose unit only `benchmarks.json` knows. Descriptions and machines are told apart and
refused: they hold no measurement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, iso, listing, mapping, number

TOOL = "asv"
_KINDS = {
    "time": ("time", "p50", "s"),
    "timeraw": ("time", "p50", "s"),
    "mem": ("memory", "value", "B"),
    "peakmem": ("peak_memory", "value", "B"),
    "track": ("track", "value", "1"),
}


# asv's own rule: `time_x` or `TimeX`
_KIND = re.compile(
    r"(time|timeraw|mem|peakmem|track)_|(Time|Timeraw|Mem|PeakMem|Peakmem|Track)(?=[A-Z_])"
)


def recognise(source: Source) -> bool:
    """`commit_hash` with `results`; or asv's descriptions of benchmarks and machines."""
    document = source.json
    if not isinstance(document, dict):
        return False
    return {"commit_hash", "results"} <= set(document) or _describes(document)


def _describes(document: dict[str, Any]) -> bool:
    # the number of processors is told since the second version of the file
    machine = {"machine", "arch", "cpu", "os", "ram"} <= set(document)
    entries = [each for each in document.values() if isinstance(each, dict)]
    return machine or bool(entries and all({"code", "name", "params"} <= set(e) for e in entries))


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a benchmark with its parameters."""
    document = source.json
    if "results" not in document:
        raise source.beside(
            "asv's description of benchmarks or of a machine",
            "import the result files in the machine's folder",
        )
    found, columns = Found(), listing(document, "result_columns")
    for name, result in mapping(document, "results").items():
        values, parameters = _values(result, columns)
        _add(found, name, values, parameters)
    date = number(document.get("date"))
    yield Reading(
        tool=TOOL,
        run=str(mapping(document, "params").get("machine", "")),
        started_at=iso(date / 1e3) if date else "",
        commit=str(document["commit_hash"]),
        indicators=found.indicators,
    )


def _values(result: Any, columns: list[Any]) -> tuple[list[Any], list[list[Any]]]:
    """The numbers and the parameter lists of one benchmark, in either version of the file."""
    if isinstance(result, list) and columns:
        named = {str(name): value for name, value in zip(columns, result, strict=False)}
        result, parameters = named.get("result"), named.get("params")
    elif isinstance(result, dict):
        result, parameters = result.get("result"), result.get("params")
    else:
        parameters = []
    values = result if isinstance(result, list) else [result]
    lists = parameters if isinstance(parameters, list) else []
    return values, [each for each in lists if isinstance(each, list)]


def _add(found: Found, name: str, values: list[Any], parameters: list[list[Any]]) -> None:
    match = _KIND.match(name.rpartition(".")[2])
    kind = match[0].rstrip("_").lower() if match else ""
    metric, statistic, unit = _KINDS.get(kind, ("value", "value", "1"))
    # the product could be huge in a crafted file; only as many as there are values are made
    combinations = product(*parameters) if parameters else iter([()])
    for value, combination in zip(values, combinations, strict=False):
        arguments = ", ".join(str(each) for each in combination)
        label = f"{name}({arguments})" if arguments else name
        found.add(metric, statistic, value, unit, label=label, source_name=name)
