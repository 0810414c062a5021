"""What a request may ask of everybody's time and memory, beyond its answer.

llama.cpp (b11549) looks through every entry of such a list for each token, between two tokens of
everybody's answers: 100,000 breakers of sequences held them for 25 seconds. It takes memory for
as many tokens as repetitions are looked for in: 16 GiB for the largest number, where more than the
context has no meaning. Tool calls' arguments it reads by recursion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inference.errors import InferenceError

# Entries of a list, far above what anybody sends.
_ENTRIES = {
    "stop": 256,
    "stop_sequences": 256,
    "logit_bias": 50_000,
    "dry_sequence_breakers": 64,
    "samplers": 64,
    "reasoning_budget_end_tags": 64,
    "preserved_tokens": 1_000,
}
# Texts of one request, which are worked through before those of who comes after: to answer, and
# to embed or to rank, which is quicker.
MOST_PROMPTS = 256
MOST_TEXTS = 2_048
_PROMPTS = {"prompt": MOST_PROMPTS}
_TEXTS = dict.fromkeys(("input", "content", "documents", "texts"), MOST_TEXTS)
_PROBABILITIES = ("n_probs", "top_logprobs", "logprobs")
MOST_PROBABILITIES = 1_000
# As far back as repetitions are looked for, in tokens.
_BACK = ("repeat_last_n", "dry_penalty_last_n")
# Of 256 MiB of stack a million are too many.
MOST_LEVELS = 50_000


class TooMuch(InferenceError):
    """A request that would take what belongs to all."""

    status = 400


def bounded(path: str, payload: Mapping[str, Any], context_length: int) -> dict[str, Any]:
    """A request to a path of the engine as it is handed on. Raises TooMuch."""
    for key, most in _ENTRIES.items():
        if _entries(key, payload.get(key)) > most:
            raise TooMuch(f'"{key}" can have {most:,} entries.')
    is_quick = "embedding" in path or "rerank" in path
    for key, most in (_TEXTS if is_quick else _PROMPTS).items():
        texts = payload.get(key)
        if isinstance(texts, list) and len(texts) > most and not _is_tokens(texts):
            raise TooMuch(f'"{key}" can have {most:,} texts.', next_step="Send several requests.")
    for key in _PROBABILITIES:
        if _number(payload.get(key)) > MOST_PROBABILITIES:
            raise TooMuch(f'"{key}" can be {MOST_PROBABILITIES:,} at most.')
    for arguments in _arguments(payload):
        if arguments.count("[") + arguments.count("{") > MOST_LEVELS:
            raise TooMuch(f"The arguments of a tool's call can have {MOST_LEVELS:,} brackets.")
    shorter = {key: min(payload[key], context_length) for key in _BACK if _number(payload.get(key))}
    return {**payload, **shorter}


def _entries(key: str, value: Any) -> int:
    """Entries of a list. Samplers may be letters of a text, all else has one for a list of one."""
    is_list = isinstance(value, list | dict) or (key == "samplers" and isinstance(value, str))
    return len(value) if is_list else 0


def _is_tokens(prompt: list[Any]) -> bool:
    return any(isinstance(part, int) for part in prompt)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _arguments(payload: Mapping[str, Any]) -> Iterator[str]:
    """What tools were called with, in OpenAI's chats and responses."""
    for key in ("messages", "input"):
        messages = payload.get(key)
        for message in messages if isinstance(messages, list) else ():
            yield from _of_message(message)


def _of_message(message: Any) -> Iterator[str]:
    if not isinstance(message, dict):
        return
    calls = message.get("tool_calls")
    functions = (
        [call.get("function") for call in calls if isinstance(call, dict)]
        if isinstance(calls, list)
        else []
    )
    for each in (message, *functions):
        if isinstance(each, dict) and isinstance(each.get("arguments"), str):
            yield each["arguments"]
