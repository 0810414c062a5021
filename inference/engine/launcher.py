"""Become another program that the kernel ends together with the parent.

A process of its own, because what runs between fork and exec in a process
with threads must be next to nothing. See prctl(2), PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Replace this process by ``argv``."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have ended before the kernel was told to watch it.
        if os.getppid() != parent:
            sys.exit(1)
    os.execvp(argv[0], argv)  # noqa: S606  (an argument list of our own, no shell)


if __name__ == "__main__":
    main(sys.argv[1:])
