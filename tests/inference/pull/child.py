"""Pull one model in small pieces, in a process that a test can kill.

    python -m tests.inference.pull.child NAME

Says on standard output how many bytes it found at its start, and in the end
where the model is.
"""

from __future__ import annotations

import asyncio
import os
import sys

from inference.pull import Progress, Stage, pull
from inference.pull.limits import Limits
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

    model = asyncio.run(pull(told.models[0], told, tell, limits=LIMITS))
    sys.stdout.write(f"ready {model.path}\n")


if __name__ == "__main__":
    main(sys.argv[1])
