"""``serve``, in the order in which it is ready soonest: first the engine, then Python's imports."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from inference.engine import early
from inference.engine.command import require_engine
from inference.engine.early import HeadStart
from inference.settings import Settings


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT. Answers the process's exit code.

    Raises EngineError where the engine cannot start on this machine at all.
    """
    require_engine(settings.engine_binary)
    head_start = early.begin(settings)
    serving: Callable[[Settings, HeadStart | None], int]
    serving = importlib.import_module("inference.server").serve
    return serving(settings, head_start)
