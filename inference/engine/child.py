"""One child: a process with its port and key, and its last words.

A thread reads it and waits for it, so that it can begin before there is an
event loop.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from inference.engine.command import KEY_VARIABLE, LOOPBACK, EngineConfig, command

if TYPE_CHECKING:
    import asyncio

LOG_LINES = 40
LONGEST_LINE = 500
STOP_GRACE = 5.0
_log = logging.getLogger(__name__)


class Child:
    """A llama-server that was started, or what speaks like one.

    ``lines`` takes its last words, oldest first.
    """

    def __init__(
        self, config: EngineConfig, binary: Path | None, lines: deque[str] | None = None
    ) -> None:
        self.config = config
        self.began = time.monotonic()
        self.key = secrets.token_urlsafe(24)
        self.lines = deque(maxlen=LOG_LINES) if lines is None else lines
        # Bound for as long as the child lives, so that nobody else is given its port before it
        # listens there: to who sets SO_REUSEADDR, as llama-server does, that is no obstacle.
        self._held = _free_port()
        self._port = int(self._held.getsockname()[1])
        self._process = subprocess.Popen(  # noqa: S603  (our own arguments, no shell)
            command(config, self._port, binary),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**_without_secrets(os.environ), KEY_VARIABLE: self.key},
        )
        self._exit: Future[int] = Future()
        self._awaited: asyncio.Future[int] | None = None
        threading.Thread(target=self._read, name="engine", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below zero the signal that ended it."""
        return self._exit.result() if self._exit.done() else None

    async def ended(self, within: float | None = None) -> bool:
        """Wait until it has ended and its last words are read, or for ``within`` seconds."""
        # Whoever waits has an event loop; who only begins would wait for this import.
        import asyncio  # noqa: PLC0415

        self._awaited = self._awaited or asyncio.wrap_future(self._exit)
        await asyncio.wait({self._awaited}, timeout=within)
        return self._awaited.done()

    async def end(self) -> None:
        """End it: politely first, then for certain."""
        self._signal(signal.SIGTERM)
        if not await self.ended(STOP_GRACE):
            self._signal(signal.SIGKILL)
            await self.ended()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _read(self) -> None:
        with self._held, self._process as process:
            while process.stderr and (line := process.stderr.readline(LONGEST_LINE)):
                text = line.decode("utf-8", "replace").strip()
                if text:
                    self.lines.append(text)
                    _log.debug("engine: %s", text)
        self._exit.set_result(process.returncode)


def _free_port() -> socket.socket:
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind((LOOPBACK, 0))
    return probe


def _without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    secret = ("HF_TOKEN", "API_KEY", "API_KEY_SHA256")
    return {
        key: value
        for key, value in environ.items()
        if not key.startswith(secret) and not key.startswith("LLAMA_ARG_")
    }
