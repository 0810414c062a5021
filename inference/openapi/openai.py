"""OpenAI's routes. Of llama-server's own answers the main fields are told."""

from __future__ import annotations

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
    words,
)

TAG, ERROR = "OpenAI", "OpenAIError"
MODEL = told(or_null(TEXT), "The model, or an alias; the default model without one")
STREAM = told(or_null(FLAG), "Server-sent events while it is made", default=False)
_NULL: Schema = {"type": "null"}


def paths() -> Schema:
    """Every path of this dialect."""
    return {
        "/v1/chat/completions": {"post": _chat()},
        "/v1/chat/completions/input_tokens": {"post": _counted("chat_tokens", _chat_request())},
        "/v1/completions": {"post": _completions()},
        "/v1/responses": {"post": _responses()},
        "/v1/responses/input_tokens": {"post": _counted("response_tokens", _response_request())},
        "/v1/embeddings": {"post": _embeddings()},
        "/v1/models": {"get": models("models")},
        "/v1/models/{model}": {"get": _model()},
    }


def schemas() -> Schema:
    """The schemas that they refer to."""
    error: Schema = {
        "message": TEXT,
        "type": TEXT,
        "param": or_null(TEXT),
        "code": {"type": ["string", "integer", "null"]},
    }
    return {
        ERROR: open_object({"error": open_object(error, *error)}, "error"),
        "ChatCompletion": _chat_completion(),
        "TextCompletion": _text_completion(),
        "Response": _response(),
        "Embedded": _embedded(),
        "Models": _models(),
        "Model": _one_model(),
        "InputTokens": open_object({"input_tokens": INTEGER}, "input_tokens"),
    }


def sampling(longest: str, freely: float = 1.0, nucleus: float = 1.0) -> Schema:
    """What chooses tokens; ``longest`` is this route's name for the most to write."""
    return {
        longest: told(or_null(INTEGER), "Most tokens to write"),
        "temperature": told(or_null(NUMBER), "How freely to choose", default=freely),
        "top_p": told(or_null(NUMBER), "Choose among the likeliest that reach it", default=nucleus),
        "stop": told(either(TEXT, list_of(TEXT), _NULL), "Texts that end the answer"),
        "seed": told(or_null(INTEGER), "For the same answer again"),
        "stream": STREAM,
    }


def _chat_request() -> Schema:
    message = open_object(
        {
            "role": words("system", "developer", "user", "assistant", "tool"),
            "content": told(
                either(TEXT, list_of(OBJECT), _NULL), "A text, or parts; pictures as data: URIs"
            ),
        },
        "role",
    )
    return open_object(
        {
            "model": MODEL,
            "messages": told(list_of(message), "What was said so far"),
            **sampling("max_tokens"),
            "n": told(or_null(INTEGER), "So many answers", minimum=1),
            "tools": told({"type": ["array", "null"], "items": OBJECT}, "Tools to call"),
            "tool_choice": told(either(TEXT, OBJECT, _NULL), "auto, none, required, or one tool"),
            "response_format": told(
                either(OBJECT, _NULL), "Of type json_object, or json_schema with a schema"
            ),
            "logprobs": told(or_null(FLAG), "Tell each token's probability"),
            "top_logprobs": told(or_null(INTEGER), "So many alternatives to each"),
            "stream_options": told(
                either(OBJECT, _NULL), "With include_usage the usage at the end"
            ),
        },
        "messages",
    )


def _chat() -> Schema:
    content = {JSON: ref("ChatCompletion"), EVENTS: EVENT}
    return operation(
        *("chat_completions", TAG, "Go on with a chat"),
        {"200": answer("The answer", content), **failures(ERROR, *ANSWERING)},
        request=_chat_request(),
        description="Every further field of llama-server's route is taken too.",
    )


def _completions() -> Schema:
    request = open_object(
        {
            "model": MODEL,
            "prompt": told(either(TEXT, list_of(either(TEXT, INTEGER))), "A text, or tokens"),
            **sampling("max_tokens"),
        },
        "prompt",
    )
    content = {JSON: ref("TextCompletion"), EVENTS: EVENT}
    return operation(
        *("completions", TAG, "Go on with a text"),
        {"200": answer("The answer", content), **failures(ERROR, *ANSWERING)},
        request=request,
    )


def _response_request() -> Schema:
    return open_object(
        {
            "model": MODEL,
            "input": told(either(TEXT, list_of(OBJECT)), "A text, or items"),
            "instructions": told(or_null(TEXT), "A system prompt"),
            **{k: v for k, v in sampling("max_output_tokens").items() if k not in ("stop", "seed")},
            "tools": told({"type": ["array", "null"], "items": OBJECT}, "Tools to call"),
        },
        "input",
    )


def _responses() -> Schema:
    content = {JSON: ref("Response"), EVENTS: EVENT}
    return operation(
        *("responses", TAG, "Answer an input"),
        {"200": answer("The answer", content), **failures(ERROR, *ANSWERING)},
        request=_response_request(),
        description="Nothing is stored: `previous_response_id` is not known.",
    )


def _embeddings() -> Schema:
    request = open_object(
        {
            "model": MODEL,
            "input": told(either(TEXT, list_of(either(TEXT, INTEGER))), "A text, or several"),
            "dimensions": told(
                or_null(INTEGER), "So many dimensions, at length 1 again", minimum=0
            ),
            "encoding_format": told(
                either(words("float", "base64"), _NULL), "base64: little-endian 32-bit floats"
            ),
        },
        "input",
    )
    return operation(
        *("openai_embeddings", TAG, "Embed texts"),
        {"200": answer("A vector each", {JSON: ref("Embedded")})} | failures(ERROR, *ANSWERING),
        request=request,
    )


def models(name: str, error: str = ERROR) -> Schema:
    """``GET /v1/models``, and llama.cpp's own path of it."""
    found = {"200": answer("Each with its names", {JSON: ref("Models")})}
    return operation(name, TAG, "The models that are here", found | failures(error, "401"))


def _model() -> Schema:
    return operation(
        *("model", TAG, "One model"),
        {"200": answer("It is here", {JSON: ref("Model")})} | failures(ERROR, "401", "404", "503"),
        parameters=[parameter("model", "path", "Its name, or an alias")],
    )


def _counted(name: str, request: Schema) -> Schema:
    return operation(
        *(name, TAG, "Count a request's tokens without answering it"),
        {"200": answer("The tokens", {JSON: ref("InputTokens")})} | failures(ERROR, *ANSWERING),
        request=request,
    )


def usage(*names: str) -> Schema:
    """Tokens, each by its name."""
    return open_object(dict.fromkeys(names, INTEGER), *names)


def _chat_completion() -> Schema:
    message = open_object(
        {
            "role": words("assistant"),
            "content": or_null(TEXT),
            "reasoning_content": told(TEXT, "What was thought before"),
            "tool_calls": list_of(OBJECT),
        },
        "role",
    )
    choice = open_object(
        {"index": INTEGER, "message": message, "finish_reason": or_null(TEXT)},
        *("index", "message", "finish_reason"),
    )
    return _completion("chat.completion", choice)


def _text_completion() -> Schema:
    choice = open_object(
        {"index": INTEGER, "text": TEXT, "finish_reason": or_null(TEXT)}, "index", "text"
    )
    return _completion("text_completion", choice)


def _completion(kind: str, choice: Schema) -> Schema:
    found: Schema = {
        "id": TEXT,
        "object": words(kind),
        "created": INTEGER,
        "model": TEXT,
        "choices": list_of(choice),
        "usage": usage("prompt_tokens", "completion_tokens", "total_tokens"),
    }
    return open_object(found, *found)


def _response() -> Schema:
    found: Schema = {
        "id": TEXT,
        "object": words("response"),
        "created_at": INTEGER,
        "model": TEXT,
        "status": TEXT,
        "output": list_of(OBJECT),
        "usage": usage("input_tokens", "output_tokens", "total_tokens"),
    }
    return open_object(found, *found)


def _embedded() -> Schema:
    vector = told(either(list_of(NUMBER), TEXT), "Numbers, or base64")
    item = open_object({"object": words("embedding"), "index": INTEGER, "embedding": vector})
    found: Schema = {
        "object": words("list"),
        "model": TEXT,
        "data": list_of(item),
        "usage": usage("prompt_tokens", "total_tokens"),
    }
    return open_object(found, *found)


def _one_model() -> Schema:
    found: Schema = {
        "id": TEXT,
        "object": words("model"),
        "created": INTEGER,
        "owned_by": told(TEXT, "The model's architecture"),
    }
    return open_object(found, *found)


def _models() -> Schema:
    capable: Schema = {
        "name": TEXT,
        "model": TEXT,
        "type": words("model"),
        "capabilities": list_of(words("completion", "multimodal")),
    }
    found: Schema = {
        "object": words("list"),
        "data": list_of(ref("Model")),
        "models": told(list_of(open_object(capable, *capable)), "As llama.cpp's clients look"),
    }
    return open_object(found, *found)
