"""Memory under vLLM: tensor parallel on a node, pipeline parallel over nodes.

vLLM takes ``gpu_memory_utilization`` of a card by design and makes the KV
cache of what is left, so a model fits where that pool holds one sequence of
``max_model_len`` (``vllm/v1/core/kv_cache_utils.py``). That one sequence is the
KV cache counted here; the rest of the pool serves further requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from wizard.registry.values import Architecture, Variant
from wizard.sizing import host, layers, weights
from wizard.sizing.values import KvType, MemoryEstimate, Part, Workload
from wizard.sizing.words import plural, size

MIB = 1 << 20
GPU_MEMORY_UTILIZATION = 0.92
# Tokens of one block of the cache (``CacheConfig.block_size``).
BLOCK = 16
# CUDA's context, cuBLAS, the captured graphs of one card.
RUNTIME = 1024 * MIB
# NCCL's channels and the all-reduce buffers of each card of several.
_EXCHANGE = 512 * MIB
# Bits a weight of the projections that are repeated, where the parameters are unknown.
_BITS = {"fp8": 8.0, "compressed-tensors": 8.0, "awq": 4.25, "gptq": 4.25, "modelopt": 8.0}
# The sampler is profiled with this many sequences (``max_num_seqs``).
_SEQUENCES = 256


@dataclass(frozen=True)
class _Group:
    """Layers of one kind: their count, bytes a token on one card, and their window."""

    count: int
    token_bytes: int
    window: int


@lru_cache(maxsize=512)
def _groups(
    architecture: Architecture, gpus: int, nodes: int, kv_type: KvType
) -> tuple[_Group, ...]:
    """Kinds of layers that one card holds; the fullest stage of the pipeline."""
    each = 2 if kv_type is KvType.F16 else 1
    # The indexer's keys are fp8 with a 32-bit scale for each 128 (``DeepseekV32IndexerCache``).
    counts: dict[tuple[int, int], int] = {}
    for layer in layers.kv_layers(architecture):
        indexer = layer.indexer + 4 * -(-layer.indexer // 128)
        kind = (_token_bytes(layer, gpus) * each + indexer, layer.window)
        counts[kind] = counts.get(kind, 0) + 1
    return tuple(
        _Group(-(-count // nodes), token, window) for (token, window), count in counts.items()
    )


def _token_bytes(layer: layers.KvLayer, gpus: int) -> int:
    """Elements a token on one card: whole heads, at least one; MLA's row on every card."""
    if layer.is_latent:
        return layer.keys
    heads = max(1, layer.heads // gpus)
    return (layer.keys + layer.values) // layer.heads * heads


def kv_bytes_per_token(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one token in all layers on one card, as if none had a window."""
    groups = _groups(architecture, max(1, workload.gpus), workload.nodes, workload.kv_type)
    return sum(group.count * group.token_bytes for group in groups)


def _kv_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one sequence of full length on one card.

    A sliding layer keeps its window and a step (``SlidingWindowSpec``). Layers
    are grouped so that every group has as many as the rarest kind, the last
    one filled up (``_get_kv_cache_groups_uniform_page_size``).
    """
    groups = _groups(architecture, max(1, workload.gpus), workload.nodes, workload.kv_type)
    if not groups:
        return 0
    together = min(group.count for group in groups)
    return sum(
        -(-group.count // together) * together * group.token_bytes * _tokens(group, workload)
        for group in groups
    )


def _tokens(group: _Group, workload: Workload) -> int:
    """Tokens that one sequence takes in a layer, in whole blocks."""
    context = workload.context_length
    if not group.window:
        return -(-context // BLOCK) * BLOCK
    held = min(group.window - 1 + workload.batched_tokens, context)
    return (-(-held // BLOCK) + 1) * BLOCK


def _state_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the recurrent states of all slots on one card, counted as 32-bit floats."""
    count = -(-len(layers.recurrent_layers(architecture)) // workload.nodes)
    elements = layers.convolution_elements(architecture) + layers.state_elements(architecture)
    if layers.has_missing_state(architecture):
        elements = 2 * architecture.embedding_length * (128 + 3)
    return count * -(-4 * elements // max(1, workload.gpus)) * workload.slots


def _weight_bytes(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes of weights on the fullest card.

    Linear layers and the embeddings are sharded; keys and values of fewer
    heads than cards are repeated, and MLA's down projections lie on every card.
    """
    part = weights.split(architecture, variant)
    gpus = max(1, workload.gpus)
    whole = int((part.file - part.skipped) * _cast(architecture))
    if workload.nodes > 1:
        per_stage = -(-architecture.layers // workload.nodes)
        block = sum(part.blocks) / max(1, len(part.blocks))
        whole = int((block * per_stage + part.output + part.tied) * _cast(architecture))
    return -(-whole // gpus) + _repeated_bytes(architecture, variant, workload)


def _cast(architecture: Architecture) -> float:
    """What becomes of a file's bytes: 32-bit weights are cast to 16 (``--dtype auto``)."""
    is_wide = architecture.dtype in ("float32", "float") and not architecture.quant_method
    return 0.5 if is_wide else 1.0


def _repeated_bytes(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    gpus = max(1, workload.gpus)
    bits = variant.bits_per_weight or _BITS.get(architecture.quant_method, 16.0)
    found = layers.kv_layers(architecture)
    elements = sum(_repeated_elements(architecture, layer, gpus) for layer in found)
    return int(elements * bits / 8 / workload.nodes)


def _repeated_elements(architecture: Architecture, layer: layers.KvLayer, gpus: int) -> float:
    """Elements that one card holds beyond its even share of a layer."""
    if layer.is_latent:
        width = layer.keys + architecture.query_rank
        return architecture.embedding_length * width * (1 - 1 / gpus)
    if layer.heads >= gpus:
        return 0.0
    per_head = (layer.keys + layer.values) / layer.heads
    return architecture.embedding_length * per_head * (1 - layer.heads / gpus)


def _compute_bytes(architecture: Architecture, workload: Workload) -> int:
    """Peak of the activations of one step, and the sampler's logits, on one card."""
    gpus, tokens = max(1, workload.gpus), workload.batched_tokens
    experts = max(1, architecture.experts_used)
    forward = 3 * architecture.feed_forward_length * experts // gpus
    attention = 2 * architecture.heads * architecture.key_length // gpus
    step = 2 * tokens * (4 * architecture.embedding_length + max(forward, attention))
    logits = 2 * 4 * _SEQUENCES * architecture.vocab_size
    return max(step, logits)


@dataclass(frozen=True)
class _PerCard:
    weights: int
    kv_cache: int
    state: int
    compute: int
    runtime: int

    @property
    def total(self) -> int:
        return self.weights + self.kv_cache + self.state + self.compute + self.runtime


def _per_card(architecture: Architecture, variant: Variant, workload: Workload) -> _PerCard:
    is_many = workload.gpus * workload.nodes > 1
    return _PerCard(
        weights=_weight_bytes(architecture, variant, workload),
        kv_cache=_kv_bytes(architecture, workload),
        state=_state_bytes(architecture, workload),
        compute=_compute_bytes(architecture, workload),
        runtime=RUNTIME + (_EXCHANGE if is_many else 0),
    )


def needed(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes on the fullest card; the fast path of `estimate`."""
    return _per_card(architecture, variant, workload).total


def estimate(architecture: Architecture, variant: Variant, workload: Workload) -> MemoryEstimate:
    """Memory of a workload under vLLM, in bytes, each buffer with its formula."""
    found = _per_card(architecture, variant, workload)
    cards = max(1, workload.gpus) * workload.nodes
    return MemoryEstimate(
        weights=found.weights * cards,
        kv_cache=found.kv_cache * cards,
        recurrent_state=found.state * cards,
        compute=found.compute * cards,
        projector=0,
        runtime=found.runtime * cards,
        host=host.vllm_host(variant, workload, found.weights),
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
        ("weights", "Weights", found.weights, _weights_words(variant, found, cards)),
        ("kv_cache", "KV cache", found.kv_cache, _kv_words(architecture, workload) + on),
        (
            "recurrent_state",
            "Recurrent state",
            found.state,
            f"{plural(len(layers.recurrent_layers(architecture)), 'layer')} for "
            f"{plural(workload.slots, 'sequence')}{on}",
        ),
        (
            "compute",
            "Compute",
            found.compute,
            f"the peak of a step of {workload.batched_tokens:,} tokens, or of the logits of "
            f"{_SEQUENCES} sequences{on}",
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


def _weights_words(variant: Variant, found: _PerCard, cards: int) -> str:
    if cards == 1:
        return f"{size(variant.weight_bytes)} of files"
    return (
        f"{size(variant.weight_bytes)} of files over {cards} cards, {size(found.weights)} on the "
        "fullest, with what every card must hold"
    )


def _kv_words(architecture: Architecture, workload: Workload) -> str:
    per_token = kv_bytes_per_token(architecture, workload)
    words = (
        f"one sequence of {workload.context_length:,} tokens × {per_token:,} bytes; what is left "
        "of the card serves further requests"
    )
    if any(layer.window for layer in layers.kv_layers(architecture)):
        words += f"; sliding layers hold {architecture.sliding_window:,} tokens and a step"
    return words
