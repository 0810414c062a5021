"""Addresses of a model's pages, and the model that an address names."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpRequest

from inference import refs
from wizard.registry.errors import InvalidName
from wizard.registry.values import ModelRef, Source

LATEST = refs.LATEST


def hub_ref(user: str, repo: str) -> ModelRef:
    """The Hub model of an address. Raises InvalidName."""
    found = _parsed(f"hf.co/{user}/{repo}")
    if not isinstance(found, refs.HuggingFaceRef):
        raise InvalidName(f"{user}/{repo} is no model of Hugging Face.")
    return ModelRef(
        Source.HUGGING_FACE, found.user, found.repo, found.quantisation, revision=found.revision
    )


def ollama_ref(name: str, namespace: str = refs.LIBRARY) -> ModelRef:
    """The Ollama model of an address, ``name`` with its tag. Raises InvalidName."""
    prefix = "" if namespace == refs.LIBRARY else f"{namespace}/"
    found = _parsed(f"{prefix}{name}")
    if not isinstance(found, refs.OllamaRef):
        raise InvalidName(f"{name} is no model of the Ollama registry.")
    tag = "" if found.tag == LATEST else found.tag
    return ModelRef(Source.OLLAMA, found.namespace, found.model, tag)


def _parsed(text: str) -> refs.Ref:
    try:
        return refs.parse(text)
    except refs.RefError as error:
        raise InvalidName(str(error)) from error


def model_address(ref: ModelRef, page: str = "") -> str:
    """``/models/…/`` and, with ``page``, what is below it: ``configure/``, ``deploy.yaml``."""
    tag = f":{ref.tag}" if ref.tag else ""
    revision = f"@{ref.revision}" if ref.revision else ""
    return f"/models/{ref.source.value}/{quote(ref.repo + revision + tag, safe='/:@')}/{page}"


def page_after_rename(request: HttpRequest, new_repo: str) -> str:
    """The same page of a model that has a new name on the Hub."""
    parts = request.path.split("/")
    query = request.META.get("QUERY_STRING", "")
    new = quote(new_repo, safe="/")
    address = "/".join(["", "models", Source.HUGGING_FACE.value, new, *parts[5:]])
    return f"{address}?{query}" if query else address
