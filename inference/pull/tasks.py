"""Pulling and removing for a server that has other things to do meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from inference.models import LocalModel
from inference.pull import here
from inference.pull.limits import Limits
from inference.pull.progress import Callback, ignore
from inference.pull.pulling import Pulling
from inference.pull.stopping import Stopped
from inference.refs import Ref
from inference.setting_types import is_path
from inference.settings import Settings

T = TypeVar("T")


async def pull(
    name: str | Ref,
    settings: Settings,
    progress: Callback = ignore,
    *,
    refresh: bool = False,
    limits: Limits | None = None,
) -> LocalModel:
    """As :func:`inference.pull.pulling.pull`. Cancelling keeps what was downloaded.

    ``progress`` is called by other threads.
    """
    if isinstance(name, str) and is_path(name):
        return here.local_model(name, settings)
    pulling = Pulling(here.reference(name), settings, progress, limits)
    return await _stoppable(partial(pulling.run, refresh=refresh), pulling.stop)


async def remove(name: str, settings: Settings) -> None:
    """As :func:`inference.pull.here.remove`; cancelling ends the wait for the folder."""
    stopped = threading.Event()

    def pause(seconds: float) -> None:
        if stopped.wait(seconds):
            raise Stopped

    await _stoppable(partial(here.remove, name, settings, pause), stopped.set)


async def _stoppable(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """Let work that blocks run in a thread.

    When this is cancelled the work is stopped, and waited for: nothing writes
    any more once the folder's lock is let go.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop()
        await asyncio.gather(running, return_exceptions=True)
        raise
