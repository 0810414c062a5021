"""The loaded models: loaded when asked for, unloaded when idle long enough or in the way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from inference import gguf
from inference.engine import auto
from inference.engine.child import Child
from inference.engine.command import EngineConfig
from inference.engine.early import HeadStart
from inference.engine.supervisor import Engine, State
from inference.models import LocalModel
from inference.settings import Settings

# Seconds that a model waits for the request that it was loaded for.
FIRST_USE_WITHIN = 5.0
_log = logging.getLogger(__name__)


@dataclass
class Loaded:
    """A model in memory. Times are of the monotonic clock."""

    model: LocalModel
    engine: Engine
    keep_alive: float
    users: int = 0
    last_used: float = 0.0

    @property
    def expires(self) -> float:
        """When it may go; infinity for never, or while it is used."""
        if self.users or self.keep_alive < 0:
            return math.inf
        return self.last_used + self.keep_alive


@dataclass(frozen=True)
class Lease:
    """An engine for one request, and the seconds that loading it took just now."""

    engine: Engine
    load_seconds: float


class Pool:
    """Engines by model, within a memory budget (bytes).

    ``starting`` is the model that is being loaded, if one is. ``gave_up`` is set when engines
    that had served cannot be started again, and no other is left.
    """

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        head_start: HeadStart | None = None,
    ) -> None:
        self._settings = settings
        self._session = session
        self._loaded: dict[str, Loaded] = {}
        self.starting: Loaded | None = None
        self._one_load = asyncio.Lock()
        self._loads: dict[str, asyncio.Task[None]] = {}
        self.gave_up = asyncio.Event()
        self._changed = asyncio.Event()
        self._reaper: asyncio.Task[None] | None = None
        self._ends: set[asyncio.Task[None]] = set()
        self._head_start = head_start
        self._memory = head_start.memory if head_start else None
        self.restarts_before = 0

    def loaded(self) -> tuple[Loaded, ...]:
        """What is in memory, the longest loaded first."""
        return tuple(self._loaded.values())

    def find(self, name: str) -> Loaded | None:
        return self._loaded.get(name)

    @property
    def on_gpu(self) -> bool:
        """Whether there is a GPU; False until the first model was loaded."""
        return self._memory is not None and self._memory.on_gpu

    @property
    def restarts(self) -> int:
        """How often a child ended by itself since the start."""
        return self.restarts_before + sum(each.engine.restarts for each in self.loaded())

    @asynccontextmanager
    async def use(self, model: LocalModel, keep_alive: float | None = None) -> AsyncIterator[Lease]:
        """Have a model loaded while the block runs.

        ``keep_alive`` is seconds to keep it afterwards (None: as set, below
        zero: for good). Raises InferenceError where it cannot be loaded.
        """
        began, took = time.monotonic(), 0.0
        while (loaded := self._ready(model.name)) is None:
            # A caller that goes away leaves the load to those that come after.
            await asyncio.shield(self._loading(model))
            took = time.monotonic() - began
        loaded.users += 1
        if keep_alive is not None:
            loaded.keep_alive = keep_alive
        try:
            yield Lease(loaded.engine, took)
        finally:
            loaded.users -= 1
            loaded.last_used = time.monotonic()
            self._wake()

    async def unload(self, name: str) -> None:
        """Let a model go as soon as nobody uses it."""
        loaded = self._loaded.get(name)
        if loaded:
            loaded.keep_alive = 0.0
            loaded.last_used = min(loaded.last_used, time.monotonic())
            self._wake()
            while self._loaded.get(name) is loaded and not loaded.users:
                await self._changed.wait()

    async def close(self) -> None:
        """End every child."""
        tasks = [*self._loads.values(), *([self._reaper] if self._reaper else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._head_start:
            await self._head_start.child.end()
        for name in list(self._loaded):
            await self._drop(name)
        await self._ended()

    def _ready(self, name: str) -> Loaded | None:
        loaded = self._loaded.get(name)
        return loaded if loaded and loaded.engine.state is not State.FAILED else None

    def _loading(self, model: LocalModel) -> asyncio.Task[None]:
        """The one load of a model that is under way, begun where there is none."""
        task = self._loads.get(model.name)
        if task is None:
            task = self._loads[model.name] = asyncio.create_task(self._load_alone(model))
            task.add_done_callback(lambda done: self._loaded_or_not(model.name, done))
        return task

    def _loaded_or_not(self, name: str, done: asyncio.Task[None]) -> None:
        del self._loads[name]
        if not done.cancelled() and (error := done.exception()):
            _log.error("%s was not loaded: %s", name, error)

    async def _load_alone(self, model: LocalModel) -> None:
        async with self._one_load:
            await self._load(model)

    async def _load(self, model: LocalModel) -> None:
        await self._drop(model.name)
        # Until its child has ended, a model that goes still has its memory.
        await self._ended()
        begun = self._begun(model)
        config = begun.config if begun else await self._configured(model)
        await self._make_room(config.memory)
        self._head_start = None if begun else self._head_start
        binary = self._settings.engine_binary
        engine = Engine(
            config,
            binary=binary,
            session=self._session,
            begun=begun,
            patience=self._settings.request_timeout,
            load_timeout=self._settings.load_timeout,
            gave_up=self._note_failed,
        )
        _log.info(
            "loading %s: %d slots of %d tokens", model.name, config.slots, config.context_length
        )
        loaded = self.starting = Loaded(model, engine, self._settings.keep_alive)
        try:
            await engine.start()
        finally:
            self.starting = None
        _log.info("loaded %s in %.1f s", model.name, engine.load_seconds)
        loaded.last_used = time.monotonic() + FIRST_USE_WITHIN
        self._loaded[model.name] = loaded
        self._reaper = self._reaper or asyncio.create_task(self._reap())
        self._wake()

    def _note_failed(self) -> None:
        if all(each.engine.state is State.FAILED for each in self.loaded()):
            self.gave_up.set()

    def _begun(self, model: LocalModel) -> Child | None:
        """The child that was started before everything else, if it is this model's."""
        head_start = self._head_start
        return head_start.child if head_start and head_start.model == model.name else None

    async def _configured(self, model: LocalModel) -> EngineConfig:
        header, memory = await asyncio.gather(
            asyncio.to_thread(gguf.check, model.path), self._memory_at_hand()
        )
        return auto.configure(model, header, self._settings, memory)

    async def _memory_at_hand(self) -> auto.Memory:
        """The memory there was before the first model was loaded."""
        if self._memory is None:
            self._memory = await asyncio.to_thread(auto.at_hand)
        return self._memory

    def _budget(self) -> int:
        if self._settings.memory_budget:
            return self._settings.memory_budget
        return self._memory.usable if self._memory else 0

    async def _make_room(self, needed: int) -> None:
        """Unload the least recently used models until the new one fits beside the rest.

        A model that is too large by itself is let through: llama.cpp then
        keeps the layers that do not fit in host memory.
        """
        while self._loaded:
            used = sum(each.engine.config.memory for each in self.loaded())
            if used + needed <= self._budget():
                return
            idle = [each for each in self.loaded() if not each.users]
            if not idle:
                await self._changed.wait()
                continue
            oldest = min(idle, key=lambda each: each.last_used)
            await self._drop(oldest.model.name)

    async def _drop(self, name: str) -> None:
        loaded = self._loaded.pop(name, None)
        if loaded is None:
            return
        _log.info("unloading %s", name)
        self.restarts_before += loaded.engine.restarts
        end = asyncio.create_task(loaded.engine.stop())
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)
        # The child ends also where whoever wanted the room goes away.
        await asyncio.shield(end)
        self._wake()

    async def _ended(self) -> None:
        """Wait for the children of all that were let go."""
        await asyncio.gather(*self._ends, return_exceptions=True)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _reap(self) -> None:
        while True:
            changed = self._changed
            expires = min((each.expires for each in self.loaded()), default=math.inf)
            left = None if expires == math.inf else max(0.0, expires - time.monotonic())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), left)
            now = time.monotonic()
            for each in self.loaded():
                # While another was ended, this one may have gone and come again.
                if each.expires <= now and self._loaded.get(each.model.name) is each:
                    await self._drop(each.model.name)
