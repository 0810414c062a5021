"""How much memory a model needs: pure functions, no network, no Django."""

from __future__ import annotations

from wizard.registry.values import Architecture, Format, Variant
from wizard.sizing import llama_cpp, vllm, vllm_cache, weights
from wizard.sizing.limits import (
    budget,
    largest_context,
    most_slots,
    needed_bytes,
    smallest_budget,
)
from wizard.sizing.speed import active_bytes, tokens_per_second
from wizard.sizing.values import EngineFamily, MemoryEstimate, Workload

__all__ = [
    "active_bytes",
    "budget",
    "estimate",
    "is_packed_otherwise",
    "kv_bytes_per_token",
    "largest_context",
    "most_slots",
    "needed_bytes",
    "smallest_budget",
    "tokens_per_second",
]

_ON_A_CARD = Workload(256)


def estimate(architecture: Architecture, variant: Variant, workload: Workload) -> MemoryEstimate:
    """Memory that a workload takes, in bytes, with each buffer's formula in words."""
    if workload.family is EngineFamily.VLLM:
        return vllm.estimate(architecture, variant, workload)
    return llama_cpp.estimate(architecture, variant, workload)


def is_packed_otherwise(architecture: Architecture, variant: Variant) -> bool:
    """Whether a GGUF's size tells that its maker packed it in a way of its own.

    A list of its tensors then tells what lies on cards; without one the estimate is rough.
    """
    if variant.format is not Format.GGUF or not variant.size_is_exact:
        return False
    part = weights.split(architecture, variant)
    return llama_cpp.is_packed_otherwise(architecture, _ON_A_CARD, part)


def kv_bytes_per_token(architecture: Architecture, workload: Workload) -> int:
    """Bytes that one token takes in all layers' caches, windows aside; on one card under vLLM."""
    if workload.family is EngineFamily.VLLM:
        return vllm_cache.bytes_per_token(architecture, workload)
    return llama_cpp.kv_bytes_per_token(architecture, workload)
