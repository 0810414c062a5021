"""Ollama's routes."""

from __future__ import annotations

from inference.api.fields import MOST_TOP_LOGPROBS, THINK_LEVELS
from inference.api.ollama_embed import MOST_INPUTS
from inference.openapi.ollama_answers import ERROR
from inference.openapi.ollama_requests import images
from inference.openapi.parts import (
    ANSWERING,
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
    failures,
    list_of,
    open_object,
    operation,
    or_null,
    parameter,
    ref,
    told,
    words,
)

TAG = "Ollama"
_NAME = told(TEXT, "The model, or an alias", minLength=1)
_STREAM = told(or_null(FLAG), "One JSON text a line while it is made, or one in all", default=True)
_KEEP_ALIVE = told(
    {"type": ["string", "number", "null"]},
    "How long to keep the model: seconds, or a duration such as 5m; below 0 for good, 0 not at all",
)
_NANOSECONDS = told(INTEGER, "Nanoseconds", minimum=0)
_COUNT: Schema = {"type": "integer", "minimum": 0}


def paths() -> Schema:
    """Every path of this dialect."""
    return {
        "/api/generate": {"post": _generate()},
        "/api/chat": {"post": _chat()},
        "/api/embed": {"post": _embed()},
        "/api/embeddings": {"post": _embeddings()},
        "/api/show": {"post": _show()},
        "/api/tags": {"get": _get("tags", "The models that are here", "Tags")},
        "/api/ps": {"get": _get("ps", "The models in memory", "Running")},
        "/api/version": {"get": _get("version", "The version of Ollama's API", "Version")},
        "/api/pull": {"post": _pull()},
        "/api/delete": {"delete": _delete()},
        **{f"/api/{name}": {"post": _refused(name)} for name in ("create", "copy", "push")},
        "/api/blobs/{digest}": {
            "head": _refused("find_blob", _digest()),
            "post": _refused("create_blob", _digest()),
        },
    }


def _asked() -> Schema:
    """What both ways of generating take."""
    return {
        "stream": _STREAM,
        "format": told(
            either(words("json", ""), OBJECT, {"type": "null"}),
            "“json”, or a JSON schema that the answer has to follow",
        ),
        "options": told(either(ref("Options"), {"type": "null"}), "How to choose tokens"),
        "keep_alive": _KEEP_ALIVE,
        "think": told(
            either(FLAG, words(*THINK_LEVELS), {"type": "null"}),
            "Whether, or how hard, to think before the answer; a model that can does by default",
        ),
        "truncate": told(
            or_null(FLAG), "Leave out the oldest messages of a chat that is too long", default=True
        ),
        "logprobs": told(or_null(FLAG), "Tell each token's probability", default=False),
        "top_logprobs": told(
            or_null(INTEGER), "So many alternatives to each", minimum=0, maximum=MOST_TOP_LOGPROBS
        ),
    }


def _generate() -> Schema:
    request = open_object(
        {
            "model": _NAME,
            "prompt": told(or_null(TEXT), "Without one the model is loaded, or unloaded"),
            "suffix": told(or_null(TEXT), "What follows the text that is to be filled in"),
            "images": images(),
            "system": told(or_null(TEXT), "A system prompt instead of the model's own"),
            "template": told(or_null(TEXT), "A template instead of the model's own"),
            "context": told(
                {"type": ["array", "null"], "items": {"type": "integer", "minimum": 0}},
                "The tokens that the last answer gave, to go on from there",
            ),
            "raw": told(or_null(FLAG), "The prompt as it is, without a template", default=False),
            **_asked(),
        },
        "model",
    )
    responses = {"200": _streamed("Generated", "The answer"), **failures(ERROR, *ANSWERING)}
    return operation("generate", TAG, "Answer a prompt", responses, request=request)


def _chat() -> Schema:
    request = open_object(
        {
            "model": _NAME,
            "messages": told(
                {"type": ["array", "null"], "items": ref("OllamaMessage")},
                "What was said so far; without any the model is loaded, or unloaded",
            ),
            "tools": told(
                {"type": ["array", "null"], "items": OBJECT},
                "Tools that the model may call, as OpenAI describes them",
            ),
            **_asked(),
        },
        "model",
    )
    responses = {"200": _streamed("Chatted", "The answer"), **failures(ERROR, *ANSWERING)}
    return operation("chat", TAG, "Go on with a chat", responses, request=request)


def _streamed(schema: str, description: str) -> Schema:
    return answer(description, {NDJSON: ref(schema), JSON: ref(schema)})


def _embed() -> Schema:
    texts = {**list_of(TEXT), "maxItems": MOST_INPUTS}
    request = open_object(
        {
            "model": _NAME,
            "input": told(either(TEXT, texts, {"type": "null"}), "A text, or several"),
            "truncate": told(or_null(FLAG), "Cut texts that are too long", default=True),
            "dimensions": told(
                or_null(INTEGER), "So many dimensions, at length 1 again", minimum=0
            ),
            "keep_alive": _KEEP_ALIVE,
        },
        "model",
    )
    figures = {
        "total_duration": _NANOSECONDS,
        "load_duration": _NANOSECONDS,
        "prompt_eval_count": told(_COUNT, "Tokens read"),
    }
    embedded = closed_object(
        {"model": TEXT, "embeddings": list_of(list_of(NUMBER)), **figures}, *figures
    )
    responses = {"200": answer("A vector of length 1 for each text", {JSON: embedded})}
    return operation(
        *("embed", TAG, "Embed texts"),
        responses | failures(ERROR, *ANSWERING),
        request=request,
    )


def _embeddings() -> Schema:
    request = open_object(
        {"model": _NAME, "prompt": or_null(TEXT), "keep_alive": _KEEP_ALIVE}, "model"
    )
    embedded = closed_object({"embedding": list_of(NUMBER)})
    return operation(
        *("embeddings", TAG, "Embed one text, for older clients"),
        {"200": answer("Its vector", {JSON: embedded}), **failures(ERROR, *ANSWERING)},
        request=request,
    )


def _show() -> Schema:
    verbose = told(or_null(FLAG), "With long lists, and every tensor", default=False)
    return operation(
        *("show", TAG, "What a model is"),
        {
            "200": answer("Its facts", {JSON: ref("Shown")}),
            **failures(ERROR, "400", "401", "404", "413", "422", "503"),
        },
        request=open_object({"model": _NAME, "verbose": verbose}, "model"),
    )


def _get(name: str, summary: str, schema: str) -> Schema:
    found = {"200": answer(summary, {JSON: ref(schema)}), **failures(ERROR, "401")}
    return operation(name, TAG, summary, found)


def _pull() -> Schema:
    statuses = ("400", "401", "403", "404", "413", "422", "500", "502", "503", "507")
    return operation(
        *("pull", TAG, "Download a model"),
        {"200": _streamed("Progress", "How far it is"), **failures(ERROR, *statuses)},
        request=open_object({"model": _NAME, "stream": _STREAM}, "model"),
        description="For callers whom the operator allows it (`ALLOW_PULL`).",
    )


def _delete() -> Schema:
    statuses = ("400", "401", "403", "404", "413", "500", "503")
    return operation(
        *("delete", TAG, "Delete a model"),
        {"200": {"description": "It is deleted"}, **failures(ERROR, *statuses)},
        request=open_object({"model": _NAME}, "model"),
        description="For callers whom the operator allows it (`ALLOW_PULL`).",
    )


def _refused(name: str, parameters: list[Schema] | None = None) -> Schema:
    return operation(
        *(name, TAG, "Not offered: this server serves models only"),
        failures(ERROR, "401", "501"),
        parameters=parameters,
    )


def _digest() -> list[Schema]:
    return [parameter("digest", "path", "A blob's digest")]
