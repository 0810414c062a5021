"""A rough fit for lists: one estimate, and the cheapest card that holds it."""

from __future__ import annotations

from collections.abc import Iterator

from wizard.hardware.values import Fit, Gpu, Offer, PriceList
from wizard.planning.workload import USUAL_CONTEXT, USUAL_SLOTS
from wizard.registry import catalogue
from wizard.registry.lookup import variant_for
from wizard.registry.values import Architecture, Format, Model, ModelFile, Source, Variant
from wizard.sizing import estimate
from wizard.sizing.values import EngineFamily, Workload

COUNTS = (1, 2, 4, 8)
# Average bytes a parameter of Q4_K_M (4.85 bits) and of bf16 weights.
_GGUF_BYTES = 0.61
_BF16_BYTES = 2.0
# Within this share of a card the page says that it is tight.
_TIGHT = 0.92
# vLLM takes this share of a card by default (--gpu-memory-utilization).
_VLLM_SHARE = 0.92


def quick_fit(model: Model, price_list: PriceList) -> Offer | None:
    """The cheapest GPUs that hold the model as we would run it; None where none does.

    Asks no registry: where the shape is unknown it is derived from the size.
    """
    variant = _usual_variant(model)
    if variant is None:
        return None
    return cheapest_fit(catalogue.architecture(model, variant), variant, price_list)


def cheapest_fit(
    architecture: Architecture, variant: Variant, price_list: PriceList
) -> Offer | None:
    """The cheapest GPU × count for a variant at a usual context and number of slots."""
    is_vllm = variant.format is Format.SAFETENSORS
    workload = Workload(
        context_length=min(USUAL_CONTEXT, architecture.context_length),
        slots=USUAL_SLOTS,
        family=EngineFamily.VLLM if is_vllm else EngineFamily.LLAMA_CPP,
    )
    needed = estimate(architecture, variant, workload).total
    share = _VLLM_SHARE if is_vllm else 1.0
    fitting = [
        (gpu, count)
        for gpu, count in _combinations(price_list)
        if needed <= gpu.usable_bytes * count * share and _divides(architecture, count, is_vllm)
    ]
    if not fitting:
        return None
    gpu, count = min(fitting, key=lambda pair: _price(*pair))
    return _offer(gpu, count, needed, share)


def _combinations(price_list: PriceList) -> Iterator[tuple[Gpu, int]]:
    for gpu in price_list.gpus:
        if gpu.usd_per_hour is not None:
            for count in COUNTS:
                yield gpu, count


def _divides(architecture: Architecture, count: int, is_vllm: bool) -> bool:
    return not is_vllm or architecture.heads % count == 0


def _price(gpu: Gpu, count: int) -> float:
    return (gpu.usd_per_hour or 0.0) * count


def _offer(gpu: Gpu, count: int, needed: int, share: float) -> Offer:
    usable = round(gpu.usable_bytes * share)
    needed_per_card = needed // count
    is_tight = needed_per_card > usable * _TIGHT
    return Offer(
        gpu=gpu,
        count=count,
        nodes=1,
        fit=Fit.TIGHT if is_tight else Fit.FITS,
        needed_bytes=needed_per_card,
        headroom_bytes=usable - needed_per_card,
        usd_per_hour=_price(gpu, count),
        reason="",
    )


def _usual_variant(model: Model) -> Variant | None:
    if model.variants:
        return variant_for(model, model.ref)
    if not (model.parameters or model.smallest_bytes):
        return None
    is_gguf = model.ref.source is Source.OLLAMA or "gguf" in model.tags
    size = model.smallest_bytes or round(
        (model.parameters or 0) * (_GGUF_BYTES if is_gguf else _BF16_BYTES)
    )
    return Variant(
        name="",
        format=Format.GGUF if is_gguf else Format.SAFETENSORS,
        quantisation="",
        files=(ModelFile("", size),),
        parameters=model.parameters,
        size_is_exact=False,
    )
