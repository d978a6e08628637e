"""A server that stalls on schedule, so that percentiles are known by arithmetic.

`python -m tests.stalling [STALL_MS PERIOD_MS [STATUS [HOST]]]` prints its port. It answers at once,
except that all answers of the first STALL_MS of each PERIOD_MS come at the end of the stall.
"""

import select
import socket
import sys
import time

END = b"\r\n\r\n"


def main(stall_ms=0, period_ms=1000, status=200, host="127.0.0.1"):
    answer = f"HTTP/1.1 {status} Said\r\nContent-Length: 3\r\n\r\nok\n".encode()
    stall_s, period_s = float(stall_ms) / 1000, float(period_ms) / 1000
    with socket.create_server((host, 0), backlog=1024) as listening:
        print(listening.getsockname()[1], flush=True)
        watch = select.epoll()
        watch.register(listening, select.EPOLLIN)
        lines, began = {}, time.monotonic()
        while True:
            for fd, _ in watch.poll():
                if fd == listening.fileno():
                    line, _ = listening.accept()
                    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    lines[line.fileno()] = line
                    watch.register(line, select.EPOLLIN)
                    continue
                phase = (time.monotonic() - began) % period_s
                if phase < stall_s:
                    time.sleep(stall_s - phase)
                try:
                    if data := lines[fd].recv(65536):
                        lines[fd].send(answer * data.count(END))
                        continue
                except OSError:
                    pass
                watch.unregister(fd)
                lines.pop(fd).close()


if __name__ == "__main__":
    main(*sys.argv[1:])
