"""The one way out to registries: bounded in time, in bytes and in patience.

:func:`client` gives an httpx2 client whose transport reads each body whole,
within limits, and raises the errors of :mod:`wizard.registry.errors`. A
registry that was out of reach rests for a while (``REST_SECONDS``), and one that
asked us to wait is left alone for as long as it said: everyone on the
site shares one address and its quota.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import math
import re
import time
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from django.conf import settings
from django.core.cache import cache

from wizard.registry import public_only
from wizard.registry.errors import (
    RateLimited,
    RegistryDown,
    RegistryError,
    RegistryTimeout,
    UnreadableHeader,
)

# How long a registry rests after one failure, after two in a row, and after more.
REST_SECONDS = (5, 15, 45)
FAILURES_KEPT_SECONDS = 300
MAX_WAIT_SECONDS = 300
MAX_BODY = 24 << 20
MAX_REDIRECTS = 5
RETRIES = 2
FIRST_PAUSE = 0.15
LIMIT = "max_bytes"
TRUNCATE = "truncate"
USER_AGENT = "OneClickLLM (+https://github.com/oneclickllm/oneclickllm)"
_RETRIED = (500, 502, 503, 504)
_REMAINING = re.compile(r";\s*r=(\d{1,9})\b.*?;\s*t=(\d{1,9})\b")
_log = logging.getLogger(__name__)


class GuardedTransport(httpx2.BaseTransport):
    """Sends through ``inner``; raises RegistryDown, RegistryTimeout or RateLimited.

    ``name`` is what the sentences call the registry. Statuses other than 429
    and a lasting 5xx are left to the caller.
    """

    def __init__(self, name: str, inner: httpx2.BaseTransport | None = None) -> None:
        self._name = name
        self._inner = inner or httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        place = _place(request.url)
        self._refuse_early(place)
        public_only.guard(request)
        deadline = time.monotonic() + settings.REGISTRY_TIMEOUT
        try:
            response = self._patiently(request, deadline)
        except httpx2.TimeoutException as error:
            rest = self._remember_down(place, error)
            raise RegistryTimeout(
                f"{self._name} did not answer within {settings.REGISTRY_TIMEOUT:g} seconds.",
                retry_after=rest,
            ) from error
        except httpx2.TransportError as error:
            rest = self._remember_down(place, error)
            raise RegistryDown(f"{self._name} is out of reach.", retry_after=rest) from error
        cache.delete(f"registry-failures:{_host(place)}")
        self._heed_quota(place, response)
        return response

    def close(self) -> None:
        self._inner.close()

    def _refuse_early(self, place: str) -> None:
        if settings.OFFLINE:
            raise RegistryDown(f"This site is set to work offline, without {self._name}.")
        if left := _rest_left(_host(place)):
            raise RegistryDown(f"{self._name} was out of reach a moment ago.", retry_after=left)
        if left := _seconds_until(cache.get(f"registry-wait:{place}"), MAX_WAIT_SECONDS):
            raise self._rate_limited(left)

    def _rate_limited(self, seconds: int) -> RateLimited:
        return RateLimited(
            f"{self._name} asks us to wait for {seconds} seconds.", retry_after=seconds
        )

    def _remember_down(self, place: str, error: Exception) -> int:
        """Let the registry rest, the longer the more often it failed; seconds of it."""
        _log.warning("%s is out of reach: %s", self._name, type(error).__name__)
        host = _host(place)
        if left := _rest_left(host):
            return left
        failures: int = cache.get(f"registry-failures:{host}", 0)
        rest = REST_SECONDS[min(failures, len(REST_SECONDS) - 1)]
        cache.set(f"registry-failures:{host}", failures + 1, FAILURES_KEPT_SECONDS)
        cache.set(f"registry-down:{host}", time.time() + rest, rest)
        return rest

    def _patiently(self, request: httpx2.Request, deadline: float) -> httpx2.Response:
        """Send, again after a pause where that may help, until the deadline."""
        pause = FIRST_PAUSE
        for left in range(RETRIES, -1, -1):
            try:
                response = self._once(request, deadline)
            except httpx2.TimeoutException:
                raise
            except httpx2.TransportError:
                if not left or time.monotonic() + pause > deadline:
                    raise
            else:
                if response.status_code not in _RETRIED:
                    return response
                if not left or time.monotonic() + pause > deadline:
                    break
            time.sleep(pause)
            pause *= 3
        raise RegistryDown(f"{self._name} answers with the error {response.status_code}.")

    def _once(self, request: httpx2.Request, deadline: float) -> httpx2.Response:
        left = max(0.05, deadline - time.monotonic())
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), left)
        response = self._inner.handle_request(request)
        try:
            body = self._read(request, response, deadline)
        finally:
            response.close()
        dropped = ("content-encoding", "content-length", "transfer-encoding")
        headers = [
            (key, value)
            for key, value in response.headers.raw
            if key.lower().decode() not in dropped
        ]
        return httpx2.Response(
            response.status_code, headers=headers, content=body, extensions=response.extensions
        )

    def _read(self, request: httpx2.Request, response: httpx2.Response, deadline: float) -> bytes:
        limit = int(request.extensions.get(LIMIT, MAX_BODY))
        body = bytearray()
        for chunk in _decoded(response, limit):
            body += chunk
            if len(body) > limit:
                break
            if time.monotonic() > deadline:
                raise httpx2.ReadTimeout("The answer as a whole took too long.", request=request)
        if len(body) > limit and not request.extensions.get(TRUNCATE):
            raise RegistryError(f"{self._name} sent an answer of more than {limit >> 20} MiB.")
        return bytes(body[:limit])

    def _heed_quota(self, place: str, response: httpx2.Response) -> None:
        """Remember when the quota is used up, as ``RateLimit`` or ``Retry-After`` say."""
        wait = _wait_seconds(response)
        if wait:
            cache.set(f"registry-wait:{place}", time.time() + wait, wait)
        if response.status_code == 429:
            raise self._rate_limited(wait or REST_SECONDS[-1])


def _rest_left(host: str) -> int:
    return _seconds_until(cache.get(f"registry-down:{host}"), REST_SECONDS[-1])


def _seconds_until(moment: float | None, most: int) -> int:
    """Seconds, and never more than can be meant: the clock may have been set back since."""
    return max(0, min(math.ceil(moment - time.time()), most)) if moment else 0


def client(name: str) -> httpx2.Client:
    """A client for one registry, to be kept and shared by threads.

    Redirects are followed (httpx2 drops Authorization on another host). The
    transport sets each time-out to what is left until the deadline. A
    request's ``extensions`` may hold ``LIMIT`` (bytes of the body) and
    ``TRUNCATE`` (cut there rather than fail).
    """
    session = httpx2.Client(
        transport=GuardedTransport(name),
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
        timeout=None,
    )
    atexit.register(session.close)
    return session


def read_json(response: httpx2.Response, name: str) -> Any:
    """The body as JSON; raises RegistryError where it is none."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{name} sent an answer that is not JSON.") from error


def read_range(
    session: httpx2.Client,
    url: str,
    start: int,
    stop: int,
    headers: Mapping[str, str] | None = None,
) -> httpx2.Response:
    """Ask for the bytes from ``start`` up to, not with, ``stop``.

    A server that ignores ranges is cut off after ``stop`` bytes. The answer's
    content is the range itself; any other status is left to the caller.
    """
    response = session.get(
        url,
        headers={
            **(headers or {}),
            "Range": f"bytes={start}-{stop - 1}",
            "Accept-Encoding": "identity",
        },
        extensions={LIMIT: stop, TRUNCATE: True},
    )
    if response.status_code == 206 and not _is_range(response, start):
        raise UnreadableHeader("The registry sent other bytes than those asked for.")
    content = response.content[start:stop] if response.status_code == 200 else response.content
    if response.status_code not in (200, 206):
        return response
    return httpx2.Response(206, content=content[: stop - start], request=response.request)


def cache_key(*parts: object) -> str:
    """A key for Django's cache from anything that prints."""
    return "registry:" + hashlib.sha256(repr(parts).encode()).hexdigest()


def _is_range(response: httpx2.Response, start: int) -> bool:
    return response.headers.get("content-range", "").startswith(f"bytes {start}-")


def _decoded(response: httpx2.Response, limit: int) -> Iterable[bytes]:
    """The body's bytes, unpacked no further than a little over the limit."""
    stream = cast(Iterable[bytes], response.stream)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return stream
    if encoding != "gzip":
        raise RegistryError(f"The registry sent an answer packed as {encoding[:40]!r}.")
    return _unpacked(stream, limit)


def _unpacked(stream: Iterable[bytes], limit: int) -> Iterable[bytes]:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        for chunk in stream:
            yield unpacker.decompress(chunk, limit + 1)
    except zlib.error as error:
        raise RegistryError("The registry sent an answer that cannot be unpacked.") from error


def _wait_seconds(response: httpx2.Response) -> int:
    """Seconds to leave the registry alone, 0 for none.

    ``RateLimit: "api";r=0;t=293``: nothing remains for 293 seconds.
    https://huggingface.co/docs/hub/rate-limits
    """
    remaining = _REMAINING.search(response.headers.get("ratelimit", ""))
    if remaining and int(remaining[1]) == 0:
        return min(int(remaining[2]), MAX_WAIT_SECONDS)
    if response.status_code != 429:
        return 0
    asked = response.headers.get("retry-after", "")
    is_number = re.fullmatch(r"\d{1,9}", asked)
    return min(int(asked), MAX_WAIT_SECONDS) if is_number else REST_SECONDS[-1]


def _place(url: httpx2.URL) -> str:
    """Where a quota counts: the Hub has one for its API and one for files."""
    bucket = "api" if url.path.startswith("/api/") else "files"
    return f"{url.scheme}://{url.netloc.decode()}/{bucket}"


def _host(place: str) -> str:
    return urlsplit(place).netloc
