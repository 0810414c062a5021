"""Ollama's ``options``: their types, their defaults, and llama-server's names for them.

Source: ollama ``api/types.go`` (Options, DefaultOptions, FromMap).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.api.errors import ApiError

DEFAULTS: Mapping[str, Any] = {
    "seed": -1,
    "num_predict": -1,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repeat_last_n": 64,
    "temperature": 0.8,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "stop": [],
}
INTEGERS = (
    "num_keep",
    "seed",
    "num_predict",
    "top_k",
    "repeat_last_n",
    "mirostat",
    "num_ctx",
    "num_batch",
    "num_gpu",
    "main_gpu",
    "num_thread",
)
FLOATS = (
    "top_p",
    "min_p",
    "typical_p",
    "temperature",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
    "mirostat_tau",
    "mirostat_eta",
    "tfs_z",
)
BOOLEANS = (
    "penalize_newline",
    "numa",
    "low_vram",
    "f16_kv",
    "vocab_only",
    "use_mmap",
    "use_mlock",
    "logits_all",
    "embedding_only",
)
# Names that llama-server has for what Ollama calls otherwise.
_ENGINE_NAMES = {"num_predict": "n_predict", "num_keep": "n_keep"}
_SENT = (
    *DEFAULTS,
    "num_keep",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
)
# What a model's own params may set for OpenAI's clients too: both sides call it the same.
SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "seed",
)
# Ollama bounds an endless answer at this many contexts.
ENDLESS_CONTEXTS = 10
MOST_STOPS = 64


def read(given: Any) -> dict[str, Any]:
    """Check a request's options. Unknown ones are ignored, null means not given.

    Raises ApiError 500 in Ollama's words for a wrong type.
    """
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ApiError(400, "options must be an object")
    return {key: _checked(key, value) for key, value in given.items() if _is_given(key, value)}


def for_engine(
    given: Mapping[str, Any], model_defaults: Mapping[str, Any], context_length: int
) -> dict[str, Any]:
    """llama-server's fields for checked options.

    ``model_defaults`` are the ``params`` that the Ollama registry has for the
    model. Raises ApiError where a request wants a longer context than there is.
    """
    wanted = given.get("num_ctx")
    if isinstance(wanted, int) and wanted > context_length:
        raise ApiError(
            400,
            f'option "num_ctx" is {wanted}, and this server gives a request {context_length} '
            "tokens: leave it out, or ask for CONTEXT_LENGTH to be raised",
        )
    values = {**DEFAULTS, **usable(model_defaults), **given}
    fields = {_ENGINE_NAMES.get(key, key): values[key] for key in _SENT if key in values}
    if fields["n_predict"] < 0:
        fields["n_predict"] = ENDLESS_CONTEXTS * min(wanted or context_length, context_length)
    return fields


def usable(params: Mapping[str, Any]) -> dict[str, Any]:
    """A registry's params, those of a wrong type left out: they are not the caller's fault."""
    found = {}
    for key, value in params.items():
        given = [value] if key == "stop" and isinstance(value, str) else value
        try:
            if _is_given(key, given):
                found[key] = _checked(key, given)
        except ApiError:
            continue
    return found


def _is_given(key: str, value: Any) -> bool:
    known = key in INTEGERS or key in FLOATS or key in BOOLEANS or key == "stop"
    return known and value is not None


def _checked(key: str, value: Any) -> Any:
    if key in INTEGERS:
        return _integer(key, value)
    if key in FLOATS:
        return _float(key, value)
    if key in BOOLEANS:
        return _require(key, value, isinstance(value, bool), "boolean")
    return _stops(value)


def _integer(key: str, value: Any) -> int:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    _require(key, value, is_number and abs(value) < 1 << 62, "integer")
    return int(value)


def _float(key: str, value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    _require(key, value, is_number and abs(value) < 1e30, "float32")
    return float(value)


def _stops(value: Any) -> list[str]:
    _require("stop", value, isinstance(value, list), "of type array")
    whole = all(isinstance(item, str) for item in value) and len(value) <= MOST_STOPS
    _require("stop", value, whole, "of an array of strings")
    return [item for item in value if item]


def _require(key: str, value: Any, holds: bool, kind: str) -> Any:
    if not holds:
        kind = kind.removeprefix("of type ").removeprefix("of ")
        raise ApiError(500, f'option "{key}" must be of type {kind}')
    return value
