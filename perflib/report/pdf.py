"""A page as PDF, printed by a headless Chromium when the machine has one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from perflib.errors import ReportError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE_S = 60.0


def browser() -> str:
    """The path of a Chromium; raises `ReportError` when there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise ReportError(
            "no Chromium was found, so no PDF was printed",
            expected=" or ".join(BROWSERS[:3]),
            next_step="install it, or print the page from any browser",
        )
    return found


def print_pdf(pages: Sequence[Path]) -> list[Path]:
    """Print each of `pages` (HTML) beside it, and return the files."""
    program = browser()
    return [_print(program, page) for page in pages]


def _print(program: str, page: Path) -> Path:
    out = page.with_suffix(".pdf")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={out.resolve()}",
            page.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            done = None
    if done is None or done.returncode != 0 or not out.exists():
        raise ReportError(
            "Chromium did not print the page",
            next_step=f"print it by hand from a browser; the page itself is at {page}",
            file=out,
        )
    return out
