"""Connections to the Console: a pool for each event loop that keeps one, and nobody's own.

A connection belongs to the loop that opened it. A worker of the site keeps a
pool as long as it lives, the command line as long as it runs; anywhere else a
request opens a connection and closes it again. Neither a key nor a cookie is
part of a pool: accounts must not mix. What is done for all visitors, and not for
the one who began it, lives as long as the pool does.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx2

USER_AGENT = "OneClickLLM (+https://github.com/oneclickllm/oneclickllm)"
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Kept:
    """A loop's pool, and what runs on it for everybody."""

    pool: httpx2.AsyncClient
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


_kept: dict[asyncio.AbstractEventLoop, _Kept] = {}


@asynccontextmanager
async def kept_open() -> AsyncIterator[None]:
    """Keep one pool for everything that the running loop asks, until the block ends."""
    loop = asyncio.get_running_loop()
    async with _new_pool() as pool:
        kept = _kept[loop] = _Kept(pool)
        try:
            yield
        finally:
            del _kept[loop]
            await kept.end()


@asynccontextmanager
async def connected() -> AsyncIterator[httpx2.AsyncClient]:
    """The pool of the running loop, else one for this block alone."""
    if kept := _kept.get(asyncio.get_running_loop()):
        yield kept.pool
        return
    async with _new_pool() as pool:
        yield pool


def in_background(work: Callable[[], Coroutine[Any, Any, object]]) -> bool:
    """Begin work that nobody waits for; False, and nothing begun, where no pool is kept open."""
    kept = _kept.get(asyncio.get_running_loop())
    if kept:
        kept.begin(work())
    return kept is not None


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that goes on where whoever waits for it leaves, if a pool is kept open."""
    kept = _kept.get(asyncio.get_running_loop())
    return await (asyncio.shield(kept.begin(work)) if kept else work)


def _new_pool() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        verify=_trust(),
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
    )


@cache
def _trust() -> ssl.SSLContext:
    """Whom to trust belongs to no loop, and takes some milliseconds to read."""
    return httpx2.create_ssl_context()
