"""A server that takes no connection: its queue is full, and the kernel answers nothing."""

from __future__ import annotations

import socket
from typing import Any, Self


class Silent:
    """Use it as a context manager; ``wake`` lets the next one in."""

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.address = address_of(self._listening)
        self._callers = [socket.socket() for _ in range(4)]
        for caller in self._callers:
            caller.setblocking(False)
            caller.connect_ex(self.address[4])
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listening, *self._callers):
            each.close()

    def wake(self) -> None:
        for caller in self._callers:
            caller.close()
        self._listening.accept()[0].close()


def address_of(server: socket.socket) -> tuple[Any, ...]:
    """Where a server listens, as ``socket.getaddrinfo`` gives it."""
    return (server.family, server.type, server.proto, "", server.getsockname())
