"""One child that is kept running: started, watched, restarted, and ended.

A failed GGML assertion aborts the process it happens in. That is why llama.cpp
has a process of its own here: its requests fail at once with a sentence, and
the next ones find a fresh child.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import signal
import socket
import time
from collections import deque
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import aiohttp

from inference.engine.command import KEY_VARIABLE, LOOPBACK, EngineConfig, command
from inference.engine.slots import RUN_ON_CARD, RUN_ON_PROCESSOR, Slots
from inference.errors import EngineError

LOG_LINES = 40
LONGEST_LINE = 500
FIRST_BACK_OFF = 0.5
LONGEST_BACK_OFF = 30.0
STABLE_AFTER = 60.0
MOST_FAILED_RESTARTS = 5
STOP_GRACE = 5.0
# Seconds between two looks whether the model is loaded: what a start waits for nothing at most.
LONGEST_PAUSE = 0.05
_FAILURE = re.compile(r"error|failed|unable|out of memory", re.IGNORECASE)
_log = logging.getLogger(__name__)


class State(StrEnum):
    """Where a child stands."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"


class Engine:
    """A llama-server, or what speaks like one, for one model."""

    def __init__(
        self, config: EngineConfig, *, binary: Path | None, session: aiohttp.ClientSession
    ) -> None:
        self.config = config
        self.session = session
        run = RUN_ON_CARD if config.on_gpu else RUN_ON_PROCESSOR
        self.slots = Slots(config.slots, run)
        self.state = State.STOPPED
        self.restarts = 0
        self.load_seconds = 0.0
        self.props: Mapping[str, object] = {}
        self._binary = binary
        self._key = secrets.token_urlsafe(24)
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._watcher: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def headers(self) -> dict[str, str]:
        """What the child wants to see: its port is open to every user of the machine."""
        return {"Authorization": f"Bearer {self._key}"}

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The child's last words, oldest first."""
        return tuple(self._lines)

    async def start(self) -> None:
        """Load the model. Raises EngineError with the child's last words."""
        self._set(State.STARTING)
        try:
            await self._launch()
        except EngineError:
            self._set(State.FAILED)
            raise
        except BaseException:
            await self._end()
            self._set(State.STOPPED)
            raise
        self._set(State.READY)
        self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End the child: politely first, then for certain."""
        self._set(State.STOPPED)
        if self._watcher:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        await self._end()

    async def ready(self) -> None:
        """Wait until the child answers. Raises EngineError where it never will."""
        while self.state in (State.STARTING, State.RESTARTING):
            await self._changed.wait()
        if self.state is not State.READY:
            raise EngineError(f"The engine of {self.config.name} is {self.state}.")

    def _set(self, state: State) -> None:
        self.state = state
        self._changed.set()
        self._changed = asyncio.Event()

    async def _launch(self) -> None:
        started = time.monotonic()
        self._port = _free_port()
        arguments = command(self.config, self._port, self._binary)
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**_without_secrets(os.environ), KEY_VARIABLE: self._key},
        )
        self._process = process
        reader = asyncio.create_task(self._read(process))
        await self._wait_healthy(process, reader)
        self.load_seconds = time.monotonic() - started
        self.props = await self._props()

    async def _wait_healthy(
        self, process: asyncio.subprocess.Process, reader: asyncio.Task[None]
    ) -> None:
        pause = 0.02
        while process.returncode is None:
            if await self._is_healthy():
                return
            await asyncio.wait({reader}, timeout=pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
        await reader
        raise EngineError(self._words("could not load the model", self._lines))

    async def _is_healthy(self) -> bool:
        try:
            async with self.session.get(f"{self.url}/health") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    async def _props(self) -> Mapping[str, object]:
        async with self.session.get(f"{self.url}/props", headers=self.headers) as answer:
            found = await answer.json()
            return found if isinstance(found, dict) else {}

    def _words(self, what: str, lines: Iterable[str]) -> str:
        """What happened, with the first of the lines that tells of a failure."""
        words = next(filter(_FAILURE.search, lines), "")
        words = words or (self._lines[-1] if self._lines else "it said nothing")
        code = self._process.returncode if self._process else None
        end = f"ended by signal {-code}" if code and code < 0 else f"exit code {code}"
        return f"llama.cpp {what} ({end}): {words}"

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Keep the child's last lines until it ends."""
        while process.stderr:
            try:
                line = await process.stderr.readline()
            except ValueError:  # longer than the reader's buffer
                continue
            if not line:
                break
            text = line.decode("utf-8", "replace").strip()[:LONGEST_LINE]
            if text:
                self._lines.append(text)
                _log.debug("engine: %s", text)
        await process.wait()

    async def _watch(self) -> None:
        back_off, failures = FIRST_BACK_OFF, 0
        while failures < MOST_FAILED_RESTARTS:
            began = time.monotonic()
            if self._process:
                await self._process.wait()
            if time.monotonic() - began > STABLE_AFTER:
                back_off, failures = FIRST_BACK_OFF, 0
            self._set(State.RESTARTING)
            self.restarts += 1
            _log.error("%s", self._words("ended and is started again", reversed(self._lines)))
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, LONGEST_BACK_OFF)
            failures += 1
            try:
                await self._launch()
            except (EngineError, aiohttp.ClientError, OSError) as error:
                _log.error("%s", error)
                continue
            self._set(State.READY)
        self._set(State.FAILED)

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        _signal(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE)
        except TimeoutError:
            _signal(process.pid, signal.SIGKILL)
            await process.wait()


def _signal(pid: int, number: signal.Signals) -> None:
    """Send a signal without asyncio's own way, which may reap the child before its watcher."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    secret = ("HF_TOKEN", "API_KEY", "API_KEY_SHA256")
    return {
        key: value
        for key, value in environ.items()
        if not key.startswith(secret) and not key.startswith("LLAMA_ARG_")
    }
