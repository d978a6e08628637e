"""The command line: verbs follow the flow of the data, and every mistake is a sentence.

Each verb lives in the module named here and is imported only when it is called.
"""

from __future__ import annotations

import ast
import errno
import importlib
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from perflib.errors import ExitCode, PerflibError, nearest

VERBS: dict[str, str] = {
    "serve": "perflib.cli.serve:serve",
    "run": "perflib.cli.run:run",
    "capacity": "perflib.cli.capacity:capacity",
    "collect": "perflib.cli.collect:collect",
    "watch": "perflib.cli.watch:watch",
    "import": "perflib.cli.import_:import_results",
    "formats": "perflib.cli.import_:formats",
    "export": "perflib.cli.export:export",
    "history": "perflib.cli.history:history",
    "trend": "perflib.cli.trend:trend",
    "compare": "perflib.cli.compare:compare",
    "gate": "perflib.cli.gate:gate",
    "bisect": "perflib.cli.bisect:bisect",
    "triage": "perflib.cli.triage:triage",
    "report": "perflib.cli.report:report",
    "publish": "perflib.cli.publish:publish",
    "isolation": "perflib.cli.isolation:isolation",
    "review": "perflib.cli.review:review",
    "schema": "perflib.cli.schema:schema",
    "backup": "perflib.cli.backup:backup",
    "restore": "perflib.cli.backup:restore",
}


UNREAD = 128 + 13
"""The exit code when nobody reads the output any more, as shells tell of SIGPIPE."""


class Verbs(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """The verbs, in the order of the flow."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb called `cmd_name`, or None."""
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The verb that is typed; of a mistyped one the nearest is named."""
        if args[0] not in VERBS:
            ctx.fail(f"no verb called `{args[0]}`; expected {nearest(args[0], list(VERBS))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them: help comes at once."""
        width = formatter.width - 6 - max(map(len, VERBS))
        rows = [
            (verb, click.Command(verb, help=_said(verb)).get_short_help_str(width))
            for verb in VERBS
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _said(verb: str) -> str:
    """The docstring of `verb`, read from its source."""
    module, _, name = VERBS[verb].partition(":")
    source = Path(__file__).with_name(module.rpartition(".")[2] + ".py").read_text("utf-8")
    found = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return next(ast.get_docstring(node) or "" for node in found if node.name == name)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="perflib", prog_name="perflib")
def perflib() -> None:
    """Load a target, keep every sample, judge the promise, show why.

    Exit codes: 0 all met, 1 any missed, 2 usage or configuration, 3 unknown.
    """


def main(argv: list[str] | None = None) -> Any:
    """Run the command line and exit; `PERFLIB_TRACEBACK=1` shows where an error came from."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # an encoding without our signs changes no verdict
            stream.reconfigure(errors="replace")
    try:
        code = perflib.main(argv, prog_name="perflib", standalone_mode=False)
    except PerflibError as error:
        _complain(error, str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except SystemExit:  # of click and rich, whose 1 would mean missed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(UNREAD)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        step = "free space there" if full else "make the place accessible, or name another"
        message = f"{error.filename or 'a file'}: {error.strerror}\n  next: {step}"
        _complain(error, message, ExitCode.USAGE)
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo("error: this is a mistake in perflib itself; nothing was judged", err=True)
        sys.exit(ExitCode.UNKNOWN)  # Python's own code for it, 1, would mean missed
    sys.exit(code if isinstance(code, int) else ExitCode.MET)


def _complain(error: Exception, message: str, code: int) -> None:
    if os.environ.get("PERFLIB_TRACEBACK"):
        raise error
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(message, err=True)
    sys.exit(code)
