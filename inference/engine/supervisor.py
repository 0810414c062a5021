"""One child that is kept running: started, watched, restarted, and ended.

A failed GGML assertion aborts the process it happens in. That is why llama.cpp
has a process of its own here: its requests fail at once with a sentence, and
the next ones find a fresh child.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import aiohttp

from inference.engine import activity
from inference.engine.child import LOG_LINES, Child
from inference.engine.command import EngineConfig
from inference.engine.slots import RUN_ON_CARD, RUN_ON_PROCESSOR, Slots
from inference.errors import EngineError

FIRST_BACK_OFF = 0.5
LONGEST_BACK_OFF = 30.0
STABLE_AFTER = 60.0
MOST_FAILED_RESTARTS = 5
# Seconds between two looks whether the model is loaded: what a start waits for nothing at most,
# or this share of it where it is long.
LONGEST_PAUSE = 0.05
PAUSE_SHARE = 0.01
# Seconds that a child may take to say whether its model is loaded before it is asked again.
HEALTH_TIMEOUT = aiohttp.ClientTimeout(total=10)
# Seconds without a sign of work after which loading counts as hanging.
IDLE_AFTER = 60.0
# Seconds between two looks whether a child that lives still computes.
LOOK_EVERY = 30.0
# Seconds in which a child's end is noticed after a connection to it broke, on a busy machine too:
# whoever asks again before that finds nobody.
NOTICED_WITHIN = 5.0
# What kills a child that says nothing is the kernel, where the container's memory is used up.
_NO_MEMORY = (
    "Most likely its machine or container has too little memory: give it more, or take a smaller "
    "variant or a shorter context."
)
_FAILURE = re.compile(r"error|failed|unable|out of memory", re.IGNORECASE)
_log = logging.getLogger(__name__)


class EngineDown(EngineError):
    """There is no child, and none is being started."""

    status = 503
    default_next_step = "Try again in a minute: a new start may cure it."


class State(StrEnum):
    """Where a child stands."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"


class Engine:
    """A llama-server, or what speaks like one, for one model.

    ``idle_seconds`` is for how long a child that loads its model has shown no sign of work.
    ``begun`` is a child of that configuration which was started already. ``patience``
    is how many seconds a child may compute without a word before it counts as hung; None for ever.
    ``load_timeout`` is how many it may take to load its model; 0 for as long as it takes.
    ``gave_up`` is called when a child that had served cannot be had again.
    """

    def __init__(
        self,
        config: EngineConfig,
        *,
        binary: Path | None,
        session: aiohttp.ClientSession,
        begun: Child | None = None,
        patience: float | None = None,
        load_timeout: float = 0.0,
        gave_up: Callable[[], None] | None = None,
    ) -> None:
        self.config = config
        self.session = session
        run = RUN_ON_CARD if config.on_gpu else RUN_ON_PROCESSOR
        self.slots = Slots(config.slots, run)
        self.state = State.STOPPED
        self.restarts = 0
        self.load_seconds = 0.0
        self.idle_seconds = 0.0
        self.props: Mapping[str, object] = {}
        self._binary = binary
        self._patience = patience
        self._load_timeout = load_timeout
        self._gave_up = gave_up
        self._begun = begun
        self._child = begun
        self._lines: deque[str] = begun.lines if begun else deque(maxlen=LOG_LINES)
        self._watcher: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return self._child.url if self._child else ""

    @property
    def headers(self) -> dict[str, str]:
        """What the child wants to see: its port is open to every user of the machine."""
        return {"Authorization": f"Bearer {self._child.key}"} if self._child else {}

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def loading_seconds(self) -> float:
        """For how long its child has been loading the model; 0 where it does not."""
        if self._child is None or self.state not in (State.STARTING, State.RESTARTING):
            return 0.0
        return time.monotonic() - self._child.began

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
            await self._end()
            self._set(State.FAILED)
            raise
        except (aiohttp.ClientError, OSError) as error:
            await self._end()
            self._set(State.FAILED)
            raise EngineError(f"llama.cpp could not be started: {error}") from error
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
            await asyncio.wait((self._watcher,))
            self._watcher = None
        await self._end()

    async def ready(self) -> None:
        """Wait until the child answers. Raises EngineError where it never will."""
        while self.state in (State.STARTING, State.RESTARTING):
            await self._changed.wait()
        if self.state is not State.READY:
            what = "could not be started again" if self.state is State.FAILED else "was stopped"
            raise EngineDown(f"The engine of {self.config.name} {what}.")

    async def noticed(self) -> None:
        """Wait, not for long, until the end of a child is known here: its connections broke."""
        child = self._child
        if child is None or not await child.ended(NOTICED_WITHIN):
            return
        while self.state is State.READY and self._child is child:
            await self._changed.wait()

    def _set(self, state: State) -> None:
        self.state = state
        self._changed.set()
        self._changed = asyncio.Event()

    async def _launch(self) -> None:
        child = self._begun or Child(self.config, self._binary, self._lines)
        self._begun, self._child = None, child
        await self._wait_healthy(child)
        self.load_seconds = time.monotonic() - child.began
        self.props = await self._props()

    async def _wait_healthy(self, child: Child) -> None:
        pause, watch = 0.02, activity.Watch(time.monotonic())
        while not await self._is_healthy():
            if await child.ended(pause):
                words = self._words("could not load the model", self.last_lines)
                if child.exit_code == -signal.SIGKILL:
                    raise EngineError(f"{words}.", next_step=_NO_MEMORY)
                raise EngineError(words)
            now = time.monotonic()
            if 0 < self._load_timeout < now - child.began:
                told = f"llama.cpp has not loaded the model in {self._load_timeout:g} s"
                raise EngineError(f"{told} (LOAD_TIMEOUT), and was ended.")
            watch.look(activity.work_of(child.pid), now)
            self._note_idle(watch.idle_seconds)
            pause = min(pause * 1.5, max(LONGEST_PAUSE, PAUSE_SHARE * (now - child.began)))
        self.idle_seconds = 0.0

    def _note_idle(self, seconds: float) -> None:
        if self.idle_seconds < IDLE_AFTER <= seconds:
            _log.warning("llama.cpp has read and computed nothing for %d s", seconds)
        self.idle_seconds = seconds

    async def _is_healthy(self) -> bool:
        try:
            address = f"{self.url}/health"
            async with self.session.get(address, timeout=HEALTH_TIMEOUT) as answer:
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
        code = self._child.exit_code if self._child else None
        end = f"ended by signal {-code}" if code and code < 0 else f"exit code {code}"
        return f"llama.cpp {what} ({end}): {words}"

    async def _watch(self) -> None:
        back_off, failures = FIRST_BACK_OFF, 0
        while failures < MOST_FAILED_RESTARTS:
            began = time.monotonic()
            if self._child:
                await self._over(self._child)
            if time.monotonic() - began > STABLE_AFTER:
                back_off = FIRST_BACK_OFF
            self._set(State.RESTARTING)
            self.restarts += 1
            _log.error("%s", self._words("ended and is started again", reversed(self.last_lines)))
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, LONGEST_BACK_OFF)
            failures = 0 if await self._is_back() else failures + 1
        self._set(State.FAILED)
        if self._gave_up:
            self._gave_up()

    async def _is_back(self) -> bool:
        try:
            await self._launch()
        except (EngineError, aiohttp.ClientError, OSError, ValueError) as error:
            _log.error("%s", error)
            await self._end()
            return False
        self._set(State.READY)
        return True

    async def _over(self, child: Child) -> None:
        """Wait until a child has ended. One that hangs is ended: no request waits for it any more,
        but every later one would."""
        while not await child.ended(LOOK_EVERY):
            if await self._hangs(child):
                _log.error("llama.cpp has said nothing for %g s and is ended", self._patience)
                await child.end()

    async def _hangs(self, child: Child) -> bool:
        """Whether a child computes without end: it tells of its slots between any two steps."""
        patience = aiohttp.ClientTimeout(total=self._patience)
        try:
            async with self.session.get(
                f"{child.url}/slots", headers=self.headers, timeout=patience
            ):
                return False
        except TimeoutError:
            return True
        except (aiohttp.ClientError, OSError):
            return False

    async def _end(self) -> None:
        if self._child:
            await self._child.end()
