"""How much memory a model needs: pure functions, no network, no Django.

``llama_cpp`` and ``vllm`` each add an estimate up; read on from the one that is asked about.

For both: ``values`` in and out, ``layers`` with keys and values, ``host`` for RAM and disk;
``limits``, ``speed`` and ``card`` turn an estimate around, ``buffers`` and ``words`` present it.

A file under llama.cpp: ``weights`` divides it, by its list of tensors or ``by_shape``, as
``matrices`` has them and the ``quantiser`` types them. ``placement`` then puts layers on cards
or into RAM; ``cells`` and ``recurrence`` tell caches and states, ``compressed`` and ``drafting``
those of single families, ``cache_words`` their formula. ``cache_types`` refuses,
``runtime`` is what a process takes besides, ``images`` what encoding one does.

A step under llama.cpp: ``compute`` has each card's buffer, and RAM's. ``step_inputs`` are its
inputs, ``crossing`` what goes from card to card. With all layers on cards the widest of its
``stages`` counts, in elements of a token: ``attention`` (fused where ``kernels`` are, else
beside ``scores``), ``mixtures``, ``recurrence``, all beside the ``residual``; ``encoders`` and
``deepstack`` have graphs of their own, and ``hosted`` what no card computes. With layers in RAM
each tensor is placed by ggml's ``allocator``: ``step_layers`` on ``step_latent`` on
``step_attention`` on ``step_tensors``, in the ``layer_orders`` of families, with matrices of
``matrix_types``; where that does not apply, ``offloaded`` sums up. ``experts_in_ram`` tells
what of those visits the card.

Under vLLM: ``vllm_weights`` with ``vllm_layers``, ``vllm_types`` and ``vllm_unused``,
``vllm_cache`` with ``vllm_compressed``, ``vllm_stages`` of a pipeline; and what is no pool:
``vllm_compute`` with ``vllm_workspace``, ``vllm_graphs``, ``vllm_exchange``, ``vllm_allocator``;
``vllm_kernels`` tells which kernel attends.
"""

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
