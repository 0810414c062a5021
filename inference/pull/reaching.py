"""Connecting to whichever address of a host takes the connection first ("happy eyeballs").

An address that does not answer costs a quarter of a second, and not the
connection: RFC 8305, sections 4 and 5, https://www.rfc-editor.org/rfc/rfc8305#section-5.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest
from selectors import EVENT_WRITE, DefaultSelector
from types import TracebackType
from typing import Any, Self

# Seconds that an address has for itself: the RFC's "Connection Attempt Delay".
ATTEMPT_DELAY = 0.25
# An address as ``socket.getaddrinfo`` gives it.
Address = tuple[Any, ...]
Watch = Callable[[socket.socket], object]


def reach(addresses: Sequence[Address], timeout: float, watch: Watch) -> socket.socket:
    """The first connection that stands; its socket does not block.

    ``timeout`` is how many seconds the last address has. ``watch`` is given each
    socket before it connects, and may raise. Raises OSError.
    """
    waiting, ends = deque(alternating(addresses)), 0.0
    with _Attempts(watch) as attempts:
        while waiting or attempts.running:
            if waiting:
                attempts.begin(waiting.popleft())
                ends = time.monotonic() + (ATTEMPT_DELAY if waiting else timeout)
            found = attempts.first(max(0.0, ends - time.monotonic()))
            if found:
                return found
            if not waiting and time.monotonic() >= ends:
                break
        raise attempts.failure or TimeoutError("timed out")


def alternating(addresses: Iterable[Address]) -> list[Address]:
    """The addresses in an order that gives each family its turn, the preferred one's first."""
    families: dict[int, list[Address]] = defaultdict(list)
    for address in addresses:
        families[address[0]].append(address)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in turns if address]


class _Attempts:
    """Sockets that are connecting. Those that have not won are closed when it ends."""

    def __init__(self, watch: Watch) -> None:
        self.running: set[socket.socket] = set()
        self.failure: OSError | None = None
        self._watch = watch
        self._selector = DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._selector.close()
        for sock in self.running:
            sock.close()

    def begin(self, address: Address) -> None:
        """Connect to one more; a failure at once is kept in ``failure``."""
        family, kind, protocol, _, place = address
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            self.failure = error
            return
        self.running.add(sock)
        self._watch(sock)
        sock.setblocking(False)
        code = sock.connect_ex(place)
        if code not in (0, errno.EINPROGRESS):
            self._give_up(sock, code)
            return
        self._selector.register(sock, EVENT_WRITE, sock)

    def first(self, seconds: float) -> socket.socket | None:
        """The one that stands; None as soon as one has failed, or when none is done by then."""
        if not self.running:
            return None
        for key, _ in self._selector.select(seconds):
            sock: socket.socket = key.data
            self._selector.unregister(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                self.running.discard(sock)
                return sock
            self._give_up(sock, code)
        return None

    def _give_up(self, sock: socket.socket, code: int) -> None:
        self.failure = OSError(code, os.strerror(code))
        self.running.discard(sock)
        sock.close()
