"""Addresses of a model's pages, and the model that an address names."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpRequest

from inference import refs
from wizard.registry import lookup
from wizard.registry.errors import InvalidName
from wizard.registry.values import ModelRef, Source


def named_ref(
    *, user: str = "", repo: str = "", name: str = "", namespace: str = refs.LIBRARY
) -> ModelRef:
    """The model that an address names, by what its route captured; ``name`` with its tag.

    Raises InvalidName.
    """
    prefix = f"hf.co/{user}" if user else "" if namespace == refs.LIBRARY else namespace
    try:
        found = refs.parse("/".join(filter(None, (prefix, repo or name))))
    except refs.RefError as error:
        raise InvalidName(str(error)) from error
    if isinstance(found, refs.OllamaRef) == bool(user):
        registry = "Hugging Face" if user else "the Ollama registry"
        raise InvalidName(f"{found} is no model of {registry}.")
    return lookup.model_ref(found)


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
