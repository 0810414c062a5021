"""Memory under vLLM: tensor parallel on a node, pipeline parallel over nodes.

vLLM takes ``gpu_memory_utilization`` of a card by design and makes the KV
cache of what is left, so a model fits where that pool holds one sequence of
``max_model_len`` (``vllm/v1/core/kv_cache_utils.py``). That one sequence is the
KV cache counted here; the rest of the pool serves further requests.
"""

from __future__ import annotations

from dataclasses import dataclass

from wizard.registry.values import Architecture, Variant
from wizard.sizing import host, layers, vllm_cache, vllm_compute
from wizard.sizing.values import MemoryEstimate, Part, Workload
from wizard.sizing.vllm_cache import bytes_per_token
from wizard.sizing.vllm_weights import CardWeights, card_weights
from wizard.sizing.words import plural, size

MIB = 1 << 20
GPU_MEMORY_UTILIZATION = 0.92
# CUDA's context, cuBLAS, the captured graphs of one card.
RUNTIME = 1024 * MIB
# NCCL's channels and the all-reduce buffers of each card of several: what others measured
# on pairs and fours of H100 (docs/estimate.md), and on cards that NVLink does not join.
_NVLINK_EXCHANGE, _EXCHANGE = 2048 * MIB, 512 * MIB


def _exchange_bytes(workload: Workload) -> int:
    """Bytes of one card for what cards tell each other; large ones are taken to have NVLink."""
    if workload.gpus * workload.nodes < 2:
        return 0
    return _NVLINK_EXCHANGE if workload.batched_tokens >= vllm_compute.LONG_STEP else _EXCHANGE


@dataclass(frozen=True)
class _PerCard:
    weights: CardWeights
    kv_cache: int
    state: int
    compute: int
    runtime: int

    @property
    def total(self) -> int:
        return self.weights.total + self.kv_cache + self.state + self.compute + self.runtime


def _per_card(architecture: Architecture, variant: Variant, workload: Workload) -> _PerCard:
    held = vllm_cache.request(architecture, workload)
    return _PerCard(
        weights=card_weights(architecture, variant, workload),
        kv_cache=held.cache,
        state=held.state,
        compute=vllm_compute.compute(architecture, workload).total,
        runtime=RUNTIME + _exchange_bytes(workload),
    )


def needed(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes on the fullest card; the fast path of `estimate`."""
    return _per_card(architecture, variant, workload).total


def concurrency(
    architecture: Architecture, variant: Variant, workload: Workload, budget_bytes: int
) -> int:
    """Requests of full length that one card's pool holds at a time; many without a cache."""
    found = _per_card(architecture, variant, workload)
    one = found.kv_cache + found.state
    left = budget_bytes - (found.total - one)
    return max(0, left // one if one else (vllm_compute.sequences(workload) if left >= 0 else 0))


def estimate(architecture: Architecture, variant: Variant, workload: Workload) -> MemoryEstimate:
    """Memory of a workload under vLLM, in bytes, each buffer with its formula."""
    found = _per_card(architecture, variant, workload)
    cards = max(1, workload.gpus) * workload.nodes
    return MemoryEstimate(
        weights=found.weights.total * cards,
        kv_cache=found.kv_cache * cards,
        recurrent_state=found.state * cards,
        compute=found.compute * cards,
        projector=0,
        runtime=found.runtime * cards,
        host=host.vllm_host(variant, workload, found.weights.total),
        disk=host.disk(variant, is_vllm=True),
        largest_gpu=found.total,
        parts=_parts(architecture, variant, workload, found),
        exact=architecture.exact and variant.size_is_exact,
    )


def _parts(
    architecture: Architecture, variant: Variant, workload: Workload, found: _PerCard
) -> tuple[Part, ...]:
    cards = max(1, workload.gpus) * workload.nodes
    on = "" if cards == 1 else f", on each of {cards} cards"
    rows = (
        ("weights", "Weights", found.weights.total, _weights_words(variant, found.weights, cards)),
        ("kv_cache", "KV cache", found.kv_cache, _kv_words(architecture, workload) + on),
        (
            "recurrent_state",
            "Recurrent state",
            found.state,
            f"{plural(len(layers.recurrent_layers(architecture)), 'layer')} of one sequence, in "
            f"pages as large as those of the KV cache{on}",
        ),
        (
            "compute",
            "Compute",
            found.compute,
            f"the peak of a step of {workload.batched_tokens:,} tokens, of encoding its images "
            "or sounds, or of choosing from the logits of "
            f"{vllm_compute.sequences(workload):,} requests, whose tokens are counted{on}",
        ),
        (
            "runtime",
            "Runtime",
            found.runtime,
            f"{size(found.runtime)} for CUDA, its graphs and the exchange between cards{on}",
        ),
    )
    return tuple(
        Part(name, label, each * cards, words) for name, label, each, words in rows if each
    )


def _weights_words(variant: Variant, found: CardWeights, cards: int) -> str:
    tables = f", with {size(found.tables)} of rotary tables" if found.tables else ""
    if cards == 1:
        return f"{size(variant.weight_bytes)} of files{tables}"
    whole = f", {size(found.whole)} that each must hold whole" if found.whole else ""
    return (
        f"{size(variant.weight_bytes)} of files over {cards} cards: {size(found.total)} on the "
        f"fullest{whole}{tables}"
    )


def _kv_words(architecture: Architecture, workload: Workload) -> str:
    per_token = bytes_per_token(architecture, workload)
    words = (
        f"one sequence of {workload.context_length:,} tokens × {per_token:,} bytes, in whole "
        "blocks; what is left of the card serves further requests"
    )
    if architecture.sliding_window:
        flying = vllm_cache.in_flight(workload)
        words += (
            f"; sliding layers hold {architecture.sliding_window:,} tokens and {flying:,} of "
            "steps that are not settled"
        )
    return words
