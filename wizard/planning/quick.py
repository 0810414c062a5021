"""A fit for lists: what a model would run on if nothing were changed."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from wizard.hardware.choice import cheapest, largest_contexts, offers
from wizard.hardware.values import Offer, PriceList
from wizard.planning.cards import is_cpu_enough
from wizard.planning.whole_price import whole
from wizard.planning.workload import (
    GENEROUS_CONTEXT,
    USUAL_CONTEXT,
    USUAL_SLOTS,
    USUAL_VLLM_SLOTS,
    context_marks,
    workload_on,
)
from wizard.registry import catalogue
from wizard.registry.errors import RegistryError
from wizard.registry.lookup import variant_for
from wizard.registry.values import Architecture, Format, Model, ModelFile, Source, Variant
from wizard.sdl.engines import vllm_ranking
from wizard.sdl.values import Engine
from wizard.sizing.values import Workload

# Average bytes a parameter of Q4_K_M (4.85 bits) and of bf16 weights.
_GGUF_BYTES = 0.61
_BF16_BYTES = 2.0


def quick_fit(model: Model, price_list: PriceList) -> Offer | None:
    """Where the model would run, the cheapest first; None where nothing holds it.

    Asks no registry: where the shape is unknown it is derived from the size.
    """
    variant = _usual_variant(model)
    if variant is None:
        return None
    architecture = catalogue.architecture(model, variant)
    ranks = vllm_ranking.of(model.ref, architecture) is not None
    return cheapest_fit(architecture, variant, price_list, ranks=ranks)


@lru_cache(maxsize=4096)
def cheapest_fit(
    architecture: Architecture, variant: Variant, price_list: PriceList, *, ranks: bool = False
) -> Offer | None:
    """What a plan for this variant would name first, at a usual context and slots.

    Its price is that of the whole, as a plan's is; ``ranks`` is as `workload_on` has it.
    """
    is_vllm = variant.format is Format.SAFETENSORS
    workload = workload_on(
        architecture,
        Engine.VLLM if is_vllm else Engine.RUNTIME,
        context=min(USUAL_CONTEXT, architecture.context_length),
        slots=USUAL_VLLM_SLOTS if is_vllm else USUAL_SLOTS,
        ranks=ranks,
    )
    if not is_vllm and is_cpu_enough(architecture, variant):
        found = offers(architecture, variant, workload, price_list)
        best = next((offer for offer in found if not offer.gpu), None)
    else:
        best = cheapest(architecture, variant, workload, price_list)
    return best and whole(
        best, architecture, variant, _as_planned(best, architecture, variant, workload)
    )


def _as_planned(
    offer: Offer, architecture: Architecture, variant: Variant, workload: Workload
) -> Workload:
    """With the context that a plan takes on this offer, which costs some RAM."""
    (longest,) = largest_contexts(architecture, variant, workload, (offer,))
    room = min(longest or 0, GENEROUS_CONTEXT)
    marks = [mark for mark in context_marks(architecture.context_length) if mark <= room]
    return replace(workload, context_length=max(marks, default=workload.context_length))


def _usual_variant(model: Model) -> Variant | None:
    known = model if model.variants else _known(model)
    if known.variants:
        try:
            return variant_for(known, model.ref)
        except RegistryError:
            return None
    if not (model.parameters or model.smallest_bytes):
        return None
    is_gguf = model.ref.source is Source.OLLAMA or "gguf" in model.tags
    size = model.smallest_bytes
    if model.parameters and (is_gguf or not size):
        # A repository of GGUF files holds many sizes, and its smallest is not the usual one.
        size = round(model.parameters * (_GGUF_BYTES if is_gguf else _BF16_BYTES))
    return Variant(
        name="",
        format=Format.GGUF if is_gguf else Format.SAFETENSORS,
        quantisation="Q4_K_M" if is_gguf else "",
        files=(ModelFile("", size or 0),),
        parameters=model.parameters,
        size_is_exact=False,
    )


def _known(model: Model) -> Model:
    """The model with the files that the bundled catalogue knows of it; a list tells none."""
    try:
        return catalogue.find(model.ref)
    except RegistryError:
        return model
