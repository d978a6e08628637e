"""One gate in the tongues that pipelines speak; whatever a result brought is only ever text."""

from __future__ import annotations

import re
from html import escape
from xml.etree import ElementTree

import msgspec

from perflib.analysis.gating import Check, Gate
from perflib.model import Outcome

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|~<>&@])")
_SIGNS = {Outcome.MET: "✅", Outcome.MISSED: "❌", Outcome.UNKNOWN: "❔"}
_COLOURS = {Outcome.MET: "#2e7d32", Outcome.MISSED: "#b3261e", Outcome.UNKNOWN: "#6b6b6b"}


def to_json(gate: Gate) -> str:
    """Outcome, finding, checks and notes."""
    rows = {
        "outcome": gate.outcome,
        "finding": gate.finding,
        "checks": [_as_dict(check) for check in gate.checks],
        "notes": gate.notes,
    }
    return msgspec.json.format(msgspec.json.encode(rows), indent=1).decode()


def _as_dict(check: Check) -> dict[str, str]:
    return {name: str(getattr(check, name)) for name in check.__dataclass_fields__}


def to_junit(gate: Gate) -> str:
    """JUnit XML: a suite a target, a case a check; missed is a failure, unknown an error.

    Unknown is no success, and `skipped` would pass for one.
    """
    root = ElementTree.Element("testsuites", name="perflib")
    for target in dict.fromkeys(check.target for check in gate.checks):
        checks = [check for check in gate.checks if check.target == target]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_plain(target),
            tests=str(len(checks)),
            failures=str(sum(c.outcome is Outcome.MISSED for c in checks)),
            errors=str(sum(c.outcome is Outcome.UNKNOWN for c in checks)),
        )
        for check in checks:
            _case(suite, check)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, check: Check) -> None:
    names = {"classname": f"perflib.{check.target}", "name": check.name}
    case = ElementTree.SubElement(suite, "testcase", {k: _plain(v) for k, v in names.items()})
    text = f"{check.reason}\nnext: {check.next_step}\nrun: {check.run_id}"
    if check.outcome is Outcome.MET:
        ElementTree.SubElement(case, "system-out").text = _plain(text)
        return
    tag = "failure" if check.outcome is Outcome.MISSED else "error"
    found = ElementTree.SubElement(case, tag, message=_plain(check.reason), type=check.outcome)
    found.text = _plain(text)


def _plain(text: str) -> str:
    """Without the characters that XML forbids."""
    return _FORBIDDEN.sub("\ufffd", text)


def to_markdown(gate: Gate) -> str:
    """GitHub-flavoured: the finding, what is not met with its next step, the rest folded away."""
    bad = [check for check in gate.checks if check.outcome is not Outcome.MET]
    met = [check for check in gate.checks if check.outcome is Outcome.MET]
    lines = [f"### {_SIGNS[gate.outcome]} {_marked(gate.finding)}", ""]
    if bad:
        lines += [*_rows(bad), ""]
    if met:
        summary = f"<details><summary>{len(met)} met</summary>"
        lines += [summary, "", *_rows(met), "", "</details>", ""]
    lines += [f"- {_marked(note)}" for note in gate.notes]
    return "\n".join(lines).rstrip() + "\n"


def _rows(checks: list[Check]) -> list[str]:
    head = ["| | target | check | why | next |", "|---|---|---|---|---|"]
    return head + [
        "| {} | {} | {} | {} | {} |".format(
            _SIGNS[check.outcome],
            *map(_marked, (check.target, check.name, check.reason, check.next_step)),
        )
        for check in checks
    ]


def _marked(text: str) -> str:
    """One line in which nothing is markup, a mention or a link."""
    line = " ".join(_plain(text).split())
    return _MARKS.sub(lambda match: f"&#{ord(match[0])};", line).replace("://", "&#58;//")


def to_badge(gate: Gate, label: str = "performance") -> str:
    """A small SVG that says the outcome."""
    bad = sum(check.outcome is gate.outcome for check in gate.checks)
    value = str(gate.outcome)
    if gate.outcome is not Outcome.MET and bad:
        value = f"{bad} {value}"
    left, right = (round(6.6 * len(text)) + 12 for text in (label, value))
    width = left + right
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img">
<title>{escape(f"{label}: {value}")}</title>
<rect width="{width}" height="20" rx="3" fill="#444"/>
<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z"
 fill="{_COLOURS[gate.outcome]}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{left / 2}" y="14">{escape(label)}</text>
<text x="{left + right / 2}" y="14">{escape(value)}</text>
</g>
</svg>
"""
