"""Which upstreams can be asked: what requests met, and a probe now and then."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from wizard.demo.errors import UpstreamFailed
from wizard.demo.values import Kind, Upstream

PROBE_PATHS = {
    Kind.RUNTIME: "/readyz",
    Kind.OLLAMA: "/api/version",
    Kind.VLLM: "/health",
    Kind.OPENAI: "/v1/models",
}
PROBE_SECONDS = 3.0
EVERY_WHEN_UP = 15.0
EVERY_WHEN_DOWN = 1.0
MISSES_OF_DOWN = 2
_log = logging.getLogger("oneclick.demo")


@dataclass
class _State:
    is_up: bool = True
    was_up: bool = False
    due: float = 0.0
    misses: int = 0


class Health:
    """The state of each upstream. An unknown one counts as up: a request finds out."""

    def __init__(self, upstreams: tuple[Upstream, ...], changed: Callable[[], None]) -> None:
        self._states = {upstream.name: _State() for upstream in upstreams}
        self._upstreams = upstreams
        self._changed = changed

    def is_up(self, upstream: Upstream) -> bool:
        return self._states[upstream.name].is_up

    def is_starting(self, upstream: Upstream) -> bool:
        """Whether it has never been up since this process began."""
        return not self._states[upstream.name].was_up

    def failed(self, upstream: Upstream, error: UpstreamFailed) -> None:
        """Note that a request could not be answered there, and look soon what is the matter."""
        if error.is_down:
            self._set(upstream, is_up=False, reason=str(error))
            return
        self._states[upstream.name].due = 0.0
        fields = {"upstream": upstream.name, "reason": str(error)}
        _log.warning("an upstream failed a request", extra={"fields": fields})

    def answered(self, upstream: Upstream) -> None:
        """Note that a request was answered there."""
        self._set(upstream, is_up=True)

    async def watch(self, session: aiohttp.ClientSession) -> None:
        """Probe for as long as the worker lives."""
        while True:
            now = time.monotonic()
            due = [item for item in self._upstreams if self._states[item.name].due <= now]
            await asyncio.gather(*(self._probe(session, upstream) for upstream in due))
            await asyncio.sleep(EVERY_WHEN_DOWN / 2)

    async def _probe(self, session: aiohttp.ClientSession, upstream: Upstream) -> None:
        reason = await _trouble(session, upstream)
        state = self._states[upstream.name]
        state.misses = state.misses + 1 if reason else 0
        if state.is_up and 0 < state.misses < MISSES_OF_DOWN:
            # A busy machine answers late once: only requests are believed at the first time.
            state.due = time.monotonic() + EVERY_WHEN_DOWN
            return
        self._set(upstream, is_up=not reason, reason=reason)

    def _set(self, upstream: Upstream, *, is_up: bool, reason: str = "") -> None:
        state = self._states[upstream.name]
        state.due = time.monotonic() + (EVERY_WHEN_UP if is_up else EVERY_WHEN_DOWN)
        state.was_up = state.was_up or is_up
        if state.is_up == is_up:
            return
        state.is_up = is_up
        fields = {"upstream": upstream.name, **({"reason": reason} if reason else {})}
        level = logging.WARNING if state.was_up and not is_up else logging.INFO
        told = "up" if is_up else "down" if state.was_up else "not up yet"
        _log.log(level, "upstream is %s", told, extra={"fields": fields})
        self._changed()


async def _trouble(session: aiohttp.ClientSession, upstream: Upstream) -> str:
    """What is wrong with an upstream, or nothing."""
    headers = {"Authorization": f"Bearer {upstream.key}"} if upstream.key else {}
    address = upstream.url + PROBE_PATHS[upstream.kind]
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    try:
        async with session.get(
            address, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            return "" if response.status == 200 else f"it answered {response.status}"
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        return type(error).__name__
