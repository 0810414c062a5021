"""How a checked request is put to an upstream, and how its answer is read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wizard.demo.errors import UpstreamFailed
from wizard.demo.passing import Events, Ndjson, Renamer, Stream, count
from wizard.demo.values import Dialect, Offer, Upstream, Work


@dataclass(frozen=True)
class Question:
    """What an upstream is asked; ``stream`` and ``whole`` turn its answer into the client's.

    ``whole`` answers the client's document and the tokens that were used.
    """

    path: str
    body: dict[str, Any]
    stream: Callable[[], Stream]
    whole: Callable[[Any], tuple[dict[str, Any], int]]


def question(work: Work, upstream: Upstream) -> Question:
    """The question for an upstream that has the model. Raises DemoError."""
    offer = upstream.offer(work.model)
    return _native(work, offer, told_name(work, upstream, offer))


def told_name(work: Work, upstream: Upstream, offer: Offer) -> str:
    """The model's name in the answer: as it was asked for, unless another one stands in."""
    is_stand_in = work.model.removesuffix(":latest") in upstream.stand_in_for
    return offer.alias if is_stand_in else work.model


def _native(work: Work, offer: Offer, name: str) -> Question:
    body = {"model": offer.model, **work.body}
    rename = Renamer(offer.model, name)
    if work.dialect is Dialect.OPENAI and work.stream:
        body["stream_options"] = {"include_usage": True}

    def whole(document: Any) -> tuple[dict[str, Any], int]:
        if not isinstance(document, dict):
            raise UpstreamFailed("the model's server answered something that is no object")
        return {**document, "model": name}, _tokens(document)

    if work.dialect is Dialect.OLLAMA:
        return Question(work.path, body, lambda: Ndjson(rename), whole)
    return Question(work.path, body, lambda: Events(rename, tells_usage=work.tells_usage), whole)


def _tokens(document: dict[str, Any]) -> int:
    usage = document.get("usage")
    if isinstance(usage, dict):
        return count(usage, "prompt_tokens") + count(usage, "completion_tokens")
    return count(document, "prompt_eval_count") + count(document, "eval_count")
