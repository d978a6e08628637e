"""Record the sample history again: real runs of the reference system at changing settings.

    .venv/bin/python data/sample/record.py

Each step starts the reference system with the settings of `manifest.yml` that apply to it,
measures all targets for a few seconds, and stops it again. It takes about half an hour, which
the chain's ten seconds a block account for.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import yaml

from perflib import campaign, config
from perflib.store import RECORDS, Store

HERE = Path(__file__).resolve().parent
WORK = Path("data/recording")
SCENARIO = "sample"


def settings_of(manifest: dict, step: int) -> Path:
    """A copy of `configs/` with the changes that apply at `step`."""
    folder = WORK / "configs"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("configs", folder)
    for change in manifest["changes"]:
        if change["from_run"] <= step < change["until_run"]:
            file = folder / change["file"]
            content = yaml.safe_load(file.read_text())
            apply(content, change["setting"].split("."), change["value"])
            file.write_text(yaml.safe_dump(content))
    return folder


def apply(content: dict, keys: list[str], value: object) -> None:
    """Set the value at `keys`; a null value takes the key out."""
    for key in keys[:-1]:
        content = content[key]
    if value is None:
        del content[keys[-1]]
    else:
        content[keys[-1]] = value


def configuration(manifest: dict, configs: Path) -> config.Config:
    """The project's own configuration with short runs, and data of its own."""
    text = config.DEFAULT.read_text()
    text = text.replace("configs/", f"{configs}/").replace(
        "configs: configs", f"configs: {configs}"
    )
    text = text.replace("data: data", f"data: {WORK}").replace(
        "least_blocks: 12", "least_blocks: 4"
    )
    (WORK / config.DEFAULT.name).write_text(text)
    scenarios = {"scenarios": {SCENARIO: manifest["scenario"]}}
    (WORK / config.SCENARIOS).write_text(yaml.safe_dump(scenarios))
    return config.load(WORK / config.DEFAULT.name)


def main() -> int:
    """Record the runs that are still missing, then pack them."""
    os.chdir(HERE.parents[1])
    manifest = yaml.safe_load((HERE / "manifest.yml").read_text())
    WORK.mkdir(parents=True, exist_ok=True)
    done = len(Store(WORK).runs(target="database"))
    for step in range(done, manifest["runs"]):
        settings = configuration(manifest, settings_of(manifest, step))
        runs = campaign.measure(settings, (), settings.scenario(SCENARIO))
        for run in runs:
            print(step, run.target, [verdict.outcome.value for verdict in run.verdicts], flush=True)
        if any(run.status == "interrupted" for run in runs):
            return 130
    print(Store(WORK).export_records(HERE / RECORDS), "records")
    return 0


if __name__ == "__main__":
    sys.exit(main())
