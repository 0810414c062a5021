"""A small HTTP server that tests fill with routes and tell to misbehave.

    with StandIn() as server:
        server.route("GET", r"/hello/(?P<name>[^/]+)", lambda request: text(request.args["name"]))
        client.get(f"{server.url}/hello/you")
        assert server.count(r"/hello/") == 1

It speaks real HTTP on a free loopback port, one thread a connection. Routes
are matched on the decoded path in the order of adding, the newest first, so
that a test overrides what a stand-in brings along.
"""

from __future__ import annotations

import json as jsonlib
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Request:
    """One request as it came in. ``args`` are the route's named groups."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]


@dataclass(frozen=True)
class Sparse:
    """A file of ``size`` bytes that begins with ``head``; the rest is zeros.

    Stands for files of many gigabytes without holding them.
    """

    head: bytes
    size: int

    def __len__(self) -> int:
        return self.size

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, in chunks."""
        while start < stop:
            end = min(stop, start + _CHUNK)
            piece = self.head[start:end]
            yield piece + bytes(end - start - len(piece))
            start = end


@dataclass(frozen=True)
class Reply:
    """What a route answers. ``claimed`` lies about the length, ``drop`` says nothing at all."""

    status: int = 200
    body: bytes | Sparse = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    start: int = 0
    stop: int | None = None
    claimed: int | None = None
    drop: bool = False

    @property
    def length(self) -> int:
        stop = len(self.body) if self.stop is None else self.stop
        return stop - self.start

    def chunks(self) -> Iterator[bytes]:
        stop = self.start + self.length
        if isinstance(self.body, bytes):
            yield self.body[self.start : stop]
        else:
            yield from self.body.read(self.start, stop)


Handler = Callable[[Request], Reply]


def json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON answer."""
    body = jsonlib.dumps(value).encode()
    return Reply(status, body, {"Content-Type": "application/json", **(headers or {})})


def text(
    body: str,
    status: int = 200,
    content_type: str = "text/plain; charset=utf-8",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """A text or HTML answer."""
    return Reply(status, body.encode(), {"Content-Type": content_type, **(headers or {})})


def redirect(location: str, status: int = 302, headers: Mapping[str, str] | None = None) -> Reply:
    """A redirect; ``location`` may be relative."""
    return text(
        f"Redirecting to {location}", status, headers={"Location": location, **(headers or {})}
    )


def content(
    request: Request, body: bytes | Sparse, headers: Mapping[str, str] | None = None
) -> Reply:
    """A file, whole or the asked range of it (206, or 416 beyond its end)."""
    own = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **(headers or {})}
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if not asked:
        return Reply(200, body, own)
    size = len(body)
    start = int(asked[1])
    stop = min(size, int(asked[2]) + 1) if asked[2] else size
    if start >= size:
        return Reply(416, b"", {**own, "Content-Range": f"bytes */{size}"})
    own["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Reply(206, body, own, start=start, stop=stop)


@dataclass
class _Fault:
    pattern: re.Pattern[str]
    reply: Reply | None
    times: int | None
    hang: bool = False


class StandIn:
    """An HTTP server on loopback; use it as a context manager."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        # Connections that were ever opened.
        self.connected = 0
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._connections: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and cut every open connection, hanging ones too."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                _cut(connection)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def route(self, method: str, pattern: str, handler: Handler | Reply) -> None:
        """Answer ``method`` on paths that match the whole ``pattern``; the newest wins."""
        answer: Handler = (lambda _request: handler) if isinstance(handler, Reply) else handler
        self._routes.insert(0, (method, re.compile(pattern), answer))

    def fail(self, pattern: str, reply: Reply, times: int | None = None) -> None:
        """Answer ``reply`` on paths that contain ``pattern``: ``times`` times, or from now on."""
        self._faults.insert(0, _Fault(re.compile(pattern), reply, times))

    def rate_limit(self, pattern: str = "", wait: int = 7, times: int | None = None) -> None:
        """Answer 429 with the Hub's RateLimit headers and Retry-After."""
        headers = {"RateLimit": f'"api";r=0;t={wait}', "Retry-After": str(wait)}
        self.fail(pattern, json({"error": "Too many requests"}, 429, headers), times)

    def drop(self, pattern: str = "", times: int | None = None) -> None:
        """Close the connection without an answer."""
        self.fail(pattern, Reply(drop=True), times)

    def cut_short(self, pattern: str = "", times: int | None = None) -> None:
        """Claim more bytes than are sent, then close."""
        self.fail(pattern, Reply(200, b'{"a":', claimed=4096), times)

    def hang(self, pattern: str = "", times: int | None = None) -> None:
        """Take the request and say nothing until the stand-in stops."""
        self._faults.insert(0, _Fault(re.compile(pattern), None, times, hang=True))

    def heal(self) -> None:
        """Forget every fault."""
        self._faults.clear()

    def count(self, pattern: str = "", method: str = "") -> int:
        """How many requests came in on paths that contain ``pattern``."""
        with self._lock:
            return sum(
                1
                for request in self.requests
                if re.search(pattern, request.path) and method in ("", request.method)
            )

    def count_open(self) -> int:
        """How many connections are open."""
        with self._lock:
            return len(self._connections)

    def answer(self, request: Request) -> Reply:
        """Record a request and find its answer."""
        with self._lock:
            self.requests.append(request)
            fault = self._take_fault(request.path)
        if fault and fault.hang:
            self._stopped.wait()
            return Reply(drop=True)
        if fault and fault.reply:
            return fault.reply
        return self._routed(request)

    def _take_fault(self, path: str) -> _Fault | None:
        for fault in self._faults:
            if fault.times == 0 or not fault.pattern.search(path):
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None

    def _routed(self, request: Request) -> Reply:
        method = "GET" if request.method == "HEAD" else request.method
        for wanted, pattern, handler in self._routes:
            found = pattern.fullmatch(request.path)
            if found and wanted in (method, request.method):
                return handler(replace(request, args=found.groupdict(default="")))
        return text("Not Found", 404)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self.connected += 1
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves early is no failure of the test."""


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _handler_for(standin: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handling(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            standin.opened(self.connection)

        def finish(self) -> None:
            standin.closed(self.connection)
            super().finish()

        def _serve(self) -> None:
            self._send(standin.answer(self._request()))

        def _request(self) -> Request:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(parts.query, keep_blank_values=True)
            return Request(
                self.command, unquote(parts.path), query, headers, body, target=self.path
            )

        def _send(self, reply: Reply) -> None:
            if reply.drop:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            length = reply.length if reply.claimed is None else reply.claimed
            if "Transfer-Encoding" not in reply.headers:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command == "HEAD":
                return
            for chunk in reply.chunks():
                self.wfile.write(chunk)
            self.close_connection = self.close_connection or reply.claimed is not None

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Tests assert on requests; a log of them is noise."""

    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        setattr(Handling, f"do_{method}", Handling._serve)
    return Handling
