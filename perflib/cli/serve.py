"""`perflib serve`: the reference system in the foreground, until Ctrl-C."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click

from perflib.errors import PerflibError, nearest
from perflib.reference import PORTS, ports_from, start


@click.command()
@click.option("--configs", default="configs", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--data",
    default="data/reference",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where the database, chunks, keys and logs are kept.",
)
@click.option(
    "--port-base",
    "--ports-from",
    default=PORTS["gateway"],
    show_default=True,
    type=click.IntRange(1024, 65000),
    help="The gateway's port; the others follow it.",
)
@click.option("--port", "chosen", multiple=True, metavar="SERVICE=PORT", help="One service's port.")
def serve(configs: Path, data: Path, port_base: int, chosen: tuple[str, ...]) -> None:
    """Start the reference system and stop it with Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    ports = ports_from(port_base) | dict(map(_port, chosen))
    try:
        click.echo("starting …", err=True)
        with start(configs, ports, data) as system:
            for name, url in system.urls.items():
                click.echo(f"{name:<9} {url}")
            click.echo(f"settings in {configs}, data and logs in {data}", err=True)
            click.echo("stop with Ctrl-C", err=True)
            while True:
                time.sleep(0.5)
                system.check()
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _port(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in PORTS:
        raise PerflibError(f"no service `{name}`", expected=nearest(name, list(PORTS)))
    if not number.isdecimal() or not 0 < int(number) < 65536:
        raise PerflibError(f"`{text}` is no port", expected=f"such as {name}=9000")
    return name, int(number)
