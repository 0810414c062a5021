"""Connections to the Console: a pool for each event loop that keeps one, and nobody's own.

A connection belongs to the loop that opened it. A worker of the site keeps a
pool as long as it lives, the command line as long as it runs; anywhere else a
request opens a connection and closes it again. Neither a key nor a cookie is
part of a pool: accounts must not mix. What is done for all visitors, and not for
the one who began it, lives as long as the pool does; what changes somebody's account is
waited for before the pool ends.
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


_Tasks = set[asyncio.Task[Any]]


@dataclass(frozen=True, eq=False)
class _Kept:
    """A loop's pool, and what runs on it for everybody."""

    pool: httpx2.AsyncClient
    tasks: _Tasks = field(default_factory=set)


_kept: dict[asyncio.AbstractEventLoop, _Kept] = {}
# A task that nobody else holds may be thrown away before its end.
_changes: _Tasks = set()


@asynccontextmanager
async def kept_open() -> AsyncIterator[None]:
    """Keep one pool for everything that the running loop asks, until the block ends."""
    loop = asyncio.get_running_loop()
    async with _new_pool() as pool:
        kept = _kept[loop] = _Kept(pool)
        try:
            yield
        finally:
            await _ended({task for task in _changes if task.get_loop() is loop})
            del _kept[loop]
            for task in kept.tasks:
                task.cancel()
            await _ended(kept.tasks)


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
        _begun(work(), kept.tasks)
    return kept is not None


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that goes on where whoever waits for it leaves, if a pool is kept open."""
    kept = _kept.get(asyncio.get_running_loop())
    return await (asyncio.shield(_begun(work, kept.tasks)) if kept else work)


async def carried_out(work: Coroutine[Any, Any, T]) -> T:
    """The result of a change, which goes on where its browser leaves, and before the site ends.

    Django cancels a view whose client is gone. A deployment whose request has
    been sent would then be made without anybody noting it. What runs on has lost
    the request's own thread, so that it waits with ``asyncio.to_thread`` only:
    https://github.com/django/asgiref "Thread-sensitive code".
    """
    return await asyncio.shield(_begun(work, _changes))


def _begun(work: Coroutine[Any, Any, T], held: _Tasks) -> asyncio.Task[T]:
    task = asyncio.create_task(work)
    held.add(task)
    task.add_done_callback(held.discard)
    return task


async def _ended(tasks: _Tasks) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


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
