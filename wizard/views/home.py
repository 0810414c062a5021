"""The front page: search both registries, popular models at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from wizard import forms
from wizard.hardware.prices import price_list
from wizard.hardware.values import Offer, PriceList
from wizard.planning import quick_fit
from wizard.registry import catalogue, lookup
from wizard.registry.pasted import link_problem
from wizard.registry.sizes import of_named_size
from wizard.registry.suggestion import suggestion
from wizard.registry.values import Model, ModelRef, SearchPage, SearchQuery, Source
from wizard.views.addresses import model_address
from wizard.views.failures import answered

SOURCE_NAMES = {Source.HUGGING_FACE: "Hugging Face", Source.OLLAMA: "Ollama"}
_FILTERS = {
    "sources": SOURCE_NAMES,
    "tasks": forms.TASKS,
    "sizes": forms.SIZES_GB,
    "licences": forms.LICENCES,
    "sorts": forms.SORTS,
}
_SHOWN_CAPABILITIES = ("vision", "tools", "thinking", "embedding", "reranking", "audio", "code")


@dataclass(frozen=True)
class Row:
    """One model of a list; ``path`` is its whole name in its registry."""

    model: Model
    address: str
    path: str
    source: str
    tags: tuple[str, ...]
    offer: Offer | None


def rows(models: tuple[Model, ...], prices: PriceList, text: str = "") -> tuple[Row, ...]:
    """Models as a list shows them, each with the cheapest cards that hold it.

    Where the searched text names a size, a model that comes in it is shown at that size.
    """
    return tuple(
        Row(
            model,
            model_address(model.ref),
            f"{model.ref.namespace}/{model.ref.name}" + (model.ref.tag and f":{model.ref.tag}"),
            SOURCE_NAMES[model.ref.source],
            _tags(model),
            quick_fit(model, prices),
        )
        for model in (of_named_size(model, text) for model in models)
    )


def _tags(model: Model) -> tuple[str, ...]:
    found = [name for name in _SHOWN_CAPABILITIES if name in model.abilities]
    if model.is_gated:
        found.append("gated")
    return tuple(found)


@require_safe
@answered
def home(request: HttpRequest) -> HttpResponse:
    """Search, or the popular models; a pasted name leads to its model."""
    query = forms.read_search(request.GET)
    is_partial = bool(getattr(request, "htmx", False))
    if query.text and not is_partial:
        named = _named(query.text)
        if len(named) == 1:
            return HttpResponseRedirect(_address_of(named[0]))
        if named:
            return _both(request, query.text, named)
    response = render(
        request, "wizard/_results.html" if is_partial else "wizard/home.html", _context(query)
    )
    patch_vary_headers(response, ["HX-Request"])
    if is_partial:
        response["HX-Replace-Url"] = _link(query, query.page)
    return response


def _context(query: SearchQuery) -> dict[str, Any]:
    """What a list of models shows, with the form above it."""
    prices = price_list()
    bad_link = link_problem(query.text)
    page = lookup.popular() if bad_link else _page(query)
    return {
        "query": query,
        "bad_link": bad_link,
        "page": page,
        "rows": rows(page.models, prices, query.text),
        "prices": prices,
        "is_search": _is_search(query) and not bad_link,
        **_suggested(query, page),
        "previous_link": _link(query, query.page - 1) if query.page > 1 else "",
        "next_link": _link(query, query.page + 1) if page.has_next else "",
        "size": query.max_bytes // 10**9 if query.max_bytes else None,
        "is_offline": settings.OFFLINE,
        "section": "models",
        **_FILTERS,
    }


def _page(query: SearchQuery) -> SearchPage:
    return lookup.search(query) if _is_search(query) else lookup.popular()


def _suggested(query: SearchQuery, page: SearchPage) -> dict[str, str]:
    """Another search where this one found nothing."""
    text = suggestion(query.text) if query.text and not page.models else ""
    return {"suggestion": text, "suggestion_query": urlencode({"q": text})}


def _is_search(query: SearchQuery) -> bool:
    return query != SearchQuery()


def _link(query: SearchQuery, page: int) -> str:
    values = {
        "q": query.text,
        "source": query.source,
        "author": query.author,
        "task": query.task,
        "size": query.max_bytes // 10**9 if query.max_bytes else "",
        "licence": query.licence,
        "sort": "" if query.sort == "downloads" else query.sort,
        "page": page if page > 1 else "",
    }
    kept = {name: value for name, value in values.items() if value}
    return f"/?{urlencode(kept)}" if kept else "/"


def _named(text: str) -> tuple[ModelRef, ...]:
    """The models that a pasted name or link means; empty for words to search for."""
    if not any(mark in text for mark in "/:") and not text.strip().lower().startswith("ollama "):
        return ()
    found = lookup.resolve(text)
    known = tuple(ref for ref in found if catalogue.knows(ref))
    return known if len(known) == 1 else found


def _address_of(ref: ModelRef) -> str:
    if not ref.file:
        return model_address(ref)
    bare = replace(ref, file="")
    return model_address(bare, f"configure/?variant={quote(ref.file, safe='/')}")


def _both(request: HttpRequest, text: str, named: tuple[ModelRef, ...]) -> HttpResponse:
    found = [(_address_of(ref), SOURCE_NAMES[ref.source], ref.repo) for ref in named]
    context = {"text": text, "found": found, "section": "models"}
    return render(request, "wizard/which.html", context)
