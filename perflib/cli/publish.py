"""`perflib publish`: the pages where others can read them."""

from __future__ import annotations

from pathlib import Path

import click

from perflib.cli.report import configured


@click.command()
@click.argument("destination", metavar="DEST")
@click.option("--config", "file", type=Path, default=None, help="Where `data` is told.")
@click.option(
    "--data", type=Path, default=None, help="Folder of runs; default: the configured one."
)
@click.option("--out", type=Path, default=None, help="Folder of the pages; default: DATA/reports.")
@click.option("--redact", is_flag=True, help="Replace host names too, not only credentials.")
def publish(
    destination: str, file: Path | None, data: Path | None, out: Path | None, redact: bool
) -> None:
    """Copy the reports to DEST: a folder, a .zip file, or a URL such as s3://bucket/folder.

    Credentials are replaced in everything that is copied. Links stay relative, so the copy can
    be moved or served from anywhere.
    """
    from perflib.report.publish import publish as send

    root, history = (data, "") if data else configured(file)
    names = send(root, destination, out=out, redact=redact, history=history)
    pages = sum(name.endswith(".html") for name in names)
    click.echo(f"published {pages} pages, {len(names)} files in all")
