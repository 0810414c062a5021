"""Connections to the Console: a pool for each event loop that keeps one, and nobody's own.

A connection belongs to the loop that opened it. A worker of the site keeps a
pool as long as it lives, the command line as long as it runs; anywhere else a
request opens a connection and closes it again. Neither a key nor a cookie is
part of a pool: accounts must not mix.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

USER_AGENT = "OneClickLLM (+https://github.com/oneclickllm/oneclickllm)"
_pools: dict[asyncio.AbstractEventLoop, httpx2.AsyncClient] = {}


@asynccontextmanager
async def kept_open() -> AsyncIterator[None]:
    """Keep one pool for everything that the running loop asks, until the block ends."""
    loop = asyncio.get_running_loop()
    async with _new_pool() as pool:
        _pools[loop] = pool
        try:
            yield
        finally:
            del _pools[loop]


@asynccontextmanager
async def connected() -> AsyncIterator[httpx2.AsyncClient]:
    """The pool of the running loop, else one for this block alone."""
    if pool := _pools.get(asyncio.get_running_loop()):
        yield pool
        return
    async with _new_pool() as pool:
        yield pool


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
