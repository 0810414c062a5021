"""HTTP for pulling: bounded answers, redirects followed by hand, the token kept at home."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
import orjson

from inference.errors import RegistryAnswer, RegistryUnreachable
from inference.pull import places
from inference.pull.limits import Limits
from inference.pull.refusals import TRANSIENT, Transient, refusal, retry_after

T = TypeVar("T")
log = logging.getLogger(__name__)
REDIRECTS = (301, 302, 303, 307, 308)
NETWORK_FAILURES = (aiohttp.ClientError, asyncio.TimeoutError, ConnectionError, OSError)


@dataclass(frozen=True)
class Answer:
    """A final answer, and the digest that a redirect on the way to it named."""

    response: aiohttp.ClientResponse
    linked_etag: str


class Transport:
    """One pull's HTTP client.

    ``hub`` is the Hub's base URL: a token is sent there and nowhere else, so
    that no redirect carries it away. Beside the hub and ``registry``, only
    public addresses are asked.
    """

    def __init__(self, hub: str, token: str, limits: Limits, registry: str = "") -> None:
        self.limits = limits
        self._hub = origin(hub)
        self._named = frozenset((places.host_of(hub), places.host_of(registry)))
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    @property
    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("a Transport is used as a context manager")
        return self._session

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=self.limits.connect_timeout,
            sock_connect=self.limits.connect_timeout,
            sock_read=self.limits.stall_timeout,
        )
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            headers={"User-Agent": "oneclickllm/0.1", "Accept-Encoding": "identity"},
            connector=aiohttp.TCPConnector(
                limit=self.limits.connections + 2, resolver=places.PublicOnly(self._named)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=1 << 20,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()

    @asynccontextmanager
    async def open(
        self, url: str, name: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Answer]:
        """The answer to a GET, redirects followed: 200 or 206, nothing else.

        Raises Transient for what may pass, an InferenceError for what will not.
        """
        async with self._following(url, name, headers or {}) as answer:
            response = answer.response
            if response.status in TRANSIENT:
                raise Transient(f"answer {response.status}", retry_after(response.headers))
            if response.status >= 400:
                raise self._refusal(name, response)
            if response.status not in (200, 206):
                raise RegistryAnswer(f"{response.url.host} answered {response.status} for {name}.")
            yield answer

    async def get(
        self, url: str, name: str, most: int, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        """A whole answer of at most ``most`` bytes with its headers, retried."""

        async def once() -> tuple[bytes, Mapping[str, str]]:
            async with self.open(url, name, headers) as answer:
                return await _bounded(answer.response, name, most), answer.response.headers

        return await self.retried(once, name)

    async def get_json(self, url: str, name: str) -> tuple[Any, Mapping[str, str]]:
        """A JSON answer with its headers, retried."""
        body, headers = await self.get(url, name, self.limits.answer)
        try:
            return orjson.loads(body), headers
        except orjson.JSONDecodeError:
            host = urlsplit(url).hostname
            raise RegistryAnswer(
                f"{host} answered something that is not JSON for {name}.",
                next_step="Look whether a proxy or a sign-in page stands between.",
            ) from None

    async def retried(self, attempt: Callable[[], Awaitable[T]], name: str) -> T:
        """Run ``attempt`` until it gives an answer, waiting longer each time."""
        failures = 0
        while True:
            try:
                return await attempt()
            except (Transient, *NETWORK_FAILURES) as error:
                failures += 1
                await self.wait(failures, error, name)

    async def wait(self, failures: int, error: Exception, name: str) -> None:
        """Back off after a failure. Raises RegistryUnreachable after too many in a row."""
        if failures >= self.limits.attempts:
            reason = str(error) or type(error).__name__
            raise RegistryUnreachable(
                f"{name} could not be downloaded after {failures} attempts: {reason}."
            ) from error
        asked = error.wait if isinstance(error, Transient) else None
        backoff = min(self.limits.longest_wait, self.limits.first_wait * 2 ** (failures - 1))
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, guards nothing
        pause = asked if asked is not None else backoff * jitter
        log.warning("%s: %s; trying again in %.1f s", name, error or type(error).__name__, pause)
        await asyncio.sleep(pause)

    def is_hub(self, url: str) -> bool:
        return origin(url) == self._hub

    @asynccontextmanager
    async def _following(
        self, url: str, name: str, headers: Mapping[str, str]
    ) -> AsyncIterator[Answer]:
        linked = ""
        for _ in range(self.limits.redirects + 1):
            async with self._client.get(
                places.checked(url, self._named),
                headers={**headers, **self._credentials(url)},
                allow_redirects=False,
            ) as response:
                linked = response.headers.get("X-Linked-Etag", linked)
                if response.status not in REDIRECTS:
                    yield Answer(response, linked.strip('"'))
                    return
                url = _target(url, response.headers.get("Location", ""), name)
        raise RegistryAnswer(f"{name} is redirected more than {self.limits.redirects} times.")

    def _credentials(self, url: str) -> dict[str, str]:
        if not self._token or not self.is_hub(url):
            return {}
        return {"Authorization": f"Bearer {self._token}"}

    def _refusal(self, name: str, response: aiohttp.ClientResponse) -> Exception:
        hub = self.is_hub(str(response.url))
        return refusal(
            name, response.status, response.headers, hub=hub, has_token=bool(self._token)
        )


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a token may travel to."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def _target(url: str, location: str, name: str) -> str:
    """Where a redirect leads, if it may."""
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        host = parts.hostname
    except ValueError:
        host = None
    if not location or not host or parts.scheme not in ("http", "https"):
        raise RegistryAnswer(f"{name} is redirected to nowhere that can be followed.")
    if url.startswith("https:") and parts.scheme != "https":
        raise RegistryAnswer(f"{name} is redirected from https to http, which is not followed.")
    return target


async def _bounded(response: aiohttp.ClientResponse, name: str, most: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise RegistryAnswer(f"{response.url.host} answered more than {most} bytes for {name}.")
    return bytes(body)
