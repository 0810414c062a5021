"""One HTTP connection of a download, whose bodies are received into memory that is used again.

``http.client`` receives straight into a buffer and lets other threads run
meanwhile. Clients that hand out ``bytes`` copy each byte two or three times
more, which costs as much as to verify it: see ``docs/benchmarks.md``.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from functools import cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, quote, urlsplit

from inference.pull import places, reaching
from inference.pull.limits import Limits
from inference.pull.proxies import Proxy, proxy_for
from inference.pull.stopping import Stopped

# What a network does to a request; it may go better a second time.
FAILURES = (HTTPException, OSError)
# What may stand in a URL as it is; all else is escaped.
IN_URLS = "!#$%&'()*+,/:;=?@[]~"
_PORTS = {"http": 80, "https": 443}
# Bytes that the kernel gathers before it wakes whoever waits for them, and the bytes a second
# from which on a line is too fast to be woken for each of its packets (docs/benchmarks.md).
GATHERED = 256 << 10
FAST = 50 << 20


class Connection:
    """A client for one thread; it keeps its connection for the next request to the same origin.

    ``cut`` and ``stop`` are for other threads. ``deadline`` is the moment, by
    ``time.monotonic()``, at which an answer that only trickles is to be cut.
    """

    def __init__(self, named: Collection[str], limits: Limits) -> None:
        self.deadline = math.inf
        self._named = named
        self._limits = limits
        self._origin: tuple[str, str, int] | None = None
        self._client: HTTPConnection | None = None
        self._sockets: set[socket.socket] = set()
        self._answer: HTTPResponse | None = None
        self._line: socket.socket | None = None
        self._least = 1
        self._is_fast = False
        self._stopped = threading.Event()

    def get(self, url: str, headers: Mapping[str, str]) -> HTTPResponse:
        """Ask, and read the answer's head.

        Raises one of FAILURES, Stopped, or RegistryAnswer for a place that may
        not be asked. The server may have closed a kept connection meanwhile;
        then a new one is opened.
        """
        parts = urlsplit(url)
        while True:
            kept = self._kept(parts)
            try:
                client = kept or self._open(parts)
                self.deadline = time.monotonic() + self._limits.run_timeout
                client.request("GET", _target(parts), headers=dict(headers))
                self._answer = client.getresponse()
            except ConnectionError:
                self.close()
                if kept is None:
                    raise
            else:
                return self._answer

    def receive(self, memory: memoryview) -> int:
        """Fill memory with the next bytes of the answer. Answers how many, fewer where it ends."""
        if self._answer is None:
            return 0
        self._gather((self._answer.length or 0) - len(memory))
        began = time.monotonic()
        count = self._answer.readinto(memory)
        self._is_fast = count > FAST * (time.monotonic() - began)
        return count

    def _gather(self, following: int) -> None:
        """Be woken for many packets at once, where so many follow in any case: ``socket(7)``."""
        least = GATHERED if self._is_fast and following >= 2 * GATHERED else 1
        if least == self._least or self._line is None:
            return
        self._least = least
        with suppress(OSError):
            self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least)

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped."""
        if self._stopped.wait(seconds):
            raise Stopped

    def cut(self) -> None:
        """Let the exchange that is under way fail."""
        for sock in tuple(self._sockets):
            with suppress(OSError):
                # SSLSocket's own would take its state away from the thread that reads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def stop(self) -> None:
        """Let this exchange and every later one fail."""
        self._stopped.set()
        self.cut()

    def close(self) -> None:
        for each in (self._answer, self._client, *self._sockets):
            if each is not None:
                each.close()
        self._answer = self._client = self._line = None
        self._least, self._is_fast = 1, False
        self._sockets.clear()
        self.deadline = math.inf

    def _kept(self, parts: SplitResult) -> HTTPConnection | None:
        """The open connection, where it leads to the same origin and its last answer was read."""
        if self._client is None or self._client.sock is None or self._origin != _origin(parts):
            return None
        return self._client if self._answer is None or self._answer.isclosed() else None

    def _open(self, parts: SplitResult) -> HTTPConnection:
        self.close()
        scheme, host, port = self._origin = _origin(parts)
        if scheme == "https":
            proxy = proxy_for(host)
            sock = self._through(proxy, host, port) if proxy else self._reach(host, port)
            client: HTTPConnection = HTTPSConnection(host, port, context=_tls())
            client.sock = self._secured(sock, host)
        else:
            client = HTTPConnection(host, port)
            client.sock = self._reach(host, port)
        # By itself it would connect anywhere.
        client.auto_open = 0
        client.sock.settimeout(self._limits.stall_timeout)
        self._client, self._line = client, client.sock
        return client

    def _reach(self, host: str, port: int, named: Collection[str] = ()) -> socket.socket:
        """A connection to the first address of a host that takes one.

        ``named`` are hosts whose addresses need not be public, beside those of this connection.
        """
        found = places.addresses(host, port, (*self._named, *named))
        sock = reaching.reach(found, self._limits.connect_timeout, self._watched)
        sock.settimeout(self._limits.connect_timeout)
        return sock

    def _secured(self, sock: socket.socket, host: str) -> socket.socket:
        secured = _tls().wrap_socket(
            sock, server_hostname=host.rstrip("."), do_handshake_on_connect=False
        )
        self._watched(secured)
        secured.do_handshake()
        return secured

    def _through(self, proxy: Proxy, host: str, port: int) -> socket.socket:
        """A tunnel: what a name means is up to the proxy, an address is looked at here."""
        places.refuse_inside(host, self._named)
        sock = self._reach(proxy.host, proxy.port, (proxy.host,))
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        with closing(HTTPConnection(proxy.host, proxy.port)) as asking:
            # A handle of its own, since the end of the exchange closes it.
            asking.sock = sock.dup()
            asking.auto_open = 0
            asking.request("CONNECT", target, headers={"Host": target, **proxy.headers})
            with closing(asking.getresponse()) as answer:
                if answer.status != HTTPStatus.OK:
                    raise OSError(f"the proxy answered {answer.status} {answer.reason}".strip())
        return sock

    def _watched(self, sock: socket.socket) -> socket.socket:
        """From here on ``stop`` reaches a socket."""
        self._sockets.add(sock)
        if self._stopped.is_set():
            raise Stopped
        return sock


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]


def _target(parts: SplitResult) -> str:
    return quote(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", safe=IN_URLS)
