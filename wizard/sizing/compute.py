"""llama.cpp's compute buffers: what one step needs beside weights and caches.

One lies on each card and one in RAM; for CPU only there is one. Derived from
``llama_context::sched_reserve`` and the graphs of `wizard.sizing.stages`.
"""

from __future__ import annotations

from wizard.registry.layer_patterns import LIGHTNING
from wizard.registry.values import Architecture
from wizard.sizing import compressed, crossing, hosted, kernels, layers, matrices, placement, stages
from wizard.sizing.cells import BLOCKS, PLAIN, asked, cells, padded, row_bytes, step, told_step
from wizard.sizing.recurrence import recurrent, state_copies
from wizard.sizing.values import KvType, Workload

# ggml keeps this many copies of a graph's inputs when steps overlap on several
# cards (``GGML_SCHED_MAX_COPIES``).
_COPIES = 4
_ROW_PADDING = 512
_FLOAT = 4
# The feed-forward part runs while the attention's result is kept.
_PARALLEL = frozenset({"cohere2", "cohere2moe", "command-r", "falcon", "gptneox", "phi2", "plamo"})
# A scan runs then.
_SCANS_BESIDE = frozenset({"falcon-h1"})
# Each layer with an indexer turns the masks around, and has copies of its own on a card.
_OWN_MASKS = frozenset({"glm5-next"})
# What comes to a card is there once more, in another shape.
_RESHAPED = frozenset({"lfm2", "lfm2moe"})
# Their graphs do not leave out the tokens that nobody asks the output of.
_ALL_OUTPUTS = frozenset({"cogvlm"})
# Caches that attention reads as they are; with IQ4_NL it is the processor that does.
_UNTOUCHED = frozenset({KvType.F16, KvType.IQ4_NL})


def _tokens(architecture: Architecture, workload: Workload) -> int:
    """Tokens of the step that memory is reserved for.

    ``graph_reserve`` makes it a multiple of the slots; this is the most that adds.
    """
    slots, tokens = workload.slots, step(workload)
    if not architecture.causal:
        tokens = min(padded(asked(workload)), told_step(workload))
    return tokens + slots - 1


def _outputs(architecture: Architecture, workload: Workload) -> int:
    """Tokens that logits are made for: one a slot, or all (``server_output_limits``)."""
    if not architecture.causal:
        return 0
    tokens = _tokens(architecture, workload)
    has_all = workload.embeds or architecture.pools or architecture.name in _ALL_OUTPUTS
    return tokens if has_all else min(workload.slots, tokens)


def _span(architecture: Architecture, workload: Workload) -> int:
    """Cells that the widest layer's scores are made for."""
    found = layers.kv_layers(architecture)
    if not found or not architecture.causal:
        return _tokens(architecture, workload)
    span = cells(architecture, workload)
    return span.sliding_mask if all(layer.window for layer in found) else span.full_mask


def scratch(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a step's activations, 32-bit floats, on one card.

    Or of the logits, where few tokens are computed.
    """
    fused, tokens = kernels.is_fused(architecture, workload), _tokens(architecture, workload)
    span = _span(architecture, workload)
    cast = unpacked(architecture, workload) // (_FLOAT * tokens) if workload.gpus else 0
    row = stages.widest(architecture, span, fused=fused, cards=workload.gpus, cast=cast)
    width = architecture.embedding_length
    is_cast = workload.kv_type is not KvType.F16
    if is_cast and (workload.gpus or not architecture.kv_lora_rank):
        row += stages.queries(architecture)
        row += 2 * width if architecture.deepstack_layers else 0
    again = stages.pieces(architecture) if workload.gpus else _looked_up(architecture)
    logits = _outputs(architecture, workload) * (architecture.vocab_size + 2 * width)
    logits += tokens * (2 if workload.gpus else 3) * width
    turned = 0 if fused else _turned(architecture, workload)
    return max(
        _FLOAT * tokens * (row + again) + turned,
        _recurrent(architecture, workload, again),
        _FLOAT * logits,
    )


def _recurrent(architecture: Architecture, workload: Workload, again: int) -> int:
    """Bytes of a recurrent layer, with the states of all slots."""
    if not architecture.recurrent_layers:
        return 0
    tokens, slots = _tokens(architecture, workload), workload.slots
    each = layers.convolution_elements(architecture)
    copies = state_copies(architecture, tokens, slots)
    each += copies * layers.state_elements(architecture)
    row = recurrent(architecture, -(-tokens // slots)) + again
    return _FLOAT * (tokens * row + each * slots)


def _turned(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one layer's values, transposed where the cache does not hold them so."""
    each, _ = BLOCKS[workload.kv_type] if workload.kv_type in PLAIN else BLOCKS[KvType.F16]
    if architecture.kv_lora_rank:
        return each * architecture.kv_lora_rank * cells(architecture, workload).full
    if not workload.flash_attention:
        return 0
    span, found = cells(architecture, workload), layers.kv_layers(architecture)
    sizes = (layer.values * (span.sliding if layer.window else span.full) for layer in found)
    return each * max(sizes, default=0)


def _looked_up(architecture: Architecture) -> int:
    """Elements of a token's embeddings, which lie in the same buffer without a card.

    As an input for images and sound; where they are looked up, a hole is left.
    """
    several = architecture.kv_lora_rank or architecture.shared_feed_forward_length
    several = several or architecture.per_layer_embedding or not architecture.heads
    return architecture.embedding_length * (
        (2 if several else 1) + 3 * architecture.deepstack_layers
    )


def unpacked(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one layer's cache as 16-bit floats, which CUDA's kernels read.

    They lie behind the attention's result (``ggml_cuda_flash_attn_ext_get_alloc_size``);
    32-bit ones are cast before it everywhere (``build_attn_mha``).
    """
    is_wide = workload.kv_type is KvType.F32
    is_plain = workload.kv_type in _UNTOUCHED or not (workload.gpus or is_wide)
    is_plain = is_plain or (workload.gpus > 0 and not kernels.has_kernels(architecture))
    if is_plain or not kernels.is_fused(architecture, workload):
        return 0
    if is_wide and compressed.applies(architecture):
        # Put together as they are, then cast.
        return 6 * architecture.key_length * compressed.widest_cells(architecture, workload)
    span = cells(architecture, workload)
    found = layers.kv_layers(architecture)
    # Values that are a part of latent keys are cast once more.
    again = architecture.kv_lora_rank if is_wide else 0
    sizes = (
        2 * (layer.keys + layer.values + again) * (span.sliding if layer.window else span.full)
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
    tokens, found = _tokens(architecture, workload), layers.kv_layers(architecture)
    width = 2 if kernels.is_fused(architecture, workload) else 4
    if not architecture.heads:
        return 16 * tokens
    span = cells(architecture, workload)
    indexed = sum(1 for layer in found if layer.indexer)
    spanned = span.full_mask * (2 if indexed else 1)
    is_cached = bool(found) and architecture.causal
    if not is_cached:
        spanned = tokens
    if any(architecture.sliding_layers):
        spanned += span.sliding_mask if is_cached else tokens
    is_asked = workload.flash_attention and architecture.name not in stages.NEVER_FUSED
    rows = 8 if is_asked else 8 * max((layer.values for layer in found), default=1)
    rows += _FLOAT * stages.buckets(architecture, spanned) * layers_here
    if architecture.name in _OWN_MASKS and layers_here > 1:
        # Of the pooled keys' mask a quarter as many numbers, of 32 bits.
        copies = -(-indexed * layers_here // architecture.layers)
        rows += copies * (width * span.full_mask + _FLOAT * span.full_mask // 4)
    if architecture.name in LIGHTNING:
        # How each token of a sequence fades for each other, in each head.
        rows += _FLOAT * architecture.heads * -(-tokens // workload.slots)
    caches = 2 if any(architecture.sliding_layers) else 1
    return tokens * (width * spanned + caches * (8 + rows) + 48) + _turning(architecture, workload)


def _turning(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the matrices that turn heads before they are quantised (``attn_rot_k``)."""
    if workload.kv_type in PLAIN:
        return 0
    sizes = {architecture.key_length, architecture.value_length, architecture.key_length_swa}
    return 2 * _FLOAT * sum(size * size for size in sizes)


def card_bytes(
    architecture: Architecture, workload: Workload, card: int, matrix_bytes: int = 0
) -> int:
    """Bytes of one card's compute buffer, or of the only one in RAM.

    On several cards steps overlap: inputs are kept four times, and so is what
    comes from the card before (``cparams.pipeline_parallel``). The first card also
    computes for layers in RAM, one matrix of ``matrix_bytes`` after the other
    (``op_offload``).
    """
    here = -(-architecture.layers // workload.gpus) if workload.gpus else 1
    own = inputs(architecture, workload, layers_here=here)
    total = _peak(architecture, workload) + own
    if not card and not placement.is_whole(architecture, workload):
        matrix_bytes += _around_matrices(architecture, workload, matrix_bytes)
        return max(
            total + matrix_bytes + _latent_copies(architecture, workload),
            own + _visiting(architecture, workload),
        )
    if not _overlaps(architecture, workload):
        return total
    rows = _arriving(architecture, card) + stages.carried(architecture)
    rows += crossing.elements(architecture, workload, card)
    back = crossing.hosted_bytes(architecture, workload, card, _tokens(architecture, workload))
    total += (_COPIES - 1) * own + _COPIES * back
    return total + _FLOAT * _COPIES * rows * _tokens(architecture, workload)


def _visiting(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the attention of a layer whose cache lies in RAM: all of it is copied."""
    fused = kernels.is_fused(architecture, workload)
    row = stages.attention(architecture, _span(architecture, workload), fused=fused)
    row += 2 * architecture.embedding_length + stages.projected(architecture)
    beside = _FLOAT * _tokens(architecture, workload) * row
    return _largest_cache(architecture, workload) + beside + unpacked(architecture, workload)


def _around_matrices(architecture: Architecture, workload: Workload, matrix_bytes: int) -> int:
    """Bytes of the holes between matrices that come to the card one after the other.

    Where rows are padded (``MATRIX_ROW_PADDING``) one does not fit where the other
    was; what is not gated is there as it goes into an activation, and as it comes out.
    """
    inner, width = architecture.feed_forward_length, architecture.embedding_length
    is_padded = inner % _ROW_PADDING or width % _ROW_PADDING
    again = matrix_bytes if is_padded and not architecture.experts else 0
    row = 2 * inner if architecture.name in matrices.NOT_GATED else 0
    if architecture.deepstack_layers:
        row += (architecture.deepstack_layers + 3) * width
    return again + _FLOAT * _tokens(architecture, workload) * row


def _latent_copies(architecture: Architecture, workload: Workload) -> int:
    """Bytes of MLA's rows and of the values in them, copied apart."""
    if not architecture.kv_lora_rank:
        return 0
    row = 2 * architecture.kv_lora_rank + architecture.rope_dimension
    return row_bytes(row, workload.kv_type) * cells(architecture, workload).full


def _overlaps(architecture: Architecture, workload: Workload) -> bool:
    """Whether steps overlap (``cparams.pipeline_parallel``): everything on several cards."""
    is_whole = placement.is_whole(architecture, workload) and not workload.experts_on_host
    return workload.gpus > 1 and is_whole


def _arriving(architecture: Architecture, card: int) -> int:
    """Elements of a token that come to a card: from RAM to the first, else from the one before.

    What a state space layer leaves is in several pieces where nothing attends.
    """
    width = architecture.embedding_length
    if card == 0:
        several = stages.branches(architecture) - 1
        rows = (1 + several) * width + several * stages.given(architecture)
        rows += width if architecture.name in _RESHAPED else 0
    else:
        rows = (1 + stages.streams(architecture)) * width
    has_states = bool(architecture.recurrent_layers)
    is_alone = not architecture.heads or architecture.name in matrices.ONE_PART
    return rows + (3 * width if has_states and is_alone else 0)


def _peak(architecture: Architecture, workload: Workload) -> int:
    """The wider of a step's stages and of attention with its cache unpacked."""
    widest = scratch(architecture, workload)
    extra = unpacked(architecture, workload)
    if not extra:
        return widest
    tokens, span = _tokens(architecture, workload), _span(architecture, workload)
    row = stages.beside_scores(architecture)
    if architecture.kv_lora_rank:
        row = stages.attention(architecture, span, fused=True)
        row += architecture.heads * architecture.kv_lora_rank + stages.chosen(architecture, span)
    beside = _FLOAT * tokens * row
    if architecture.name in _PARALLEL:
        beside = widest + _FLOAT * tokens * 2 * architecture.embedding_length
    if architecture.name in _SCANS_BESIDE:
        beside = _recurrent(architecture, workload, 2 * architecture.embedding_length)
    return max(widest, beside + extra)


def buffer_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the compute buffer of the fullest card."""
    return card_bytes(architecture, workload, max(0, workload.gpus - 1))


def _attention_in_ram(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one layer's cache, queries and result, where only RAM has a kernel for them."""
    tokens = _tokens(architecture, workload)
    each = architecture.heads * (architecture.key_length + architecture.value_length)
    return _largest_cache(architecture, workload) + _FLOAT * tokens * each


def _largest_cache(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the largest layer's cache."""
    span = cells(architecture, workload)
    caches = placement.cell_bytes(architecture, workload).values()
    sizes = (cell * (span.sliding if slides else span.full) for cell, slides in caches)
    return max(sizes, default=0)


def _states_in_ram(architecture: Architecture, tokens: int, slots: int) -> int:
    """Bytes that a recurrent layer left in RAM works with there: its states, or all of a scan."""
    if not layers.recurrent_layers(architecture):
        return 0
    scan = hosted.scan(architecture, tokens, slots)
    if scan is None:
        return slots * placement.state_bytes(architecture)
    convolved = 2 * architecture.ssm_group_count * architecture.ssm_state_size
    convolved += architecture.ssm_inner_size
    return scan.reads + scan.gives + 2 * _FLOAT * tokens * convolved


def host_bytes(architecture: Architecture, workload: Workload, expert_bytes: int = 0) -> int:
    """Bytes of the compute buffer in RAM beside cards: inputs, and embeddings looked up.

    And what is computed there although a card is at hand (`wizard.sizing.hosted`);
    ``expert_bytes`` are one matrix of all experts.
    """
    if not workload.gpus:
        return 0
    copies = _COPIES if _overlaps(architecture, workload) else 1
    tokens, branches = _tokens(architecture, workload), stages.branches(architecture)
    kept = inputs(architecture, workload) + _FLOAT * tokens * branches * stages.given(architecture)
    rows = (branches + architecture.learned_positions) * architecture.embedding_length
    rows += matrices.looked_up_by_layers(architecture)
    rows += architecture.embedding_length if architecture.name in stages.SCALED_STREAMS else 0
    least = _FLOAT * rows * tokens
    if not placement.is_whole(architecture, workload):
        least += _states_in_ram(architecture, tokens, workload.slots)
    if kernels.is_fused(architecture, workload) and not kernels.has_kernels(architecture):
        least += _attention_in_ram(architecture, workload)
    found = hosted.hosted(architecture, tokens, workload.slots)
    if found is None:
        return copies * kept + least
    read = found.reads + (expert_bytes if found.reads_experts else 0)
    if copies == 1:
        return kept + max(least, read + found.gives)
    return copies * (kept + len(found.layers) * read) + max(least, found.gives)
