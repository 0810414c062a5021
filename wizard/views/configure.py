"""The choices of a plan with everything that follows from them, live."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from wizard.forms import to_query
from wizard.hardware.gpus import exact_name
from wizard.planning import context_marks
from wizard.planning.engines import KV_TYPES, TITLES, family
from wizard.planning.limits import in_words, limits
from wizard.registry.quantisation import describe
from wizard.registry.values import ModelRef, Variant
from wizard.sdl import akash_cli, explain
from wizard.sdl.errors import SdlError
from wizard.sdl.pricing import first_deposit
from wizard.sdl.snippets import snippets
from wizard.sdl.values import Choices, Engine, Plan, Secrets, StorageClass
from wizard.sdl.writer import to_yaml
from wizard.templatetags.figures import gigabytes
from wizard.views import offers
from wizard.views.addresses import model_address, named_ref
from wizard.views.bars import is_fitting, memory_bar
from wizard.views.failures import UnservableError, answered
from wizard.views.files import IMPORT_PAGE, comments_for, sdl_for
from wizard.views.home import SOURCE_NAMES
from wizard.views.model import registry_link
from wizard.views.situation import Situation, forgiving_plan_for

SLOTS = (1, 2, 4, 8, 16)
COUNTS = (1, 2, 4, 8)
STORAGE = {
    StorageClass.NVME: "NVMe",
    StorageClass.SSD: "SSD",
    StorageClass.HDD: "Hard disk",
    StorageClass.EPHEMERAL: "Ephemeral",
}


@require_safe
@answered
def configure_page(request: HttpRequest, /, **named: str) -> HttpResponse:
    ref = named_ref(**named)
    situation = forgiving_plan_for(ref, request.GET)
    query = to_query(situation.choices)
    context = _facts(situation) | _choices(situation) | _offers(ref, situation)
    context |= _file(situation.plan) | _links(request, ref, situation)
    context |= _screening(ref, query, bool(context["sdl"]))
    is_partial = bool(getattr(request, "htmx", False))
    name = "wizard/_configuration.html" if is_partial else "wizard/configure.html"
    # htmx swaps what it is told to; a page without it has to say that a choice was refused.
    status = 400 if situation.mistake and not is_partial else 200
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    if is_partial:
        response["HX-Replace-Url"] = context["configure"] + (f"?{query}" if query else "")
    return response


def _facts(situation: Situation) -> dict[str, Any]:
    plan = situation.plan
    found = limits(plan)
    return {
        "plan": plan,
        "model": plan.model,
        "source": SOURCE_NAMES[plan.ref.source],
        "registry_link": registry_link(plan.ref),
        "mistake": situation.mistake,
        "reasons": {reason.field: reason.sentence for reason in plan.reasons},
        "bar": memory_bar(plan),
        **_prices(plan),
        "limits": in_words(plan, found) if found else "",
        "wants_token": plan.model.is_gated,
        "is_hash_enough": plan.engine is Engine.RUNTIME,
        "section": "models",
    }


def _prices(plan: Plan) -> dict[str, Any]:
    """USD an hour of the cards, and of all the rest, in all copies."""
    cards = plan.chosen[0].usd_per_hour if plan.chosen else None
    if cards is None or plan.usd_per_hour is None:
        return {}
    cards *= plan.replicas
    return {"card_price": cards, "rest_price": plan.usd_per_hour - cards}


def _choices(situation: Situation) -> dict[str, Any]:
    plan, chosen = situation.plan, situation.choices
    slots = sorted({*SLOTS, chosen.slots} - {None}, key=lambda count: count or 0)
    return {
        "choices": chosen,
        "variant_choices": _variant_choices(plan, chosen),
        "usual_variant": "" if chosen.variant else _in_words(plan.variant),
        "variant_sentence": describe(plan.variant.quantisation)
        if plan.variant.quantisation
        else "",
        **_slider(plan),
        "smallest_context": min(256, plan.largest_context),
        "slot_counts": slots,
        "kv_types": KV_TYPES[family(plan.engine)],
        "engine_titles": [(engine, TITLES[engine]) for engine in plan.engines],
        "engine_title": TITLES[plan.engine],
        "counts": COUNTS,
        "node_counts": (1, 2, 4),
        "volume_gib": -(-plan.resources.volume // 2**30),
        "gpu_choices": _gpu_choices(plan, chosen),
        "storage_classes": STORAGE.items(),
        "extra_env": "\n".join(f"{name}={value}" for name, value in chosen.extra_env),
        "further_names": "\n".join(chosen.aliases),
        "is_advanced": _is_advanced(chosen),
    }


def _slider(plan: Plan) -> dict[str, Any]:
    """Marks at even steps; between two of them the length grows by the same factor."""
    marks = context_marks(plan.largest_context)
    return {
        "marks": marks,
        "slider_end": len(marks) - 1,
        "slider_position": round(_position(plan.context, marks), 3),
    }


def _position(context: int, marks: tuple[int, ...]) -> float:
    for index, (low, high) in enumerate(pairwise(marks)):
        if context <= high:
            return max(index + math.log(context / low, high / low), 0.0)
    return len(marks) - 1


def _is_advanced(chosen: Choices) -> bool:
    shown = ("variant", "engine", "context", "slots", "kv", "gpus", "count", "cpu_only", "cpu_moe")
    defaults: dict[str, Any] = {name: getattr(Choices(), name) for name in shown}
    return replace(chosen, **defaults) != Choices()


def _variant_choices(plan: Plan, chosen: Choices) -> list[tuple[str, str, bool]]:
    """Name, words and whether chosen, of each variant."""
    return [
        (one.name, _in_words(one), bool(chosen.variant) and one.name == plan.variant.name)
        for one in plan.model.variants
    ]


def _in_words(variant: Variant) -> str:
    return f"{variant.name}, {gigabytes(variant.download_bytes)}"


def _gpu_choices(plan: Plan, chosen: Choices) -> list[tuple[str, str, bool]]:
    """Name, title and whether chosen, of each card that fits in some count, cheapest first."""
    found: dict[str, str] = {}
    for offer in plan.offers:
        if offer.gpu and is_fitting(offer):
            found.setdefault(exact_name(offer.gpu), offer.gpu.title)
    for name in chosen.gpus:
        found.setdefault(name, name)
    return [(name, title, name in chosen.gpus) for name, title in list(found.items())[:30]]


def _offers(ref: ModelRef, situation: Situation) -> dict[str, Any]:
    listed = offers.parts(ref, situation)
    return {
        "shown": listed[:1],
        "folded": listed[1:],
        "folded_count": sum(len(part.rows) for part in listed[1:]),
        "too_small": offers.too_small(situation.plan),
        "is_screened": not settings.OFFLINE,
    }


def _file(plan: Plan) -> dict[str, Any]:
    """The preview with placeholders for secrets, and what each part of it does."""
    try:
        built = sdl_for(plan, Secrets())
        text = to_yaml(built, comments_for(plan))
        return {
            "sdl": text,
            "broken": (),
            "explanations": explain.parts(plan),
            "snippets": snippets(plan),
            "commands": akash_cli.commands(first_deposit(plan.usd_per_hour)),
            "akt_docs": akash_cli.DOCS,
        }
    except UnservableError as error:
        return {"sdl": "", "broken": error.sentences}
    except SdlError as error:
        return {"sdl": "", "broken": (str(error),)}


def _screening(ref: ModelRef, query: str, has_file: bool) -> dict[str, Any]:
    """The line that asks who can host it now. Each plan has its own, so that a swap asks anew."""
    if settings.OFFLINE or not has_file:
        return {}
    return {
        "screening_link": model_address(ref, "screening") + (f"?{query}" if query else ""),
        "screening_id": f"screening-{zlib.crc32(query.encode()):08x}",
    }


def _links(request: HttpRequest, ref: ModelRef, situation: Situation) -> dict[str, Any]:
    query = to_query(situation.choices)
    tail = f"?{query}" if query else ""
    configure = model_address(ref, "configure/")
    # A badge is kept for long: it names the variant even where it is today's default.
    pinned = to_query(replace(situation.choices, variant=situation.plan.variant.name))
    page = request.build_absolute_uri(f"{configure}?{pinned}")
    badge = request.build_absolute_uri("/badge.svg")
    return {
        "query": query,
        "model_link": model_address(ref),
        "configure": configure,
        "deploy_link": model_address(ref, "deploy/") + tail,
        "yaml_link": model_address(ref, "deploy.yaml") + tail,
        "compose_link": model_address(ref, "docker-compose.yaml") + tail,
        "json_link": model_address(ref, "plan.json") + tail,
        "curl_link": request.build_absolute_uri(model_address(ref, "deploy.yaml") + tail),
        "badge_link": page,
        "console_link": IMPORT_PAGE,
        "badge_markdown": f"[![Deploy with OneClickLLM]({badge})]({page})",
    }
