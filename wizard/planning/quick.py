"""A fit for lists: what a model would run on if nothing were changed."""

from __future__ import annotations

from functools import lru_cache

from wizard.hardware.choice import named_gpus, offers
from wizard.hardware.values import Offer, PriceList
from wizard.planning.workload import USUAL_CONTEXT, USUAL_SLOTS, USUAL_VLLM_SLOTS
from wizard.registry import catalogue
from wizard.registry.errors import RegistryError
from wizard.registry.lookup import variant_for
from wizard.registry.values import Architecture, Format, Model, ModelFile, Source, Variant
from wizard.sizing.values import EngineFamily, Workload

# Average bytes a parameter of Q4_K_M (4.85 bits) and of bf16 weights.
_GGUF_BYTES = 0.61
_BF16_BYTES = 2.0


def quick_fit(model: Model, price_list: PriceList) -> Offer | None:
    """The cheapest GPUs that hold the model as we would run it; None where none does.

    Asks no registry: where the shape is unknown it is derived from the size.
    """
    variant = _usual_variant(model)
    if variant is None:
        return None
    return cheapest_fit(catalogue.architecture(model, variant), variant, price_list)


@lru_cache(maxsize=4096)
def cheapest_fit(
    architecture: Architecture, variant: Variant, price_list: PriceList
) -> Offer | None:
    """The first card that a plan for this variant would name, at a usual context and slots."""
    is_vllm = variant.format is Format.SAFETENSORS
    workload = Workload(
        context_length=min(USUAL_CONTEXT, architecture.context_length),
        slots=USUAL_VLLM_SLOTS if is_vllm else USUAL_SLOTS,
        family=EngineFamily.VLLM if is_vllm else EngineFamily.LLAMA_CPP,
        embeds=not is_vllm,
    )
    named = named_gpus(offers(architecture, variant, workload, price_list), limit=1)
    return named[0] if named else None


def _usual_variant(model: Model) -> Variant | None:
    if model.variants:
        try:
            return variant_for(model, model.ref)
        except RegistryError:
            return None
    if not (model.parameters or model.smallest_bytes):
        return None
    is_gguf = model.ref.source is Source.OLLAMA or "gguf" in model.tags
    bytes_each = _GGUF_BYTES if is_gguf else _BF16_BYTES
    size = round(model.parameters * bytes_each) if model.parameters else model.smallest_bytes
    return Variant(
        name="",
        format=Format.GGUF if is_gguf else Format.SAFETENSORS,
        quantisation="",
        files=(ModelFile("", size or 0),),
        parameters=model.parameters,
        size_is_exact=False,
    )
