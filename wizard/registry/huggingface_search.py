"""Searches the Hub for models that an engine can serve.

The Hub has no filter for “GGUF or safetensors”, so both are asked for, at the
same time, and merged by the order that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.cache import cache
from huggingface_hub.hf_api import ModelInfo

from wizard.registry import architectures, http, huggingface_client, huggingface_facts
from wizard.registry.values import Model, Origin, SearchPage, SearchQuery

PAGE_SIZE = 24
MAX_PAGE = 20
MAX_TEXT = 200
FRESH_SECONDS = 600
_SPARE = 16
_SORTS = {
    "downloads": "downloads",
    "likes": "likes",
    "trending": "trending_score",
    "newest": "created_at",
}
_EXPAND = [
    "createdAt", "downloads", "gated", "gguf", "lastModified", "library_name", "likes",
    "pipeline_tag", "safetensors", "sha", "tags", "trendingScore",
]  # fmt: skip
_NOT_SERVED_TAGS = {"mlx", "diffusers", "peft", "lora", "adapter", "exl2", "exl3", "onnxruntime"}
_SERVED_TASKS = {
    "", "text-generation", "image-text-to-text", "any-to-any", "audio-text-to-text",
    "video-text-to-text", "feature-extraction", "sentence-similarity", "text2text-generation",
    "translation", "summarization", "question-answering", "visual-question-answering",
    "text-ranking", "conversational", "image-to-text",
}  # fmt: skip
# Four bits a weight is the smallest that people choose: more parameters do not fit.
_BYTES_PER_PARAMETER = 0.5


def search(query: SearchQuery) -> SearchPage:
    """One page of models, cached for ten minutes.

    Raises RegistryError where the Hub does not answer.
    """
    key = http.cache_key("hf-search", settings.HUGGING_FACE_URL, query)
    found = cache.get(key)
    if isinstance(found, SearchPage):
        return found
    page = _asked(query)
    cache.set(key, page, FRESH_SECONDS)
    return page


def _asked(query: SearchQuery) -> SearchPage:
    number = min(max(query.page, 1), MAX_PAGE)
    start, stop = (number - 1) * PAGE_SIZE, number * PAGE_SIZE
    with ThreadPoolExecutor(2) as pool:
        lists = list(pool.map(lambda arguments: _list(arguments, stop), _arguments(query)))
    models = _merged(lists, query)
    return SearchPage(
        models=tuple(models[start:stop]),
        page=number,
        has_next=len(models) > stop and number < MAX_PAGE,
        total=None,
        origin=Origin.LIVE,
        as_of=datetime.now(UTC),
    )


def _list(arguments: dict[str, Any], stop: int) -> list[ModelInfo]:
    return huggingface_client.list_models(**arguments, limit=stop + 1 + _SPARE, expand=_EXPAND)


def _arguments(query: SearchQuery) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two questions: for GGUF, and for safetensors of language models."""
    shared: dict[str, Any] = {"sort": _SORTS.get(query.sort, "downloads")}
    if text := " ".join(query.text.split())[:MAX_TEXT]:
        shared["search"] = text
    if query.author:
        shared["author"] = query.author[:MAX_TEXT]
    if query.task:
        shared["pipeline_tag"] = query.task[:MAX_TEXT]
    if query.max_bytes:
        shared["num_parameters"] = f"max:{_most_parameters(query.max_bytes) / 1e9:.2f}B"
    tags = [f"license:{query.licence[:MAX_TEXT]}"] if query.licence else []
    language = [] if query.text or query.task else ["conversational"]
    return (
        {**shared, "filter": ["gguf", *tags]},
        {**shared, "filter": ["safetensors", *language, *tags]},
    )


def _most_parameters(max_bytes: int) -> int:
    return max(1, int(max_bytes / _BYTES_PER_PARAMETER))


def _merged(lists: Iterable[list[ModelInfo]], query: SearchQuery) -> list[Model]:
    infos = {info.id: info for found in lists for info in found if _is_served(info)}
    attribute = _SORTS.get(query.sort, "downloads")
    ordered = sorted(infos.values(), key=lambda info: _rank(getattr(info, attribute)), reverse=True)
    models = [huggingface_facts.model(info) for info in ordered]
    if query.max_bytes:
        most = _most_parameters(query.max_bytes)
        models = [model for model in models if (model.parameters or 0) <= most]
    return models


def _rank(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value) if isinstance(value, int | float) else -1.0


def _is_served(info: ModelInfo) -> bool:
    """Whether an engine may serve it, as far as a list tells."""
    tags = set(info.tags or ())
    if info.private or "/" not in info.id or info.library_name in _NOT_SERVED_TAGS:
        return False
    told = info.gguf.get("architecture") if isinstance(info.gguf, dict) else None
    if told:
        return told in architectures.LLAMA_CPP
    return not tags & _NOT_SERVED_TAGS and (info.pipeline_tag or "") in _SERVED_TASKS
