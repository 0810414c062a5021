"""The bounds of a download: how much at once, how patient, how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes are bytes, times seconds.

    A kill loses what was not yet a whole piece: at most ``connections`` ×
    ``piece``. One request asks for a run of pieces, so that fast links are not
    slowed by a round trip each, and for more while few connections are enough.
    Another joins when hashing has waited for ``patience``, and those after it a
    little later. A network that is faster than SHA-256 waits when it is ``lead``
    pieces ahead. ``attempts`` counts failures in a row without a single piece in
    between. ``stall_timeout`` is for silence, ``run_timeout`` for a line that
    only trickles.
    """

    connections: int = 8
    piece: int = 4 << 20
    run: int = 8
    lead: int = 16
    patience: float = 0.02
    attempts: int = 10
    first_wait: float = 0.5
    longest_wait: float = 30.0
    connect_timeout: float = 20.0
    stall_timeout: float = 30.0
    run_timeout: float = 900.0
    redirects: int = 5
    disk_reserve: int = 64 << 20
    lock_interval: float = 0.25
    answer: int = 16 << 20
    text_layer: int = 4 << 20
    tree_pages: int = 50
