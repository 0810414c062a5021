"""Bytes that the matrices of a model's blocks take, worked out from its shapes.

Shapes follow ``load_arch_tensors`` of ``src/models/*.cpp``. Good for shares of a file
whose size is known; norms, biases and small odd matrices are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wizard.registry.values import Architecture
from wizard.sizing import quantiser
from wizard.sizing.quantiser import Mix

# Feed-forward parts of one matrix up and one down, activated in place.
NOT_GATED = frozenset(
    {"apertus", "arcee", "bert", "bloom", "codeshell", "falcon", "gpt2", "gptneox", "jais2"}
    | {"jina-bert-v3", "mpt", "nemotron", "nemotron_h", "nemotron_h_moe", "nomic-bert-moe", "phi2"}
    | {"plm", "starcoder", "starcoder2"}
)
# Each query has a gate as wide.
GATED_QUERIES = frozenset({"qwen3next", "qwen35", "qwen35moe", "qwen4exp", "afmoe", "step35"})
# A layer has one of a state, attention and a feed-forward part, not two of them.
ONE_PART = frozenset({"nemotron_h", "nemotron_h_moe"})
# A table has each layer's own embedding of a token; else it is made from the first.
_LAYERED_TABLE = frozenset({"gemma3n", "gemma4"})
_ROUTER = "F32"


# Bits an element of matrices of some types, with rows of so many elements.
Bits = Callable[[tuple[str, ...], int], float]


@dataclass(frozen=True)
class Blocks:
    """Bytes of all blocks together, and of the experts among them."""

    total: float
    experts: float


def looked_up_by_layers(architecture: Architecture) -> int:
    """Elements of a token that all layers together look up."""
    if architecture.name not in _LAYERED_TABLE:
        return 0
    return architecture.layers * architecture.per_layer_embedding


def blocks(architecture: Architecture, mix: Mix, bits: Bits = quantiser.bits) -> Blocks:
    """Bytes of all blocks under a quantisation; ``bits`` tells which types count."""
    experts = _mixed_layers(architecture) * _experts(architecture, mix, bits) / 8
    parts = (_attention, _states, _dense)
    rest = sum(part(architecture, mix, bits) for part in parts)
    return Blocks(experts + rest / 8, experts)


def largest(architecture: Architecture, mix: Mix, bits: Bits = quantiser.bits) -> float:
    """Bytes of a block's largest matrix that is not of experts."""
    down = bits(mix.down or (mix.base,), architecture.feed_forward_length or 1)
    wide = architecture.feed_forward_length * down
    rest = max(architecture.heads * architecture.key_length, 2 * architecture.ssm_inner_size)
    return architecture.embedding_length * max(wide, rest * bits((mix.base,), 1)) / 8


def _attention(architecture: Architecture, mix: Mix, bits: Bits) -> float:
    """Bits of queries, keys, values and the matrix after them, in all layers that have them."""
    attending = sum(1 for heads in architecture.kv_heads if heads)
    if architecture.kv_lora_rank:
        return attending * _latent(architecture, mix, bits)
    kv, heads = sum(architecture.kv_heads), architecture.heads * attending
    width, base = architecture.embedding_length, (mix.base,)
    asked = heads * (2 if architecture.name in GATED_QUERIES else 1) + kv
    into = asked * architecture.key_length * bits(base, width)
    values = mix.values(heads / max(1, kv))
    into += kv * architecture.value_length * bits(values, width)
    row = architecture.heads * architecture.value_length
    return width * (into + attending * row * bits(mix.out or base, row or 1))


def _latent(architecture: Architecture, mix: Mix, bits: Bits) -> float:
    """Bits of one layer of MLA: queries and keys are made through narrow matrices."""
    width, rank = architecture.embedding_length, architecture.query_rank
    keys, values = architecture.latent_key_length, architecture.latent_value_length
    row = architecture.kv_lora_rank + architecture.rope_dimension
    queries = architecture.heads * keys
    unpacked = architecture.heads * (keys - architecture.rope_dimension + values)
    elements = width * rank + rank * queries if rank else width * queries
    elements += width * row + architecture.kv_lora_rank * max(0, unpacked)
    elements += architecture.heads * values * width
    return elements * bits((mix.base,), width)


def _states(architecture: Architecture, mix: Mix, bits: Bits) -> float:
    """Bits of the projections of Mamba-2 and of gated delta nets, in all layers that recur."""
    width, inner = architecture.embedding_length, architecture.ssm_inner_size
    wide = 2 * inner + 2 * architecture.ssm_group_count * architecture.ssm_state_size
    wide += architecture.ssm_time_step_rank
    elements = width * (wide + inner) * sum(architecture.recurrent_layers)
    return elements * bits((mix.base,), width)


def _forward_layers(architecture: Architecture) -> int:
    """Layers with a feed-forward part or experts."""
    if architecture.name not in ONE_PART:
        return architecture.layers
    attending = sum(1 for heads in architecture.kv_heads if heads)
    return architecture.layers - attending - sum(architecture.recurrent_layers)


def _mixed_layers(architecture: Architecture) -> int:
    """Layers with experts."""
    if not architecture.experts:
        return 0
    return max(0, _forward_layers(architecture) - architecture.dense_layers)


def _dense(architecture: Architecture, mix: Mix, bits: Bits) -> float:
    """Bits of plain feed-forward parts, and of experts that every token uses."""
    mixed = _mixed_layers(architecture)
    plain = _forward_layers(architecture) - mixed
    shared = mixed * _forward(
        architecture, architecture.shared_feed_forward_length, mix, mix.base, bits
    )
    return shared + plain * _forward(
        architecture, architecture.feed_forward_length, mix, mix.base, bits
    )


def _experts(architecture: Architecture, mix: Mix, bits: Bits) -> float:
    """Bits of one layer's experts and of what routes to them."""
    each = architecture.expert_feed_forward_length or architecture.feed_forward_length
    router = bits((_ROUTER,), 1) * architecture.embedding_length
    return architecture.experts * (
        _forward(architecture, each, mix, mix.experts or mix.base, bits) + router
    )


def _forward(architecture: Architecture, inner: int, mix: Mix, base: str, bits: Bits) -> float:
    """Bits of one feed-forward part: gate and up, or up alone, and down."""
    if not inner:
        return 0.0
    width = architecture.embedding_length
    up = 1 if architecture.name in NOT_GATED else 2
    down = bits(mix.down or (base,), inner)
    return inner * width * (up * bits((base,), width) + down)
