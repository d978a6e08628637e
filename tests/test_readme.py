"""What the README tells people to type works as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from perflib.cli import VERBS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^ *(perflib .*)$", README, re.MULTILINE)
MAKEFILE = (ROOT / "Makefile").read_text()


class Shop(BaseHTTPRequestHandler):
    """A service of one's own, with a metrics page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"# TYPE shop_up gauge\nshop_up 1\n" if self.path == "/metrics" else b"welcome"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def shop() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def perflib(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perflib", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=cwd
    )


def test_a_first_own_target(tmp_path: Path, shop: int) -> None:
    text = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1]
    assert yaml.safe_load(text)["targets"]["shop"]["kind"] == "http"
    (tmp_path / "my.yml").write_text(re.sub(r"(?m)^   ", "", text).replace("9000", str(shop)))
    measured = perflib(
        "run", "--config", "my.yml", "--rate", "100 req/s", "--run-time", "3 s", cwd=tmp_path
    )
    assert measured.stderr == ""
    assert measured.returncode in (0, 3), measured.stdout
    assert "error_rate < 1 %" in measured.stdout
    reported = perflib("report", "--config", "my.yml", cwd=tmp_path)
    assert (tmp_path / "data" / "reports" / "index.html").is_file(), reported.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_verbs_and_options_exist(command: str, tmp_path: Path) -> None:
    verb, *rest = command.split()[1:]
    assert verb in VERBS or verb == "--help"
    usage = perflib(verb, "--help", cwd=tmp_path).stdout
    assert [option for option in rest if option.startswith("--") and option not in usage] == []


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make (\w+)", README))))
def test_make_targets_exist(target: str) -> None:
    assert f"\n{target}:" in MAKEFILE


@pytest.mark.parametrize("place", re.findall(r"^\| `([\w./]+)`", README, re.MULTILINE))
def test_places_exist(place: str) -> None:
    made_by_runs = place.startswith("data/") and "sample" not in place
    assert made_by_runs or (ROOT / place).exists()


def test_pictures_exist() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert [picture for picture in pictures if not (ROOT / picture).is_file()] == []
