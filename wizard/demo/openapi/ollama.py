"""Ollama's routes, as the demo has them."""

from __future__ import annotations

from inference.openapi import ollama_answers
from inference.openapi.ollama_answers import ERROR
from inference.openapi.ollama_options import MEANINGS
from inference.openapi.parts import (
    FLAG,
    INTEGER,
    JSON,
    NDJSON,
    NUMBER,
    OBJECT,
    TEXT,
    Schema,
    answer,
    closed_object,
    either,
    list_of,
    open_object,
    operation,
    or_null,
    parameter,
    ref,
    told,
    words,
)
from wizard.demo import fields, ollama_fields
from wizard.demo.openapi import limits as told_limits
from wizard.demo.openapi.parts import SCHEMA, bounded, opened, stops, tools
from wizard.demo.values import Limits

TAG = "Ollama"
_NULL: Schema = {"type": "null"}
_NAME = told(TEXT, "One of the models that `/api/tags` lists", minLength=1)
_STREAM = told(or_null(FLAG), "One JSON text a line while it is made, or one in all", default=True)
_IGNORED = "Taken, and without effect: the operator's holds"


def paths(limits: Limits) -> Schema:
    """Every path of this dialect."""
    return {
        "/api/generate": {"post": _generate(limits)},
        "/api/chat": {"post": _chat(limits)},
        "/api/show": {"post": _show(limits)},
        "/api/tags": {"get": _get("tags", "The models that are offered", "Tags")},
        "/api/version": {"get": _get("version", "The version of Ollama's API", "Version")},
    }


def schemas(limits: Limits) -> Schema:
    """The schemas that they refer to."""
    same = ollama_answers.schemas()
    called = open_object({"name": TEXT, "arguments": OBJECT}, "name", "arguments")
    call = open_object({"id": TEXT, "function": called}, "function")
    tag = ollama_answers.tag("capabilities")
    return {
        ERROR: same[ERROR],
        "Options": _options(limits),
        "OllamaMessage": _message(limits),
        "Queue": closed_object({"queue": closed_object({"place": {**INTEGER, "minimum": 0}})}),
        "Generated": opened(ollama_answers.generated()),
        "Chatted": opened(ollama_answers.chatted(call)),
        "Tags": opened(closed_object({"models": list_of(tag)})),
        **{name: opened(same[name]) for name in ("TokenLogprob", "Details", "Version", "Shown")},
    }


def _generate(limits: Limits) -> Schema:
    request = open_object(
        {
            "model": _NAME,
            "prompt": told(
                or_null(TEXT), f"Without one the model is loaded; {told_limits.prompt(limits)}"
            ),
            "suffix": told(or_null(TEXT), "What follows the text that is to be filled in"),
            "images": told_limits.picture(limits, "Pictures as base64, for a model that sees"),
            "system": told(or_null(TEXT), "A system prompt instead of the model's own"),
            "template": told(
                or_null(TEXT),
                "A template instead of the model's own, without loops and calls",
            ),
            "context": told(
                {
                    "type": ["array", "null"],
                    "items": {"type": "integer", "minimum": 0},
                    "maxItems": ollama_fields.MOST_CONTEXT,
                },
                "The tokens that the last answer gave, to go on from there",
            ),
            "raw": told(
                or_null(FLAG),
                "The prompt as it is, without template, system and context",
                default=False,
            ),
            **_asked(),
        },
        "model",
    )
    return _posted("generate", "Answer a prompt", "Generated", request, limits)


def _chat(limits: Limits) -> Schema:
    request = open_object(
        {
            "model": _NAME,
            "messages": told(
                {
                    "type": ["array", "null"],
                    "items": ref("OllamaMessage"),
                    "maxItems": fields.MOST_MESSAGES,
                },
                f"What was said so far; without any the model is loaded; "
                f"{told_limits.prompt(limits)}",
            ),
            "tools": tools(),
            **_asked(),
        },
        "model",
    )
    return _posted("chat", "Go on with a chat", "Chatted", request, limits)


def _posted(name: str, summary: str, schema: str, request: Schema, limits: Limits) -> Schema:
    progress = parameter(
        *("X-OneClick-Progress", "header"),
        "Anything: a stream tells the place in the queue while it waits",
    )
    content = {
        NDJSON: either(ref(schema), ref("Queue"), ref(ERROR)),
        JSON: either(ref(schema), ref(ERROR)),
    }
    return operation(
        *(name, TAG, summary),
        told_limits.answered("The answer", content, ERROR, limits),
        request=request,
        parameters=[progress],
        description="Once an answer has begun, also by a sign of life after "
        f"{limits.heartbeat:g} s, an error is its last line.",
    )


def _asked() -> Schema:
    """What both ways of generating take."""
    return {
        "stream": _STREAM,
        "format": told(
            either(words("json", ""), OBJECT, _NULL),
            f"What the answer has to follow: “json”, or {SCHEMA}",
        ),
        "options": told(either(ref("Options"), _NULL), "How to choose tokens"),
        "keep_alive": told({"type": ["string", "number", "null"]}, _IGNORED),
        "think": told(
            either(FLAG, words(*ollama_fields.THINK_LEVELS), _NULL),
            "Whether, or how hard, to think before the answer; a model that can does by default",
        ),
        "truncate": told(
            or_null(FLAG), "Leave out the oldest messages of a chat that is too long", default=True
        ),
        "shift": told(
            or_null(FLAG), "Go on where the context is full, without what is oldest", default=True
        ),
        "logprobs": told(or_null(FLAG), "Tell each token's probability", default=False),
        "top_logprobs": told(
            bounded(INTEGER, 0, fields.MOST_TOP_LOGPROBS), "So many alternatives to each"
        ),
    }


def _show(limits: Limits) -> Schema:
    return operation(
        *("show", TAG, "What a model is"),
        told_limits.shown({JSON: ref("Shown")}, ERROR, limits),
        request=open_object({"model": _NAME}, "model"),
    )


def _get(name: str, summary: str, schema: str) -> Schema:
    return operation(name, TAG, summary, {"200": answer(summary, {JSON: ref(schema)})})


def _options(limits: Limits) -> Schema:
    found: Schema = {"stop": told(stops(), MEANINGS["stop"])}
    for kind, table in ((INTEGER, ollama_fields.INTEGERS), (NUMBER, ollama_fields.FLOATS)):
        for name, (least, most) in table.items():
            found[name] = told(bounded(kind, least, most), MEANINGS.get(name, ""))
    found["num_predict"]["description"] = told_limits.length(limits)
    for name in ollama_fields.IGNORED_INTEGERS:
        found[name] = told(or_null(NUMBER), _IGNORED)
    for name in ollama_fields.IGNORED_BOOLEANS:
        found[name] = told(or_null(FLAG), _IGNORED)
    return open_object(found)


def _message(limits: Limits) -> Schema:
    function = open_object({"name": or_null(TEXT), "arguments": or_null(OBJECT)})
    call = open_object({"id": or_null(TEXT), "function": function}, "function")
    return open_object(
        {
            "role": words(*ollama_fields.ROLES),
            "content": told(or_null(TEXT), "What is said"),
            "thinking": told(or_null(TEXT), "What was thought before it"),
            "images": told_limits.picture(limits, "Pictures as base64, for a model that sees"),
            "tool_calls": told(
                {"type": ["array", "null"], "items": call},
                f"Tools that the assistant called; the first {fields.MOST_TOOLS} count",
            ),
            "tool_name": told(or_null(TEXT), "Of a tool's message: the tool that answers"),
            "tool_call_id": told(or_null(TEXT), "Of a tool's message: the call that it answers"),
        },
        "role",
    )
