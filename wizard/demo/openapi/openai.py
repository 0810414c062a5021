"""OpenAI's routes, as the demo has them."""

from __future__ import annotations

from inference.openapi import openai
from inference.openapi.openai import ERROR, STREAM
from inference.openapi.parts import (
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
    list_of,
    open_object,
    operation,
    or_null,
    parameter,
    ref,
    told,
    words,
)
from wizard.demo import fields, openai_fields
from wizard.demo.openapi import limits as told_limits
from wizard.demo.openapi.parts import SCHEMA, bounded, stops, tools
from wizard.demo.values import Limits

TAG = openai.TAG
_NULL: Schema = {"type": "null"}
_NAME = told(TEXT, "One of the models that `/v1/models` lists", minLength=1)
_MEANINGS = {
    "temperature": "How freely to choose",
    "top_p": "Choose among the likeliest that reach it",
    "presence_penalty": "Make what was said already less likely",
    "frequency_penalty": "The same, by how often it was said",
}


def paths(limits: Limits) -> Schema:
    """Every path of this dialect."""
    return {
        "/v1/chat/completions": {"post": _chat(limits)},
        "/v1/completions": {"post": _completion(limits)},
        "/v1/models": {"get": _models()},
        "/v1/models/{model}": {"get": _model(limits)},
    }


def schemas(limits: Limits) -> Schema:
    """The schemas that they refer to."""
    same = openai.schemas()
    model = {"id": TEXT, "object": words("model"), "created": INTEGER, "owned_by": TEXT}
    listed = {"object": words("list"), "data": list_of(ref("Model"))}
    return {
        **{name: same[name] for name in (ERROR, "ChatCompletion", "TextCompletion")},
        "Model": open_object(model, *model),
        "OpenAIMessage": _message(limits),
        "Models": open_object(listed, *listed),
    }


def _chat(limits: Limits) -> Schema:
    messages = {
        **list_of(ref("OpenAIMessage")),
        "minItems": 1,
        "maxItems": fields.MOST_MESSAGES,
    }
    request = open_object(
        {
            "model": _NAME,
            "messages": told(messages, f"What was said so far; {told_limits.prompt(limits)}"),
            "max_completion_tokens": told(_tokens(), told_limits.length(limits)),
            **_sampling(limits),
            "tools": tools(),
            "tool_choice": told(
                either(words("none", "auto", "required"), OBJECT, _NULL), "Or one tool"
            ),
            "parallel_tool_calls": told(or_null(FLAG), "Several calls at once"),
            "response_format": told(
                either(_format(), _NULL), f"Of type json_object, or json_schema with {SCHEMA}"
            ),
            "reasoning_effort": told(
                either(words(*openai_fields.EFFORTS, ""), _NULL), "How hard to think before"
            ),
            "logprobs": told(or_null(FLAG), "Tell each token's probability"),
            "top_logprobs": told(
                bounded(INTEGER, 0, fields.MOST_TOP_LOGPROBS), "So many alternatives to each"
            ),
        },
        *("model", "messages"),
    )
    summary = "Go on with a chat"
    return _posted("chat_completions", summary, "ChatCompletion", request, limits)


def _completion(limits: Limits) -> Schema:
    one = {**list_of(TEXT), "minItems": 1, "maxItems": 1}
    request = open_object(
        {
            "model": _NAME,
            "prompt": told(either(TEXT, one), f"A text; {told_limits.prompt(limits)}"),
            "suffix": told(or_null(TEXT), "What follows the text that is to be filled in"),
            **_sampling(limits),
            "echo": told(or_null(FLAG), "Say the prompt before the answer"),
            "logprobs": told(
                bounded(INTEGER, 0, openai_fields.MOST_COMPLETION_LOGPROBS),
                "So many alternatives to each token",
            ),
        },
        "model",
    )
    return _posted("completions", "Go on with a text", "TextCompletion", request, limits)


def _posted(name: str, summary: str, schema: str, request: Schema, limits: Limits) -> Schema:
    content = {JSON: either(ref(schema), ref(ERROR)), EVENTS: EVENT}
    return operation(
        *(name, TAG, summary),
        told_limits.answered("The answer", content, ERROR, limits),
        request=request,
        description="Once an answer has begun, also by a sign of life after "
        f"{limits.heartbeat:g} s, an error is its last event. Fields that are not named here "
        "have no effect.",
    )


def _sampling(limits: Limits) -> Schema:
    numbers = {
        name: told(bounded(NUMBER, *bounds), _MEANINGS[name])
        for name, bounds in openai_fields.NUMBERS.items()
    }
    stop = {**TEXT, "maxLength": fields.LONGEST_STOP}
    return {
        "max_tokens": told(_tokens(), told_limits.length(limits)),
        **numbers,
        "stop": told(either(stop, stops()), "Texts that end the answer"),
        "seed": told(bounded(INTEGER, *openai_fields.SEED), "For the same answer again"),
        "n": told(bounded(INTEGER, 1, 1), "There is one answer"),
        "best_of": told(bounded(INTEGER, 1, 1), "There is one answer"),
        "stream": STREAM,
        "stream_options": told(
            either(open_object({"include_usage": or_null(FLAG)}), _NULL),
            "With include_usage the usage at the end",
        ),
    }


def _tokens() -> Schema:
    return bounded(INTEGER, -1, openai_fields.ENDLESS)


def _format() -> Schema:
    named = open_object({"name": or_null(TEXT), "schema": OBJECT, "strict": or_null(FLAG)})
    kinds = words("text", "json_object", "json_schema")
    return open_object({"type": kinds, "json_schema": named}, "type")


def _models() -> Schema:
    found = {"200": answer("Their names", {JSON: ref("Models")})}
    return operation("models", TAG, "The models that are offered", found)


def _model(limits: Limits) -> Schema:
    return operation(
        *("model", TAG, "One model"),
        {
            "200": answer("It is offered", {JSON: ref("Model")}),
            **told_limits.failed(ERROR, limits, "404"),
        },
        parameters=[parameter("model", "path", "Its name")],
    )


def _message(limits: Limits) -> Schema:
    said = open_object({"type": words("text"), "text": or_null(TEXT)}, "type")
    seen = told(
        {**TEXT, "pattern": f"^data:image/[^,]*,{told_limits.BASE64}$"},
        f"A data: URI in base64; {told_limits.pictures(limits)}",
    )
    picture = open_object(
        {"type": words("image_url"), "image_url": either(seen, open_object({"url": seen}, "url"))},
        *("type", "image_url"),
    )
    function = open_object({"name": or_null(TEXT), "arguments": or_null(TEXT)})
    call = open_object({"id": or_null(TEXT), "function": function}, "function")
    parts = {**list_of(either(said, picture)), "maxItems": fields.MOST_MESSAGES}
    return open_object(
        {
            "role": words(*openai_fields.ROLES),
            "content": told(either(TEXT, parts, _NULL), "A text, or parts"),
            "name": told(or_null(TEXT), "Who says it"),
            "tool_calls": told(
                {"type": ["array", "null"], "items": call},
                f"Tools that the assistant called; the first {fields.MOST_TOOLS} count",
            ),
            "tool_call_id": told(or_null(TEXT), "Of a tool's message: the call that it answers"),
        },
        "role",
    )
