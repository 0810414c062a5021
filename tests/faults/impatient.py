"""The runtime with little patience, so that its long waits can be tested in seconds.

    python -m tests.faults.impatient serve FLAGS…

STALL_SECONDS in the environment is how long a download may be silent. All else is as
``python -m inference serve`` has it.
"""

from __future__ import annotations

import asyncio
import os
import sys

from inference import heartbeat, logs, server
from inference.engine import supervisor
from inference.models import LocalModel
from inference.pull.limits import Limits
from inference.pull.progress import Callback
from inference.pull.tasks import pull
from inference.settings import Settings, load

PIECE = 64 << 10
LIMITS = Limits(
    connections=4,
    piece=PIECE,
    run=4,
    attempts=3,
    first_wait=0.01,
    longest_wait=0.02,
    stall_timeout=float(os.environ.get("STALL_SECONDS", "20")),
    disk_reserve=0,
)


async def _pull(name: str, settings: Settings, progress: Callback) -> LocalModel:
    return await pull(name, settings, progress, limits=LIMITS)


def main() -> int:
    """Serve until told to stop. Returns the exit code."""
    heartbeat.UNTAKEN_SECONDS = 1.0
    supervisor.FIRST_BACK_OFF = supervisor.LONGEST_BACK_OFF = supervisor.LOOK_EVERY = 0.1
    settings = load(sys.argv[2:], os.environ)
    logs.configure(settings.log_level)
    return asyncio.run(server.run(settings, _pull))


if __name__ == "__main__":
    sys.exit(main())
