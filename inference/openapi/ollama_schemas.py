"""What Ollama's routes take and answer, by name."""

from __future__ import annotations

from inference.api import options
from inference.api.fields import MOST_IMAGES
from inference.openapi.parts import (
    FLAG,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    Schema,
    closed_object,
    list_of,
    open_object,
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
_TOOL_CALL = closed_object(
    {
        "id": TEXT,
        "function": closed_object({"index": INTEGER, "name": TEXT, "arguments": OBJECT}),
    }
)
_OPTION_MEANINGS = {
    "num_ctx": "Context length that is needed; more than CONTEXT_LENGTH is refused",
    "num_predict": "Most tokens to write; below 0 for no bound but ten contexts",
    "seed": "For the same answer again; -1 for another each time",
    "temperature": "How freely to choose; 0 takes the likeliest token",
    "top_k": "Choose among so many tokens",
    "top_p": "Choose among the likeliest tokens that together reach this probability",
    "min_p": "Leave out tokens less likely than this part of the likeliest",
    "stop": "Texts that end the answer",
    "repeat_penalty": "Make what was said already less likely; 1 does not",
    "repeat_last_n": "Tokens that count as said already",
    "num_keep": "Tokens of the prompt to keep where a context is shifted",
    "mirostat": "Mirostat sampling: 0 off, 1, or 2",
}


def schemas() -> Schema:
    """The schemas that they refer to."""
    return {
        ERROR: closed_object({"error": TEXT}),
        "Options": open_object(_options()),
        "OllamaMessage": _message(),
        "Generated": _ends({"response": TEXT, "thinking": TEXT}, "thinking", context=True),
        "Chatted": _ends({"message": _answered()}),
        "TokenLogprob": _logprob(),
        "Details": _details(),
        "Tags": closed_object({"models": list_of(_tag())}),
        "Running": closed_object({"models": list_of(_running())}),
        "Version": closed_object({"version": TEXT}),
        "Shown": _shown(),
        "Progress": _progress(),
    }


def _options() -> Schema:
    kinds = (
        (options.INTEGERS, INTEGER),
        (options.FLOATS, NUMBER),
        (options.BOOLEANS, FLAG),
        (("stop",), list_of(TEXT)),
    )
    found: Schema = {}
    for names, kind in kinds:
        for name in names:
            found[name] = or_null(kind)
            if name in _OPTION_MEANINGS:
                found[name] |= {"description": _OPTION_MEANINGS[name]}
            if name in options.DEFAULTS:
                found[name] |= {"default": options.DEFAULTS[name]}
    return found


def _message() -> Schema:
    called = open_object({"name": TEXT, "arguments": or_null(OBJECT)})
    return open_object(
        {
            "role": told(
                TEXT,
                "system, user, assistant, tool, or what the template knows",
                minLength=1,
            ),
            "content": told(or_null(TEXT), "What is said"),
            "thinking": told(or_null(TEXT), "What was thought before it"),
            "images": images(),
            "tool_calls": told(
                {"type": ["array", "null"], "items": open_object({"function": called})},
                "Tools that the assistant called",
            ),
            "tool_name": told(or_null(TEXT), "Of a tool's message: the tool that answers"),
            "tool_call_id": told(or_null(TEXT), "Of a tool's message: the call that it answers"),
        },
        "role",
    )


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


def _answered() -> Schema:
    properties = {
        "role": words("assistant"),
        "content": TEXT,
        "thinking": TEXT,
        "images": {"type": "null"},
        "tool_calls": list_of(_TOOL_CALL),
    }
    return closed_object(properties, "thinking", "images", "tool_calls")


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


def _tag() -> Schema:
    return closed_object({**_summary(), "modified_at": _MOMENT, "capabilities": list_of(TEXT)})


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


def images() -> Schema:
    """Pictures of a message or a prompt."""
    return told(
        {"type": ["array", "null"], "items": TEXT, "maxItems": MOST_IMAGES},
        "Pictures as base64 or data: URIs, for a model that sees",
    )
