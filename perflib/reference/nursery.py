"""All services are forked from one process that has imported everything: a start pays once.

Run as `python -m perflib.reference.nursery PIPE` by `system`. It reads a `Context` a line and
answers with the process id of the service it forked. Nobody writes to `PIPE`; its end tells
every service that the starter is gone, however that went.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback

import msgspec

from perflib.errors import PerflibError
from perflib.reference.context import Context


def main(pipe: int) -> None:
    """Fork a service for each line of standard input, until it ends."""
    from perflib.reference import chain, gateway, processing, service  # noqa: F401 (forked with)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # services that end leave no zombie
    for line in sys.stdin.buffer:
        context = msgspec.json.decode(line, type=Context)
        pid = os.fork()
        if pid == 0:
            os._exit(_live(context, pipe))
        print(pid, flush=True)


def _live(context: Context, pipe: int) -> int:
    import uvloop  # halves the CPU of a request that waits for the database

    from perflib.reference.service import run

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(context.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, file in enumerate((pipe, log, log)):
        os.dup2(file, number)
    try:
        uvloop.run(run(context))
    except PerflibError as error:
        print(error, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    else:
        return 0
    return 1


if __name__ == "__main__":
    main(int(sys.argv[1]))
