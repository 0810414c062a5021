"""A model's facts and variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from wizard.hardware.prices import price_list
from wizard.hardware.values import Offer, PriceList
from wizard.planning.quick import cheapest_fit
from wizard.planning.workload import USUAL_CONTEXT
from wizard.registry import catalogue, lookup
from wizard.registry.errors import VariantNotFound
from wizard.registry.quantisation import describe
from wizard.registry.values import Architecture, Model, ModelRef, Source, Variant
from wizard.sdl.engines import vllm_ranking
from wizard.views.addresses import model_address, named_ref
from wizard.views.failures import answered
from wizard.views.home import SOURCE_NAMES

SHOWN_VARIANTS = 24


@dataclass(frozen=True)
class VariantRow:
    """One variant of the table."""

    variant: Variant
    sentence: str
    offer: Offer | None
    address: str
    is_default: bool


@require_safe
@answered
def model_page(request: HttpRequest, /, **named: str) -> HttpResponse:
    ref = named_ref(**named)
    model = lookup.find(ref)
    prices = price_list()
    default = _default(model, ref)
    context_length = _context_length(model, default)
    shape = _shapes(model, default)
    rows = [_row(ref, variant, shape(variant), default, prices) for variant in model.variants]
    rows.sort(key=lambda row: not row.is_default)
    context = {
        "model": model,
        "ref": ref,
        "parameters": (default and default.parameters) or model.parameters,
        "full_name": f"{ref.repo}:{ref.tag}" if ref.tag else ref.repo,
        "context_length": context_length,
        "usual_context": min(USUAL_CONTEXT, context_length or USUAL_CONTEXT),
        "source": SOURCE_NAMES[ref.source],
        "registry_link": registry_link(ref),
        "configure": model_address(ref, "configure/"),
        "shown": rows[:SHOWN_VARIANTS],
        "folded": rows[SHOWN_VARIANTS:],
        "default": next((row for row in rows if row.is_default), None),
        "is_gated": model.is_gated,
        "gguf_repos": [(name, f"/models/hf/{name}/") for name in model.gguf_repos],
        "base_address": f"/models/hf/{model.base_model}/" if "/" in model.base_model else "",
        "prices": prices,
        "section": "models",
    }
    return render(request, "wizard/model.html", context)


def _default(model: Model, ref: ModelRef) -> Variant | None:
    try:
        return lookup.variant_for(model, ref)
    except VariantNotFound:
        if ref.tag or ref.file or model.variants:
            raise
        return None


def _context_length(model: Model, default: Variant | None) -> int:
    """In tokens: as the registry lists it, else from the default's own header or config."""
    if model.context_length or default is None:
        return model.context_length or 0
    return lookup.architecture(model, default).context_length


def _shapes(model: Model, default: Variant | None) -> Callable[[Variant], Architecture]:
    """What each variant's memory is worked out from; asks the registry once at most.

    Where the catalogue can but guess, the default's own header tells, as it does for its
    plan, and for all variants of as many parameters.
    """
    known = partial(catalogue.architecture, model)
    if default is None or known(default).exact:
        return known
    told = lookup.architecture(model, default)

    def shape(variant: Variant) -> Architecture:
        is_alike = (variant.format, variant.parameters) == (default.format, default.parameters)
        return told if is_alike else known(variant)

    return shape


def _row(
    ref: ModelRef,
    variant: Variant,
    architecture: Architecture,
    default: Variant | None,
    prices: PriceList,
) -> VariantRow:
    query = urlencode({"variant": variant.name})
    ranks = vllm_ranking.of(ref, architecture) is not None
    return VariantRow(
        variant,
        describe(variant.quantisation) if variant.quantisation else "",
        cheapest_fit(architecture, variant, prices, ranks=ranks),
        f"{model_address(ref, 'configure/')}?{query}",
        default is not None and variant.name == default.name,
    )


def registry_link(ref: ModelRef) -> str:
    """The model's own page at its registry."""
    if ref.source is Source.HUGGING_FACE:
        return f"https://huggingface.co/{ref.repo}"
    is_official = ref.namespace == "library"
    return f"https://ollama.com/{'library/' if is_official else ''}{ref.repo}"
