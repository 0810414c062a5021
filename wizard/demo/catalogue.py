"""What the demo offers, in the words of its upstreams where they say more than a name."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from wizard.demo import client
from wizard.demo.errors import DemoError
from wizard.demo.values import Dialect, Offer, Upstream

KEPT_SECONDS = 60.0
# A failure is soon asked about again, yet not by every visitor.
FAILURE_KEPT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
_SHOWN = (
    "license",
    "modelfile",
    "parameters",
    "template",
    "system",
    "details",
    "messages",
    "model_info",
    "projector_info",
    "capabilities",
    "modified_at",
)


@dataclass(frozen=True)
class _Kept:
    value: dict[str, Any]
    until: float


class Catalogue:
    """Facts about the offered models, kept for a while."""

    def __init__(self, upstreams: tuple[Upstream, ...], session: aiohttp.ClientSession) -> None:
        self._upstreams = upstreams
        self._session = session
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._started = datetime.now(UTC)

    async def entries(self) -> list[dict[str, Any]]:
        """Each offered model once, as ``/api/tags`` lists it."""
        found: dict[str, dict[str, Any]] = {}
        every = await asyncio.gather(*map(self._listed, self._upstreams))
        for upstream, listed in zip(self._upstreams, every, strict=True):
            for offer in upstream.offers:
                found.setdefault(offer.alias, self._entry(offer, listed))
        return list(found.values())

    async def show(self, upstream: Upstream, offer: Offer) -> dict[str, Any]:
        """What ``/api/show`` tells of a model. Raises DemoError."""
        if not upstream.speaks(Dialect.OLLAMA):
            return self._described(offer)

        async def ask() -> dict[str, Any]:
            told = await self._get(upstream, "POST", "/api/show", {"model": offer.model})
            return {**self._described(offer), **{key: told[key] for key in _SHOWN if key in told}}

        return await self._cached((upstream.name, offer.alias), ask)

    async def _listed(self, upstream: Upstream) -> dict[str, Any]:
        """The upstream's own entries by name; empty where it has none or cannot be asked."""
        if not upstream.speaks(Dialect.OLLAMA):
            return {}

        async def ask() -> dict[str, Any]:
            told = await self._get(upstream, "GET", "/api/tags", None)
            models = told.get("models")
            entries = [item for item in models or () if isinstance(item, dict)]
            return {str(entry.get("name")): entry for entry in entries}

        try:
            return await self._cached((upstream.name, ""), ask)
        except DemoError:
            self._kept[upstream.name, ""] = _Kept({}, time.monotonic() + FAILURE_KEPT_SECONDS)
            return {}

    async def _cached(
        self, key: tuple[str, str], ask: Callable[[], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        kept = self._kept.get(key)
        if kept is None or kept.until < time.monotonic():
            kept = _Kept(await ask(), time.monotonic() + KEPT_SECONDS)
            self._kept[key] = kept
        return kept.value

    async def _get(
        self, upstream: Upstream, method: str, path: str, body: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        asking = client.opened(self._session, upstream, method, path, body, within=ANSWER_SECONDS)
        async with asking as reply:
            told = await reply.whole()
        return told if isinstance(told, dict) else {}

    def _entry(self, offer: Offer, listed: Mapping[str, Any]) -> dict[str, Any]:
        known = listed.get(offer.model) or listed.get(f"{offer.model}:latest")
        if known is None:
            return {
                **self._minimal(offer),
                "capabilities": list(offer.capabilities or ("completion",)),
            }
        kept = ("modified_at", "size", "digest", "details", "capabilities")
        facts = {key: known[key] for key in kept if key in known}
        return {**self._minimal(offer), **facts}

    def _minimal(self, offer: Offer) -> dict[str, Any]:
        return {
            "name": offer.alias,
            "model": offer.alias,
            "modified_at": self._stamp(),
            "size": 0,
            "digest": hashlib.sha256(offer.alias.encode()).hexdigest(),
            "details": _details(),
        }

    def _described(self, offer: Offer) -> dict[str, Any]:
        """What can be said of a model whose upstream has no word for it."""
        return {
            "modelfile": f"FROM {offer.alias}\n",
            "parameters": "",
            "template": "",
            "details": _details(),
            "model_info": {},
            "capabilities": list(offer.capabilities or ("completion",)),
            "modified_at": self._stamp(),
        }

    def _stamp(self) -> str:
        return self._started.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _details() -> dict[str, Any]:
    """Ollama's keys, empty: its clients read them without asking whether they are there."""
    return {
        "parent_model": "",
        "format": "",
        "family": "",
        "families": [],
        "parameter_size": "",
        "quantization_level": "",
    }
