"""How a checked request is put to an upstream: as it is, or in the other dialect."""

from __future__ import annotations

from typing import Any

from wizard.demo import to_ollama, to_openai
from wizard.demo.asked import Question
from wizard.demo.documents import count
from wizard.demo.errors import BadRequest, UpstreamFailed
from wizard.demo.passing import Events, Ndjson, Renamer
from wizard.demo.values import Dialect, Kind, Offer, Upstream, Work


def question(work: Work, upstream: Upstream) -> Question:
    """The question for an upstream that has the model. Raises DemoError."""
    offer = upstream.offer(work.model)
    name = told_name(work, upstream, offer)
    _refuse(work, offer)
    if upstream.speaks(work.dialect):
        return _native(work, upstream, offer, name)
    if work.dialect is Dialect.OPENAI:
        return to_ollama.question(work, upstream.context, offer.model, name)
    return to_openai.question(work, upstream, offer.model, name)


def told_name(work: Work, upstream: Upstream, offer: Offer) -> str:
    """The model's name in the answer: as it was asked for, unless another one stands in."""
    is_stand_in = work.model.removesuffix(":latest") in upstream.stand_in_for
    return offer.alias if is_stand_in else work.model


def _native(work: Work, upstream: Upstream, offer: Offer, name: str) -> Question:
    body = {"model": offer.model, **work.body}
    rename = Renamer(offer.model, name)
    if work.dialect is Dialect.OPENAI and work.stream:
        body["stream_options"] = {"include_usage": True}
    if upstream.kind is Kind.OLLAMA and upstream.context:
        body["options"] = {**body["options"], "num_ctx": upstream.context}

    def whole(document: Any) -> tuple[dict[str, Any], int]:
        if not isinstance(document, dict):
            raise UpstreamFailed("the model's server answered something that is no object")
        return {**document, "model": name}, _tokens(document)

    if work.dialect is Dialect.OLLAMA:
        return Question(work.path, body, lambda: Ndjson(rename), whole)
    return Question(work.path, body, lambda: Events(rename, tells_usage=work.tells_usage), whole)


def _refuse(work: Work, offer: Offer) -> None:
    """Refuse what the model cannot do as the operator says, in Ollama's words."""
    for capability in _wanted(work):
        if offer.capabilities and capability not in offer.capabilities:
            raise BadRequest(f'"{work.model}" does not support {capability}')


def _wanted(work: Work) -> list[str]:
    messages = work.body.get("messages", ())
    parts = [part for item in messages for part in item["content"] if isinstance(part, dict)]
    images = work.body.get("images") or any("images" in item for item in messages)
    wanted = {
        "tools": "tools" in work.body,
        "vision": images or any(part["type"] == "image_url" for part in parts),
        "thinking": work.body.get("think"),
    }
    return [capability for capability, is_wanted in wanted.items() if is_wanted]


def _tokens(document: dict[str, Any]) -> int:
    usage = document.get("usage")
    if isinstance(usage, dict):
        return count(usage, "prompt_tokens") + count(usage, "completion_tokens")
    return count(document, "prompt_eval_count") + count(document, "eval_count")
