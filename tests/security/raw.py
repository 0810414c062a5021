"""Requests to the byte, as no client library would send them."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

LIMIT = 1 << 20
# Seconds until the first byte, on a machine that does other things too.
PATIENCE = 60.0
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n")


@dataclass(frozen=True)
class Exchange:
    """Everything that came back on one connection, until the server closed it or fell silent."""

    data: bytes

    @property
    def statuses(self) -> tuple[int, ...]:
        """The status of each answer, in order."""
        return tuple(int(status) for status in _STATUS.findall(self.data))

    def header_lines(self) -> list[str]:
        """The first answer's header lines."""
        return self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]


def send(url: str, data: bytes, *, silence: float = 1.0, patience: float = PATIENCE) -> Exchange:
    """Send ``data`` and read until the end, or ``silence`` seconds without a further byte."""
    parts = urlsplit(url)
    received = bytearray()
    with (
        socket.create_connection((parts.hostname or "", parts.port or 80), patience) as sock,
        suppress(TimeoutError, ConnectionError),
    ):
        sock.sendall(data)
        while len(received) < LIMIT and (part := sock.recv(1 << 16)):
            received += part
            sock.settimeout(silence)
    return Exchange(bytes(received))


def until_closed(url: str, data: bytes, *, silence: float = 30.0) -> tuple[bytes, bool]:
    """All that came back, and whether the server closed the connection after it."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), silence) as sock:
        sock.sendall(data)
        received = bytearray()
        try:
            while part := sock.recv(1 << 16):
                received += part
        except TimeoutError:
            return bytes(received), False
    return bytes(received), True


def request(
    target: str, *lines: str, method: str = "GET", host: str = "x", body: str = ""
) -> bytes:
    """One request with exactly these header lines, after Host and before Connection: close."""
    head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, "Connection: close"]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode("latin-1")
