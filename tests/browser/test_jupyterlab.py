"""`investigate` in a real JupyterLab: it runs, and a brush moves the other views."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perflib.store import Store
from tests import fabricate

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is a development dependency")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "investigate.ipynb"
pytestmark = [
    pytest.mark.timeout(900),  # a busy machine starts a browser and a kernel slowly
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium and chromedriver on this machine"
    ),
]


def wait(what: Callable[[], Any], seconds: float = 240) -> Any:
    """What `what` returns as soon as it is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError(f"nothing after {seconds} s")


def settled(what: Callable[[], Any]) -> Any:
    """What `what` returns once it has been the same for three looks."""
    seen: list[Any] = []
    return wait(lambda: seen.append(what()) or (seen[-1:] * 3 == seen[-3:] and seen[-1]))


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    store = Store(tmp_path / "data")
    fabricate.commit(store, "api_gateway")
    shutil.copy(NOTEBOOK, tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--no-browser"]
    options += ["--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path}", "--allow-root"]
    options += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
    own = {
        name: str(tmp_path / "jupyter")
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    }
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            stdout=log,
            stderr=log,
            env=os.environ | own,
        )
    try:
        wait(lambda: answers(f"http://127.0.0.1:{port}/api"), 60)
        yield f"http://127.0.0.1:{port}/lab/tree/investigate.ipynb"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in ("--headless=new", "--no-sandbox", "--window-size=1500,1700"):
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def test_a_brush_changes_the_other_views(lab: str, browser: Any) -> None:
    browser.get(lab)
    ready = "return !!window.jupyterapp && document.querySelectorAll('.jp-Cell').length > 5"
    wait(lambda: browser.execute_script(ready))
    idle = "return /Idle/.test(document.querySelector('#jp-bottom-panel, body').textContent)"
    wait(lambda: browser.execute_script(idle))
    browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    before = wait(lambda: _findings(browser))
    picture = settled(lambda: _views(browser))
    _drag(browser)
    wait(lambda: _findings(browser) != before)
    wait(lambda: _views(browser) != picture)


def _findings(browser: Any) -> list[str]:
    """What the live cards beside the views say first."""
    script = (
        "return [...document.querySelectorAll('.widget-html .finding')].map(e => e.textContent)"
    )
    found: list[str] = browser.execute_script(script)
    return found


def _views(browser: Any) -> str:
    """The canvas below the timeline, as a picture; empty while there is none."""
    script = "return document.querySelectorAll('.jupyter-matplotlib')[1]?.querySelector('canvas')"
    found: str = browser.execute_script(f"{script}?.toDataURL() ?? ''")
    return found


def _drag(browser: Any) -> None:
    """A brush over a part of the first axes."""
    find = "document.querySelectorAll('.jupyter-matplotlib canvas')[1]"
    browser.execute_script(f"{find}.scrollIntoView({{block: 'start'}})")
    settled(lambda: browser.execute_script(f"return {find}.getBoundingClientRect().toJSON()"))
    canvas = browser.find_elements(By.CSS_SELECTOR, ".jupyter-matplotlib canvas")[1]
    size = canvas.size
    chain = webdriver.ActionChains(browser, duration=60)
    across, up = round(0.05 * size["width"]), round(-0.33 * size["height"])
    chain.move_to_element_with_offset(canvas, across, up).click_and_hold()
    for _ in range(6):
        chain.move_by_offset(round(0.03 * size["width"]), 0)
    chain.release().perform()
