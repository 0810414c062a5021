"""Anthropic's routes."""

from __future__ import annotations

from inference.openapi.openai import MODEL, STREAM, usage
from inference.openapi.parts import (
    ANSWERING,
    EVENT,
    EVENTS,
    INTEGER,
    JSON,
    NUMBER,
    OBJECT,
    TEXT,
    Schema,
    answer,
    either,
    failures,
    list_of,
    open_object,
    operation,
    or_null,
    ref,
    told,
    words,
)

TAG, ERROR = "Anthropic", "AnthropicError"


def paths() -> Schema:
    """Every path of this dialect."""
    return {
        "/v1/messages": {"post": _messages()},
        "/v1/messages/count_tokens": {"post": _count_tokens()},
    }


def schemas() -> Schema:
    """The schemas that they refer to."""
    kind = open_object({"type": TEXT, "message": TEXT}, "type", "message")
    return {
        ERROR: open_object({"type": words("error"), "error": kind}, "type", "error"),
        "AnthropicMessage": _anthropic_message(),
    }


def _message_request(*required: str) -> Schema:
    message = open_object(
        {"role": words("user", "assistant"), "content": either(TEXT, list_of(OBJECT))},
        *("role", "content"),
    )
    return open_object(
        {
            "model": MODEL,
            "messages": told(list_of(message), "What was said so far"),
            "max_tokens": told(INTEGER, "Most tokens to write"),
            "system": told(either(TEXT, list_of(OBJECT)), "A system prompt"),
            "temperature": told(NUMBER, "How freely to choose", default=1.0),
            "top_p": told(NUMBER, "Choose among the likeliest that reach it", default=1.0),
            "top_k": told(INTEGER, "Choose among so many"),
            "stop_sequences": told(list_of(TEXT), "Texts that end the answer"),
            "tools": told(list_of(OBJECT), "Tools to call"),
            "stream": STREAM,
        },
        *required,
    )


def _messages() -> Schema:
    content = {JSON: ref("AnthropicMessage"), EVENTS: EVENT}
    return operation(
        *("messages", TAG, "Go on with a chat"),
        {"200": answer("The answer", content), **failures(ERROR, *ANSWERING)},
        request=_message_request("messages", "max_tokens"),
    )


def _count_tokens() -> Schema:
    return operation(
        *("count_tokens", TAG, "Count a request's tokens without answering it"),
        {"200": answer("The tokens", {JSON: ref("InputTokens")})} | failures(ERROR, *ANSWERING),
        request=_message_request("messages"),
    )


def _anthropic_message() -> Schema:
    found: Schema = {
        "id": TEXT,
        "type": words("message"),
        "role": words("assistant"),
        "model": TEXT,
        "content": list_of(open_object({"type": TEXT}, "type")),
        "stop_reason": or_null(TEXT),
        "stop_sequence": or_null(TEXT),
        "usage": usage("input_tokens", "output_tokens"),
    }
    return open_object(found, *found)
