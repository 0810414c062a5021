"""Who can host a plan now, and each of the cards listed: what the page fetches by itself."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wizard.console.groups import Document
from wizard.console.screening import Relaxation, relaxations, screen, screen_all
from wizard.console.shared_answers import SPARED_BY_CARDS
from wizard.forms import to_query
from wizard.planning import ChoiceError
from wizard.registry.values import ModelRef
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Secrets
from wizard.views.addresses import model_address, named_ref
from wizard.views.failures import UnservableError, answered_async
from wizard.views.files import sdl_for
from wizard.views.offers import Part, choices_of, parts
from wizard.views.situation import Situation, plan_beside, plan_for


@dataclass(frozen=True)
class Way:
    """A relaxation that would find a host: how many, and the link that chooses it."""

    words: str
    loses: str
    count: int
    address: str


@require_safe
@never_cache
@answered_async
async def plan_hosts(request: HttpRequest, /, **named: str) -> HttpResponse:
    ref = named_ref(**named)
    found, document = await sync_to_async(_planned)(ref, request.GET)
    screening = await screen(document)
    ways = await _ways(ref, found) if screening.is_nobody else []
    context = {"screening": screening, "ways": ways}
    return render(request, "wizard/_screening.html", context)


def _planned(ref: ModelRef, query: QueryDict) -> tuple[Situation, Document]:
    """The plan and its file. Waits for registries, so it has a thread of its own."""
    found = plan_for(ref, query)
    return found, sdl_for(found.plan, Secrets())


async def _ways(ref: ModelRef, found: Situation) -> list[Way]:
    """What would let somebody host it, each alone, the least harmful first."""
    relaxed = await sync_to_async(_relaxed)(found)
    told = await screen_all(document for _, document in relaxed)
    return [
        _way(ref, relaxation, screening.count)
        for (relaxation, _), screening in zip(relaxed, told, strict=True)
        if screening.count
    ]


def _relaxed(found: Situation) -> list[tuple[Relaxation, Document]]:
    """Each relaxation that has a file."""
    files: list[tuple[Relaxation, Document]] = []
    for relaxation in relaxations(found.plan, found.choices):
        with suppress(ChoiceError, SdlError, UnservableError):
            plan = plan_beside(found.plan, relaxation.choices)
            files.append((relaxation, sdl_for(plan, Secrets())))
    return files


def _way(ref: ModelRef, relaxation: Relaxation, count: int) -> Way:
    query = to_query(relaxation.choices)
    address = model_address(ref, "configure/") + (f"?{query}" if query else "")
    return Way(relaxation.words, relaxation.loses, count, address)


@require_safe
@never_cache
@answered_async
async def card_hosts(request: HttpRequest, /, number: int, **named: str) -> HttpResponse:
    """A part of the listed cards, with how many can host each. Nothing where that is not known."""
    ref = named_ref(**named)
    part, files = await sync_to_async(_listed)(ref, request.GET, number)
    told = dict(zip(files, await screen_all(files.values(), SPARED_BY_CARDS), strict=True))
    rows = tuple(replace(row, hosts=told.get(place)) for place, row in enumerate(part.rows))
    context = {
        "part": replace(part, rows=rows, address=""),
        "configure": model_address(ref, "configure/"),
        "is_screened": True,
    }
    return render(request, "wizard/_offers.html", context)


def _listed(ref: ModelRef, query: QueryDict, number: int) -> tuple[Part, dict[int, Document]]:
    """A part of the cards that fit, and the file of each of its rows that has one."""
    found = plan_for(ref, query)
    listed = parts(ref, found)
    if number >= len(listed):
        raise Http404
    files: dict[int, Document] = {}
    for place, row in enumerate(listed[number].rows):
        with suppress(ChoiceError, SdlError, UnservableError):
            plan = plan_beside(found.plan, choices_of(row.offer, found.choices))
            files[place] = sdl_for(plan, Secrets())
    return listed[number], files
