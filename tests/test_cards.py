"""Cards say the finding first, in three dialects, and never let data become markup."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from perflib import analysis, cards, plots
from perflib.cards.card import Card, Code, Number, Pre, Spark, State, Steps, Table
from perflib.course import Course, by_label, indicators, open_course
from perflib.desk import Desk, no_samples, open_all, open_comparison, open_desk
from perflib.errors import StoreError
from perflib.model import Caveat, Environment, Estimate, Outcome, Run, Verdict
from perflib.objectives import parse_objective
from perflib.report.safe import markup
from perflib.store import BAD, Store
from perflib.wording import SIGNS, signed
from tests import fabricate

EVIL = (
    "<script>alert(1)</script>\"' onload=x </pre></table> | `code` **bold** "
    "[a](javascript:x) \u202e"
)
ALLOWED = {"div", "p", "span", "strong", "code", "pre", "br", "wbr", "ol", "li"}
ALLOWED |= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
ALLOWED |= {"svg", "polyline", "line", "circle"}


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}


def full(text: str) -> Card:
    blocks = [
        text,
        Table([text, "n"], [[text, Number(text, 1.5)], [State("met"), Code(text)]], caption=text),
        Table(["s"], [[Spark([1, 2], text, 1.5)], [(text, Code(text))]]),
        Pre(text),
        Steps([[text, Code(text)]]),
    ]
    return Card(text, "missed", blocks)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("data"))
    fabricate.history(store, "database", runs=8, shift_at=5, factor=2.6)
    fabricate.history(store, "blockchain", runs=3, shift_at=9)
    return store


class TestDialects:
    def test_html_of_hostile_text_has_only_our_tags(self) -> None:
        page = Tags()
        page.feed(full(EVIL)._repr_html_())
        assert page.tags <= ALLOWED
        assert not {name for name in page.names if name.startswith("on")}
        assert "<script" not in full(EVIL)._repr_html_()

    def test_markdown_of_hostile_text_stays_text(self) -> None:
        text = full(EVIL)._repr_markdown_()
        outside_code = re.sub(r"`[^`]*`|^    .*$", "", text, flags=re.MULTILINE)
        assert not re.search(r"(?<!\\)<script", outside_code)
        assert not re.search(r"(?<!\\)\]\(javascript", outside_code)

    def test_the_finding_and_its_state_come_first(self) -> None:
        card = Card("It is slow", "missed", ["because"])
        assert repr(card) == "✗ missed: It is slow\nbecause"
        assert card._repr_markdown_() == "✗ **missed** – **It is slow**\n\nbecause"
        assert card._repr_html_().index("It is slow") < card._repr_html_().index("because")

    def test_a_state_can_be_read_on_dark_and_light(self) -> None:
        html = Card("x", "met")._repr_html_()
        assert "color:color-mix(in srgb,#00735a,currentColor 35%)" in html

    def test_numbers_sort_by_their_value(self) -> None:
        html = Card("x", blocks=[Table(["t"], [[Number("6.2 ms", 0.0062)]])])._repr_html_()
        assert 'data-sort="0.0062"' in html

    def test_every_state_has_a_sign(self) -> None:
        assert len(set(SIGNS.values())) == len(SIGNS)

    def test_a_spark_of_one_value_is_a_dash(self) -> None:
        assert "–" in Card("x", blocks=[Table(["s"], [[Spark([1.0], "one")]])])._repr_html_()

    def test_long_names_may_break_where_words_end(self) -> None:
        html = Card("x", blocks=[Table(["t"], [[Code("p95(query_time) < 1.5 ms")]])])._repr_html_()
        assert "p95(<wbr>query_<wbr>time) &lt;\u00a01.5\u00a0ms" in html
        assert "query_<wbr>time" in markup(html), "a page keeps it"

    def test_direction_signs_do_not_pass(self) -> None:
        assert "\u202e" not in full(EVIL)._repr_html_().split("<pre>")[0]


class TestRun:
    def test_verdict_answers_the_four_questions(self, store: Store) -> None:
        desk = open_desk("database", data=store.root)
        text = repr(cards.verdict(desk))
        first, how_much, since, *_ = text.splitlines()
        assert first.startswith(("✗ missed", "? unknown", "✓ met"))
        assert how_much.startswith("Why: p95" if "? unknown" in first else "By how much: p95")
        assert re.fullmatch(r"Since when: 23 Nov \d\d:00 UTC \(3 runs; met before\)\.", since)
        assert "What to do:" in text

    def test_met_promises_have_nothing_to_do(self, store: Store) -> None:
        desk = open_desk("database", store.runs("database")["run_id"].iloc[0], store.root)
        assert "keeps the promise" in repr(cards.verdict(desk))
        assert "What to do:" not in repr(cards.verdict(desk))

    def test_facts_have_unit_interval_and_number(self, store: Store) -> None:
        text = repr(cards.facts(open_desk("database", data=store.root)))
        assert re.search(r"p95 of query time +[\d.]+ ms \[[\d.]+, [\d.]+\] +2", text)

    def test_plan_shows_what_the_database_said(self, store: Store) -> None:
        assert "Seq Scan on sessions" in repr(cards.plan(open_desk("database", data=store.root)))

    def test_method_is_enough_to_repeat(self, store: Store) -> None:
        text = repr(cards.method(open_desk("database", data=store.root)))
        assert all(word in text for word in ("perflib run database", "seed", "Made-up CPU"))

    def test_a_setting_is_told_once(self) -> None:
        run, samples = fabricate.run_of("api_gateway")
        load = {"users": 4, "warmup": 1.0, "run_time": 9.0}
        same = {"users": 4, "warmup_s": 1.0, "run_s": 9.0}
        run.workload = {"scenario": load, "url": "http://a", "insecure": False, **same}
        rows = dict(cards.method(Desk(run, samples)).blocks[0].rows)
        assert rows["load"].endswith("users 4, warmup 1 s, run_time 9 s")
        assert rows["target"] == ("url http://a",)

    def test_only_counts_that_are_known_are_held_against_each_other(self) -> None:
        run, samples = fabricate.run_of("api_gateway")
        run.counts.target = None
        told = repr(cards.generator(Desk(run, samples)))
        assert re.search(r"requests recorded = by the engine +3.000 = 3.000 ", told)

    @pytest.mark.parametrize(
        ("target", "arrival", "load", "command"),
        [
            ("shop", "open", {"rate": 250.0}, "--rate '250 req/s' --run-time '20 s'"),
            ("shop", "open", {"name": "smoke", "rate": 0.5}, "--scenario smoke --rate '0.5 req/s'"),
            ("a shop", "closed", {"rate": 250.0}, "perflib run 'a shop' --run-time '20 s'"),
            ("chain", "watch", {"rate": 250.0}, "perflib run chain --run-time '20 s'"),
            ("shop_capacity", "open", {"rate": 250.0}, "perflib capacity shop"),
        ],
    )
    def test_the_command_that_repeats_a_run_gives_its_load(
        self, target: str, arrival: str, load: dict[str, Any], command: str
    ) -> None:
        workload = {"scenario": {**load, "run_time": 20.0}}
        run, _ = fabricate.run_of("api_gateway", workload=workload, arrival=arrival)
        run.target = target
        assert command in repr(cards.method(Desk(run, no_samples()))).splitlines()[-1]

    def test_a_busy_generator_is_told(self) -> None:
        run, samples = fabricate.run_of("api_gateway")
        assert run.generator is not None
        run.generator.cpu_share = 0.99
        desk = Desk(run, samples)
        assert repr(cards.generator(desk)).startswith("? unknown: 1 of 7 checks")

    def test_a_generator_that_had_no_core_is_told(self) -> None:
        run, samples = fabricate.run_of("api_gateway")
        assert run.generator is not None
        run.generator.cpu_wait_share = 0.6
        text = repr(cards.generator(Desk(run, samples)))
        assert re.search("missed +share of a core that the busiest used or waited for +100 %", text)

    @pytest.mark.parametrize(
        ("outcomes", "told"),
        [
            (["missed"], "shop misses the promise: "),
            (["unknown", "met"], "shop cannot be judged on 1 of 2 promises: "),
            (["met", "met"], "shop keeps all 2 promises: "),
        ],
    )
    def test_the_finding_counts_promises(self, outcomes: list[str], told: str) -> None:
        verdicts = [
            Verdict(
                objective=parse_objective(f"p95(query_time) < {n} ms"),
                outcome=Outcome(outcome),
                reason=f"reason {n}",
                next_step="",
            )
            for n, outcome in enumerate(outcomes, 1)
        ]
        run = Run(id="r", target="shop", kind="sql", started_at="2026", duration_s=1)
        run.verdicts = verdicts
        run.caveats = [Caveat(code="a", message="reason 1"), Caveat(code="b", message="other")]
        text = repr(cards.verdict(Desk(run, no_samples())))
        assert told in text.splitlines()[0]
        said_above = outcomes[0] != "met"
        assert ("Caution: reason 1." in text) != said_above
        assert "Caution: other." in text

    def test_method_tells_settings_with_units_and_cuts_none(self) -> None:
        workload = {
            "url": "http://127.0.0.1:1",
            "hosts": ["a", "b"],
            "note": "n" * 350,
            "scenario": {"rate": 1200.0, "users": 64, "warmup": 5.0},
        }
        run, samples = fabricate.run_of("api_gateway", workload=workload)
        text = repr(cards.method(Desk(run, samples)))
        assert "rate 1200/s, users 64, warmup 5 s" in text
        assert "hosts a b" in text
        assert "n" * 350 in text
        assert "8.59 GB\n" in text, "an unknown system leaves no comma"

    def test_an_imported_run_claims_no_load_of_ours(self) -> None:
        run = Run(id="r", target="shop", kind="imported", started_at="2026", duration_s=0)
        run.source = {"tool": "Locust", "file": "stats.csv"}
        desk = Desk(run, no_samples())
        text = repr(cards.method(desk))
        assert "Locust, stats.csv" in text
        assert "perflib run" not in text
        assert "closed" not in text
        assert "only the summary is here" in plots.traffic.errors(desk).alt

    def test_next_steps_name_a_setting_or_a_step(self, store: Store) -> None:
        desk = open_desk("database", data=store.root, configs="no-such-folder")
        assert "create an index on sessions" in repr(cards.next_steps(desk))


class TestAcross:
    def test_overview_names_every_target(self, store: Store) -> None:
        desks = open_all(data=store.root)
        text = repr(cards.across.overview(desks))
        assert "database" in text.splitlines()[0]
        assert "blockchain" in text
        assert "Missed promises first" in repr(cards.across.next_steps(desks))
        states = re.findall(r"^[✗?✓] (missed|unknown|met)  ", text, re.MULTILINE)
        assert len(set(states)) > 1
        assert states == sorted(states, key=["missed", "unknown", "met"].index), "the worst first"
        every = sum(len(desk.verdicts) for desk in desks)
        assert f"of {every} promises are missed now" in plots.history.overview(desks).alt
        assert f"of {every} promises are" in plots.history.overview([*desks, *desks][:2]).alt

    def test_one_damaged_run_does_not_hide_the_others(self, store: Store, tmp_path: Path) -> None:
        shutil.copytree(store.root, tmp_path / "data")
        run = store.runs("database")["run_id"].iloc[-1]
        (tmp_path / "data/runs" / str(run) / "samples.parquet").write_bytes(b"PAR1 cut off")
        desks = open_all(data=tmp_path / "data")
        assert "blockchain" in repr(cards.across.overview(desks))
        assert "samples cannot be read" in repr(cards.across.latest(desks))
        assert "Missed promises first" in repr(cards.across.next_steps(desks))
        with pytest.raises(StoreError, match="samples cannot be read"):
            open_desk("database", data=tmp_path / "data")

    def test_every_column_has_a_heading(self, store: Store) -> None:
        desks, course = open_all(data=store.root), open_course("database", data=store.root)
        told = [cards.across.overview(desks), cards.across.next_steps(desks)]
        told += [card(desks[0]) for card in (cards.verdict, cards.generator, cards.method)]
        told += [cards.past.shifts(course), cards.past.indicators([course])]
        assert not [card for card in told if re.search(r"<th[^>]*></th>", card._repr_html_())]

    def test_a_promise_without_a_value_is_no_missing_promise(self, tmp_path: Path) -> None:
        fabricate.commit(Store(tmp_path), "database", objectives=["p95(response_time) < 1 s"])
        told = repr(cards.past.indicators(indicators("database", tmp_path)))
        assert told == "○ no data: No promised indicator was measured yet."

    def test_a_target_that_never_ran_is_unknown_in_the_overview(self, store: Store) -> None:
        desk = open_desk("database", data=store.root)
        kept = [structs.replace(v, outcome=Outcome.MET) for v in desk.run.verdicts]
        desk.run.verdicts = kept
        assert repr(cards.across.overview([desk])).startswith("✓ met")
        text = repr(cards.across.overview([desk], ["ghost"]))
        assert text.startswith("? unknown: database keeps every promise; ghost never ran")

    def test_overview_of_nothing_says_what_to_do(self) -> None:
        assert "perflib run" in repr(cards.across.overview([]))

    def test_a_shift_is_told_with_commits_and_sides(self, store: Store) -> None:
        course = open_course("database", data=store.root)
        text = repr(cards.past.shifts(course))
        if course.shifts:
            assert "commits ab12ab12ab..cd34cd34cd" in text
        else:
            assert "No shift that counts in 8 comparable runs" in text
        assert "Now: " in repr(cards.past.verdict(course))
        assert "p95 of query time" in repr(
            cards.past.indicators(indicators("database", store.root))
        )
        assert len(by_label(course)) == 4

    def test_comparison_says_where_it_moved(self, store: Store) -> None:
        runs = store.runs("database")["run_id"].tolist()
        before, after = ",".join(runs[:3]), ",".join(runs[5:])
        comparison, metric = open_comparison("database", before, after, store.root)
        by_place, _ = open_comparison(
            "database", f"@-{len(runs)}..-{len(runs) - 2}", after, store.root
        )
        assert by_place.runs_a == comparison.runs_a
        assert metric == "query_time"
        first = repr(cards.comparing.verdict(comparison, metric)).splitlines()[0]
        assert first.startswith("▼ regressed: b is at +")
        assert "3 against 3 runs" in repr(cards.comparing.differences(comparison))
        assert "Find what made query time worse" in repr(cards.comparing.next_steps(comparison))
        back, _ = open_comparison("database", after, before, store.root)
        step = repr(cards.comparing.next_steps(back))
        assert step.startswith("▲ improved: Keep what changed: no figure got worse for sure")

    def test_what_differs_around_a_regression_is_the_first_step(self) -> None:
        settings = {"indexes.yml: by_session": "chunks(session_id)"}
        sides: list = [[], []]
        for side, (slow, given) in enumerate(((1.0, settings), (2.0, {}))):
            for seed in range(4):
                environment = fabricate.Environment(cpu="x", cores=2, settings=given)
                found = fabricate.run_of(
                    "database", f"r{side}{seed}", seed=seed, slow=slow, environment=environment
                )
                sides[side].append(found)
        step = repr(cards.comparing.next_steps(analysis.compare(*sides)))
        assert "First look at what differs: setting indexes.yml: by_session" in step

    def test_incomparable_runs_are_not_compared(self, store: Store) -> None:
        other = fabricate.Environment(cpu="Another CPU", cores=64)
        run, samples = fabricate.run_of("database", environment=other)
        mine = fabricate.run_of("database")
        comparison = analysis.compare(mine, (run, samples))
        text = repr(cards.comparing.differences(comparison))
        assert text.splitlines()[0].startswith("○ no data: Not comparable")

    def test_a_difference_is_told_in_points(self) -> None:
        contrast = SimpleNamespace(kind="difference", value=0.002, low=-0.001, high=0.005)
        change = SimpleNamespace(contrast=contrast, unit="1")
        assert cards.comparing._told(change) == "+0.20 points [−0.10, +0.50]"

    def test_a_drift_is_a_finding_of_its_own(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        for moment in range(30):
            fabricate.commit(store, "database", moment, slow=1 + 0.03 * moment)
        course = open_course("database", data=tmp_path)
        assert course.last is None
        assert re.match(r"p95 of query time drifts by \+\d+ % \[", course.finding)
        assert "look for what grows from run to run" in repr(cards.past.verdict(course))
        line = max(plots.history.trend(course).axes[0].lines, key=lambda line: line.get_linewidth())
        assert line.get_ydata()[1] > 1.2 * line.get_ydata()[0], "the level rises with it"

    def test_a_history_is_told_by_what_is_promised(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        for moment in range(2):
            fabricate.commit(store, "database", moment, objectives=["mean(query_time) < 10 ms"])
        assert open_course("database", data=tmp_path).name == "mean of query time"
        assert open_course("database", "query_time", "p50", data=tmp_path).name.startswith("p50")
        assert open_course("database", "pool_wait", data=tmp_path).name == "p95 of pool wait"
        assert open_course("database", "throughput", data=tmp_path).name == "throughput"

    def test_a_shift_without_a_better_side_is_to_be_decided_about(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        for moment in range(24):
            fabricate.commit(store, "blockchain", moment, slow=1.0 if moment < 12 else 1.3)
        course = open_course("blockchain", data=tmp_path)
        assert (course.state, len(course.shifts)) == ("inconclusive", 1)
        assert "decide whether the new level is wanted" in repr(cards.past.verdict(course))

    def test_what_moved_most_is_named(self, store: Store) -> None:
        figure = plots.history.multiples(by_label(open_course("database", data=store.root)))
        assert re.match(r"4 labels of 4 moved, most “\w+” by \+\d+ %", figure.alt)

    def test_runs_of_one_day_are_told_apart_by_their_time(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        for moment in range(4):
            fabricate.commit(store, "database", moment)
        figure = plots.history.trend(open_course("database", data=tmp_path))
        ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
        assert (ticks[0], ticks[-1]) == ("23 Nov 08:00", "23 Nov 11:00")
        assert "(UTC)" in figure.alt

    def test_far_values_do_not_press_the_others_flat(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        for moment, slow in enumerate((1.0, 1.1, 1.0, 60.0)):
            fabricate.commit(store, "database", moment, slow=slow)
        figure = plots.history.trend(open_course("database", data=tmp_path))
        assert figure.axes[0].get_yscale() == "log"
        assert "log scale" in figure.alt

    @pytest.mark.parametrize(
        ("values", "least", "highest"),
        [([-5e-3, -4e-3], -7e-3, 0.0), ([-1e-3, 2e-3], -4e-3, 4e-3), ([0.0, 0.0], 0.0, 0.02)],
        ids=["negative", "on both sides of 0", "0 beside its promise"],
    )
    def test_the_axis_of_a_history_holds_its_values(
        self, values: list[float], least: float, highest: float, tmp_path: Path
    ) -> None:
        low, high = plots.history.trend(course_of(Store(tmp_path), values)).axes[0].get_ylim()
        assert least <= low <= min(values)
        assert max(values) < high <= highest

    def test_a_history_of_years_names_them(self, tmp_path: Path) -> None:
        course = course_of(Store(tmp_path), [4e-3] * 9 + [8e-3] * 9, days=60)
        assert re.search(r"on \d\d \w{3} 202\d$", course.finding)
        ticks = plots.history.trend(course).axes[0].get_xticklabels()
        assert ticks[0].get_text() == "Jan 2024"


def course_of(store: Store, values: list[float], days: int = 1) -> Course:
    """The course of a p95 that a run a day had."""
    for place, value in enumerate(values):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=days * place)
        found = Estimate(metric="query_time", statistic="p95", value=value, unit="s", n=99)
        run_id, staging = store.begin("database", at)
        run = Run(
            id=run_id,
            target="database",
            kind="sql",
            started_at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
            duration_s=9.0,
            estimates=[found],
            objectives=["p95(query_time) < 10 ms"],
        )
        store.commit(run, staging)
    return open_course("database", data=store.root)


class TestWrongCalls:
    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            (lambda root: open_desk("nothing", data=root), "no run of `nothing`"),
            (lambda root: open_course("nothing", data=root), "no run of `nothing`"),
            (lambda root: open_course("database", "query_tim", data=root), "no metric `query_tim`"),
            (
                lambda root: open_course("database", "query_time", "p95", "x", root),
                "under label `x`",
            ),
            (lambda root: open_comparison("nothing", data=root), "no run of `nothing`"),
            (lambda root: open_desk("databse", data=root), "expected the nearest, `database`"),
            (lambda root: open_desk("database", data="elsewhere"), "no folder `elsewhere`"),
        ],
    )
    def test_each_gets_a_sentence(self, call, expected: str, store: Store) -> None:
        with pytest.raises(StoreError, match=re.escape(expected)) as caught:
            call(store.root)
        assert caught.value.next_step

    def test_a_run_of_another_target_is_refused(self, store: Store) -> None:
        run = store.runs("blockchain")["run_id"].iloc[-1]
        assert run is not None
        with pytest.raises(StoreError, match="is of `blockchain`"):
            open_desk("database", run, store.root)

    def test_a_run_without_samples_still_opens(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        run = fabricate.commit(store, "database")
        (store.folder(run.id) / "samples.parquet").unlink()
        desk = open_desk("database", data=tmp_path)
        assert len(desk.samples) == 0
        assert repr(cards.verdict(desk))
        assert desk.headline == "query_time", "its summary tells it"
        assert "under the promise" in plots.percentiles(desk).alt


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.034, "+0.034"),
        (-3.44, "−3.4"),
        (160.0, "+160"),
        (12345.0, "+12 000"),
        (-2.4e-13, "+0"),
    ],
)
def test_a_change_has_a_sign_and_no_exponent(value: float, text: str) -> None:
    assert signed(value).replace("\u2009", " ") == text


def test_a_run_called_bad_is_not_the_newest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fabricate.history(store, "database", runs=4)
    ids = store.runs("database")["run_id"].tolist()
    store.add_triage(target="database", action=BAD, reason="the disk was full", run_id=ids[-1])
    assert open_desk("database", data=tmp_path).run.id == ids[-2]
    assert [desk.run.id for desk in open_all(data=tmp_path)] == [ids[-2]]
    comparison, _ = open_comparison("database", data=tmp_path)
    assert (comparison.runs_a, comparison.runs_b) == ((ids[-3],), (ids[-2],))
    called = open_desk("database", ids[-1], tmp_path)
    assert called.run.id == ids[-1], "by its id it is there"
    assert "Decided about this run: bad: the disk was full." in repr(cards.verdict(called))
    past = repr(cards.past.verdict(open_course("database", data=tmp_path)))
    assert f"(run {ids[-2]})" in past
    assert f"Decided about {ids[-1]}: bad: the disk was full." in past
    assert "3 runs, now " in repr(cards.past.indicators(indicators("database", tmp_path)))


def test_what_a_tool_states_without_a_number_has_none() -> None:
    run = Run(id="r", target="shop", kind="imported", started_at="2026", duration_s=0)
    run.source = {"tool": "k6", "file": "k6.json"}
    stated = {"statistic": "value", "n": 0}
    run.estimates = [
        Estimate(metric="requests", value=12345.0, unit="req", **stated),
        Estimate(metric="throughput", value=0.0, unit="req/s", low=0.0, high=0.2, **stated),
    ]
    lines = {
        line.split("  ")[0]: line.split()
        for line in repr(cards.facts(Desk(run, no_samples()))).splitlines()
    }
    assert lines["requests"][1:] == ["12", "345", "req", "–"]
    assert "0" in lines["throughput"][5:], "none of the samples is a number of samples"


@pytest.mark.parametrize(
    ("promise", "html"),
    [
        ("p95(query_time) < 10 ms", "p95(<wbr>query_<wbr>time) &lt;\u00a010\u00a0ms"),
        ("throughput > 1000 req/s", "throughput &gt;\u00a01000\u00a0req/s"),
        ("mean(t) = 10 s ± 20 %", "mean(t) =\u00a010\u00a0s ±\u00a020\u00a0%"),
        ("3 minutes of 7 seconds", "3 minutes of 7 seconds"),
    ],
)
def test_a_promise_breaks_only_where_it_reads_well(promise: str, html: str) -> None:
    assert (
        f"<code>{html}</code>" in Card("x", blocks=[Table(["a"], [[Code(promise)]])])._repr_html_()
    )


def test_the_past_of_a_promise_is_of_one_machine_and_load(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    for moment, (cores, users) in enumerate([(8, 32), (2, 16), (2, 32), (2, 32)]):
        machine = Environment(cpu="Made-up CPU", cores=cores)
        fabricate.commit(store, "database", moment, environment=machine, workload={"users": users})
    desk = open_desk("database", data=store.root)
    assert len(desk.past(desk.objectives[0])) == 2
