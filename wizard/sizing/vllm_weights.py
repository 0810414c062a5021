"""Weights that one card holds under vLLM's tensor parallel.

Linear layers and embeddings are divided over the cards. Whole on every card
lie the routers of experts, MLA's down projections, a sparse attention's
indexers and the tables of rotary embeddings; keys and values of fewer heads
than cards are repeated (``vllm/model_executor/layers/linear.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from wizard.registry.values import Architecture, Variant
from wizard.sizing import (
    layers,
    vllm_allocator,
    vllm_layers,
    vllm_stages,
    vllm_types,
    vllm_unused,
)
from wizard.sizing.values import Workload

_MXFP4_BITS = 4.25
# Bits of bitsandbytes' weights with scales of 32 bits for each 64, and without any.
_BNB_BITS, _BNB_LEAST = 4.5, 4.0
_INTEGERS = ("awq", "gptq", "compressed-tensors", "auto-round")
_MARLIN_COLUMNS, _KIMI_COLUMNS, _TRTLLM_COLUMNS = 64, 256, 128
_FLOAT, _HALF = 4, 2
# Bits more for each group's zero point, and AWQ's usual weights in a group.
_ZERO_POINT_BITS, _USUAL_GROUP = 12, 128
# Embeddings lie on the first stage of a pipeline alone, as far as they are not the output
# (``PPMissingLayer``); other families make them on every stage.
_EMBEDDED_ONCE = (
    *("afmoe", "apertus", "bailing_moe", "deepseek_v2", "deepseek_v3", "deepseek_v32", "kimi_k2"),
    *("deepseek_v4", "ernie4_5", "ernie4_5_moe", "exaone", "exaone4", "exaone_moe", "falcon_h1"),
    *("glm4", "glm4_moe", "glm4_moe_lite", "glm4v_moe_text", "glm_moe_dsa", "granite", "laguna"),
    *("kimi_linear", "llama", "longcat_flash", "mimo_v2_flash", "minimax_m2", "ministral3"),
    *("mistral", "nemotron", "nemotron-nas", "phi3", "qwen2", "qwen3", "qwen2_5_vl_text"),
    *("qwen2_vl_text", "qwen3_vl_text", "solar"),
)
# Tokens that DeepSeek-V4 compresses into one row.
_SPARSE, _DENSE = 4, 128


@dataclass(frozen=True)
class CardWeights:
    """Bytes on the fullest card: its share, what every card holds whole, and rotary tables.

    ``beyond`` is what a kernel unpacks of the tensors, the allocator loses beside them, and
    the model keeps for the tokens of a step.
    """

    share: int
    whole: int
    tables: int
    beyond: int = 0

    @property
    def tensors(self) -> int:
        return self.share + self.whole + self.tables

    @property
    def total(self) -> int:
        return self.tensors + self.beyond


def card_weights(architecture: Architecture, variant: Variant, workload: Workload) -> CardWeights:
    """Bytes of weights on the fullest card."""
    gpus, nodes = max(1, workload.gpus), workload.nodes
    bits = vllm_types.bits(architecture)
    file = variant.weight_bytes
    is_pooled = vllm_layers.is_pooled(architecture, workload)
    kept = file - vllm_unused.unused_bytes(architecture, file, is_pooled=is_pooled)
    loaded = int(kept * vllm_types.cast(architecture, file))
    attending = vllm_types.PLAIN_BITS if architecture.plain_attention else bits
    every = _whole_bytes(architecture, attending) // nodes
    repeated = int(_repeated_elements(architecture, gpus) * attending / 8 / nodes)
    repeated += _unpacked_bytes(architecture) // gpus // nodes
    unpacked = _zero_point_bytes(architecture, workload) + _scale_bytes(architecture, loaded)
    beyond = unpacked // gpus // nodes
    beyond += vllm_allocator.rounding(architecture, workload, bits)
    beyond += _HALF * workload.batched_tokens * architecture.step_elements
    found = []
    for place, own in enumerate(_stage_bytes(architecture, loaded, nodes, is_pooled=is_pooled)):
        whole = every + (0 if place else 2 * _undivided_elements(architecture, gpus))
        share = -(-max(0, own - whole) // gpus) + repeated
        share += _padded_bytes(architecture, own * nodes, workload)
        found.append(CardWeights(share, whole, _tables(architecture, workload), beyond))
    return max(found, key=lambda weights: weights.total)


def _tables(architecture: Architecture, workload: Workload) -> int:
    """Bytes of rotary tables; EmbeddingGemma 2's are as long as what it is to read."""
    size, longest = architecture.rotary_bytes, max(1, architecture.context_length)
    is_cut = architecture.name.startswith("embedding_gemma2")
    return size * min(workload.context_length, longest) // longest if is_cut else size


def _whole_bytes(architecture: Architecture, bits: float) -> int:
    """Bytes that every card holds whole, in all layers."""
    width, routed = architecture.embedding_length, vllm_layers.routed_layers(architecture)
    linear = _down_projections(architecture) + _indexers(architecture)
    plain = routed * architecture.experts * width + _compressors(architecture)
    plain += 2 * routed * architecture.expert_embedding_length * width
    return int(linear * bits / 8) + 2 * plain + _FLOAT * _hyper_connections(architecture)


def _undivided_elements(architecture: Architecture, gpus: int) -> int:
    """Elements of encoders and projectors that each card of the first stage holds whole."""
    heads = architecture.encoder_heads
    is_split = not heads or heads % gpus == 0
    by_heads = 0 if is_split else architecture.encoder_elements
    return architecture.undivided_elements + by_heads


def _down_projections(architecture: Architecture) -> int:
    """Elements of MLA's projections to compressed queries, keys and values."""
    row = architecture.key_length if architecture.compress_ratios else 0
    if architecture.kv_lora_rank:
        row = architecture.kv_lora_rank + architecture.rope_dimension
    if not row:
        return 0
    width = row + architecture.query_rank
    return vllm_layers.attending(architecture) * architecture.embedding_length * width


def _indexers(architecture: Architecture) -> int:
    """Elements of the indexers of a sparse attention: queries, keys and weights."""
    if not architecture.indexer_length:
        return 0
    width, heads = architecture.embedding_length, architecture.indexer_heads
    count = sum(architecture.indexer_layers) or vllm_layers.attending(architecture)
    if architecture.compress_ratios:
        count = architecture.compress_ratios.count(_SPARSE)
    queries = (architecture.query_rank or width) * heads * architecture.indexer_length
    keys = 0 if architecture.compress_ratios else architecture.indexer_length
    return count * (queries + width * (keys + heads))


def _compressors(architecture: Architecture) -> int:
    """Elements of DeepSeek-V4's compressors: keys and gates, at a ratio of 4 twice."""
    ratios, width = architecture.compress_ratios, architecture.embedding_length
    sparse, dense = ratios.count(_SPARSE), ratios.count(_DENSE)
    rows = 4 * sparse * (architecture.key_length + architecture.indexer_length)
    return width * (rows + 2 * dense * architecture.key_length)


def _hyper_connections(architecture: Architecture) -> int:
    """Elements, of 32 bits, that mix DeepSeek-V4's four streams before and after each part."""
    if not architecture.compress_ratios:
        return 0
    streams = 4
    mixed = (2 + streams) * streams
    return 2 * architecture.layers * mixed * streams * architecture.embedding_length


def _padded_bytes(architecture: Architecture, loaded: int, workload: Workload) -> int:
    """Bytes that kernels add, since they want round sizes of experts."""
    forward = architecture.expert_feed_forward_length or architecture.feed_forward_length
    width = architecture.expert_embedding_length or architecture.embedding_length
    if not (architecture.experts and forward and width):
        return 0
    gpus = max(1, workload.gpus)
    columns, round_width = _round_expert(architecture, -(-forward // gpus), workload)
    grown = columns * round_width / (forward / gpus * width) * _regrouped(architecture, columns)
    bits = _MXFP4_BITS if architecture.quant_method == "mxfp4" else vllm_types.bits(architecture)
    routed = vllm_layers.routed_layers(architecture)
    experts = min(loaded, 3 * routed * architecture.experts * width * forward * bits / 8)
    return int(experts / gpus / workload.nodes * (grown - 1))


def _round_expert(architecture: Architecture, columns: int, workload: Workload) -> tuple[int, int]:
    """Columns of an expert on a card, and the model's width, as kernels want them.

    mxfp4: 64 columns on Hopper; 128, and 256 of the width, with the kernels of
    other cards (``mxfp4_round_up_hidden_size_and_intermediate_size``). Marlin's for
    integers of 4 bits: 64, where groups are whole (``marlin_moe_padded_intermediate``).
    128 for plain experts on Blackwell, which alone wants round ones and exports states
    (``unquantized_round_up_hidden_size_and_intermediate_size``).
    Kimi's experts are never divided into less than 256 (``KimiMoE``).
    """
    width = architecture.expert_embedding_length or architecture.embedding_length
    if architecture.quant_method == "mxfp4":
        step, wide = (128, 256) if workload.pads_experts else (64, 1)
        return _rounded(columns, step), _rounded(width, wide)
    if architecture.name == "kimi_linear" and workload.gpus > 1:
        return max(columns, _KIMI_COLUMNS), width
    is_blackwell = workload.pads_experts and workload.exports_states
    if is_blackwell and not architecture.quant_method and not architecture.name.startswith("gemma"):
        # Gemma's activation is none of this kernel's.
        return _rounded(columns, _TRTLLM_COLUMNS), width
    group = _group(architecture)
    is_marlin = group and columns % group == 0
    return (_rounded(columns, _MARLIN_COLUMNS) if is_marlin else columns), width


def _regrouped(architecture: Architecture, columns: int) -> float:
    """Growth of experts whose groups do not fit a card: smaller ones share a scale."""
    group = _group(architecture)
    if not group or columns % group == 0:
        return 1.0
    return (4 + 16 / gcd(columns, group)) / (4 + 16 / group)


def _group(architecture: Architecture) -> int:
    """Weights of 4 bits that share a scale of 16, as their bits tell; 0 where none do."""
    scale = vllm_types.bits(architecture) - 4
    is_grouped = architecture.quant_method in _INTEGERS and 0 < scale < 1
    return round(16 / scale) if is_grouped else 0


def _rounded(size: int, step: int) -> int:
    return -(-size // step) * step


def _unpacked_bytes(architecture: Architecture) -> int:
    """Bytes of what unpacks MLA's rows, a second time in 16 bits where the files have 8.

    ``MLAAttention.process_weights_after_loading`` keeps ``W_UK_T`` and ``W_UV``.
    """
    if architecture.quant_method != "fp8" or not architecture.kv_lora_rank:
        return 0
    unpacked = architecture.latent_key_length - architecture.rope_dimension
    unpacked += architecture.latent_value_length
    elements = architecture.heads * unpacked * architecture.kv_lora_rank
    return 2 * vllm_layers.attending(architecture) * max(0, elements)


def _zero_point_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes by which Hopper's kernel for AWQ unpacks zero points, from 4 bits to 16.

    ``MacheteLinearKernel.transform_w_zp``; experts have a kernel of their own.
    """
    if architecture.quant_method != "awq" or workload.pads_experts or architecture.experts:
        return 0
    elements = sum(vllm_layers.elements(architecture))
    return elements * _ZERO_POINT_BITS // (_group(architecture) or _USUAL_GROUP) // 8


def _scale_bytes(architecture: Architecture, file: int) -> int:
    """Bytes by which bitsandbytes' scales grow, which files have quantised a second time.

    ``BitsAndBytesModelLoader._dequantize_dq`` of vLLM's plugin keeps them in 32 bits. What
    is quantised follows from the file, as some releases leave parts of a model as they were.
    """
    bits = vllm_types.bits(architecture)
    if architecture.quant_method != "bitsandbytes" or not _BNB_LEAST < bits < _BNB_BITS:
        return 0
    linear = sum(vllm_layers.elements(architecture))
    plain = vllm_layers.all_elements(architecture)
    packed = (vllm_types.PLAIN_BITS / 8 * plain - file) / ((vllm_types.PLAIN_BITS - bits) / 8)
    return int(max(0.0, min(linear, packed)) * (_BNB_BITS - bits) / 8)


def _repeated_elements(architecture: Architecture, gpus: int) -> float:
    """Elements of keys and values, and of Mamba's groups, beyond a card's even share."""
    found = (layer for layer in layers.kv_layers(architecture).values() if not layer.is_latent)
    groups, state = architecture.ssm_group_count, architecture.ssm_state_size
    repeated = 0.0
    if groups and groups % gpus:
        recurrent = len(layers.recurrent_layers(architecture))
        width = architecture.embedding_length
        repeated = recurrent * width * 2 * state * (1 - groups / gpus)
    return repeated + sum(
        architecture.embedding_length * (layer.keys + layer.values) * (1 / layer.heads - 1 / gpus)
        for layer in found
        if layer.heads < gpus
    )


def _stage_bytes(
    architecture: Architecture, loaded: int, nodes: int, *, is_pooled: bool
) -> list[int]:
    """Bytes of each stage of a pipeline: its layers, tables, and the encoders of the first."""
    if nodes == 1:
        return [loaded]
    table = min(2 * architecture.vocab_size * architecture.embedding_length, loaded)
    output = 0 if architecture.tied_embeddings or is_pooled else min(table, loaded - table)
    encoders = min(2 * architecture.encoder_weight_elements, loaded - table - output)
    each = vllm_layers.elements(architecture)
    body = (loaded - table - output - encoders) / max(1, sum(each))
    is_everywhere = architecture.name not in _EMBEDDED_ONCE
    found = []
    stages = vllm_stages.stages(architecture.layers, nodes)
    for place, stage in enumerate(stages):
        is_first, is_last = place == 0, stage is stages[-1]
        embeds = is_first or is_everywhere or (is_last and architecture.tied_embeddings)
        own = table * embeds + output * is_last + encoders * is_first
        found.append(own + int(body * sum(each[index] for index in stage)))
    return found
