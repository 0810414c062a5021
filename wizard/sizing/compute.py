"""llama.cpp's compute buffers: what one step needs beside weights and caches.

One lies on each card and one in RAM; for CPU only there is one. Derived from
``llama_context::sched_reserve`` and the graphs of `wizard.sizing.stages`.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import layers, stages
from wizard.sizing.cells import asked, cells, padded, step
from wizard.sizing.values import KvType, Workload

# ggml keeps this many copies of a graph's inputs when steps overlap on several
# cards (``GGML_SCHED_MAX_COPIES``).
_COPIES = 4
_FLOAT = 4
_PLAIN = frozenset({KvType.F16, KvType.F32, KvType.BF16})
# The feed-forward part runs while the attention's result is kept.
_PARALLEL = frozenset({"cohere2", "cohere2moe", "command-r", "falcon", "gptneox", "phi2", "gptj"})
# Head sizes that CUDA has flash attention for (``ggml_cuda_get_best_fattn_kernel``);
# elsewhere keys and values are of one size.
_FUSED_HEADS = frozenset({40, 64, 72, 80, 96, 112, 128, 256, 512})
_FUSED_PAIRS = frozenset({(192, 128), (320, 256), (576, 512)})


def is_fused(architecture: Architecture, workload: Workload) -> bool:
    """Whether attention runs without writing its scores: asked for, and possible.

    llama-server turns flash attention off where a card has no kernel for it.
    """
    if not workload.flash_attention or architecture.name in stages.NEVER_FUSED:
        return False
    if not workload.gpus or not architecture.heads:
        return True
    if architecture.kv_lora_rank:
        row = architecture.kv_lora_rank + architecture.rope_dimension
        return (row, architecture.kv_lora_rank) in _FUSED_PAIRS
    key, value = architecture.key_length, architecture.value_length
    return (key == value and key in _FUSED_HEADS) or (key, value) in _FUSED_PAIRS


def _tokens(architecture: Architecture, workload: Workload) -> int:
    """Tokens of the step that memory is reserved for.

    ``graph_reserve`` makes it a multiple of the slots; this is the most that adds.
    """
    slots, tokens = workload.slots, step(workload)
    if not architecture.causal:
        tokens = min(padded(asked(workload)), workload.ubatch)
    return tokens + slots - 1


def _outputs(architecture: Architecture, workload: Workload) -> int:
    """Tokens that logits are made for: one a slot (``n_outputs_max``)."""
    return min(workload.slots, _tokens(architecture, workload)) if architecture.causal else 0


def _span(architecture: Architecture, workload: Workload) -> int:
    """Cells that the widest layer's scores are made for."""
    found = layers.kv_layers(architecture)
    if not found or not architecture.causal:
        return _tokens(architecture, workload)
    span = cells(architecture, workload)
    return span.sliding_mask if all(layer.window for layer in found) else span.full_mask


def scratch(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a step's activations, 32-bit floats, on one card.

    Or of the logits, where few tokens are computed; and for recurrent layers
    the states of all slots twice, as read and as written.
    """
    fused = is_fused(architecture, workload)
    span = _span(architecture, workload)
    tokens_each = -(-_tokens(architecture, workload) // workload.slots)
    row = stages.widest(architecture, span, tokens_each, fused=fused)
    width = architecture.embedding_length
    if workload.kv_type not in _PLAIN:
        row += stages.queries(architecture)
    if not workload.gpus:
        row += _looked_up(architecture)
    logits = _outputs(architecture, workload) * (architecture.vocab_size + 2 * width)
    states = 0
    if architecture.recurrent_layers:
        each = layers.convolution_elements(architecture) + layers.state_elements(architecture)
        states = 2 * workload.slots * each
    turned = 0 if fused else _turned(architecture, workload, span)
    return max(_FLOAT * (_tokens(architecture, workload) * row + states) + turned, _FLOAT * logits)


def _turned(architecture: Architecture, workload: Workload, span: int) -> int:
    """Bytes of one layer's values, transposed where the cache does not hold them so."""
    if architecture.kv_lora_rank:
        return 2 * architecture.kv_lora_rank * span
    if not workload.flash_attention:
        return 0
    return 2 * max((layer.values for layer in layers.kv_layers(architecture)), default=0) * span


def _looked_up(architecture: Architecture) -> int:
    """Elements of a token's embeddings, which lie in the same buffer without a card.

    Looked up, and as an input for images and sound (``build_inp_embd``).
    """
    several = architecture.kv_lora_rank or architecture.shared_feed_forward_length
    several = several or architecture.per_layer_embedding
    return architecture.embedding_length * (
        (3 if several else 2) + 3 * architecture.deepstack_layers
    )


def unpacked(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one layer's cache as 16-bit floats, which CUDA's kernels read.

    They lie behind the attention's result (``ggml_cuda_flash_attn_ext_get_alloc_size``);
    32-bit ones are cast before it everywhere (``build_attn_mha``).
    """
    is_wide = workload.kv_type is KvType.F32
    is_plain = workload.kv_type is KvType.F16 or not (workload.gpus or is_wide)
    if is_plain or not is_fused(architecture, workload):
        return 0
    span = cells(architecture, workload)
    found = layers.kv_layers(architecture)
    sizes = (
        2 * (layer.keys + layer.values) * (span.sliding if layer.window else span.full)
        for layer in found
    )
    return max(sizes, default=0)


def inputs(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a step's inputs: attention masks, positions, and rows of the caches.

    Masks are 16-bit with flash attention (``build_attn_inp_kq_mask``). Rows are
    64-bit numbers for keys and values; without flash attention there is one for
    each element of the transposed values.
    """
    tokens, fused = _tokens(architecture, workload), is_fused(architecture, workload)
    found = layers.kv_layers(architecture)
    width = 2 if workload.flash_attention and architecture.name not in stages.NEVER_FUSED else 4
    if not architecture.heads:
        return 16 * tokens
    span = cells(architecture, workload)
    spanned = span.full_mask * (2 if any(layer.indexer for layer in found) else 1)
    is_cached = bool(found) and architecture.causal
    if not is_cached:
        spanned = tokens
    if any(architecture.sliding_layers):
        spanned += span.sliding_mask if is_cached else tokens
    rows = 8 if fused else 8 * max((layer.values for layer in found), default=1)
    caches = 2 if any(architecture.sliding_layers) else 1
    return tokens * (width * spanned + caches * (8 + rows) + 48) + _turning(architecture, workload)


def _turning(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the matrices that turn heads before they are quantised (``attn_rot_k``)."""
    if workload.kv_type in _PLAIN:
        return 0
    sizes = {architecture.key_length, architecture.value_length, architecture.key_length_swa}
    return 2 * _FLOAT * sum(size * size for size in sizes)


def card_bytes(architecture: Architecture, workload: Workload, card: int) -> int:
    """Bytes of one card's compute buffer, or of the only one in RAM.

    On several cards steps overlap: inputs are kept four times, and so is what
    comes from the card before (``cparams.pipeline_parallel``).
    """
    own = inputs(architecture, workload)
    total = _peak(architecture, workload) + own
    if workload.gpus < 2:
        return total
    width = architecture.embedding_length * (_COPIES if card == 0 else 2 * _COPIES)
    width += _COPIES * stages.kept(architecture)
    if architecture.recurrent_layers:
        width += 3 * _COPIES * architecture.embedding_length
    return total + (_COPIES - 1) * own + _FLOAT * width * _tokens(architecture, workload)


def _peak(architecture: Architecture, workload: Workload) -> int:
    """The wider of a step's stages and of attention with its cache unpacked."""
    widest = scratch(architecture, workload)
    extra = unpacked(architecture, workload)
    if not extra:
        return widest
    row = stages.beside_scores(architecture)
    if architecture.kv_lora_rank:
        row = stages.attention(architecture, 0, fused=True)
        row += architecture.heads * architecture.kv_lora_rank
    beside = _FLOAT * _tokens(architecture, workload) * row + extra
    if architecture.name in _PARALLEL or workload.kv_type is KvType.F32:
        beside = (
            widest
            + extra
            + _FLOAT * _tokens(architecture, workload) * 2 * architecture.embedding_length
        )
    return max(widest, beside)


def buffer_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the compute buffer of the fullest card."""
    return card_bytes(architecture, workload, max(0, workload.gpus - 1))


def host_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the compute buffer in RAM beside cards: inputs, and embeddings looked up."""
    if not workload.gpus:
        return 0
    width = architecture.embedding_length * (2 + architecture.deepstack_layers)
    width += 2 * architecture.layers * architecture.per_layer_embedding
    copies = _COPIES if workload.gpus > 1 else 1
    rows = _FLOAT * width * _tokens(architecture, workload) * (2 if workload.gpus > 1 else 1)
    return copies * inputs(architecture, workload) + rows
