"""What a step of llama.cpp takes in: its tokens and outputs, its inputs' bytes, an unpacked cache.

Derived from ``llama_context::sched_reserve`` and the inputs of ``src/llama-graph.cpp``.
"""

from __future__ import annotations

from wizard.registry.layer_patterns import LIGHTNING
from wizard.registry.values import Architecture
from wizard.sizing import attention, compressed, kernels, layers
from wizard.sizing.cells import PLAIN, asked, cells, padded, step, told_step
from wizard.sizing.values import KvType, Workload

_FLOAT = 4
# Each layer with an indexer turns the masks around, and has copies of its own on a card.
_OWN_MASKS = frozenset({"glm5-next"})
# Their graphs do not leave out the tokens that nobody asks the output of.
_ALL_OUTPUTS = frozenset({"cogvlm"})
# With embeddings asked for, their graphs have no logits at all.
_NO_LOGITS = frozenset({"lfm2", "lfm2moe", "llama-embed"})


def token_count(architecture: Architecture, workload: Workload) -> int:
    """Tokens of the step that memory is reserved for.

    ``graph_reserve`` makes it a multiple of the slots; this is the most that adds.
    """
    slots, tokens = workload.slots, step(workload)
    if not architecture.causal:
        tokens = min(padded(asked(workload)), told_step(workload))
    return tokens + slots - 1


def output_count(architecture: Architecture, workload: Workload) -> int:
    """Tokens that logits are made for: a slot's last and drafted ones, or all.

    ``server_output_limits``.
    """
    if not architecture.causal and not (workload.embeds and architecture.has_output):
        return 0
    tokens = token_count(architecture, workload)
    if workload.embeds and architecture.name in _NO_LOGITS:
        return 0
    has_all = workload.embeds or architecture.name in _ALL_OUTPUTS
    return tokens if has_all else min(workload.slots * (1 + workload.drafts), tokens)


def scored_cells(architecture: Architecture, workload: Workload) -> int:
    """Cells that the widest layer's scores are made for."""
    found = layers.kv_kinds(architecture)
    if not found or not architecture.causal:
        return token_count(architecture, workload)
    span = cells(architecture, workload)
    return span.sliding_mask if all(layer.window for layer in found) else span.full_mask


def unpacked(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one layer's cache as 16-bit floats, which CUDA's kernels read.

    They lie behind the attention's result (``ggml_cuda_flash_attn_ext_get_alloc_size``);
    32-bit ones are cast before it everywhere (``build_attn_mha``).
    """
    keys, values = (
        kind is KvType.F32 or (workload.gpus > 0 and kind is not KvType.F16)
        for kind in (workload.kv_type, workload.values_type)
    )
    is_read = kernels.is_fused(architecture, workload) and architecture.causal
    if not (keys or values) or not is_read or kernels.attends_in_ram(architecture, workload):
        return 0
    is_wide = workload.kv_type is KvType.F32
    if is_wide and compressed.applies(architecture):
        # Put together as they are, then cast.
        return 6 * architecture.key_length * compressed.widest_cells(architecture, workload)
    span = cells(architecture, workload)
    found = layers.kv_kinds(architecture)
    # Values that are a part of latent keys are cast once more.
    again = architecture.kv_lora_rank if is_wide else 0
    sizes = (
        2
        * (keys * layer.keys + values * (layer.values + again))
        * (span.sliding if layer.window else span.full)
        for layer in found
    )
    return max(sizes, default=0)


def inputs(architecture: Architecture, workload: Workload, *, layers_here: int = 1) -> int:
    """Bytes of a step's inputs: attention masks, positions, and rows of the caches.

    Masks are 16-bit with flash attention (``build_attn_inp_kq_mask``). Rows are
    64-bit numbers for keys and values; where flash attention is not even asked for,
    there is one for each element of the transposed values. Where the card has no
    kernel for it, the caches are made before that is found out.
    """
    tokens, found = token_count(architecture, workload), layers.kv_kinds(architecture)
    if not architecture.heads:
        return 16 * tokens
    span = cells(architecture, workload)
    spanned, width = _spanned(architecture, workload), _mask_width(architecture, workload)
    is_asked = workload.flash_attention and architecture.name not in attention.NEVER_FUSED
    rows = 8 if is_asked else 8 * max((layer.values for layer in found), default=1)
    rows += _FLOAT * attention.buckets(architecture, spanned) * layers_here
    if architecture.name in _OWN_MASKS and layers_here > 1:
        # Of the pooled keys' mask a quarter as many numbers, of 32 bits.
        indexed = sum(1 for layer in layers.kv_layers(architecture).values() if layer.indexer)
        copies = -(-indexed * layers_here // architecture.layers)
        rows += copies * (width * span.full_mask + _FLOAT * span.full_mask // 4)
    if architecture.name in LIGHTNING:
        # How each token of a sequence fades for each other, in each head.
        rows += _FLOAT * architecture.heads * -(-tokens // workload.slots)
    caches = 2 if any(architecture.sliding_layers) else 1
    return tokens * (width * spanned + caches * (8 + rows) + 48) + _turning(architecture, workload)


def masks(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a step's attention masks."""
    width = _mask_width(architecture, workload) if architecture.heads else 0
    return token_count(architecture, workload) * width * _spanned(architecture, workload)


def _mask_width(architecture: Architecture, workload: Workload) -> int:
    return 2 if kernels.is_fused(architecture, workload) else 4


def _spanned(architecture: Architecture, workload: Workload) -> int:
    """Cells that a token's masks span: one of all cells, one of a window, one for an indexer."""
    found, span = layers.kv_kinds(architecture), cells(architecture, workload)
    is_cached = bool(found) and architecture.causal
    full, sliding = span.full_mask, span.sliding_mask
    if not is_cached:
        full = sliding = token_count(architecture, workload)
    elif any(layer.indexer for layer in found):
        full *= 2
    return full + (sliding if any(architecture.sliding_layers) else 0)


def _turning(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the matrices that turn heads before they are quantised (``attn_rot_k``)."""
    if workload.kv_type in PLAIN and workload.values_type in PLAIN:
        return 0
    sizes = {architecture.key_length, architecture.value_length, architecture.key_length_swa}
    return 2 * _FLOAT * sum(size * size for size in sizes)
