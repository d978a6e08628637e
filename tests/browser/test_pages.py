"""The pages in a real browser, from the disk, with no network: what a reader meets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from perflib.model import Outcome
from perflib.report import Settings, render_reports
from tests.reporting import PARAMETERS, add_run, cell, drawn, text, verdict, write_notebook

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is a development dependency")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no chromium and chromedriver on this machine"
)
HOSTILE = [
    "<script>document.title='owned'</script>",
    "</pre></td></table><img src=x onerror=\"document.title='owned'\">",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe",
    "n" * 10_000,
]
CARDS = """
from perflib.cards import Card, Code, Number, Spark, State, Table
states = ["met", "missed", "unknown", "improved", "unchanged", "regressed", "inconclusive"]
rows = [[State(s), Code("p95(x) < 10 ms"), Number(f"{n} ms", n / 1000), Spark([1, 3, 2], "a line")]
        for n, s in enumerate(states)]
table = Table(["", "promise", "measured", "runs"], rows)
Card("db misses a promise", "missed", ["By how much: a lot.", table])
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("site")
    for number in range(5):
        add_run(root / "data", "db", number)
        add_run(root / "data", "sessions", number)
    judged = [verdict(Outcome.MISSED, 0.02, sign) for sign in HOSTILE]
    add_run(root / "data", HOSTILE[0], 1, id="20261101T000009Z-hostile-0000", verdicts=judged)
    drawn(root / "notebooks" / "db.ipynb", 2)
    shown = "\n".join(["import pandas as pd", f"pd.DataFrame({{'label': {HOSTILE!r}}}).style"])
    cells = [
        text("# Sessions\n\n## Question\n\nAre they fast?"),
        PARAMETERS,
        text("## Verdict"),
        cell(CARDS),
        text("## Evidence"),
        cell(shown),
        cell(f"for one in {HOSTILE!r}: print(one)"),
        cell(f"raise ValueError({HOSTILE[1]!r})"),
    ]
    write_notebook(root / "notebooks" / "session_processing.ipynb", cells)
    write_notebook(root / "notebooks" / "database.ipynb", cells)
    render_reports(root / "data", (), Settings(notebooks=root / "notebooks"))
    return root / "data" / "reports"


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--window-size=1280,900",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(DRIVER)) as driver:
        driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        yield driver


def wait(browser) -> WebDriverWait:
    return WebDriverWait(browser, 30, poll_frequency=0.1)


def pages(site: Path) -> dict[str, Path]:
    return {
        "index": site / "index.html",
        "db": site / "20261101T000004Z-db-0000.html",
        "sessions": site / "20261101T000004Z-sessions-0000.html",
        "hostile": site / "20261101T000009Z-hostile-0000.html",
    }


def go(browser, page: Path, width: int = 1280, scheme: str = "light") -> None:
    browser.get_log("browser")
    browser.get_log("performance")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    media = {"features": [{"name": name, "value": value} for name, value in wanted.items()]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(page.as_uri())
    browser.execute_script("localStorage.clear()")
    browser.refresh()


@pytest.mark.parametrize("name", ["index", "db", "sessions", "hostile"])
def test_opens_without_network_or_complaint(browser, site, name):
    go(browser, pages(site)[name])
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert browser.title != "owned"
    loaded = "return [...document.images].every(i => i.complete && i.naturalWidth)"
    wait(browser).until(lambda one: one.execute_script(loaded))


@pytest.mark.parametrize("name", ["index", "db", "sessions", "hostile"])
@pytest.mark.parametrize("width", [1280, 390])
def test_fits_the_screen(browser, site, name, width):
    go(browser, pages(site)[name], width)
    beyond = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(beyond) <= 0


@pytest.mark.parametrize("name", ["index", "db", "sessions", "hostile"])
def test_fits_a_sheet_of_paper(browser, site, name):
    go(browser, pages(site)[name], width=688)  # A4 between its margins
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    beyond = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(beyond) <= 0
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("name", ["index", "db", "sessions", "hostile"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(browser, site, name, scheme):
    axe = pytest.importorskip("axe_core_python", reason="axe-core is a development dependency")
    go(browser, pages(site)[name], scheme=scheme)
    browser.execute_script(Path(axe.__file__).with_name("axe.min.js").read_text())
    found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    bad = {
        violation["id"]: [node["html"][:200] for node in violation["nodes"][:3]]
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    }
    assert bad == {}
    assert len(found["passes"]) > 10


def test_code_is_folded_and_opens(browser, site):
    go(browser, pages(site)["db"])
    folds = browser.find_elements(By.CSS_SELECTOR, "details.code")
    assert folds
    assert not any(fold.get_attribute("open") for fold in folds)
    browser.find_element(By.ID, "code").click()
    assert all(fold.get_attribute("open") for fold in folds)
    assert "import pandas" in browser.find_element(By.TAG_NAME, "main").text
    named = [
        fold.find_element(By.TAG_NAME, "summary").get_attribute("textContent") for fold in folds
    ]
    assert "code of Verdict" in named, "a reader who hears only the names tells them apart"
    browser.find_element(By.ID, "code").click()
    assert not any(fold.get_attribute("open") for fold in folds)
    folds[0].find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert folds[0].get_attribute("open")


def test_contents_lead_to_their_sections(browser, site):
    go(browser, pages(site)["db"])
    link = browser.find_element(By.LINK_TEXT, "How it was measured")
    link.click()
    wait(browser).until(lambda one: one.current_url.endswith("#how-it-was-measured"))
    place = "return document.getElementById('how-it-was-measured').getBoundingClientRect().top"
    assert 0 <= browser.execute_script(place) < 900


def test_the_theme_is_kept(browser, site):
    go(browser, pages(site)["db"], scheme="light")
    background = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(background)
    button = browser.find_element(By.ID, "theme")
    button.click()
    button.click()
    assert button.text == "Theme: dark"
    dark = browser.execute_script(background)
    assert dark != light

    def worn_elsewhere(one) -> bool:  # what is stored reaches another page's process in its time
        one.get(pages(site)["index"].as_uri())
        return one.execute_script(background) == dark

    wait(browser).until(worn_elsewhere)
    go(browser, pages(site)["db"], scheme="dark")
    assert browser.execute_script(background) == dark, "auto follows the system"


def test_tables_stack_on_a_phone(browser, site):
    go(browser, pages(site)["sessions"], 390)
    frame, first = ".card .scroll", ".card tbody tr:first-child td"
    room = f"const e = document.querySelector('{frame}'); return e.clientWidth - e.scrollWidth"
    assert browser.execute_script(room) >= 0
    names = f"return [...document.querySelectorAll('{first}')].map(e => e.dataset.label)"
    assert browser.execute_script(names) == [None, "promise", "measured", "runs"]


def column(browser, table: str, number: int) -> list[str]:
    cells = browser.find_elements(By.CSS_SELECTOR, f"{table} tbody tr > :nth-child({number})")
    return [one.text for one in cells if one.is_displayed()]


def test_tables_sort_by_value(browser, site):
    go(browser, pages(site)["db"])
    head = browser.find_elements(By.CSS_SELECTOR, "main table th button")[-1]
    head.click()
    assert column(browser, "main table", 3) == ["3.50", "7.00", "12.25"]
    head.send_keys(Keys.ENTER)
    assert column(browser, "main table", 3) == ["12.25", "7.00", "3.50"]
    title = browser.find_elements(By.CSS_SELECTOR, "main table th[aria-sort=descending]")
    assert len(title) == 1


def test_the_index_filters_and_sorts(browser, site):
    go(browser, pages(site)["index"])
    everything = len(column(browser, ".runs", 1))
    browser.find_element(By.TAG_NAME, "body").send_keys("/")
    box = browser.switch_to.active_element
    assert box.get_attribute("id") == "filter"
    box.send_keys("sessions")
    assert set(column(browser, ".runs", 2)) == {"sessions"}
    names = [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".cards h3")]
    assert list(filter(None, names)) == ["sessions"], "cards follow the filter as well"
    assert browser.find_element(By.ID, "shown").text == f"5 of {everything} runs shown"
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(Keys.BACKSPACE)
    browser.find_element(By.CSS_SELECTOR, "[data-filter-state=met]").click()
    assert set(column(browser, ".runs", 2)) == {"db"}
    browser.find_element(By.CSS_SELECTOR, "[data-filter-state=met]").click()
    assert len(column(browser, ".runs", 1)) == everything
    measured = browser.find_elements(By.CSS_SELECTOR, ".runs th button")[2]
    measured.click()
    dates = column(browser, ".runs", 3)
    assert dates == sorted(dates)


def test_links_of_the_index_lead_to_pages(browser, site):
    go(browser, pages(site)["index"])
    for link in browser.find_elements(By.CSS_SELECTOR, "main a"):
        target = link.get_attribute("href")
        assert Path(target.removeprefix("file://")).exists(), target
    browser.find_element(By.PARTIAL_LINK_TEXT, "Report").click()
    wait(browser).until(lambda one: one.find_elements(By.CSS_SELECTOR, ".frame h1"))


def test_everything_is_reached_by_keyboard(browser, site):
    go(browser, pages(site)["db"])
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the content"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait(browser).until(lambda one: one.current_url.endswith("#content"))
    seen = set()
    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        seen.add(browser.switch_to.active_element.tag_name)
    assert {"a", "button", "summary"} <= seen


@pytest.mark.parametrize(("width", "name"), [(1280, "sessions"), (390, "db")])
def test_only_what_scrolls_is_a_stop(browser, site, width, name):
    go(browser, pages(site)[name], width)
    frames = "[...document.querySelectorAll('figure.plot, .scroll')]"
    scrolls = "e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1"
    found = browser.execute_script(f"return {frames}.map(e => [{scrolls}, e.tabIndex == 0])")
    assert len(found) > 1
    assert all(stop == needed for needed, stop in found)
    named = "return document.querySelector('.card .scroll')?.getAttribute('aria-label')"
    assert browser.execute_script(named) == ("Verdict" if name == "sessions" else None)


def test_a_hostile_run_is_harmless(browser, site):
    for name in ("hostile", "index"):
        go(browser, pages(site)[name])
        assert browser.title != "owned"
        assert browser.execute_script("return document.scripts.length") == 1
        words = browser.find_element(By.TAG_NAME, "body").text
        assert "49" not in words.split()
        assert "<script>" in words
        assert "[U+202E]" in words
        assert "nnnn" in words


def test_without_scripts_all_is_there(browser, site):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        go_plain = pages(site)["db"].as_uri()
        browser.get(go_plain)
        assert browser.find_element(By.TAG_NAME, "h1").text == "Is the database fast enough?"
        assert not browser.find_element(By.ID, "theme").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_pdf(site):
    from perflib.report.pdf import print_pdf

    file = print_pdf([pages(site)["db"]])[0]
    data = file.read_bytes()
    assert data.startswith(b"%PDF-")
    assert len(data) > 10_000
