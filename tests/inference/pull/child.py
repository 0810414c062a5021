"""Pull one model in small pieces, in a process that a test can kill.

    python -m tests.inference.pull.child NAME

Says on standard output how many bytes it found at its start, and in the end
where the model is. KILLED_AFTER in the environment is a number of pieces: having
noted those, the process is killed, wherever its other threads are.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from unittest.mock import patch

from inference.pull import Progress, Stage
from inference.pull.journal import Journal
from inference.pull.limits import Limits
from inference.pull.pulling import pull
from inference.settings import load

PIECE = 64 << 10
LIMITS = Limits(connections=4, piece=PIECE, run=4, disk_reserve=0, lock_interval=0.01)


def main(name: str) -> None:
    """Pull, with settings from the environment."""
    told = load(["--model", name], os.environ, serving=False)
    stages: list[Stage] = []

    def tell(progress: Progress) -> None:
        if progress.stage is Stage.DOWNLOADING and Stage.DOWNLOADING not in stages:
            sys.stdout.write(f"found {progress.done}\n")
            sys.stdout.flush()
        stages.append(progress.stage)

    with patch.object(Journal, "add", _adding(int(os.environ.get("KILLED_AFTER", "0")))):
        model = pull(told.models[0], told, tell, limits=LIMITS)
    sys.stdout.write(f"ready {model.path}\n")


def _adding(last: int) -> Callable[[Journal, int], None]:
    """How a piece is noted by a process that does not outlive the ``last`` one of them."""
    add, count = Journal.add, itertools.count(1)

    def adding(journal: Journal, index: int) -> None:
        add(journal, index)
        if next(count) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return adding


if __name__ == "__main__":
    main(sys.argv[1])
