"""How long it takes until an upstream is left once its client is gone: for ``demo_proxy``.

200 streams on one worker, 50 of them not read at all. Then 100 of the others
hang up, the 50 are reset, and the upstream tells when the last of those 150 was
closed: once while the unread ones still fill up all that lies on their way,
once after they have come to rest.
"""

from __future__ import annotations

import json
import socket
import struct
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.demo_upstream import FLOOD, MODEL
from benchmarks.demo_ways import Way

STREAMS, STALLED, LEAVING = 200, 50, 100
PATIENCE = 60.0
_REST_SECONDS = 0.5


@dataclass(frozen=True)
class Closing:
    """Seconds until the last upstream was closed; the proxy's CPU and its wait for a core in it."""

    seconds: float
    cpu: float
    waited: float


def measure(upstream: Way, proxy: Way, *, at_rest: bool) -> Closing:
    """Let a crowd of streams leave."""
    readers = [_client(proxy, "Hi") for _ in range(STREAMS - STALLED)]
    stalled = [_client(proxy, FLOOD) for _ in range(STALLED)]
    _until_open(upstream, STREAMS)
    for reader in readers:
        reader.recv(4096)
    if at_rest:
        _until_at_rest(upstream)
    cpu, waited, began = proxy.cpu(), _waited(proxy), time.monotonic()
    for reader in readers[:LEAVING]:
        reader.close()
    for client in stalled:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    _until_open(upstream, STREAMS - STALLED - LEAVING)
    used, waited = proxy.cpu() - cpu, _waited(proxy) - waited
    closed = _state(upstream)["closed"]
    for reader in readers[LEAVING:]:
        reader.close()
    _until_open(upstream, 0)
    return Closing(closed - began, used, waited)


def _client(proxy: Way, prompt: str) -> socket.socket:
    """A request with a small window, so that not reading is soon felt."""
    messages = [{"role": "user", "content": prompt}]
    body = json.dumps({"model": MODEL, "messages": messages, "stream": True}).encode()
    head = f"POST {proxy.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", proxy.port))
    client.sendall(head.encode() + body)
    return client


def _state(upstream: Way) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{upstream.port}/state") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _until_open(upstream: Way, wanted: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while _state(upstream)["open"] != wanted:
        if time.monotonic() > deadline:
            raise SystemExit(f"{_state(upstream)['open']} answers are open and not {wanted}")
        time.sleep(0.02)


def _until_at_rest(upstream: Way) -> None:
    seen = -1
    while (now := _state(upstream)["flooded"]) != seen:
        seen = now
        time.sleep(_REST_SECONDS)


def _waited(proxy: Way) -> float:
    """Seconds that the proxy's processes were ready to run and had no core."""
    told = (Path(f"/proc/{pid}/schedstat").read_text().split() for pid in proxy.pids)
    return sum(int(fields[1]) for fields in told) / 1e9
