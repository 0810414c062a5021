"""Bytes that the matrices of a model's blocks take, worked out from its shapes.

Shapes follow ``load_arch_tensors`` of ``src/models/*.cpp``. Good for shares of a file
whose size is known; small odd matrices are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, zip_longest

from wizard.registry.values import Architecture
from wizard.sizing import layers, quantiser
from wizard.sizing.quantiser import Mix

# Feed-forward parts of one matrix up and one down, activated in place.
NOT_GATED = frozenset(
    {"apertus", "arcee", "bert", "bloom", "codeshell", "falcon", "gpt2", "gptneox", "jais2"}
    | {"jina-bert-v3", "mpt", "nemotron", "nemotron_h", "nemotron_h_moe", "nomic-bert-moe", "phi2"}
    | {"plm", "starcoder", "starcoder2"}
)
# Whose matrices and norms have biases.
_BIASED = frozenset(
    {"bert", "bloom", "codeshell", "gpt2", "gptneox", "jina-bert-v2", "jina-bert-v3", "phi2"}
    | {"starcoder", "starcoder2"}
)
# Each query has a gate as wide.
GATED_QUERIES = frozenset({"qwen3next", "qwen35", "qwen35moe", "qwen4exp", "afmoe", "step35"})
# In a matrix of its own, beside queries without one; Step 3.5 has one number for each head.
_GATED_APART, _GATED_BY_HEADS = {"hrm_text", "k2-horizon", "muse-glimmer"}, {"step35"}
_GATED = (GATED_QUERIES | _GATED_APART) - _GATED_BY_HEADS
# A layer has one of a state, attention and a feed-forward part, not two of them.
ONE_PART = frozenset({"nemotron_h", "nemotron_h_moe"})
# Queries, keys and values are one matrix (``attn_qkv``) in the files of these.
FUSED_QUERIES = frozenset(
    {"bloom", "chatglm", "codeshell", "cogvlm", "dbrx", "falcon", "gpt2", "gptneox", "jais"}
    | {"jina-bert-v3", "modern-bert", "mpt", "neo-bert", "nomic-bert", "nomic-bert-moe"}
    | {"openelm", "phi2", "phi3", "plamo2", "qwen", "starcoder"}
)
# Gate and up are one matrix (``ffn_up``) in the files of these.
FUSED_UP = frozenset({"chatglm", "glm4", "phi3"})
# And of experts (``ffn_gate_up_exps``) as the converter writes these: all others have two, unless
# it is told to join them (``--fuse-gate-up-exps``), which it can for some.
FUSED_EXPERTS = frozenset({"gemma4", "granite_swa", "mistral4"})
FUSIBLE_EXPERTS = frozenset({"cohere2moe", "deepseek2-ocr", "qwen35moe", "qwen3next", "qwen4exp"})
# And of layers with a state in these.
FUSED_STATES = frozenset({"qwen3next", "qwen35", "qwen35moe", "qwen4exp"})
MAMBA = frozenset({"mamba", "jamba"})
# Three projections into a short convolution, and one out of it.
_SHORT_CONVOLUTIONS = frozenset({"lfm2", "lfm2moe"})
# A table has each layer's own embedding of a token; else it is made from the first.
_LAYERED_TABLE = frozenset({"gemma3n", "gemma4"})
# Latent attention looks only where an indexer of its own says.
_INDEXED = frozenset({"deepseek32", "dots3note", "glm-dsa"})
_ROUTER = "F32"
# Vectors of the width: norms, and biases of these and of the matrices that make it or heads.
_NORMS, _BIASES = 2, 7
_FLOAT_BITS = 32


@dataclass(frozen=True)
class Block:
    """Bytes of one layer, of the experts in it, and of its largest matrices, of experts or not."""

    total: float
    experts: float
    largest: float
    largest_expert: float


_NOTHING = Block(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class _Layer:
    """One layer to be counted: its types are those of its place among others of its kind."""

    architecture: Architecture
    mix: Mix
    index: int
    attending: int
    all_attending: int
    repacked: bool

    def bits(self, kind: str, row: int) -> float:
        """Bits an element of a matrix, 0 where it is not copied and only copies count."""
        found = quantiser.fitting(kind, row)
        is_counted = not self.repacked or found in quantiser.REPACKED
        return quantiser.BITS[found] if is_counted else 0.0

    @property
    def count(self) -> int:
        return self.architecture.layers + self.architecture.nextn_layers

    @property
    def attends(self) -> bool:
        return _attends(self.architecture, self.index)

    @property
    def recurs(self) -> bool:
        return _recurs(self.architecture, self.index)

    @property
    def is_mixture(self) -> bool:
        return is_mixture(self.architecture, self.index)

    @property
    def value(self) -> str:
        """The type of values, or of queries, keys and values in one matrix."""
        return quantiser.value(self.mix, self.architecture, self.attending, self.all_attending)


def _attends(architecture: Architecture, index: int) -> bool:
    kv = architecture.kv_heads
    return kv[index] > 0 if index < len(kv) else bool(kv and kv[-1])


def _recurs(architecture: Architecture, index: int) -> bool:
    recurrent = architecture.recurrent_layers
    return index < len(recurrent) and recurrent[index]


def is_mixture(architecture: Architecture, index: int) -> bool:
    """Whether a layer has experts."""
    is_turn = (index + 1) % architecture.mixture_step == 0
    return architecture.experts > 0 and index >= architecture.dense_layers and is_turn


def looked_up_by_layers(architecture: Architecture) -> int:
    """Elements of a token that all layers together look up."""
    if architecture.name not in _LAYERED_TABLE:
        return 0
    return architecture.layers * architecture.per_layer_embedding


def total(architecture: Architecture, name: str) -> float:
    """Bytes of all layers together."""
    return sum(block.total for block in blocks(architecture, name))


@lru_cache(maxsize=512)
def blocks(architecture: Architecture, name: str, *, repacked: bool = False) -> tuple[Block, ...]:
    """Each layer under a quantisation, those for prediction too.

    Only what the CPU copies in another order where ``repacked``.
    """
    mix, alike = quantiser.mix(name, architecture.name), first_alike(architecture, name)
    valued = with_values(architecture)
    made = {
        index: _block(_Layer(architecture, mix, index, sum(valued[:index]), sum(valued), repacked))
        for index in set(alike)
    }
    owners = architecture.weight_layers
    # A layer that another block's weights run has none.
    return tuple(
        made[first] if index in owners or not owners else _NOTHING
        for index, first in enumerate(alike)
    )


def with_values(architecture: Architecture) -> list[bool]:
    """Whether each layer has a matrix of values, or one that counts as such."""
    is_fused = architecture.name in FUSED_STATES
    return [
        (is_fused and _recurs(architecture, index)) or _attends(architecture, index)
        for index in range(architecture.layers + architecture.nextn_layers)
    ]


@lru_cache(maxsize=512)
def first_alike(architecture: Architecture, name: str) -> tuple[int, ...]:
    """For each layer the first one that has the same matrices, of the same types."""
    before = [*accumulate(with_values(architecture), initial=0)]
    count = len(before) - 1
    of_all, of_values = quantiser.mix(name, architecture.name).turns()
    columns: tuple[Sequence[object], ...] = (
        [is_mixture(architecture, index) for index in range(count)],
        architecture.kv_heads[:count],
        architecture.sliding_layers[:count],
        architecture.recurrent_layers[:count],
        architecture.feed_forward_lengths[:count],
        architecture.indexer_layers[:count],
        *([picks(index, count) for index in range(count)] for picks in of_all),
        *([picks(index, before[-1]) for index in before[:-1]] for picks in of_values),
    )
    first: dict[tuple[object, ...], int] = {}
    return tuple(first.setdefault(kind, at) for at, kind in enumerate(zip_longest(*columns)))


def _block(layer: _Layer) -> Block:
    parts = [_attention(layer), _states(layer), _layer_embedding(layer)]
    experts = 0.0
    if layer.architecture.name not in ONE_PART or not (layer.attends or layer.recurs):
        parts += [_dense(layer), _router(layer)]
        experts = _experts(layer)
    norms = 0 if layer.repacked else _FLOAT_BITS * _vectors(layer.architecture)
    largest = _largest_expert(layer) if experts else 0.0
    total = sum(parts) + experts + norms
    return Block(total / 8, experts / 8, _largest(layer) / 8, largest / 8)


def _vectors(architecture: Architecture) -> int:
    """Elements of a layer's norms and biases."""
    width = architecture.embedding_length
    if architecture.name not in _BIASED:
        return _NORMS * width
    return (_NORMS + _BIASES) * width + architecture.feed_forward_length


def _largest(layer: _Layer) -> float:
    """Bits of the largest matrix that is not of experts."""
    architecture, base = layer.architecture, layer.mix.base
    inner = architecture.feed_forward_length
    wide = inner * layer.bits(_down(layer, base), inner or 1)
    if architecture.name in FUSED_UP:
        wide = max(wide, 2 * inner * layer.bits(_up(layer, base), architecture.embedding_length))
    rest = max(architecture.heads * architecture.key_length, 2 * architecture.ssm_inner_size)
    return architecture.embedding_length * max(
        wide, rest * layer.bits(base, architecture.embedding_length)
    )


def _attention(layer: _Layer) -> float:
    """Bits of queries, keys, values and the matrix after them."""
    architecture, mix = layer.architecture, layer.mix
    if not layer.attends:
        return 0.0
    if architecture.kv_lora_rank or architecture.unpacked_rank:
        return _latent(layer)
    found = layers.kv_layer(architecture, min(layer.index, architecture.layers - 1))
    width, heads = architecture.embedding_length, architecture.heads
    asked = heads * (found.keys // max(1, found.heads))
    queries = asked * (2 if architecture.name in _GATED else 1)
    if architecture.name in FUSED_QUERIES:
        into = (queries + found.keys + found.values) * layer.bits(layer.value, width)
    else:
        into = queries * layer.bits(quantiser.query(mix, layer.index, layer.count), width)
        into += found.keys * layer.bits(quantiser.key(mix, architecture), width)
        into += found.values * layer.bits(layer.value, width)
    row = heads * (found.values // max(1, found.heads))
    out = quantiser.out(mix, architecture, layer.index, layer.count)
    return width * (into + row * layer.bits(out, row or 1))


def _latent(layer: _Layer) -> float:
    """Bits of MLA: queries and keys are made through narrow matrices."""
    architecture, mix = layer.architecture, layer.mix
    width, rank = architecture.embedding_length, architecture.query_rank
    keys = architecture.latent_key_length or architecture.key_length
    values = architecture.latent_value_length or architecture.value_length
    kept = architecture.kv_lora_rank or architecture.unpacked_rank
    row = kept + architecture.rope_dimension
    asked = architecture.heads * keys
    base = layer.bits(mix.base, width)
    query = layer.bits(quantiser.query(mix, layer.index, layer.count), width)
    bits = (width * rank + rank * asked) * base if rank else width * asked * query
    unpacked = architecture.heads * max(0, keys - architecture.rope_dimension + values)
    each = layer.bits(mix.experts or mix.base, kept)
    bits += width * row * base + kept * unpacked * each + _indexer(layer)
    out = quantiser.out(mix, architecture, layer.index, layer.count)
    return bits + architecture.heads * values * width * layer.bits(out, architecture.heads * values)


def _indexer(layer: _Layer) -> float:
    """Bits of an indexer's queries, of its key, and of its heads' weights."""
    architecture, marked = layer.architecture, layer.architecture.indexer_layers
    if architecture.name not in _INDEXED or not (layer.index >= len(marked) or marked[layer.index]):
        return 0.0
    width, rank, base = architecture.embedding_length, architecture.query_rank, layer.mix.base
    heads, length = architecture.indexer_heads, architecture.indexer_length
    asked = rank * heads * length * layer.bits(base, rank or 1)
    return asked + width * (length + heads) * layer.bits(base, width)


def _states(layer: _Layer) -> float:
    """Bits of the projections of Mamba-2 and of gated delta nets."""
    architecture = layer.architecture
    if not layer.recurs:
        return 0.0
    width, inner = architecture.embedding_length, architecture.ssm_inner_size
    if architecture.name in _SHORT_CONVOLUTIONS:
        return 4 * width * inner * layer.bits(layer.mix.base, width)
    if architecture.name in MAMBA:
        return _mamba(layer)
    wide = inner + 2 * architecture.ssm_group_count * architecture.ssm_state_size
    is_fused = architecture.name in FUSED_STATES
    bits = width * wide * layer.bits(layer.value if is_fused else layer.mix.base, width)
    # A convolution; others' has a bias, and a norm or two rows as wide follow.
    rows = architecture.ssm_conv_kernel + (0 if is_fused else 2)
    bits += rows * wide * layer.bits("F32", 1)
    rest = inner + architecture.ssm_time_step_rank
    return bits + width * (rest + inner) * layer.bits(layer.mix.base, width)


def _mamba(layer: _Layer) -> float:
    """Bits of Mamba's projections, and of its decays, which stay 32-bit floats."""
    architecture, base = layer.architecture, layer.mix.base
    width, inner = architecture.embedding_length, architecture.ssm_inner_size
    state, rank = architecture.ssm_state_size, architecture.ssm_time_step_rank
    bits = 3 * width * inner * layer.bits(base, width)
    bits += inner * (rank + 2 * state) * layer.bits(base, inner) + inner * rank * layer.bits(
        base, rank
    )
    # Decays, the convolution with its bias, what is passed by, and the time step's bias.
    floats = state + architecture.ssm_conv_kernel + 3
    return bits + inner * floats * layer.bits("F32", 1)


def _layer_embedding(layer: _Layer) -> float:
    """Bits of what a layer's own embedding is gated and projected by, in small Gemmas."""
    width, own = layer.architecture.embedding_length, layer.architecture.per_layer_embedding
    return width * own * (layer.bits(layer.mix.base, width) + layer.bits(layer.mix.base, own or 1))


def _dense(layer: _Layer) -> float:
    """Bits of a plain feed-forward part, or of experts that every token uses."""
    architecture = layer.architecture
    own = architecture.feed_forward_lengths
    inner = own[layer.index] if layer.index < len(own) else architecture.feed_forward_length
    if layer.is_mixture:
        inner = architecture.shared_feed_forward_length
    return _forward(layer, inner, layer.mix.base)


def _router(layer: _Layer) -> float:
    """Bits of what routes to a layer's experts, which ``--cpu-moe`` does not move."""
    if not layer.is_mixture:
        return 0.0
    architecture = layer.architecture
    return architecture.experts * architecture.embedding_length * layer.bits(_ROUTER, 1)


def _experts(layer: _Layer) -> float:
    """Bits of a layer's experts."""
    if not layer.is_mixture:
        return 0.0
    architecture, mix = layer.architecture, layer.mix
    forward = _forward(layer, _expert_width(architecture), mix.experts or mix.base)
    return architecture.experts * forward


def _expert_width(architecture: Architecture) -> int:
    return architecture.expert_feed_forward_length or architecture.feed_forward_length


def _largest_expert(layer: _Layer) -> float:
    """Bits of one matrix of all experts: up, with gate where they are one, or down."""
    architecture, base = layer.architecture, layer.mix.experts or layer.mix.base
    inner, width = _expert_width(architecture), architecture.embedding_length
    up = layer.bits(_up(layer, base), width) * (2 if architecture.name in FUSED_EXPERTS else 1)
    return architecture.experts * inner * width * max(up, layer.bits(_down(layer, base), inner))


def _forward(layer: _Layer, inner: int, base: str) -> float:
    """Bits of one feed-forward part: gate and up, or up alone, and down."""
    if not inner:
        return 0.0
    width = layer.architecture.embedding_length
    copies = 1 if layer.architecture.name in NOT_GATED else 2
    down = layer.bits(_down(layer, base), inner)
    return inner * width * (copies * layer.bits(_up(layer, base), width) + down)


def _up(layer: _Layer, base: str) -> str:
    return layer.mix.up.at(layer.index, layer.count) if layer.mix.up else base


def _down(layer: _Layer, base: str) -> str:
    return layer.mix.down.at(layer.index, layer.count) if layer.mix.down else base
