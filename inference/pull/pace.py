"""How many connections a download is worth, and how much each asks for at once.

One connection brings the bytes in the order in which they are hashed, and costs
the least. More of them are of use where hashing waits for the network.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from inference.pull.limits import Limits

# What hashing may wait for the network without a further connection, to what it works.
IDLE = 0.25


class Pace:
    """What one download knows of its own speed. Times are seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._began = time.monotonic()
        self._worked = 0.0
        self._joined = 0
        self._joining = threading.Lock()

    @property
    def waited(self) -> float:
        """How long hashing had nothing new to do, altogether."""
        return time.monotonic() - self._began - self._worked

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
        while (left := patience + self._worked * IDLE - self.waited) > 0 and not over.wait(left):
            pass
        with self._joining:
            self._joined += 1

    def share(self, missing: int, *, is_behind: bool) -> int:
        """How many of the missing pieces one connection asks for at once.

        While hashing is behind, those at work divide what all would ask for: few
        need few requests. Else something is left for those that may still join.
        """
        working = self._joined if is_behind else self._limits.connections
        most = self._limits.run * self._limits.connections // working
        return max(1, min(most, -(-missing // working)))
