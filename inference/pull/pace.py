"""How many connections a download is worth, and how much each asks for at once.

One connection brings the bytes in the order in which they are hashed, and costs
the least. More of them are of use where hashing waits for the network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from inference.pull.limits import Limits


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

        By then hashing has waited for longer than it worked, and for a little
        more with each connection that is there already.
        """
        patience = number * self._limits.patience
        while (left := max(patience, self._worked) - self.waited) > 0 and not over.wait(left):
            pass
        with self._joining:
            self._joined += 1

    def share(self, missing: int) -> int:
        """How many of the missing pieces one connection asks for at once.

        Those at work divide what they all would ask for, so that few need few
        requests. Before the first piece something is left for everybody: how
        fast the line is has still to be seen.
        """
        working = self._joined if self._worked else self._limits.connections
        most = self._limits.run * self._limits.connections // working
        return max(1, min(most, -(-missing // working)))
