"""Requests about models: which there are, and what they are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from wizard.demo import fields
from wizard.demo.errors import BadRequest, Busy, ModelNotFound, UpstreamFailed
from wizard.demo.exchange import Exchange
from wizard.demo.service import Service

# The Ollama whose API this is: clients compare it with what they need.
API_VERSION = "0.33.0"
LARGEST_QUESTION = 64 << 10


async def version(_service: Service, exchange: Exchange) -> None:
    """``GET /api/version``"""
    await exchange.answer({"version": API_VERSION})


async def tags(service: Service, exchange: Exchange) -> None:
    """``GET /api/tags``"""
    await exchange.answer({"models": await service.catalogue.entries()})


async def show(service: Service, exchange: Exchange) -> None:
    """``POST /api/show``"""
    document = await exchange.json(LARGEST_QUESTION)
    name = fields.model_name(document)
    if not name:
        raise BadRequest("model is required")
    upstreams = service.dispatcher.having(name)
    for upstream in sorted(upstreams, key=lambda item: not service.dispatcher.health.is_up(item)):
        offer = upstream.offer(name)
        try:
            await exchange.answer(await service.catalogue.show(upstream, offer))
            return
        except UpstreamFailed:
            continue
    raise Busy(f"model '{name}' cannot be reached at the moment", retry_after=2)


async def openai_models(service: Service, exchange: Exchange) -> None:
    """``GET /v1/models``"""
    entries = await service.catalogue.entries()
    await exchange.answer({"object": "list", "data": [_openai(entry) for entry in entries]})


async def openai_model(service: Service, exchange: Exchange) -> None:
    """``GET /v1/models/{model}``"""
    name = exchange.path.removeprefix("/v1/models/")
    for entry in await service.catalogue.entries():
        if entry["name"].removesuffix(":latest") == name.removesuffix(":latest"):
            await exchange.answer(_openai(entry))
            return
    raise ModelNotFound(f"The model '{name[:200]}' does not exist", param="model")


def _openai(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": entry["name"],
        "object": "model",
        "created": _seconds(entry["modified_at"]),
        "owned_by": "library",
    }


def _seconds(stamp: Any) -> int:
    try:
        return int(datetime.fromisoformat(str(stamp)).timestamp())
    except ValueError:
        return 0
