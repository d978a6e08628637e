"""One short campaign over all targets serves the tests of this folder.

`--scenario light` measures in earnest and then fails on a missed promise; the default,
`smoke`, asks only whether each benchmark works from load to verdict.
"""

import json
from pathlib import Path

import pytest

from perflib import campaign, config
from perflib.headline import write_headline

ROOT = Path(__file__).parents[2]


class Headlines:
    """Writes and reads back the headline of each run of the campaign."""

    def __init__(self, settings, runs, strict):
        self.settings = settings
        self.runs = {run.target: run for run in runs}
        self.strict = strict

    def promises(self, target):
        return {objective.text for objective in self.settings.target(target).objectives}

    def __call__(self, target, result):
        run = self.runs[target]
        path = ROOT / "tests" / "performance" / "results" / result
        write_headline(run, path)
        assert run.status == "complete"
        assert run.counts.engine in (None, run.counts.recorded)
        missed = [verdict.reason for verdict in run.verdicts if verdict.outcome == "missed"]
        assert not (self.strict and missed), missed
        return json.loads(path.read_text())


@pytest.fixture(scope="session")
def headlines(request, monkeypatch_session, tmp_path_factory):
    monkeypatch_session.chdir(ROOT)
    settings = config.load()
    name = request.config.getoption("--scenario")
    if name == "smoke":  # proves the way, judges nothing: no part of the history
        settings.data, settings.history = tmp_path_factory.mktemp("data"), None
        few = settings.target("blockchain").model_copy(update={"least_blocks": 2})
        settings.targets["blockchain"] = few
    runs = campaign.measure(settings, (), settings.scenario(name))
    return Headlines(settings, runs, strict=name != "smoke")


@pytest.fixture(scope="session")
def monkeypatch_session():
    with pytest.MonkeyPatch.context() as patch:
        yield patch
