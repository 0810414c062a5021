"""What a visitor may use, in the words of the document: statuses, headers, sentences."""

from __future__ import annotations

from collections.abc import Mapping

from inference.openapi.parts import INTEGER, TEXT, Schema, answer, failures, told
from wizard.demo.values import Limits

BASE64 = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"
_STANDING = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_QUEUE, _WAIT = "X-Queue-Place", "Retry-After"
_MEANINGS = {
    "X-RateLimit-Limit": "Requests in the window of the limit that this address meets first",
    "X-RateLimit-Remaining": "Those that are left",
    "X-RateLimit-Reset": "Seconds until there is one more",
    _QUEUE: "The place in the queue that the request had to wait from",
    _WAIT: "Seconds until it makes sense to ask again",
}
_WITH_WAIT = ("429", "503")
_ANSWERING = ("400", "404", "413", "422", "429", "500", "501", "502", "503", "504")
_SHOWING = ("400", "404", "413", "422", "500", "501", "503", "504")


def headers() -> Schema:
    """The headers that answers refer to."""
    return {
        name: {"description": meaning, "schema": {**INTEGER, "minimum": 0}}
        for name, meaning in _MEANINGS.items()
    }


def answered(description: str, content: Mapping[str, Schema], error: str, limits: Limits) -> Schema:
    """The answers of a route that generates: the limits are told with each."""
    found = {"200": answer(description, content), **failed(error, limits, *_ANSWERING)}
    return {
        status: with_headers(response, *_STANDING, _QUEUE, *response.get("headers", ()))
        for status, response in found.items()
    }


def shown(content: Mapping[str, Schema], error: str, limits: Limits) -> Schema:
    """The answers of the route that tells of one model."""
    return {"200": answer("Its facts", content), **failed(error, limits, *_SHOWING)}


def failed(error: str, limits: Limits, *statuses: str) -> Schema:
    """What goes wrong, with the header that says when to ask again."""
    reasons = _reasons(limits)
    return {
        status: with_headers(response, *((_WAIT,) if status in _WITH_WAIT else ()))
        for status, response in failures(error, *statuses, reasons=reasons).items()
    }


def with_headers(response: Schema, *names: str) -> Schema:
    """An answer with headers of the document by their names."""
    refs = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {**response, "headers": refs} if refs else response


def length(limits: Limits) -> str:
    """How long an answer may be."""
    return f"Most tokens to write; {limits.max_tokens:,} at most, and without it"


def prompt(limits: Limits) -> str:
    """How long what is asked may be."""
    return f"all texts of a request together have at most {limits.prompt_characters:,} characters"


def picture(limits: Limits, description: str) -> Schema:
    """Images in base64."""
    coded = {**TEXT, "contentEncoding": "base64", "pattern": f"^(data:[^,]*,)?{BASE64}$"}
    schema = {"type": ["array", "null"], "items": coded, "maxItems": limits.images}
    return told(schema, f"{description}; {pictures(limits)}")


def pictures(limits: Limits) -> str:
    """How many images there may be, and how large."""
    most = f"{limits.image_bytes:,} bytes and {limits.image_pixels:,} pixels"
    return f"{limits.images} in a request, each of at most {most}"


def _reasons(limits: Limits) -> dict[str, str]:
    answers = f"{limits.streams_per_address} answers"
    return {
        "400": "The request makes no sense, or asks for what the model cannot do",
        "404": "A model that is not offered",
        "413": f"A body over {limits.body_bytes:,} bytes, or a prompt over "
        f"{limits.prompt_characters:,} characters",
        "422": "The model's server cannot work the request out",
        "429": f"More than {limits.rates.replace(';', ' or ')} from an address, or than {answers} "
        "of it at the same time",
        "500": "An option or a format of a wrong type, as Ollama answers it; or a fault of ours",
        "501": "The model's server does not have it",
        "502": "The model's server failed",
        "503": f"{limits.queue} wait already, more than {limits.global_rates.replace(';', ' or ')} "
        f"ask, the day's {limits.tokens_per_day:,} tokens are used up, or the model's server is "
        "starting or away",
        "504": f"It took longer than {limits.deadline:g} s, or the request did not arrive",
    }
