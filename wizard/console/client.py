"""Akash Console's API, one method a call: bounded, typed, and repeated only where that is safe.

Reading is repeated after a pause; what costs money is sent once. A change that
was sent and not answered raises ConsoleSlow: it may have been carried out, and
`wizard.console.creating` looks before it asks again.

The key is held for the life of one `Console` and travels as ``x-api-key``; it
is never part of an address, a log line or a cache's key.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx2
from django.conf import settings

from wizard.console import errors, reading
from wizard.console.connections import connected
from wizard.console.groups import Json
from wizard.console.refusals import refusal
from wizard.console.values import Bid, Created, Deployment, LeaseId, Provider, Screened

logger = logging.getLogger(__name__)

# Reading is quick; a transaction waits for a block or two of six seconds, and
# a lease for the provider to take the manifest as well.
READ_SECONDS = 10.0
WRITE_SECONDS = 60.0
CONNECT_SECONDS = 5.0
# Seconds before reading is tried again.
PAUSES = (0.3, 0.9)
MAX_BYTES = 8 << 20
PAGE = 200
# The most providers that one request may name.
ADDRESSES = 20
MOST_PAGES = 10
_TIMEZONE = "UTC"


class Console:
    """The API with somebody's key, or with none for what is public."""

    def __init__(self, key: str = "") -> None:
        self._key = key

    def __repr__(self) -> str:
        return "Console()"

    async def screen(self, body: Json) -> tuple[Screened, ...]:
        """Providers that could host these resources now; needs no key."""
        answer = await self._repeated("POST", "/v1/bid-screening", body | {"timezone": _TIMEZONE})
        return reading.screened(answer)

    async def providers(self, addresses: frozenset[str]) -> tuple[Provider, ...]:
        """What is known of these providers; needs no key."""
        wanted = sorted(addresses)
        found: list[Provider] = []
        for start in range(0, len(wanted), ADDRESSES):
            query = {"addresses": ",".join(wanted[start : start + ADDRESSES])}
            found += reading.providers(await self._repeated("GET", "/v1/providers", query=query))
        return tuple(found)

    async def deployments(self) -> tuple[Deployment, ...]:
        """The account's active deployments."""
        found: list[Deployment] = []
        for page in range(MOST_PAGES):
            query = {"skip": str(page * PAGE), "limit": str(PAGE)}
            answer = await self._repeated("GET", "/v1/deployments", query=query)
            listed, is_more = reading.deployments(answer)
            found += listed
            if not is_more:
                break
        return tuple(found)

    async def deployment(self, dseq: str) -> Deployment:
        return reading.deployment(
            await self._repeated("GET", f"/v1/deployments/{reading.dseq(dseq)}")
        )

    async def bids(self, dseq: str) -> tuple[Bid, ...]:
        return reading.bids(
            await self._repeated("GET", "/v1/bids", query={"dseq": reading.dseq(dseq)})
        )

    async def create(self, sdl: str, deposit: float) -> Created:
        """Make a deployment; ``deposit`` is USD. Sent once: see `wizard.console.creating`."""
        body = {"data": {"sdl": sdl, "deposit": deposit}}
        return reading.created(await self._once("POST", "/v1/deployments", body, is_change=True))

    async def lease(self, manifest: str, lease: LeaseId) -> Deployment:
        """Accept a bid and send the manifest. The Console itself makes no second lease."""
        order: Json = {"dseq": lease.dseq, "gseq": lease.gseq, "oseq": lease.oseq}
        body = {"manifest": manifest, "leases": [order | {"provider": lease.provider}]}
        return reading.deployment(await self._once("POST", "/v1/leases", body, is_change=True))

    async def update(self, dseq: str, sdl: str) -> Deployment:
        """Give a deployment another manifest. The same one again changes nothing."""
        path = f"/v1/deployments/{reading.dseq(dseq)}"
        body = {"data": {"sdl": sdl}}
        return reading.deployment(await self._once("PUT", path, body, is_change=True))

    async def close(self, dseq: str) -> None:
        """End a deployment. One that is closed already stays so."""
        path = f"/v1/deployments/{reading.dseq(dseq)}"
        if not reading.success(await self._once("DELETE", path, None, is_change=True)):
            raise errors.ConsoleError(
                "The Console did not close it.", "Try again, or close it in Akash Console itself."
            )

    async def deposit(self, dseq: str, usd: float) -> Deployment:
        """Add to a deployment's deposit. Sent once: a second one is a second payment."""
        body = {"data": {"dseq": reading.dseq(dseq), "deposit": usd}}
        return reading.deployment(
            await self._once("POST", "/v1/deposit-deployment", body, is_change=True)
        )

    async def token(self, provider: str, seconds: int) -> str:
        """A token that lets its holder read one provider's logs of this account's leases."""
        permission = {"provider": provider, "access": "scoped", "scope": ["logs", "events"]}
        leases = {"access": "granular", "permissions": [permission]}
        body = {"data": {"ttl": seconds, "leases": leases}}
        return reading.token(await self._once("POST", "/v1/create-jwt-token", body))

    async def _repeated(
        self, method: str, path: str, body: Json | None = None, query: dict[str, str] | None = None
    ) -> Any:
        """Send, again after a pause where the failure may pass: for what changes nothing."""
        for pause in PAUSES:
            try:
                return await self._once(method, path, body, query)
            except (errors.ConsoleSlow, errors.ConsoleOffline):
                raise
            except errors.ConsoleDown:
                await asyncio.sleep(pause)
        return await self._once(method, path, body, query)

    async def _once(
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
            async with asyncio.timeout(seconds):
                status, content = await self._exchanged(method, path, body, seconds, query)
        except (httpx2.HTTPError, TimeoutError) as error:
            logger.warning("console: %s %s: %s", method, _named(path), type(error).__name__)
            raise _unanswered(error, seconds, is_change=is_change) from None
        if status not in (200, 201):
            logger.info("console: %s %s: %s", method, _named(path), status)
            raise _failure(status, content, is_change=is_change)
        return _parsed(content)

    async def _exchanged(
        self,
        method: str,
        path: str,
        body: Json | None,
        seconds: float,
        query: dict[str, str] | None,
    ) -> tuple[int, bytes]:
        async with (
            connected() as pool,
            pool.stream(
                method,
                settings.CONSOLE_API_URL.rstrip("/") + path,
                json=body,
                params=query,
                headers={"x-api-key": self._key} if self._key else {},
                timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
            ) as response,
        ):
            return response.status_code, await _bounded(response)


async def _bounded(response: httpx2.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise errors.UnexpectedAnswer("The answer is too long.")
    return bytes(content)


def _unanswered(
    error: httpx2.HTTPError | TimeoutError, seconds: float, *, is_change: bool
) -> errors.ConsoleError:
    """What a request without an answer means: not sent, late, or cut off on the way."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        # Nothing was sent, so nothing was done.
        return errors.ConsoleDown("The connection to it fails.")
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return errors.ConsoleSlow(f"No answer within {seconds:g} seconds.")
    kind = errors.ConsoleSlow if is_change else errors.ConsoleDown
    return kind("The connection broke before the answer had come.")


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
