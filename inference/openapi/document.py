"""The whole document, put together."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from aiohttp import web

from inference import __version__
from inference.openapi import (
    anthropic,
    llama_cpp,
    ollama,
    ollama_answers,
    ollama_requests,
    openai,
    server,
)
from inference.openapi.parts import Schema

_TAGS = {
    ollama.TAG: "Ollama's API, as its clients rely on it",
    openai.TAG: "OpenAI's API",
    anthropic.TAG: "Anthropic's API",
    llama_cpp.TAG: "llama.cpp's own routes, those that change nothing others see",
    server.TAG: "How the server is",
}


_ROUTES = (ollama, openai, anthropic, llama_cpp, server)
_SCHEMAS = (ollama_requests, ollama_answers, openai, anthropic, llama_cpp, server)


def document() -> Schema:
    """OpenAPI 3.1: every route, what it takes, and what it answers."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OneClickLLM runtime",
            "version": __version__,
            "summary": "One model behind Ollama's, OpenAI's and Anthropic's APIs.",
        },
        "security": [{"bearer": []}, {"key": []}],
        "tags": [{"name": name, "description": meaning} for name, meaning in _TAGS.items()],
        "paths": _together(part.paths() for part in _ROUTES),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
            "schemas": _together(part.schemas() for part in _SCHEMAS),
        },
    }


def _together(parts: Iterable[Schema]) -> Schema:
    return {name: value for part in parts for name, value in part.items()}


async def route(_request: web.Request) -> web.Response:
    """``GET /openapi.json``"""
    return web.Response(body=orjson.dumps(document()), content_type="application/json")
