"""Runs become pages once; the same inputs give the same bytes; one failure stops nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from perflib.errors import ConfigError, PerflibError, ReportError
from perflib.model import Run
from perflib.report import Settings, render_reports
from perflib.report.cache import FILE
from perflib.report.plan import safe
from perflib.report.watch import Signs, watch
from perflib.store import Store
from tests.fabricate import keep
from tests.reporting import PARAMETERS, add_run, cell, drawn, small, text, workbench, write_notebook

NOON = "2026-11-02T12:00:00Z"


@pytest.fixture(autouse=True)
def _steady_sources(monkeypatch):
    """Somebody may edit the package while its tests run; here only what a test changes counts."""
    monkeypatch.setattr("perflib.report.cache.library", lambda: "these sources")


def report(root: Path, *targets: str, **changes):
    settings = Settings(notebooks=root / "notebooks", keep_warm=True, **changes)
    return render_reports(root / "data", targets, settings)


def made(reports) -> dict[str, bool]:
    return {page.stem: page.executed for page in reports.pages}


def test_every_target_gets_its_page_and_the_index_links_it(tmp_path):
    reports = report(workbench(tmp_path))
    assert [run.target for run in reports.latest] == ["api", "chain", "db", "sessions"]
    index = reports.index.read_text()
    for page in reports.pages:
        assert page.executed
        assert not page.failed
        assert f'href="{page.path.name}"' in index
        assert page.path.with_suffix(".ipynb").exists()
    assert "../runs/20261101T000001Z-db-0000/samples.parquet" in index
    assert "../runs/20261101T000001Z-db-0000/run.json" in index


def test_the_notebook_follows_the_name_then_the_kind(tmp_path):
    add_run(tmp_path / "data", "mine", 1)
    small(tmp_path / "notebooks" / "database.ipynb")
    assert report(tmp_path).pages[0].path.exists()
    small(tmp_path / "notebooks" / "mine.ipynb", "print('my own')")
    page = report(tmp_path).pages[0]
    assert "my own" in page.path.read_text()


def test_a_page_is_headed_by_the_target_where_the_notebook_is_of_another(tmp_path):
    add_run(tmp_path / "data", "shop", 1, kind="sql")
    add_run(tmp_path / "data", "database", 2)
    small(tmp_path / "notebooks" / "database.ipynb")
    titles = {page.targets[0]: page.title for page in report(tmp_path).pages}
    assert titles == {"shop": "shop", "database": "Is it fast?"}


def test_trends_and_overview_come_when_there_is_something_to_tell(tmp_path):
    root = workbench(tmp_path, ("db",))
    for name in ("trends", "overview", "compare"):
        small(root / "notebooks" / f"{name}.ipynb")
    assert list(made(report(root))) == ["20261101T000001Z-db-0000", "overview"]
    add_run(root / "data", "db", 2)
    assert list(made(report(root))) == ["20261101T000002Z-db-0000", "trends-db", "overview"]
    assert list(made(report(root, "trends", values={"target": "db"}))) == ["trends-db"]
    page = report(root, "20261101T000001Z-db-0000").pages[0]
    assert page.stem == "20261101T000001Z-db-0000"


def test_a_page_tells_its_parameters_in_the_order_of_the_notebook(tmp_path):
    root = workbench(tmp_path, ("db",))
    given = {"target": "db", "before": "x", "after": "y"}
    source = "\n".join(f'{name}: str = ""' for name in given)
    cells = [cell(source, "parameters", name="parameters"), text("## Question")]
    write_notebook(root / "notebooks" / "compare.ipynb", cells)
    (page,) = report(root, "compare", values=given).pages
    told = re.search(r'class="facts".*?</dl>', page.path.read_text(), re.DOTALL)
    assert re.findall("<dt>(.*?)</dt>", told[0]) == ["Target", "Before", "After"]


def test_nothing_is_executed_twice(tmp_path):
    root = workbench(tmp_path, ("api", "db"))
    first = report(root)
    stamp = {page.path: page.path.stat().st_mtime_ns for page in first.pages}
    index = first.index.stat().st_mtime_ns
    again = report(root)
    assert not any(made(again).values())
    assert {page.path: page.path.stat().st_mtime_ns for page in again.pages} == stamp
    assert again.index.stat().st_mtime_ns == index
    assert all(made(report(root, force=True)).values())


def _touch_notebook(root: Path) -> None:
    small(root / "notebooks" / "db.ipynb", "print('changed')")


def _damage_page(root: Path) -> None:
    next((root / "data" / "reports").glob("*db*.html")).write_text("tampered with")


def _remove_notebook_output(root: Path) -> None:
    next((root / "data" / "reports").glob("*db*.ipynb")).unlink()


def _new_samples(root: Path) -> None:
    next((root / "data" / "runs").glob("*db*")).joinpath("samples.parquet").write_bytes(b"others")


def _new_run(root: Path) -> None:
    add_run(root / "data", "db", 0, id="20261031T000000Z-db-0000")


@pytest.mark.parametrize(
    "change", [_touch_notebook, _damage_page, _remove_notebook_output, _new_samples, _new_run]
)
def test_only_what_changed_is_executed(tmp_path, change):
    root = workbench(tmp_path, ("api", "db"))
    report(root)
    change(root)
    assert made(report(root)) == {
        "20261101T000001Z-api-0000": False,
        "20261101T000001Z-db-0000": True,
    }


def test_the_index_does_not_lead_to_a_page_that_somebody_removed(tmp_path):
    root = workbench(tmp_path, ("api", "db"))
    small(root / "notebooks" / "compare.ipynb", "1 / 0")
    page = report(root, "compare").pages[0].path
    assert page.name in report(root).index.read_text()
    page.unlink()
    assert page.name not in report(root).index.read_text()


def test_other_libraries_make_other_pages(tmp_path, monkeypatch):
    root = workbench(tmp_path, ("db",))
    report(root)
    monkeypatch.setattr("perflib.report.cache.library", lambda: "newer sources")
    assert all(made(report(root)).values())


def test_a_damaged_state_costs_an_execution_only(tmp_path):
    root = workbench(tmp_path, ("db",))
    page = report(root).pages[0].path
    before = page.read_bytes()
    (root / "data" / "reports" / FILE).write_text("{not json")
    assert made(report(root)) == {page.stem: True}
    assert page.read_bytes() == before


def test_same_inputs_same_bytes(tmp_path, monkeypatch):
    pages = []
    for name in ("one", "two"):
        root = tmp_path / name
        add_run(root / "data", "db", 1)
        drawn(root / "notebooks" / "db.ipynb")
        monkeypatch.chdir(root)
        page = render_reports("data", (), Settings(force=True)).pages[0]
        pages.append((page.path.read_bytes(), page.path.with_suffix(".ipynb").read_bytes()))
    assert pages[0] == pages[1]


def test_kernels_give_the_same_page(tmp_path, monkeypatch):
    monkeypatch.chdir(workbench(tmp_path, ("db",)))
    forked = render_reports("data", (), Settings()).pages[0].path.read_bytes()
    kernel = (
        render_reports("data", (), Settings(force=True, kernels=True)).pages[0].path.read_bytes()
    )
    assert forked == kernel


def test_a_failed_notebook_is_told_and_the_others_go_on(tmp_path):
    root = workbench(tmp_path, ("api", "db"))
    small(root / "notebooks" / "api.ipynb", "print('so far')", "1 / 0")
    reports = report(root)
    assert [page.failed for page in reports.pages] == ["ZeroDivisionError: division by zero", ""]
    page = reports.pages[0].path.read_text()
    assert "This report is not complete" in page
    assert "so far" in page
    executed = json.loads(reports.pages[0].path.with_suffix(".ipynb").read_bytes())
    assert executed["cells"][-1]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert "Not complete" in reports.index.read_text()
    assert made(report(root)) == {reports.pages[0].stem: True, reports.pages[1].stem: False}


@pytest.mark.parametrize(
    ("targets", "values", "told"),
    [
        (("dbb",), {}, "the nearest, `db`"),
        (("../../etc/passwd",), {}, "nothing to report on"),
        (("db",), {"nmae": 1}, "unknown parameter"),
        (("db",), {"run_id": 5}, "expected str"),
        (("broken",), {}, "not a notebook"),
    ],
)
def test_mistakes_stop_before_anything_runs(tmp_path, targets, values, told):
    root = workbench(tmp_path, ("db",))
    (root / "notebooks" / "broken.ipynb").write_text("no JSON")
    with pytest.raises(PerflibError) as caught:
        report(root, *targets, values=values)
    assert told in str(caught.value)
    assert not (root / "data" / "reports").exists()


def test_no_runs_and_no_notebook_are_explained(tmp_path):
    with pytest.raises(ReportError, match="no runs are recorded"):
        report(tmp_path)
    add_run(tmp_path / "data", "db", 1)
    with pytest.raises(ReportError, match="no such folder of notebooks"):
        report(tmp_path)
    (tmp_path / "notebooks").mkdir()
    with pytest.raises(ReportError, match="no notebook for target"):
        report(tmp_path)


def test_output_is_never_the_input(tmp_path):
    root = workbench(tmp_path, ("db",))
    small(root / "notebooks" / "overview.ipynb")
    with pytest.raises(ReportError, match="overwrite the notebook"):
        report(root, "overview", out=root / "notebooks")


def test_a_link_does_not_lead_out_of_the_folder(tmp_path):
    root = workbench(tmp_path, ("db",))
    out = root / "data" / "reports"
    out.mkdir()
    (out / "20261101T000001Z-db-0000.html").symlink_to(tmp_path / "elsewhere.html")
    with pytest.raises(ReportError, match="outside the folder"):
        report(root)


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "..", "<script>", "", "ä", "a\x00b", "n" * 10_000, "con"]
)
def test_names_of_files_are_harmless(name):
    stem = safe(name)
    assert stem
    assert len(stem) < 120
    assert Path(stem).name == stem
    assert not stem.startswith(".")
    assert safe(name) == stem
    assert len({safe("a/b"), safe("a-b"), safe("a:b")}) == 3


def test_values_never_lead_out_of_the_folder(tmp_path):
    root = workbench(tmp_path, ("db",))
    small(root / "notebooks" / "trends.ipynb")
    page = report(root, "trends", values={"target": "../../../outside"}).pages[0]
    assert page.path.resolve().parent == (root / "data" / "reports").resolve()


def test_a_folder_inside_a_run_is_no_input(tmp_path):
    root = workbench(tmp_path, ("db",))
    report(root)
    (root / "data" / "runs" / "20261101T000001Z-db-0000" / "left" / "over").mkdir(parents=True)
    assert not any(made(report(root)).values())


def test_a_page_that_failed_for_a_mistyped_target_is_none_of_the_index(tmp_path):
    root = workbench(tmp_path, ("db",))
    small(root / "notebooks" / "own.ipynb", "{'api': 1}[target]")
    for target, told in (("bd", False), ("db", True)):
        reports = report(root, "own", values={"target": target})
        assert reports.failed
        assert (f"own-{target}.html" in reports.index.read_text()) == told


def test_a_timeout_is_told(tmp_path):
    root = workbench(tmp_path, ("db",))
    small(root / "notebooks" / "db.ipynb", "import time; time.sleep(60)")
    assert "TimeoutError" in report(root, timeout_s=0.5).pages[0].path.read_text()


def test_watch_reports_what_is_new(tmp_path):
    root = workbench(tmp_path, ("db",))
    seen = []

    def show(reports) -> int:
        seen.append(made(reports))
        if len(seen) == 1:
            add_run(root / "data", "db", 2)
        return 0

    watch(root / "data", (), Settings(notebooks=root / "notebooks"), show, rounds=2)
    assert seen == [{"20261101T000001Z-db-0000": True}, {"20261101T000002Z-db-0000": True}]


def test_a_parameter_of_a_notebook_changes_its_page_only(tmp_path):
    root = workbench(tmp_path, ("db",))
    cells = [text("# T"), PARAMETERS, cell("print(target)")]
    write_notebook(root / "notebooks" / "own.ipynb", cells)
    first = report(root, "own", values={"target": "db"}).pages[0]
    assert made(report(root, "own", values={"target": "other"})) == {"own-other": True}
    assert made(report(root, "own", values={"target": "db"})) == {first.stem: False}


def test_the_command(tmp_path, monkeypatch, capsys):
    from perflib.cli import main

    monkeypatch.chdir(workbench(tmp_path, ("db", "sessions")))
    with pytest.raises(SystemExit) as caught:
        main(["report"])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert "✗ missed" in out
    assert "pages: 2 made now, 0 unchanged" in out
    assert f"index: {Path('data/reports/index.html')}" in out
    small(Path("notebooks/db.ipynb"), "1 / 0")
    with pytest.raises(SystemExit) as caught:
        main(["report", "db"])
    assert caught.value.code == 3
    wrongs = ("-p", "a b"), ("-p", "x=1"), ("none",), ("--timeout", "0")
    for wrong in wrongs:
        with pytest.raises(SystemExit) as caught:
            main(["report", *wrong])
        assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_the_configuration_tells_the_folder(tmp_path, monkeypatch, capsys):
    from perflib.cli import main

    monkeypatch.chdir(workbench(tmp_path, ("db",)))
    Path("data").rename("measured")
    Path("c.yml").write_text("data: measured\ntargets: {}\n")
    with pytest.raises(SystemExit) as caught:
        main(["report", "--config", "c.yml"])
    assert caught.value.code == 0
    with pytest.raises(SystemExit) as caught:
        main(["report", "--config", "nowhere.yml"])
    assert caught.value.code == 2


def test_a_wrong_parameter_is_refused_with_all_mistakes(tmp_path):
    root = workbench(tmp_path, ("db",))
    with pytest.raises(ConfigError) as caught:
        report(root, "db", values={"x": 1, "y": 2})
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("data: runs here", ("runs here", "")),
        ('"data": runs\nhistory:\n  sqlite:///team', ("runs", "sqlite:///team")),
        ("targets: {data: no}", ("data", "")),
        ("data: runs  # of this team\nhistory: postgresql://db/x", ("runs", "postgresql://db/x")),
        ('data: "${FOLDER:-other}"\nhistory: ${TEAM:-}  # none', ("other", "")),
        ("history: ${SHARED:-sqlite://}", ("data", "sqlite:///team")),
        ("data: ${SHARED}\ntargets: {x: {kind: blocks, url: 'http://x'}}", ("sqlite:/team", "")),
    ],
)
def test_folder_and_history_come_from_the_configuration(tmp_path, monkeypatch, lines, expected):
    from perflib.cli.report import configured

    monkeypatch.setenv("SHARED", "sqlite:///team")
    (tmp_path / "c.yml").write_text(lines)
    folder, history = configured(tmp_path / "c.yml")
    assert (folder.as_posix(), history) == expected


def test_a_shared_history_is_reported_where_no_run_was_made(tmp_path):
    root, url = tmp_path, f"sqlite:///{tmp_path}/team.sqlite"
    for number, target in enumerate(("db", "db", "api")):
        add_run(root / "there", target, number)
    assert len(Store(root / "there", url).runs()) == 3
    for name in ("trends", "overview"):
        small(root / "notebooks" / f"{name}.ipynb")
    reports = report(root, history=url)
    assert list(made(reports)) == ["trends-db", "overview"]
    assert all(f'href="{stem}.html"' in reports.index.read_text() for stem in made(reports))
    assert "No run was made here" in reports.index.read_text()
    assert list(made(report(root, "db", history=url))) == ["trends-db"]
    with pytest.raises(ReportError, match="nothing to report on is called `api`"):
        report(root, "api", history=url)


def _decide(store: Store, run_id: str) -> None:
    store.add_triage(target="db", action="bad", reason="a power cut", run_id=run_id)


def _record_elsewhere(store: Store, _run_id: str) -> None:
    other = Store(store.root.parent / "their machine", store.history_url)
    run = Run(id="20261102T000000Z-db-1", target="db", kind="sql", started_at=NOON, duration_s=1)
    keep(other, [run])


@pytest.mark.parametrize("change", [_decide, _record_elsewhere])
def test_a_shared_history_is_read_and_its_news_make_new_pages(tmp_path, change):
    root = workbench(tmp_path, ("api", "db"))
    small(root / "notebooks" / "db.ipynb", "import os\nprint(os.environ['PERFLIB_HISTORY'])")
    url = f"sqlite:///{tmp_path}/team.sqlite"
    first = report(root, history=url)
    assert url in first.pages[1].path.read_text()
    assert not any(made(report(root, history=url)).values())
    change(Store(root / "data", url), "20261101T000001Z-db-0000")
    news = report(root, history=url)
    assert [page.executed for page in news.pages] == [False, True]


@pytest.mark.parametrize(
    ("shared", "change"), [(False, _decide), (True, _decide), (True, _record_elsewhere)]
)
def test_watch_sees_what_only_the_history_knows(tmp_path, shared, change):
    root = workbench(tmp_path, ("api", "db"))
    url = f"sqlite:///{tmp_path}/team.sqlite" if shared else ""
    seen = []

    def show(reports) -> int:
        if not seen:
            change(Store(root / "data", url or None), "20261101T000001Z-db-0000")
        seen.append([page.executed for page in reports.pages])
        return 0

    settings = Settings(notebooks=root / "notebooks", history=url)
    watch(root / "data", (), settings, show, rounds=2)
    assert seen == [[True, True], [False, True]]


def test_a_target_is_reported_by_the_newest_run_that_counts(tmp_path):
    root = workbench(tmp_path, ("db",))
    later = add_run(root / "data", "db", 2)
    assert [run.id for run in report(root, "db").latest] == [later.id]
    _decide(Store(root / "data"), later.id)
    news = report(root, "db")
    assert [run.id for run in news.latest] == ["20261101T000001Z-db-0000"]
    assert news.pages[0].stem == "20261101T000001Z-db-0000"
    assert "marked as bad: a power cut" in news.index.read_text()
    assert report(root, later.id).pages[0].stem == later.id, "asked for by name it has its page"


def test_watch_outlives_a_history_that_does_not_answer(tmp_path):
    root = workbench(tmp_path, ("db",))
    team = tmp_path / "team.sqlite"
    signs = Signs(root / "data", Settings(history=f"sqlite:///{team}"))
    before = signs.look()
    whole = team.read_bytes()
    team.write_bytes(b"no database " * 100)
    assert signs.look() == before
    team.write_bytes(whole)
    _decide(Store(root / "data", f"sqlite:///{team}"), "20261101T000001Z-db-0000")
    assert signs.look() != before
