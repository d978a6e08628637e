"""The client's checks run under gevent in a process of their own; see `tests/gevented`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_checks_in_a_patched_process():
    files = sorted(ROOT.glob("tests/gevented/check_*.py"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout


def test_importing_the_package_imports_no_locust():
    code = "import sys, perflib.load, perflib.workloads.http; print('locust' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
