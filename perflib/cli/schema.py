"""`perflib schema`: what may stand in the configuration, for editors that complete and check it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from perflib import config
from perflib.files import write_out


@click.command()
@click.argument("folder", type=Path, default=config.DEFAULT.parent)
def schema(folder: Path) -> None:
    """Write the JSON Schemas of the configuration files into FOLDER."""
    for name, content in config.schemas().items():
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        write_out(folder / name, text.encode())
        click.echo(folder / name)
