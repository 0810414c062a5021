"""Ports for servers that a test starts, each given to one of them alone."""

from __future__ import annotations

import socket

_held: list[socket.socket] = []


def free_port() -> int:
    """A port of this machine that nothing listens on, and that nobody else is given.

    It stays bound while this process lives, and does not listen: to a server that
    sets SO_REUSEADDR that is no obstacle. See socket(7).
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    _held.append(sock)
    return int(sock.getsockname()[1])
