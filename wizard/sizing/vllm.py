"""Memory under vLLM: tensor parallel on a node, pipeline parallel over nodes.

vLLM takes ``gpu_memory_utilization`` of a card by design and makes the KV
cache of what is left, so a model fits where that pool holds one sequence of
``max_model_len`` (``vllm/v1/core/kv_cache_utils.py``). That one sequence is the
KV cache counted here; the rest of the pool serves further requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from wizard.registry.values import Architecture, Variant
from wizard.sizing import (
    host,
    layers,
    runtime,
    vllm_cache,
    vllm_compute,
    vllm_exchange,
    vllm_graphs,
    vllm_layers,
)
from wizard.sizing.values import MemoryEstimate, Part, Workload
from wizard.sizing.vllm_cache import bytes_per_token
from wizard.sizing.vllm_graphs import Graphs
from wizard.sizing.vllm_weights import CardWeights, card_weights
from wizard.sizing.words import plural, size

MIB = 1 << 20
GPU_MEMORY_UTILIZATION = 0.92
# Code of the kernels that a step runs, and cuBLAS, beside PyTorch's own memory: 0.25 GiB
# on H100 and on an A100 (docs/estimate-evidence.md).
_LIBRARIES = 256 * MIB


@dataclass(frozen=True)
class _Runtime:
    """Bytes of one card beside weights, caches and activations.

    ``outside`` is there before vLLM measures what is free, and no part of its budget
    (``MemorySnapshot`` in ``Worker.init_device``).
    """

    outside: int
    exchange: int
    graphs: Graphs

    @property
    def total(self) -> int:
        return self.outside + _LIBRARIES + self.exchange + self.graphs.size


def budget(usable_bytes: int, workload: Workload) -> int:
    """Bytes of a card that vLLM's share holds, and what lies outside of that share."""
    share = int(usable_bytes * GPU_MEMORY_UTILIZATION)
    return min(usable_bytes, share + outside(workload))


def least_card(needed_bytes: int, workload: Workload) -> int:
    """Bytes of the smallest card whose `budget` is as much as needed."""
    share = ceil((needed_bytes - outside(workload)) / GPU_MEMORY_UTILIZATION)
    return max(needed_bytes, share)


def outside(workload: Workload) -> int:
    """Bytes of one card that are there before vLLM looks: CUDA's context, NCCL's channels."""
    return runtime.context(workload.card) + vllm_exchange.outside(workload)


def _runtime(architecture: Architecture, workload: Workload) -> _Runtime:
    graphs = vllm_graphs.graphs(architecture, workload)
    return _Runtime(outside(workload), vllm_exchange.inside(architecture, workload), graphs)


@dataclass(frozen=True)
class _PerCard:
    weights: CardWeights
    kv_cache: int
    state: int
    compute: int
    runtime: _Runtime

    @property
    def total(self) -> int:
        beside = self.compute + self.runtime.total
        return self.weights.total + self.kv_cache + self.state + beside


def _per_card(architecture: Architecture, variant: Variant, workload: Workload) -> _PerCard:
    held = vllm_cache.request(architecture, workload)
    # vLLM does not start with fewer blocks of states than requests at a time
    # (``CompilationConfig.resolve_cudagraph_mode_and_sizes``).
    asked = workload.sequences * held.block
    return _PerCard(
        weights=card_weights(architecture, variant, workload),
        kv_cache=held.cache,
        state=max(held.state, asked - held.cache),
        compute=vllm_compute.compute(architecture, workload).total,
        runtime=_runtime(architecture, workload),
    )


def needed(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes on the fullest card; the fast path of `estimate`."""
    return _per_card(architecture, variant, workload).total


def concurrency(
    architecture: Architecture, variant: Variant, workload: Workload, budget_bytes: int
) -> int:
    """Requests of full length that one card's pool holds at a time; many without a cache."""
    found = _per_card(architecture, variant, workload)
    held = vllm_cache.request(architecture, workload)
    one = held.cache + held.state
    left = budget_bytes - (found.total - found.kv_cache - found.state)
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
        runtime=found.runtime.total * cards,
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
    encoding = ", of encoding images or sounds," if architecture.encoder_token_elements else ""
    rows = (
        ("weights", "Weights", found.weights.total, _weights_words(variant, found.weights, cards)),
        ("kv_cache", "KV cache", found.kv_cache, _kv_words(architecture, workload) + on),
        (
            "recurrent_state",
            "Recurrent state",
            found.state,
            f"{plural(len(layers.recurrent_layers(architecture)), 'layer')} of one sequence, or "
            f"as much as a block for each of the requests at a time needs beside the KV cache{on}",
        ),
        (
            "compute",
            "Compute",
            found.compute,
            f"the peak of a step of {workload.batched_tokens:,} tokens{encoding} or of "
            f"{_after_words(architecture, workload)}{on}",
        ),
        ("runtime", "Runtime", found.runtime.total, _runtime_words(found.runtime) + on),
    )
    return tuple(
        Part(name, label, each * cards, words) for name, label, each, words in rows if each
    )


def _after_words(architecture: Architecture, workload: Workload) -> str:
    if vllm_layers.is_pooled(architecture, workload):
        return "pooling what comes of them"
    requests = vllm_compute.sequences(workload)
    return f"choosing from the logits of {requests:,} requests, whose tokens are counted"


def _weights_words(variant: Variant, found: CardWeights, cards: int) -> str:
    tables = f", with {size(found.tables)} of rotary tables" if found.tables else ""
    if cards == 1:
        return f"{size(variant.weight_bytes)} of files{tables}"
    whole = f", {size(found.whole)} that each must hold whole" if found.whole else ""
    return (
        f"{size(variant.weight_bytes)} of files over {cards} cards: {size(found.total)} on the "
        f"fullest{whole}{tables}"
    )


def _runtime_words(found: _Runtime) -> str:
    graphs = found.graphs
    exchange = f", {size(found.exchange)} for what cards tell each other" if found.exchange else ""
    return (
        f"{size(found.outside)} of CUDA's context, which vLLM's share of the card leaves out, "
        f"{size(_LIBRARIES)} of libraries{exchange}, and {size(graphs.size)} of graphs for "
        f"{plural(graphs.pieces, 'number')} of tokens and {graphs.whole} of requests"
    )


def _kv_words(architecture: Architecture, workload: Workload) -> str:
    per_token = bytes_per_token(architecture, workload)
    words = (
        f"one sequence of {workload.context_length:,} tokens × {per_token:,} bytes, in whole "
        "blocks; what is left of the card serves further requests"
    )
    if architecture.sliding_window:
        flying = vllm_cache.in_flight(architecture, workload)
        words += (
            f"; sliding layers hold {architecture.sliding_window:,} tokens and {flying:,} of "
            "steps that are not settled"
        )
    return words
