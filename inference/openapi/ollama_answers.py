"""What Ollama's routes answer, by name. Whoever speaks its API tells these; the site does too."""

from __future__ import annotations

from inference.openapi.parts import (
    FLAG,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    Schema,
    closed_object,
    list_of,
    or_null,
    ref,
    told,
    words,
)

ERROR = "OllamaError"
_MOMENT = told(TEXT, "A moment in RFC 3339, UTC", format="date-time")
_NANOSECONDS = told(INTEGER, "Nanoseconds", minimum=0)
_COUNT: Schema = {"type": "integer", "minimum": 0}
_DIGEST = told(TEXT, "SHA-256 in hex", pattern="^[0-9a-f]{64}$")
_CALLED = closed_object({"index": INTEGER, "name": TEXT, "arguments": OBJECT})


def schemas() -> Schema:
    """The schemas that they refer to."""
    return {
        ERROR: closed_object({"error": TEXT}),
        "Generated": generated(),
        "Chatted": chatted(closed_object({"id": TEXT, "function": _CALLED})),
        "TokenLogprob": _logprob(),
        "Details": _details(),
        "Tags": closed_object({"models": list_of(tag())}),
        "Running": closed_object({"models": list_of(_running())}),
        "Version": closed_object({"version": TEXT}),
        "Shown": _shown(),
        "Progress": _progress(),
    }


def _ends(properties: Schema, *optional: str, context: bool = False) -> Schema:
    """A line of a stream, or a whole answer; figures come with the last line."""
    figures: Schema = {
        "done_reason": told(words("stop", "length", "load", "unload"), "Why it ended"),
        "total_duration": _NANOSECONDS,
        "load_duration": _NANOSECONDS,
        "prompt_eval_count": told(_COUNT, "Tokens read"),
        "prompt_eval_duration": _NANOSECONDS,
        "eval_count": told(_COUNT, "Tokens written"),
        "eval_duration": _NANOSECONDS,
        "logprobs": list_of(ref("TokenLogprob")),
    }
    if context:
        figures["context"] = told(list_of(INTEGER), "The conversation's tokens")
    first: Schema = {"model": TEXT, "created_at": _MOMENT, **properties, "done": FLAG}
    return closed_object({**first, **figures}, *optional, *figures)


def generated() -> Schema:
    """A line, or the whole, of ``/api/generate``."""
    return _ends({"response": TEXT, "thinking": TEXT}, "thinking", context=True)


def chatted(call: Schema) -> Schema:
    """A line, or the whole, of ``/api/chat``, with the shape of a tool's call."""
    properties = {
        "role": words("assistant"),
        "content": TEXT,
        "thinking": TEXT,
        "images": {"type": "null"},
        "tool_calls": list_of(call),
    }
    message = closed_object(properties, "thinking", "images", "tool_calls")
    return _ends({"message": message})


def _logprob() -> Schema:
    token = {"token": TEXT, "logprob": NUMBER, "bytes": or_null(list_of(INTEGER))}
    alternatives = list_of(closed_object(token))
    return closed_object({**token, "top_logprobs": alternatives}, "top_logprobs")


def _details() -> Schema:
    return closed_object(
        {
            "parent_model": TEXT,
            "format": TEXT,
            "family": TEXT,
            "families": list_of(TEXT),
            "parameter_size": TEXT,
            "quantization_level": TEXT,
            "context_length": INTEGER,
            "embedding_length": INTEGER,
        },
        "context_length",
        "embedding_length",
    )


def _summary() -> Schema:
    return {
        "name": TEXT,
        "model": TEXT,
        "size": told(_COUNT, "Bytes"),
        "digest": _DIGEST,
        "details": ref("Details"),
    }


def tag(*optional: str) -> Schema:
    """An entry of ``/api/tags``."""
    found = {**_summary(), "modified_at": _MOMENT, "capabilities": list_of(TEXT)}
    return closed_object(found, *optional)


def _running() -> Schema:
    return closed_object(
        {
            **_summary(),
            "expires_at": _MOMENT,
            "size_vram": told(_COUNT, "Bytes on the GPUs"),
            "context_length": told(_COUNT, "Tokens that one request can hold"),
        }
    )


def _shown() -> Schema:
    optional: Schema = {
        "license": TEXT,
        "parameters": TEXT,
        "system": TEXT,
        "messages": list_of(OBJECT),
        "projector_info": OBJECT,
        "tensors": list_of(closed_object({"name": TEXT, "type": TEXT, "shape": list_of(INTEGER)})),
    }
    return closed_object(
        {
            "modelfile": TEXT,
            "template": TEXT,
            "details": ref("Details"),
            "model_info": told(OBJECT, "The file's own keys"),
            "capabilities": list_of(
                words("completion", "embedding", "vision", "tools", "insert", "thinking")
            ),
            "modified_at": _MOMENT,
            **optional,
        },
        *optional,
    )


def _progress() -> Schema:
    bytes_told: Schema = {"digest": TEXT, "total": _COUNT, "completed": _COUNT}
    return closed_object(
        {"status": TEXT, "error": TEXT, **bytes_told}, "status", "error", *bytes_told
    )
