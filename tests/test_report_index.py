"""The index and the feed: every target and run, its state, where it leads."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from perflib.model import CARD, Outcome
from perflib.report.cache import Made
from perflib.report.feed import ATOM
from perflib.report.flow import render_reports
from perflib.report.index import sparkline, write_index
from perflib.report.notebook import told
from perflib.report.past import read_past
from perflib.report.plan import Summary, summaries
from perflib.report.rows import finding, measured
from perflib.report.settings import Settings
from perflib.store import BAD, Store
from tests.reporting import add_run, cell, small, text, verdict, write_notebook

MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN


def run(*outcomes: Outcome, value: float = 0.004) -> Summary:
    return Summary("r", "db", verdicts=[verdict(one, value) for one in outcomes])


@pytest.mark.parametrize(
    ("outcomes", "state", "told"),
    [
        ([MET], "met", "met: p95(query_time) < 10 ms (4.00 ms [3.60, 4.40])"),
        ([MET, MET], "met", "all 2 promises met"),
        ([MET, MISSED], "missed", "missed: p95(query_time) < 10 ms (4.00 ms [3.60, 4.40])"),
        ([UNKNOWN, MISSED, MISSED], "missed", "and 1 more"),
        ([MET, UNKNOWN], "unknown", "unknown: p95"),
        ([], "unknown", "nothing was promised"),
    ],
)
def test_the_worst_comes_first(outcomes, state, told):
    assert run(*outcomes).state == state
    assert told in finding(run(*outcomes))


def test_no_value_is_said():
    judged = verdict(UNKNOWN, 1.0)
    assert measured(type(judged)(**{**_fields(judged), "estimate": None})) == "no value"


def _fields(judged) -> dict:
    return {name: getattr(judged, name) for name in judged.__struct_fields__}


def test_sparkline():
    spark = sparkline([run(MET, value=value) for value in (0.002, 0.004, 0.003)])
    assert spark is not None
    assert spark.line.points == "3.0,28.0 60.0,22.0 117.0,25.0"
    assert spark.line.bound == 4.0
    assert spark.told == "p95(query_time) < 10 ms: 3 runs, from 2.00 ms to 3.00 ms"
    both = [verdict(MET, 0.004), verdict(MISSED, 0.2, "p99(query_time) < 10 ms")]
    decides = sparkline([Summary("r", "db", verdicts=both)] * 2)
    assert decides is not None
    assert decides.told == "p99(query_time) < 10 ms: 2 runs, from 200 ms to 200 ms"
    assert sparkline([run(MET)]) is None
    assert sparkline([run(), run()]) is None
    assert sparkline([run(MET, value=0.0), run(MET, value=0.0)]) is not None


def test_index_and_feed(tmp_path):
    data = tmp_path / "data"
    for number in range(3):
        add_run(data, "db", number)
        add_run(data, "sessions", number)
    (data / "runs" / "broken").mkdir()
    (data / "runs" / "broken" / "run.json").write_text("{")
    runs = summaries(data)
    assert len(runs) == 6
    out = data / "reports"
    out.mkdir()
    pages = {runs[-1].id: Made("k", {}, "T", ["db"], runs[-1].id, "database")}
    pages["trends-db"] = Made("k", {}, "Trends", ["db"], "", "trends")
    write_index(out, pages, runs, "../runs")
    page = (out / "index.html").read_text()
    assert "1 of 2 targets missed a promise" in page
    assert page.index("sessions</h3>") < page.index("db</h3>"), "what is missed comes first"
    assert f'href="{runs[-1].id}.html"' in page
    assert 'href="trends-db.html"' in page
    assert f'href="../runs/{runs[0].id}/samples.parquet"' in page
    feed = fromstring((out / "feed.xml").read_bytes())
    entries = feed.findall(f"{{{ATOM}}}entry")
    assert len(entries) == 6
    ids = [entry.findtext(f"{{{ATOM}}}id") for entry in entries]
    assert len(set(ids)) == 6
    assert all(entry.findtext(f"{{{ATOM}}}updated") for entry in entries)
    before = (out / "feed.xml").read_bytes(), (out / "index.html").read_bytes()
    write_index(out, pages, runs, "../runs")
    assert before == ((out / "feed.xml").read_bytes(), (out / "index.html").read_bytes())


@pytest.mark.parametrize(
    ("bad", "lead", "told"),
    [
        ({1: "the disk was full"}, "met its promises", ["2 runs, newest 2026-11-01 02:00"]),
        (
            {2: "the disk <was> full"},
            "met its promises",
            [
                "A newer run of 2026-11-01 02:00 UTC, marked as bad: the disk &lt;was&gt; full",
                "newest that counts 2026-11-01 01:00",
            ],
        ),
        (
            {1: "noise", 2: ""},
            "1 of 1 targets cannot be judged",
            ["<p>marked as bad: no reason is given</p>", "2 runs, newest 2026-11-01 02:00"],
        ),
    ],
    ids=["an older one", "the newest", "all"],
)
def test_a_target_is_shown_by_the_newest_run_that_counts(tmp_path, bad, lead, told):
    runs = {
        number: add_run(tmp_path, "chain", number, MET if number not in bad else MISSED)
        for number in (1, 2)
    }
    store = Store(tmp_path)
    for number, reason in bad.items():
        store.add_triage(
            target="chain", action="bad", reason=reason, run_id=runs[number].id, author="ann"
        )
    write_index(tmp_path, {}, summaries(tmp_path, read_past(tmp_path).bad), "runs")
    page = (tmp_path / "index.html").read_text()
    card, rows = page.split("</ul>\n</section>")
    assert lead in page
    assert "missed</span>" not in card
    assert all(text in card for text in told)
    assert rows.count('data-state="bad"') == len(bad)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("regressed", "regressed</span> <span>p95 moved"),
        ("no data", "no data</span> <span>p95 moved"),
        ("", "no data</span> <span>one run is no history yet"),
        ("<script>", "no data</span> <span>one run is no history yet"),
    ],
)
def test_a_card_tells_the_trend_that_its_page_found(tmp_path, state, shown):
    add_run(tmp_path / "data", "db", 1)
    made = Made("k", {}, "Trends", ["db"], "", "trends", "", state, "p95 moved")
    write_index(tmp_path, {"trends-db": made}, summaries(tmp_path / "data"), "runs")
    page = (tmp_path / "index.html").read_text()
    assert shown in page
    assert ("1 regressed over its runs" in page) == (state == "regressed")


def test_the_cell_tagged_index_tells_the_index():
    card = {"data": {CARD: {"state": "improved", "finding": "faster"}}, "output_type": "display"}
    outputs = [{"output_type": "stream", "text": "x"}, card]
    tagged = cell("card", "index") | {"outputs": outputs}
    assert told({"cells": [text("#"), tagged]}) == {"state": "improved", "finding": "faster"}
    assert told({"cells": [text("#"), cell("card")]}) == {"state": "", "finding": ""}


@pytest.mark.parametrize("name", ["data", "da#ta?x=1 %41"])
def test_decisions_in_force_are_read_wherever_the_history_lies(tmp_path, name):
    store = Store(tmp_path / name)
    runs = [add_run(store.root, "db", number).id for number in (1, 2)]
    for run_id in runs:
        number = store.add_triage(target="db", action=BAD, reason="a power cut", run_id=run_id)
    assert read_past(store.root).bad == dict.fromkeys(runs, "a power cut")
    store.undo_triage(number)
    assert read_past(store.root).bad == {runs[0]: "a power cut"}
    (store.root / "history.sqlite").write_bytes(b"no database")
    assert read_past(store.root).bad == read_past(tmp_path / "nowhere").bad == {}


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ("db: {}", "Every target met its promises in the newest run.</p>"),
        ("db: {}\n  ghost: {}", "run. Configured, but never measured: ghost.</p>"),
        ("db: {}\n  far: {}", "Every target met its promises in the newest run.</p>"),
        ("db: {", "Every target met its promises in the newest run.</p>"),
    ],
    ids=["all ran", "one never ran", "one ran on another machine", "a mistake"],
)
def test_the_index_names_configured_targets_that_never_ran(tmp_path, targets, told):
    data, notebooks, file = (tmp_path / name for name in ("data", "notebooks", "my.yml"))
    add_run(data, "db", 1)
    add_run(tmp_path / "there", "far", 1)
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    assert len(Store(tmp_path / "there", url).runs()) == 1
    small(notebooks / "db.ipynb")
    told_of = cell("never_ran: list = []", "parameters", name="parameters")
    write_notebook(notebooks / "overview.ipynb", [told_of, cell("print(never_ran)")])
    for written in ("db: {}", targets):
        kind = "{kind: chunks, url: 'http://127.0.0.1:9'}"
        file.write_text(f"targets:\n  {written.replace('{}', kind)}\n")
        settings = Settings(notebooks=notebooks, history=url, config=file)
        reports = render_reports(data, (), settings)
    assert told in reports.index.read_text()
    assert ("ghost" in reports.pages[-1].path.read_text()) == ("ghost" in told)


def test_what_is_told_of_is_still_there(tmp_path):
    add_run(tmp_path / "data", "db", 1)
    failed = Made("k", {}, "T", ["typo"], "", "trends", "KeyError: x")
    pages = {"trends-typo": failed, "r": Made("k", {}, "T", ["db"], "r", "db", "KeyError: x")}
    write_index(tmp_path, pages, summaries(tmp_path / "data"), "runs")
    assert "Not complete" not in (tmp_path / "index.html").read_text()
    write_index(tmp_path, pages, summaries(tmp_path / "data"), "runs", ["typo"])
    assert 'href="trends-typo.html"' in (tmp_path / "index.html").read_text()


def test_without_runs(tmp_path):
    write_index(tmp_path, {}, [], "runs")
    assert "Nothing was measured yet" in (tmp_path / "index.html").read_text()
    assert fromstring((tmp_path / "feed.xml").read_bytes()).tag == f"{{{ATOM}}}feed"
    assert summaries(Path("nowhere")) == []
