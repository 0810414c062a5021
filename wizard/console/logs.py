"""What a provider says of a lease: events of its cluster and the containers' last lines.

The Console's API has neither, so the provider's own gateway is asked, with a
token that the Console makes for this: good for a minute, for this provider's
logs and events, and for nothing else. Addresses and forms:
https://github.com/akash-network/provider ``gateway/rest/router.go``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from django.conf import settings
from yarl import URL

from wizard.console.client import Console
from wizard.console.errors import ConsoleError
from wizard.console.values import Deployment
from wizard.registry.public_only import is_public

logger = logging.getLogger(__name__)

TOKEN_SECONDS = 60
# The stream of what has happened so far has no end of its own at some providers.
READ_SECONDS = 4.0
CONNECT_SECONDS = 5.0
MOST_LINES = 60
LONGEST_LINE = 500
_MAX_MESSAGE = 1 << 16
# What Kubernetes says of an image that is not to be had.
_NO_IMAGE = re.compile(
    r"ErrImagePull|ImagePullBackOff|InvalidImageName|Failed to pull|Back-off pulling"
)
_CRASH = re.compile(r"BackOff|CrashLoop|OOMKill", re.IGNORECASE)
_NO_ROOM = re.compile(r"FailedScheduling|Insufficient")
_MEANINGS = (
    (
        _NO_IMAGE,
        "The image of “{}” cannot be pulled.",
        "Check its name and tag, or that its registry is public. The image can be changed below, "
        "in place.",
    ),
    (
        _CRASH,
        "“{}” has ended and is started again and again.",
        "Its last lines below say why. Out of memory: take a shorter context or a smaller variant. "
        "A gated model: deploy again with a Hugging Face token.",
    ),
    (
        _NO_ROOM,
        "The provider has no room for “{}” just now.",
        "It bid all the same. Close this deployment and take another provider.",
    ),
)


@dataclass(frozen=True)
class Line:
    """A line of a service's log, or an event with its reason."""

    service: str
    text: str
    reason: str = ""


@dataclass(frozen=True)
class Told:
    """What the provider says; ``problem`` is why it says nothing, or empty.

    ``meaning`` and ``way_out`` put what went wrong in words, where it is known.
    """

    events: tuple[Line, ...] = ()
    lines: tuple[Line, ...] = ()
    problem: str = ""
    meaning: str = ""
    way_out: str = ""


async def read(console: Console, deployment: Deployment) -> Told:
    """Events and last lines of the deployment's lease. Never raises for the provider's part."""
    lease = deployment.lease
    if lease is None or not lease.is_active:
        return Told(problem="There is no running lease, so no provider to ask.")
    found = await console.providers(frozenset({lease.id.provider}))
    if not found or not found[0].uri:
        return Told(problem="The provider has no address that could be asked.")
    try:
        token = await console.token(lease.id.provider, TOKEN_SECONDS)
    except ConsoleError as error:
        return Told(problem=f"{error.title}, so its logs cannot be read here. {error}")
    base = f"{found[0].uri.rstrip('/')}/lease/{lease.id.dseq}/{lease.id.gseq}/{lease.id.oseq}"
    try:
        events, lines = await _asked(base, token)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        logger.info("console: a provider's gateway: %s", type(error).__name__)
        return Told(problem="The provider's gateway does not answer; it may be down.")
    return _explained(tuple(map(_event, events)), tuple(map(_line, lines)))


async def _asked(base: str, token: str) -> tuple[list[Any], list[Any]]:
    # Most gateways' certificates are signed by the provider's own chain account,
    # which no authority knows. What could be overheard is a token that ends
    # within a minute and reads one lease's logs.
    connector = aiohttp.TCPConnector(ssl=_unverified(), resolver=_PublicOnly())
    timeout = aiohttp.ClientTimeout(total=READ_SECONDS * 3, connect=CONNECT_SECONDS)
    headers = {"Authorization": f"Bearer {token}"}
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=headers, trace_configs=[tracing]
    ) as session:
        _check_host(base)
        events, lines = await asyncio.gather(
            _messages(session, f"{base}/kubeevents?follow=false"),
            _messages(session, f"{base}/logs?follow=false&tail={MOST_LINES}"),
        )
    return events, lines


async def _refuse_redirect(*_: object) -> None:
    raise aiohttp.ClientError("A provider's gateway does not redirect.")


async def _messages(session: aiohttp.ClientSession, address: str) -> list[Any]:
    """The JSON messages of one stream, the last of them, for as long as it is worth waiting."""
    kept: deque[Any] = deque(maxlen=MOST_LINES)
    async with session.ws_connect(address, max_msg_size=_MAX_MESSAGE) as stream:
        try:
            async with asyncio.timeout(READ_SECONDS):
                async for message in stream:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        kept.append(orjson.loads(message.data))
        except TimeoutError:
            pass
    return list(kept)


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _PublicOnly(AbstractResolver):
    """Names to addresses of the public internet: a provider's own word is not to lead inside.

    A Console on this machine, as in tests, has its providers on this machine.
    """

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [item for item in found if _is_allowed(item["host"])]
        if not allowed:
            raise OSError("The provider's name leads to no public address.")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def _check_host(base: str) -> None:
    """An address instead of a name is not resolved, so it is looked at here."""
    # As it will be asked: full-width digits are an address once they are normalised.
    host = URL(base).host or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    if not _is_allowed(host):
        raise OSError("The provider's address is not a public one.")


def _is_allowed(address: str) -> bool:
    return is_public(address) or _is_local(settings.CONSOLE_API_URL)


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _event(message: Any) -> Line:
    fields = message if isinstance(message, Mapping) else {}
    about = fields.get("object")
    name = about.get("name") if isinstance(about, Mapping) else ""
    return Line(_service(name), _tidy(fields.get("note")), _tidy(fields.get("reason")))


def _line(message: Any) -> Line:
    fields = message if isinstance(message, Mapping) else {}
    return Line(_service(fields.get("name")), _tidy(fields.get("message")))


def _service(name: Any) -> str:
    """``llm`` of a pod's name ``llm-6f7c9d-x2x1``."""
    return _tidy(name).partition("-")[0]


def _tidy(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(char if char.isprintable() else " " for char in text)[:LONGEST_LINE].strip()


def _explained(events: tuple[Line, ...], lines: tuple[Line, ...]) -> Told:
    """With what the events mean in words: the last that is known to be bad counts."""
    for event in reversed(events):
        for pattern, meaning, way_out in _MEANINGS:
            if pattern.search(f"{event.reason} {event.text}"):
                return Told(events, lines, "", meaning.format(event.service), way_out)
    return Told(events, lines)
