"""What the tests of this folder share: waiting, stopwatches, and a line on each fault.

``pytest tests/faults -n 0 -s`` prints the lines that ``docs/faults.md`` quotes.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

from tests.inference.endpoint import Endpoint

SOON = 60.0
# ip(7); Python's socket has no name for it.
IP_MINTTL = 21


class Watch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


def tell(fault: str, saw: str, watch: Watch) -> None:
    """Print what a fault led to, and the seconds until all was well."""
    print(f"FAULT {fault} | {saw[:200]} | {watch.seconds:.1f} s", flush=True)  # noqa: T201 - read with -s


def eventually(holds: Callable[[], bool], seconds: float = SOON) -> None:
    """Wait until something is so; fail where it does not get so."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    """The process ids of a process's children, whichever of its threads started them."""
    found: list[int] = []
    for path in sorted(Path(f"/proc/{pid}/task").glob("*/children")):
        # A thread may have ended meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, path.read_text().split())
    return found


def chat(prompt: str, model: str = "tiny", *, stream: bool = True) -> dict[str, object]:
    """A question that both dialects understand."""
    return {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream}


def answers(endpoint: Endpoint) -> bool:
    """Whether a runtime on the stand-in engine answers a chat."""
    try:
        with endpoint.client() as http:
            return http.post("/api/chat", json=chat("drip 1")).status_code == 200
    except httpx.TransportError:
        return False


def bare(url: str, path: str, body: bytes, *, key: str = "") -> socket.socket:
    """A POST on a socket with a small window, to be mistreated."""
    host, _, port = url.removeprefix("http://").partition(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(SOON)
    sock.connect((host, int(port)))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {key}\r\n"
    sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return sock


def cut_cable(sock: socket.socket) -> None:
    """Let a socket's machine vanish: nothing that arrives is taken, and no goodbye is said.

    A packet on this machine has a TTL of 64, and the socket wants 255 from now on: it drops
    all that comes, acknowledgements included. That takes no privilege, as a packet
    filter does on some kernels.
    """
    sock.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 255)
