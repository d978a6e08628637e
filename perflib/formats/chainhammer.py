"""chainhammer's reports of runs: transactions a second by the watcher and by block timestamps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from perflib.formats.base import Reading, Source, over_time
from perflib.formats.found import Found, iso, number

TOOL = "chainhammer"
_TITLE = re.compile(r"^## (.+?) with (\d+) txs: ([\d.]+) TPS", re.MULTILINE)
_RAW = re.compile(r"'(\w+)': (-?[\d.]+)")
_BLOCK = re.compile(
    r"^block (\d+) \| new #TX\s+(\d+) / (\d+) ms =\s+([\d.]+) TPS_current "
    r"\| total: #TX\s+(\d+) /\s*([\d.]+) s"
)
_RATES = {
    "finalTpsAv": "watcher",
    "peakTpsAv": "watcher, peak of the average",
    "blocktimestampsTpsAv": "",
}


def recognise(source: Source) -> bool:
    """Its title, or the lines of its watcher."""
    head = source.head_text
    return bool(_TITLE.search(head)) or "TPS_current" in head


def read(source: Source) -> Iterator[Reading]:
    """The runs that tell a rate; a file of notes may hold several."""
    finished = [reading for part in _parts(source) if (reading := _reading(source, part))]
    if not finished:
        raise source.fail("no rate: the experiment was not finished")
    yield from finished


def _parts(source: Source) -> list[list[tuple[int, str]]]:
    """The lines of each run: it begins with its title, or where the watcher's clock starts anew."""
    parts: list[list[tuple[int, str]]] = [[]]
    clock = 0.0
    for line in source.lines():
        title, block = _TITLE.match(line[1]), _BLOCK.match(line[1])
        now = 0.0 if title else (number(block[6]) if block else None) or clock
        if title or now < clock:
            parts.append([])
        parts[-1].append(line)
        clock = now
    return parts


def _reading(source: Source, part: list[tuple[int, str]]) -> Reading | None:
    """One run; the rate over block timestamps is the run's, the watcher's are labelled."""
    found, series = Found(), []
    for line, text in part:
        if match := _BLOCK.match(text):
            at, size, rate = number(match[6]), number(match[2]), number(match[4])
            if at is None or size is None or rate is None:
                source.skip(line, "a block without time, size or rate")
                continue
            series.append((at, "block_transactions", "", size))
            series.append((at, "throughput", "", rate))
    whole = "\n".join(text for _, text in part)
    stated = dict(_RAW.findall(whole.partition("### info raw")[2]))
    for key, label in _RATES.items():
        found.add("throughput", "mean", stated.get(key), "tx/s", label=label, source_name=key)
    found.add("transactions", "value", stated.get("num_txs"), "tx", source_name="num_txs")
    title = _TITLE.search(whole)
    if title and not stated:
        found.add("throughput", "mean", title[3], "tx/s", source_name="TPS", resolution=0.1)
        found.add("transactions", "value", title[2], "tx", source_name="txs")
    sizes = [value for _, name, _, value in series if name == "block_transactions"]
    if sizes:
        found.add("block_transactions", "mean", sum(sizes) / len(sizes), "tx", n=len(sizes))
    if not found.indicators:
        return None
    start = number(stated.get("start_epochtime"))
    return Reading(
        tool=TOOL,
        run=title[1] if title else "",
        started_at=iso(start) if start else "",
        indicators=found.indicators,
        series=over_time(series),
    )
