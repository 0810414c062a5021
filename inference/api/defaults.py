"""What a model brings for callers who say nothing: sampling, a system prompt, first messages.

The Ollama registry has them as layers of a model. Ollama itself applies them to
OpenAI's and Anthropic's routes too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.api import ollama_chat, options
from inference.models import LocalModel, public_name

_DEFAULTS = {"temperature": 1.0, "top_p": 1.0}
_CHATS = ("/v1/chat/completions", "/chat/completions")
_RESPONSES = ("/v1/responses", "/responses")
_SAMPLED = (*_CHATS, *_RESPONSES, "/v1/completions", "/v1/messages")
_LONGEST = {"/v1/responses": "max_output_tokens", "/responses": "max_output_tokens"}
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict")
_COUNTED = ("/input_tokens", "/count_tokens")


def applied(path: str, document: Mapping[str, Any], model: LocalModel) -> dict[str, Any]:
    """A request's body for the engine: its name of the model, and what the caller left open."""
    body = {**document, "model": public_name(model.name)}
    body |= _said(_answered(path), document, model)
    if path not in _SAMPLED:
        return body
    given = {k: v for k, v in body.items() if not (v is None and k in options.SAMPLING)}
    return {**_sampling(path, document, model), **given}


def _answered(path: str) -> str:
    """The route whose requests a path answers, or counts the tokens of."""
    return next((path.removesuffix(end) for end in _COUNTED if path.endswith(end)), path)


def _sampling(path: str, document: Mapping[str, Any], model: LocalModel) -> dict[str, Any]:
    own = options.usable(model.params)
    found = {**_DEFAULTS, **{key: own[key] for key in options.SAMPLING if key in own}}
    if path == "/v1/messages" and "stop" in found:
        found["stop_sequences"] = found.pop("stop")
    if own.get("num_predict", -1) > 0 and not any(document.get(key) for key in _LIMITS):
        found[_LONGEST.get(path, "max_tokens")] = own["num_predict"]
    return {key: value for key, value in found.items() if document.get(key) is None}


def _said(path: str, document: Mapping[str, Any], model: LocalModel) -> dict[str, Any]:
    """The model's own system prompt and messages, where a caller has none."""
    messages = document.get("messages")
    if path in _CHATS and isinstance(messages, list) and messages:
        return {"messages": with_own(model, messages)}
    if path in _RESPONSES and not document.get("instructions"):
        return _system("instructions", model, document.get("input"))
    if path == "/v1/messages" and not document.get("system"):
        return _system("system", model, messages)
    return {}


def _system(field: str, model: LocalModel, messages: Any) -> dict[str, Any]:
    has_own = isinstance(messages, list) and any(map(_is_system, messages))
    return {field: model.system} if model.system and not has_own else {}


def with_own(model: LocalModel, messages: list[Any]) -> list[Any]:
    """The model's own messages and system prompt first, where a chat has none."""
    own = ollama_chat.messages([dict(message) for message in model.messages])
    together = [*own, *messages]
    if model.system and not any(map(_is_system, together)):
        return [{"role": "system", "content": model.system}, *together]
    return together


def _is_system(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in ("system", "developer")
