"""A server that does nothing but answer: the known faster thing a generator is measured against.

`python -m perflib.load.responder` prints its port and answers each request with the same bytes.
It ends when the other end of the pipe at its standard input does, however that process ended.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
END = b"\r\n\r\n"


def serve(listening: socket.socket) -> None:
    """Answer all connections from one epoll loop; requests without bodies only."""
    watch = select.epoll() if hasattr(select, "epoll") else None
    if watch is None:
        raise SystemExit("the responder needs epoll (Linux)")
    lines: dict[int, socket.socket] = {}
    watch.register(listening, select.EPOLLIN)
    pipe = sys.stdin.fileno()
    with contextlib.suppress(PermissionError):  # a file never ends
        watch.register(pipe, 0)
    while True:
        for fd, _ in watch.poll():
            if fd == pipe:
                return
            if fd == listening.fileno():
                line, _ = listening.accept()
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                line.setblocking(False)
                lines[line.fileno()] = line
                watch.register(line, select.EPOLLIN)
                continue
            line = lines[fd]
            try:
                data = line.recv(65536)
                if data:
                    line.send(ANSWER * data.count(END))
                    continue
            except OSError:
                pass
            watch.unregister(fd)
            lines.pop(fd).close()


def main() -> None:
    """Listen on a free port of the loopback, print it, serve."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        print(listening.getsockname()[1], flush=True)
        try:
            serve(listening)
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
