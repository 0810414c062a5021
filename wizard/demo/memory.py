"""``context`` for upstreams that cannot tokenise: the conversation itself, as numbers.

Ollama's clients send back what an answer gave, and look at nothing in it. Here
it is the chat so far in JSON, a byte a number.
"""

from __future__ import annotations

from typing import Any

import orjson

from wizard.demo.errors import BadRequest


def remembered(context: list[int]) -> list[dict[str, str]]:
    """The messages of a context. Raises BadRequest for one that was not made here."""
    if not context:
        return []
    try:
        found = orjson.loads(bytes(context))
        return [{"role": _role(item), "content": str(item["content"])} for item in found]
    except (ValueError, KeyError, TypeError):
        raise BadRequest("context must be what an answer of this model gave") from None


def encoded(messages: list[dict[str, Any]], answer: str) -> list[int]:
    """The context that remembers a chat and its answer; images are not kept."""
    texts = [{"role": item["role"], "content": _text(item["content"])} for item in messages]
    return list(orjson.dumps([*texts, {"role": "assistant", "content": answer}]))


def _role(item: Any) -> str:
    if item["role"] not in ("system", "user", "assistant"):
        raise ValueError(item["role"])
    return str(item["role"])


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
