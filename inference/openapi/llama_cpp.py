"""llama.cpp's own routes, passed through."""

from __future__ import annotations

from inference.openapi import openai
from inference.openapi.openai import MODEL
from inference.openapi.parts import (
    ANSWERING,
    EVENT,
    EVENTS,
    FLAG,
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
    parameter,
    ref,
    told,
)

TAG, ERROR = "llama.cpp", "LlamaCppError"
_SECOND_NAMES = {
    "/completions": "/completion",
    "/embeddings": "/embedding",
    "/reranking": "/rerank",
    "/v1/rerank": "/rerank",
    "/v1/reranking": "/rerank",
}
_SHORT = {
    "/chat/completions": "/v1/chat/completions",
    "/chat/completions/input_tokens": "/v1/chat/completions/input_tokens",
    "/responses": "/v1/responses",
}


def paths() -> Schema:
    """Every path of this dialect; some have a second name."""
    own = {
        "/completion": {"post": _completion()},
        "/infill": {"post": _infill()},
        "/tokenize": {"post": _tokenize()},
        "/detokenize": {"post": _detokenize()},
        "/apply-template": {"post": _apply_template()},
        "/embedding": {"post": _embedding()},
        "/rerank": {"post": _rerank()},
        "/props": {"get": _props()},
        "/slots": {"get": _slots()},
        "/cors-proxy": {method: _cors_proxy(method) for method in ("get", "post")},
        "/models": {"get": _again(openai.models("llama_models", ERROR), "/v1/models")},
    }
    second = {path: _copied(own[first], path, first) for path, first in _SECOND_NAMES.items()}
    theirs = openai.paths()
    short = {path: _copied(theirs[first], path, first) for path, first in _SHORT.items()}
    return {**own, **second, **short}


def schemas() -> Schema:
    """The schemas that they refer to."""
    error: Schema = {"code": INTEGER, "message": TEXT, "type": TEXT}
    return {
        ERROR: open_object({"error": open_object(error, *error)}, "error"),
        "Completion": _completed(),
        "Reranked": _reranked(),
    }


def _copied(item: Schema, path: str, first: str) -> Schema:
    operation_id = path.strip("/").replace("/", "_").replace("-", "_")
    found = _again(item["post"], first)
    responses = {
        status: response if status == "200" else failures(ERROR, status)[status]
        for status, response in found["responses"].items()
    }
    return {"post": {**found, "operationId": f"llama_{operation_id}", "responses": responses}}


def _again(found: Schema, first: str) -> Schema:
    return {**found, "tags": [TAG], "description": f"The same as `{first}`."}


def _post(name: str, summary: str, request: Schema, result: Schema, *, streams: bool) -> Schema:
    content = {JSON: result, EVENTS: EVENT} if streams else {JSON: result}
    return operation(
        *(name, TAG, summary),
        {"200": answer(summary, content), **failures(ERROR, *ANSWERING)},
        request=request,
        description="Every further field of llama-server's route is taken too.",
    )


def _completion() -> Schema:
    request = open_object(
        {
            "model": MODEL,
            "prompt": told(
                either(TEXT, list_of(either(TEXT, INTEGER)), OBJECT), "A text, tokens, or several"
            ),
            **openai.sampling("n_predict", 0.8, 0.95),
        },
        "prompt",
    )
    result = either(ref("Completion"), list_of(ref("Completion")))
    return _post("completion", "Go on with a text", request, result, streams=True)


def _infill() -> Schema:
    request = open_object(
        {
            "model": MODEL,
            "input_prefix": told(TEXT, "What stands before"),
            "input_suffix": told(TEXT, "What stands after"),
            "input_extra": told(list_of(OBJECT), "Other files, each with filename and text"),
            "prompt": told(TEXT, "What follows the prefix at once"),
            **openai.sampling("n_predict", 0.8, 0.95),
        },
        *("input_prefix", "input_suffix"),
    )
    return _post("infill", "Fill in code", request, ref("Completion"), streams=True)


def _tokenize() -> Schema:
    request = open_object(
        {
            "model": MODEL,
            "content": told(TEXT, "The text"),
            "add_special": told(FLAG, "With the tokens that begin a text", default=False),
            "parse_special": told(FLAG, "Read what looks like one as one", default=True),
            "with_pieces": told(FLAG, "Each token with its text", default=False),
        },
        "content",
    )
    result = open_object({"tokens": list_of(either(INTEGER, OBJECT))}, "tokens")
    return _post("tokenize", "Turn a text into tokens", request, result, streams=False)


def _detokenize() -> Schema:
    request = open_object({"model": MODEL, "tokens": list_of(INTEGER)}, "tokens")
    result = open_object({"content": TEXT}, "content")
    return _post("detokenize", "Turn tokens into a text", request, result, streams=False)


def _apply_template() -> Schema:
    request = open_object({"model": MODEL, "messages": list_of(OBJECT)}, "messages")
    result = open_object({"prompt": TEXT}, "prompt")
    return _post("apply_template", "A chat as the model reads it", request, result, streams=False)


def _embedding() -> Schema:
    content = told(either(TEXT, list_of(either(TEXT, INTEGER))), "A text, tokens, or several")
    request = open_object({"model": MODEL, "content": content}, "content")
    item = open_object({"index": INTEGER, "embedding": list_of(either(NUMBER, list_of(NUMBER)))})
    return _post("embedding", "Embed a text", request, list_of(item), streams=False)


def _rerank() -> Schema:
    request = open_object(
        {
            "model": MODEL,
            "query": told(TEXT, "What is looked for"),
            "documents": told(list_of(TEXT), "Where"),
            "top_n": told(or_null(INTEGER), "So many of the best"),
        },
        *("query", "documents"),
    )
    return _post("rerank", "Order texts by relevance", request, ref("Reranked"), streams=False)


def _props() -> Schema:
    found: Schema = {
        "default_generation_settings": OBJECT,
        "model_path": TEXT,
        "total_slots": INTEGER,
    }
    return operation(
        *("props", TAG, "What a model and its slots are"),
        {"200": answer("Its properties", {JSON: open_object(found, *found)})}
        | failures(ERROR, "401", "404", "500", "503", "504"),
        parameters=[parameter("model", "query", "The model; the default one without it")],
    )


def _slots() -> Schema:
    found: Schema = {"id": INTEGER, "n_ctx": INTEGER, "is_processing": FLAG}
    return operation(
        *("slots", TAG, "Which slots of a model are busy; none while it is not loaded"),
        {"200": answer("Its slots", {JSON: list_of(open_object(found, *found))})}
        | failures(ERROR, "401", "404", "500", "503", "504"),
        parameters=[
            parameter("model", "query", "The model; the default one without it"),
            parameter("fail_on_no_slot", "query", "Anything: 503 where every slot is busy"),
        ],
    )


def _cors_proxy(method: str) -> Schema:
    refused = failures(ERROR, "401", "403")
    return operation(f"{method}_cors_proxy", TAG, "Not offered: it would fetch for a page", refused)


def _completed() -> Schema:
    found: Schema = {
        "content": TEXT,
        "stop": FLAG,
        "model": TEXT,
        "tokens_predicted": INTEGER,
        "tokens_evaluated": INTEGER,
        "timings": told(OBJECT, "Tokens and milliseconds of reading and writing"),
    }
    return open_object(found, "content", "stop")


def _reranked() -> Schema:
    item = open_object({"index": INTEGER, "relevance_score": NUMBER})
    return open_object({"model": TEXT, "results": list_of(item)}, "results")
