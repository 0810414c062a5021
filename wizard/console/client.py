"""Akash Console's API, one method a call: bounded, typed, and repeated only where that is safe.

Reading is repeated after a pause; what costs money is sent once. A request
that was sent and not answered raises ConsoleSlow: it may have been carried
out, and `wizard.console.creating` looks before it asks again.

The key is held for the life of one `Console` and travels as ``x-api-key``; it
is never part of an address, a log line or a cache's key.
"""

from __future__ import annotations

import atexit
import json
import logging
import time
from collections.abc import Iterator
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2
from django.conf import settings

from wizard.console import errors, reading
from wizard.console.groups import Json
from wizard.console.refusals import refusal
from wizard.console.values import Bid, Created, Deployment, LeaseId, Provider, Screened

logger = logging.getLogger(__name__)

# Reading is quick; a transaction waits for a block or two of six seconds, and
# a lease for the provider to take the manifest as well.
READ_SECONDS = 10.0
WRITE_SECONDS = 60.0
RETRIES = 2
FIRST_PAUSE = 0.3
MAX_BYTES = 8 << 20
PAGE = 200
# The most providers that one request may name.
ADDRESSES = 20
MOST_PAGES = 10
USER_AGENT = "OneClickLLM (+https://github.com/oneclickllm/oneclickllm)"
_TIMEZONE = "UTC"


@cache
def _session() -> httpx2.Client:
    """One pool of connections, shared by threads. It keeps no cookies: accounts must not mix."""
    session = httpx2.Client(
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
    )
    atexit.register(session.close)
    return session


class Console:
    """The API with somebody's key, or with none for what is public."""

    def __init__(self, key: str = "") -> None:
        self._key = key

    def __repr__(self) -> str:
        return "Console()"

    def screen(self, body: Json) -> tuple[Screened, ...]:
        """Providers that could host these resources now; needs no key."""
        answer = self._repeated("POST", "/v1/bid-screening", body | {"timezone": _TIMEZONE})
        return reading.screened(answer)

    def providers(self, addresses: frozenset[str]) -> tuple[Provider, ...]:
        """What is known of these providers; needs no key."""
        wanted = sorted(addresses)
        found: list[Provider] = []
        for start in range(0, len(wanted), ADDRESSES):
            query = {"addresses": ",".join(wanted[start : start + ADDRESSES])}
            found += reading.providers(self._repeated("GET", "/v1/providers", query=query))
        return tuple(found)

    def deployments(self) -> Iterator[Deployment]:
        """The account's active deployments."""
        for page in range(MOST_PAGES):
            query = {"skip": str(page * PAGE), "limit": str(PAGE)}
            found, is_more = reading.deployments(
                self._repeated("GET", "/v1/deployments", query=query)
            )
            yield from found
            if not is_more:
                return

    def deployment(self, dseq: str) -> Deployment:
        return reading.deployment(self._repeated("GET", f"/v1/deployments/{reading.dseq(dseq)}"))

    def bids(self, dseq: str) -> tuple[Bid, ...]:
        return reading.bids(self._repeated("GET", "/v1/bids", query={"dseq": reading.dseq(dseq)}))

    def create(self, sdl: str, deposit: float) -> Created:
        """Make a deployment; ``deposit`` is USD. Sent once: see `wizard.console.creating`."""
        body = {"data": {"sdl": sdl, "deposit": deposit}}
        return reading.created(self._once("POST", "/v1/deployments", body, is_change=True))

    def lease(self, manifest: str, lease: LeaseId) -> Deployment:
        """Accept a bid and send the manifest. The Console itself makes no second lease."""
        order: Json = {"dseq": lease.dseq, "gseq": lease.gseq, "oseq": lease.oseq}
        body = {"manifest": manifest, "leases": [order | {"provider": lease.provider}]}
        return reading.deployment(self._once("POST", "/v1/leases", body, is_change=True))

    def update(self, dseq: str, sdl: str) -> Deployment:
        """Give a deployment another manifest. The same one again changes nothing."""
        path = f"/v1/deployments/{reading.dseq(dseq)}"
        body = {"data": {"sdl": sdl}}
        return reading.deployment(self._once("PUT", path, body, is_change=True))

    def close(self, dseq: str) -> None:
        """End a deployment. One that is closed already stays so."""
        path = f"/v1/deployments/{reading.dseq(dseq)}"
        if not reading.success(self._once("DELETE", path, None, is_change=True)):
            raise errors.ConsoleError(
                "The Console did not close it.", "Try again, or close it in Akash Console itself."
            )

    def deposit(self, dseq: str, usd: float) -> Deployment:
        """Add to a deployment's deposit. Sent once: a second one is a second payment."""
        body = {"data": {"dseq": reading.dseq(dseq), "deposit": usd}}
        return reading.deployment(
            self._once("POST", "/v1/deposit-deployment", body, is_change=True)
        )

    def token(self, provider: str, seconds: int) -> str:
        """A token that lets its holder read one provider's logs of this account's leases."""
        permission = {"provider": provider, "access": "scoped", "scope": ["logs", "events"]}
        leases = {"access": "granular", "permissions": [permission]}
        body = {"data": {"ttl": seconds, "leases": leases}}
        return reading.token(self._once("POST", "/v1/create-jwt-token", body))

    def _repeated(
        self, method: str, path: str, body: Json | None = None, query: dict[str, str] | None = None
    ) -> Any:
        """Send, again after a pause where the failure may pass: for what changes nothing."""
        pause = FIRST_PAUSE
        for _ in range(RETRIES):
            try:
                return self._once(method, path, body, query)
            except errors.ConsoleSlow:
                raise
            except errors.ConsoleDown:
                time.sleep(pause)
                pause *= 3
        return self._once(method, path, body, query)

    def _once(
        self,
        method: str,
        path: str,
        body: Json | None,
        query: dict[str, str] | None = None,
        *,
        is_change: bool = False,
    ) -> Any:
        seconds = WRITE_SECONDS if is_change else READ_SECONDS
        if settings.OFFLINE:
            raise errors.ConsoleOffline("This site is set to work offline.")
        try:
            status, content = self._exchanged(method, path, body, seconds, query)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            # Nothing was sent, so nothing was done.
            logger.warning("console: %s %s: %s", method, _named(path), type(error).__name__)
            raise errors.ConsoleDown("The connection to it fails.") from None
        except httpx2.HTTPError as error:
            logger.warning("console: %s %s: %s", method, _named(path), type(error).__name__)
            raise errors.ConsoleSlow(f"No answer within {seconds:g} seconds.") from None
        if status not in (200, 201):
            logger.info("console: %s %s: %s", method, _named(path), status)
            raise _failure(status, content, is_change=is_change)
        return _parsed(content)

    def _exchanged(
        self,
        method: str,
        path: str,
        body: Json | None,
        seconds: float,
        query: dict[str, str] | None,
    ) -> tuple[int, bytes]:
        deadline = time.monotonic() + seconds
        with _session().stream(
            method,
            settings.CONSOLE_API_URL.rstrip("/") + path,
            json=body,
            params=query,
            headers={"x-api-key": self._key} if self._key else {},
            timeout=httpx2.Timeout(seconds, connect=5.0),
        ) as response:
            return response.status_code, _bounded(response, deadline)


def _bounded(response: httpx2.Response, deadline: float) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise errors.UnexpectedAnswer("The answer is too long.")
        if time.monotonic() > deadline:
            raise httpx2.ReadTimeout("The answer as a whole took too long.")
    return bytes(content)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise errors.UnexpectedAnswer("The answer is not JSON.") from None


def _failure(status: int, content: bytes, *, is_change: bool) -> errors.ConsoleError:
    """The refusal; a 5xx to what changes something says nothing of whether it was done."""
    try:
        said = json.loads(content)["message"]
    except (ValueError, RecursionError, KeyError, TypeError):
        said = ""
    found = refusal(status, said if isinstance(said, str) else "")
    if is_change and status >= 500:
        return errors.ConsoleSlow(f"It answers with the error {status}.")
    return found


def _named(path: str) -> str:
    """The path without the numbers in it, which are a person's own."""
    return "/".join("…" if part.isdigit() else part for part in path.split("/"))
