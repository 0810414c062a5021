"""How many elements the matrices of a layer have, which tells what share of a file it is."""

from __future__ import annotations

from functools import lru_cache

from wizard.registry.values import Architecture
from wizard.sizing.values import Workload

# A layer of these is attention, or recurs, or feeds forward with two matrices.
_TWO_MATRICES = ("nemotron_h",)
# Classes that vLLM pools the tokens of by itself (``_SUFFIX_TO_DEFAULTS``).
_POOLED = ("ForSequenceClassification", "ForTokenClassification", "RewardModel", "EmbeddingModel")


def is_pooled(architecture: Architecture, workload: Workload) -> bool:
    """Whether vLLM makes vectors or scores of texts, and chooses no words."""
    by_class = any(name.endswith(_POOLED) for name in architecture.hf_architectures)
    return workload.embeds or architecture.embeds or by_class


@lru_cache(maxsize=512)
def attention(architecture: Architecture, kv_heads: int, *, slides: bool = False) -> int:
    """Elements of attention's projections, with so many heads of keys and values."""
    width = architecture.embedding_length
    if architecture.kv_lora_rank:
        return _latent(architecture)
    keys, values = architecture.key_length, architecture.value_length
    if slides:
        keys = architecture.key_length_swa or keys
        values = architecture.value_length_swa or values
    return width * (keys + values) * (architecture.heads + kv_heads)


def _latent(architecture: Architecture) -> int:
    """Elements of MLA's projections: into the compressed rows, and out of them."""
    width, heads = architecture.embedding_length, architecture.heads
    row = architecture.kv_lora_rank + architecture.rope_dimension
    found = width * (row + heads * architecture.value_length)
    if architecture.query_rank:
        found += architecture.query_rank * (width + heads * architecture.key_length)
    unpacked = architecture.latent_key_length + architecture.latent_value_length
    return found + architecture.kv_lora_rank * heads * unpacked


def recurrence(architecture: Architecture) -> int:
    """Elements into and out of a recurrent layer's state."""
    inner = architecture.ssm_inner_size
    shared = 2 * architecture.ssm_group_count * architecture.ssm_state_size
    return architecture.embedding_length * (3 * inner + shared)


def forward(architecture: Architecture) -> tuple[int, int]:
    """Elements of a feed-forward part, and of one with experts."""
    matrices = 2 if architecture.name in _TWO_MATRICES else 3
    width = matrices * architecture.embedding_length
    dense = width * architecture.feed_forward_length
    if not architecture.experts:
        return dense, dense
    each = architecture.expert_feed_forward_length or architecture.feed_forward_length
    narrow = architecture.expert_embedding_length
    experts = matrices * (narrow or architecture.embedding_length) * architecture.experts * each
    shared = width * architecture.shared_feed_forward_length
    return dense, experts + shared + 2 * narrow * architecture.embedding_length


def attending(architecture: Architecture) -> int:
    """How many layers attend."""
    return sum(1 for heads in architecture.kv_heads if heads)


def is_plain(architecture: Architecture) -> bool:
    """Whether every layer attends, and nothing else mixes tokens: then shapes tell its size."""
    return attending(architecture) == architecture.layers and not architecture.recurrent_layers


def all_elements(architecture: Architecture) -> int:
    """Elements of all matrices: layers, tables, also those of each layer, and encoders."""
    width = architecture.embedding_length * (1 if architecture.tied_embeddings else 2)
    width += architecture.layers * architecture.per_layer_embedding
    tables = architecture.vocab_size * width
    return sum(elements(architecture)) + tables + architecture.encoder_weight_elements


def _mixes(architecture: Architecture) -> tuple[bool, ...]:
    """Which layers attend or recur."""
    recurs = architecture.recurrent_layers or (False,) * architecture.layers
    return tuple(
        bool(heads) or state for heads, state in zip(architecture.kv_heads, recurs, strict=False)
    )


def routed_layers(architecture: Architecture) -> int:
    """How many layers have experts: those after the dense ones, where layers do all.

    Where some neither attend nor recur, these alone feed forward.
    """
    mixes = _mixes(architecture)
    if architecture.experts and not all(mixes):
        return mixes.count(False)
    return max(0, architecture.layers - architecture.dense_layers)


@lru_cache(maxsize=512)
def elements(architecture: Architecture) -> tuple[int, ...]:
    """Elements of each layer."""
    recurs = architecture.recurrent_layers or (False,) * architecture.layers
    slides = architecture.sliding_layers or (False,) * architecture.layers
    is_apart = not all(_mixes(architecture))
    dense, routed = forward(architecture)
    found = []
    for index, (heads, state) in enumerate(zip(architecture.kv_heads, recurs, strict=True)):
        mixed = attention(architecture, heads, slides=slides[index]) if heads else 0
        mixed += recurrence(architecture) if state else 0
        fed = dense if index < architecture.dense_layers else routed
        found.append(mixed if is_apart and mixed else mixed + fed)
    return tuple(found)
