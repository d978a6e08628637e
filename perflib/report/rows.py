"""A run in a line: what the index and the feed both tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from perflib.model import RECORD, SAMPLES, Verdict
from perflib.report.plan import Summary
from perflib.wording import interval_text


@dataclass(frozen=True)
class Link:
    """A link to a file that is there."""

    href: str
    text: str


@dataclass(frozen=True)
class Row:
    """A run as the index shows it."""

    run: Summary
    state: str
    finding: str
    page: str
    links: Sequence[Link]

    @property
    def words(self) -> str:
        """What the filter searches."""
        told = (self.run.id, self.run.target, self.run.kind, self.state, self.finding)
        return " ".join((*told, self.run.environment.git_commit)).lower()


def row_of(folder: Path, records: str, run: Summary, stem: str) -> Row:
    """The line of `run` with links to what is there: its page `stem`, its files in `folder`."""
    links = [Link(f"{stem}.ipynb", "notebook")] if stem else []
    for name, text in ((SAMPLES, "samples"), (RECORD, "result")):
        if (folder / run.id / name).exists():
            links.append(Link(f"{records}/{run.id}/{name}", text))
    return Row(run, run.state, finding(run), f"{stem}.html" if stem else "", links)


def finding(run: Summary) -> str:
    """The run in a few words: what was missed, else what is not known, else that all is met."""
    if run.bad:
        return f"marked as bad: {run.bad}"
    if not run.verdicts:
        return "nothing was promised, so nothing was judged"
    for state in ("missed", "unknown"):
        found = [verdict for verdict in run.verdicts if str(verdict.outcome) == state]
        if found:
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            return f"{state}: {found[0].objective.text} ({measured(found[0])}){more}"
    if len(run.verdicts) == 1:
        return f"met: {run.verdicts[0].objective.text} ({measured(run.verdicts[0])})"
    return f"all {len(run.verdicts)} promises met"


def measured(verdict: Verdict) -> str:
    """The value that was judged, with its interval when there is one."""
    return "no value" if verdict.estimate is None else interval_text(verdict.estimate)
