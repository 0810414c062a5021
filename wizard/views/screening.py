"""Who can host a plan now: a line that the configuration page fetches by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from wizard.console.screening import Relaxation, Screening, relaxations, screen
from wizard.forms import to_query
from wizard.planning import ChoiceError
from wizard.registry.values import ModelRef
from wizard.sdl import document
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Choices, Plan, Secrets
from wizard.views.addresses import hub_ref, model_address, ollama_ref
from wizard.views.failures import UnservableError, answered
from wizard.views.files import sdl_for
from wizard.views.situation import found_model, plan_for, plan_with


@dataclass(frozen=True)
class Way:
    """A relaxation that would find a host: how many, and the link that chooses it."""

    words: str
    loses: str
    count: int
    address: str


@require_GET
@never_cache
@answered
def hub_screening(request: HttpRequest, user: str, repo: str) -> HttpResponse:
    return _screening(request, hub_ref(user, repo))


@require_GET
@never_cache
@answered
def ollama_screening(request: HttpRequest, name: str, namespace: str = "library") -> HttpResponse:
    return _screening(request, ollama_ref(name, namespace))


def _screening(request: HttpRequest, ref: ModelRef) -> HttpResponse:
    found = plan_for(ref, request.GET)
    screening = screen(sdl_for(found.plan, Secrets()))
    is_none = screening.providers is not None and not screening.count
    ways = tuple(_ways(ref, found.plan, found.choices)) if is_none else ()
    context = {"screening": screening, "ways": ways, "is_none": is_none}
    return render(request, "wizard/_screening.html", context)


def _ways(ref: ModelRef, plan: Plan, choices: Choices) -> Iterator[Way]:
    """What would let somebody host it, each alone, the least harmful first."""
    for relaxation in relaxations(plan, choices):
        count = _relaxed(ref, relaxation).count
        if count:
            query = to_query(relaxation.choices)
            address = model_address(ref, "configure/") + (f"?{query}" if query else "")
            yield Way(relaxation.words, relaxation.loses, count, address)


def _relaxed(ref: ModelRef, relaxation: Relaxation) -> Screening:
    """Who could host the relaxed plan; nobody, where there is no such plan."""
    try:
        plan = plan_with(found_model(ref), relaxation.choices)
        if plan.problems:
            return Screening(())
        return screen(document.build(plan, Secrets()))
    except (ChoiceError, SdlError, UnservableError):
        return Screening(())
