"""Become another program that the kernel ends together with the parent, with room to recurse.

A process of its own, because what runs between fork and exec in a process
with threads must be next to nothing. See prctl(2), PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
# Bytes of stack for each thread: llama.cpp reads schemas, grammars and regular expressions by
# recursion, and ends where it is used up. What is not used takes no memory. The usual 8 MiB
# are too few for a JSON schema of a thousand references through three levels each.
STACK = 256 << 20


def main(argv: list[str]) -> None:
    """Replace this process by ``argv``."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have ended before the kernel was told to watch it.
        if os.getppid() != parent:
            sys.exit(1)
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    bounded = STACK if most == resource.RLIM_INFINITY else min(STACK, most)
    resource.setrlimit(resource.RLIMIT_STACK, (bounded, most))
    os.execvp(argv[0], argv)  # noqa: S606  (an argument list of our own, no shell)


if __name__ == "__main__":
    main(sys.argv[1:])
