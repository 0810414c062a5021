"""The command line: ``python -m inference``."""

from __future__ import annotations

import os
import sys

from inference.cli import main


def _give_up_what_nobody_reads() -> None:
    """Python would flush a closed pipe once more at its end, and exit with 120 for our code.

    See https://docs.python.org/3/library/signal.html#note-on-sigpipe.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    code = main(sys.argv[1:], os.environ)
    _give_up_what_nobody_reads()
    sys.exit(code)
