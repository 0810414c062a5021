"""How many connections a download is worth, and how much each asks for at once.

One connection brings the bytes in the order in which they are hashed, and costs
the least. More of them are of use where hashing waits for the network, and not
where it waits for those that receive, on a machine whose cores have no time left.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from inference.pull.limits import Limits

# What hashing may wait for the network without a further connection, to what it works.
IDLE = 0.25
# What of the cores, but for the one that hashes, receiving may take and be joined by more.
BUSY = 0.75


class Pace:
    """What one download knows of its own speed. Times are seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._began = time.monotonic()
        self._worked = 0.0
        self._joined = 0
        self._receiving: dict[int, float] = {}
        self._joining = threading.Lock()

    @property
    def waited(self) -> float:
        """How long hashing had nothing new to do, altogether."""
        return time.monotonic() - self._began - self._worked

    @property
    def is_busy(self) -> bool:
        """Whether those that receive compute so much that another would only take their time."""
        cores = max(1, (os.cpu_count() or 1) - 1)
        spent = sum(tuple(self._receiving.values()))
        return spent > BUSY * cores * (time.monotonic() - self._began)

    def received(self) -> None:
        """Note what a thread has computed in order to receive, from the start of the thread on."""
        self._receiving[threading.get_ident()] = time.thread_time()

    @contextmanager
    def hashing(self, *, is_new: bool) -> Iterator[None]:
        """Hash a piece; one that was here before counts as waiting for the others."""
        began = time.monotonic()
        yield
        if is_new:
            self._worked += time.monotonic() - began

    def join(self, number: int, over: threading.Event) -> None:
        """Wait until connection ``number``, from 0, is of use, or all is over.

        That is while hashing waits for more than a fifth of the time, and a
        little later with each connection that is there already.
        """
        patience = self._limits.patience * math.sqrt(number)
        while (left := self._left(patience)) > 0 and not over.wait(left):
            pass
        with self._joining:
            self._joined += 1

    def _left(self, patience: float) -> float:
        """How long to wait at least before a connection of so much patience is of use."""
        left = patience + self._worked * IDLE - self.waited
        return max(left, patience) if self.is_busy else left

    def share(self, missing: int, *, is_behind: bool) -> int:
        """How many of the missing pieces one connection asks for at once.

        Where no other is to join, those at work divide what all would ask for: few
        need few requests. Else something is left for the others.
        """
        is_enough = is_behind or self.is_busy
        working = self._joined if is_enough else self._limits.connections
        most = self._limits.run * self._limits.connections // working
        return max(1, min(most, -(-missing // working)))
