"""Redis as the cache, and this process's own memory while Redis is out of reach."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

REST_SECONDS = 5.0
# A page waits for the cache several times: each wait has to be a short one.
TIMEOUT_SECONDS = 0.5
_log = logging.getLogger(__name__)


class _Server:
    """One Redis server as this process sees it."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        timeouts = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        options = {**timeouts, **params.get("OPTIONS", {})}
        self.redis = RedisCache(server, {**params, "OPTIONS": options})
        self.memory = LocMemCache(f"shared-cache {server}", {})
        self.rest_until = 0.0
        self.is_away = False
        self._failed = ""

    def leave(self, what: str, error: RedisError) -> None:
        self.rest_until = time.monotonic() + REST_SECONDS
        self._failed = what
        if not self.is_away:
            self.is_away = True
            _log.warning("the cache is out of reach, each process keeps its own: %s", error)

    def come_back(self, what: str) -> None:
        """What failed goes again: a Redis without memory, or one that only copies, can be read."""
        if self.is_away and what in (self._failed, "set"):
            self.is_away = False
            _log.warning("the cache is back")


# Django makes a cache object for each request under ASGI: what is known of the
# server, and the connections to it, outlive them.
_servers: dict[str, _Server] = {}


class SharedCache(BaseCache):
    """A cache whose server may go away without taking a page with it.

    After a failure the server is left alone for ``REST_SECONDS``; what is
    cached meanwhile is known to this process alone. Going and coming back are
    logged once each.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._server = _servers.get(server) or _servers.setdefault(server, _Server(server, params))

    @property
    def is_away(self) -> bool:
        """Whether the last call found the server out of reach."""
        return self._server.is_away

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        added: bool = self._do("add", key, value, timeout=timeout, version=version)
        return added

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._do("get", key, default, version=version)

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        self._do("set", key, value, timeout=timeout, version=version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        touched: bool = self._do("touch", key, timeout=timeout, version=version)
        return touched

    def delete(self, key: Any, version: int | None = None) -> bool:
        deleted: bool = self._do("delete", key, version=version)
        return deleted

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        found: dict[Any, Any] = self._do("get_many", list(keys), version=version)
        return found

    def set_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        failed: list[Any] = self._do("set_many", data, timeout=timeout, version=version)
        return failed

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        self._do("delete_many", list(keys), version=version)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        value: int = self._do("incr", key, delta, version=version)
        return value

    def has_key(self, key: Any, version: int | None = None) -> bool:
        found: bool = self._do("has_key", key, version=version)
        return found

    def clear(self) -> None:
        self._do("clear")

    def _do(self, name: str, *args: Any, **named: Any) -> Any:
        server = self._server
        if time.monotonic() >= server.rest_until:
            try:
                answer = getattr(server.redis, name)(*args, **named)
            except RedisError as error:
                server.leave(name, error)
            else:
                server.come_back(name)
                return answer
        return getattr(server.memory, name)(*args, **named)
