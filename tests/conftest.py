"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--scenario", default="smoke", help="scenario of tests/performance")
