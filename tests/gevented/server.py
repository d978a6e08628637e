"""A real server on the loopback, scripted by the path; `/raw` writes whatever a check gives it."""

import gzip
import json
import zlib
from urllib.parse import parse_qs, urlsplit

import gevent
from gevent.server import StreamServer


class Server:
    """`with Server() as server:` answers at `server.url` and keeps what it was asked."""

    def __init__(self, host="127.0.0.1", **tls):
        self._server = StreamServer((host, 0), self._handle, **tls)
        self.scheme = "https" if tls else "http"
        self.host = f"[{host}]" if ":" in host else host
        self.requests, self.connections, self.raw = [], 0, b""
        self.open = 0

    def __enter__(self):
        self._server.start()
        self.port = self._server.server_port
        self.url = f"{self.scheme}://{self.host}:{self.port}"
        return self

    def __exit__(self, *_):
        self._server.stop(timeout=0.1)

    def _handle(self, line, _address):
        self.connections += 1
        self.open += 1
        try:
            stream = line.makefile("rb")
            while self._answer(line, stream):
                pass
        except OSError:
            pass
        finally:
            self.open -= 1
            line.close()

    def _answer(self, line, stream):
        first = stream.readline().decode()
        if not first.strip():
            return False
        method, target, _ = first.split()
        headers = {}
        while (field := stream.readline().decode("latin-1").strip()) != "":
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        self.requests.append((method, target, headers, body))
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query, True).items()}
        answer = getattr(self, "at_" + parts.path.strip("/").split("/")[0], self.at_missing)
        return answer(line, method, parts.path, query, headers, body) is not False

    def reply(self, line, body=b"ok", status=200, head="", method="GET", close=False):
        body = body if isinstance(body, bytes) else body.encode()
        text = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n{head}"
        text += "Connection: close\r\n\r\n" if close else "\r\n"
        line.sendall(text.encode() + (b"" if method == "HEAD" else body))
        return not close

    def at_missing(self, line, method, path, query, headers, body):
        return self.reply(line, b"missing", 404, method=method)

    def at_method(self, line, method, path, query, headers, body):
        return self.reply(line, method, head="X-Seen: a\r\nx-seen: b\r\n", method=method)

    def at_echo(self, line, method, path, query, headers, body):
        seen = {"headers": headers, "query": query, "body": body.decode("latin-1")}
        return self.reply(line, json.dumps(seen), head="Content-Type: application/json\r\n")

    def at_status(self, line, method, path, query, headers, body):
        status = int(path.rsplit("/")[-1])
        if status in (204, 304):
            line.sendall(f"HTTP/1.1 {status} Empty\r\n\r\n".encode())
            return True
        return self.reply(line, b"told", status)

    def at_redirect(self, line, method, path, query, headers, body):
        gevent.sleep(float(query.get("delay", 0)))
        left = int(query.get("left", 1))
        to = query.get("to") or (f"/redirect?left={left - 1}" if left > 1 else "/method")
        return self.reply(line, b"", int(query.get("status", 302)), f"Location: {to}\r\n")

    def at_cookie(self, line, method, path, query, headers, body):
        head = "".join(f"Set-Cookie: {name}={value}; Path=/\r\n" for name, value in query.items())
        return self.reply(line, headers.get("cookie", ""), head=head)

    def at_coded(self, line, method, path, query, headers, body):
        how = path.rsplit("/")[-1]
        plain = b"plain text " * 50
        coded = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": bytes}[how](plain)
        if "cut" in query:
            coded = coded[: len(coded) // 2]
        return self.reply(line, coded, head=f"Content-Encoding: {how}\r\n")

    def at_chunked(self, line, method, path, query, headers, body):
        count, size = int(query.get("count", 3)), int(query.get("size", 5))
        line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(count):
            line.sendall(f"{size:x}\r\n".encode() + b"x" * size + b"\r\n")
            gevent.sleep(float(query.get("pause", 0)))
        line.sendall(b"0\r\n\r\n")

    def at_untold(self, line, method, path, query, headers, body):
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        return False

    def at_close(self, line, method, path, query, headers, body):
        return self.reply(line, b"bye", close=True)

    def at_hangup(self, line, method, path, query, headers, body):
        self.reply(line, b"kept")
        return False  # without a word about closing

    def at_slow(self, line, method, path, query, headers, body):
        gevent.sleep(float(query["for"]))
        return self.reply(line, b"late")

    def at_dribble(self, line, method, path, query, headers, body):
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000:
            line.sendall(bytes([byte]))
            gevent.sleep(0.02)

    def at_interim(self, line, method, path, query, headers, body):
        hints, cut = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", int(query.get("cut", 0))
        for part in (hints[:cut], hints[cut:]):
            line.sendall(part)
            gevent.sleep(float(query.get("pause", 0)))
        return self.reply(line, b"final")

    def at_raw(self, line, method, path, query, headers, body):
        line.sendall(self.raw)
        return "stay" in query
