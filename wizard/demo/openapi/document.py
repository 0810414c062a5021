"""The whole document, put together: it tells the limits that hold where it is served."""

from __future__ import annotations

from inference.openapi.parts import JSON, OBJECT, Schema, answer, operation
from oneclick_site import __version__
from wizard.demo.exchange import Exchange
from wizard.demo.openapi import ollama, openai
from wizard.demo.openapi.limits import headers
from wizard.demo.service import Service
from wizard.demo.values import Limits

_SERVER = "Server"
_TAGS = {
    ollama.TAG: "Ollama's API, as its clients rely on it",
    openai.TAG: "OpenAI's API",
    _SERVER: "The demo itself",
}


def document(limits: Limits) -> Schema:
    """OpenAPI 3.1: every route that is offered, what it takes, and what it answers."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OneClickLLM demo",
            "version": __version__,
            "summary": "A few models behind Ollama's and OpenAI's APIs, for everybody, in limits.",
            "description": "Every other route of the two APIs answers 501.",
        },
        "tags": [{"name": name, "description": meaning} for name, meaning in _TAGS.items()],
        "paths": {
            **ollama.paths(limits),
            **openai.paths(limits),
            "/openapi.json": {"get": _document()},
        },
        "components": {
            "headers": headers(),
            "schemas": {**ollama.schemas(limits), **openai.schemas(limits)},
        },
    }


def _document() -> Schema:
    found = {"200": answer("OpenAPI 3.1", {JSON: OBJECT})}
    return operation("openapi", _SERVER, "This document", found)


async def route(service: Service, exchange: Exchange) -> None:
    """``GET /openapi.json``"""
    await exchange.answer(document(service.limits))
