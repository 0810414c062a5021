"""Errors as each API's clients expect them, made in this one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from aiohttp import web

from inference.engine.client import EngineRefused
from inference.errors import InferenceError

RETRY_AFTER = "5"


class Dialect(StrEnum):
    """Whose clients are spoken to."""

    OLLAMA = "ollama"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    LLAMA_CPP = "llama.cpp"


@dataclass
class ApiError(Exception):
    """A request that cannot be answered: what its caller is told.

    ``type``, ``param`` and ``code`` are what OpenAI's clients look at.
    """

    status: int
    message: str
    type: str = ""
    param: str | None = None
    code: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    501: "not_supported_error",
    503: "overloaded_error",
}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


# llama-server's own routes that answer a request and change nothing that others see.
LLAMA_CPP_ROUTES = (
    "/completion",
    "/completions",
    "/chat/completions",
    "/chat/completions/input_tokens",
    "/responses",
    "/infill",
    "/embedding",
    "/embeddings",
    "/rerank",
    "/reranking",
    "/v1/rerank",
    "/v1/reranking",
    "/tokenize",
    "/detokenize",
    "/apply-template",
)
_LLAMA_CPP_READ = ("/props", "/slots", "/models", "/cors-proxy")


# What llama-server calls a failure of its own (500), and is the caller's mistake: a client
# would send such a request again and again. Source: what its readers of requests throw
# (tools/server/server-common.cpp, server-schema.cpp, common/chat.cpp).
_MISTAKES = re.compile(
    r"^(Failed to (parse (messages|tools|tool call)|load image)|Cannot (use|specify)|Error: "
    r"|Unsupported param|Only no echo|Invalid (base64|token)|Unknown (chat|reasoning) format"
    r"|Multimodal data provided|for mtmd|Grammar trigger)"
    r"| is required$|must (not )?be |input is not supported|json\.exception|too large to process"
    r"|_M_range_check|does not support logits"
)


def dialect_of(path: str) -> Dialect:
    """Whose route a path is."""
    if path in LLAMA_CPP_ROUTES or path in _LLAMA_CPP_READ:
        return Dialect.LLAMA_CPP
    if path.startswith("/v1/messages"):
        return Dialect.ANTHROPIC
    return Dialect.OPENAI if path.startswith("/v1") else Dialect.OLLAMA


def as_api_error(error: Exception) -> ApiError:
    """What a failure of any room means to a caller."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, EngineRefused):
        return _refused(error)
    if isinstance(error, InferenceError):
        return ApiError(error.status, error.sentence)
    if isinstance(error, web.HTTPException):
        return ApiError(error.status, error.reason.lower())
    if isinstance(error, TimeoutError):
        return ApiError(504, "the request took longer than this server allows")
    return ApiError(500, "internal error; the server's log says more")


def _refused(error: EngineRefused) -> ApiError:
    if error.status == 500 and _MISTAKES.search(str(error)):
        return ApiError(400, str(error))
    known = ("message", "type", "code")
    extra = {key: value for key, value in error.body.items() if key not in known}
    return ApiError(error.status, str(error), type=error.kind, extra=extra)


def document(error: ApiError, dialect: Dialect) -> dict[str, Any]:
    """The JSON that tells an error in a dialect."""
    if dialect is Dialect.OLLAMA:
        return {"error": error.message}
    if dialect is Dialect.ANTHROPIC:
        kind = _ANTHROPIC_TYPES.get(error.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": error.message}}
    default = "server_error" if error.status >= 500 else "invalid_request_error"
    kind = error.type or _OPENAI_TYPES.get(error.status, default)
    if dialect is Dialect.LLAMA_CPP:
        told = {"code": error.status, "message": error.message, "type": kind}
        return {"error": {**told, **error.extra}}
    told = {"message": error.message, "type": kind, "param": error.param, "code": error.code}
    return {"error": {**told, **error.extra}}


def response(error: ApiError, dialect: Dialect) -> web.Response:
    """A whole answer that tells an error."""
    headers = {"Retry-After": RETRY_AFTER} if error.status == 503 else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        body=orjson.dumps(document(error, dialect)),
        status=error.status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


def final_event(error: ApiError, dialect: Dialect) -> bytes:
    """The end of a stream that has begun already."""
    data = orjson.dumps(document(error, dialect))
    if dialect is Dialect.OLLAMA:
        return data + b"\n"
    name = b"event: error\n" if dialect is Dialect.ANTHROPIC else b""
    return name + b"data: " + data + b"\n\n"
