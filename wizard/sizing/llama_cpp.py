"""Memory under llama.cpp: our runtime, llama-server and Ollama.

Formulas follow llama.cpp's sources, named where used. Layers are split over
cards in equal shares, as ``--split-mode layer`` does on cards of one kind.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from wizard.registry.values import Architecture, Variant
from wizard.sizing import host, layers, weights
from wizard.sizing.values import KvType, MemoryEstimate, Part, Workload
from wizard.sizing.words import plural, size

MIB = 1 << 20
# Bytes and elements of one block of each type (ggml ``type_traits``).
_BLOCKS = {KvType.F16: (2, 1), KvType.Q8_0: (34, 32), KvType.Q4_0: (18, 32), KvType.FP8: (34, 32)}
_BITS = {KvType.F16: "2 bytes", KvType.Q8_0: "34/32 bytes", KvType.Q4_0: "18/32 bytes"}
# CUDA's context, cuBLAS and the kernels' code on one card: 150 to 500 MiB by driver.
RUNTIME = 500 * MIB
# ggml keeps this many copies of a graph's inputs when steps overlap on several
# cards (``GGML_SCHED_MAX_COPIES``).
_COPIES = 4
_CHECKPOINTS = 32
_CHECKPOINT_STEP = 8192


def padded(cells: int) -> int:
    """Cells of a cache: a multiple of 256 (``llama_context``, ``GGML_PAD(n_ctx, 256)``)."""
    return -(-cells // 256) * 256


@dataclass(frozen=True)
class Cells:
    """Cells of a cache over all slots, and those that one step's mask spans."""

    full: int
    sliding: int
    full_mask: int
    sliding_mask: int


def cells(architecture: Architecture, workload: Workload) -> Cells:
    """Cells with every slot at its full context (``llama_kv_cache_iswa``)."""
    slots, window = workload.slots, architecture.sliding_window
    if workload.unified_kv:
        full = padded(workload.context_length * slots)
        sliding = min(full, padded(window * slots + workload.ubatch))
        return Cells(full, sliding, full, sliding)
    full = padded(workload.context_length)
    sliding = min(full, padded(window + workload.ubatch))
    return Cells(full * slots, sliding * slots, full, sliding)


@dataclass(frozen=True)
class _Card:
    """What does not depend on context or slots: bytes of weights, per cell, per slot."""

    weights: float
    full_cell: int
    sliding_cell: int
    state: int


def row_bytes(elements: int, kv_type: KvType) -> int:
    """Bytes of one row of a cache (``ggml_row_size``)."""
    block, count = _BLOCKS[kv_type]
    return -(-elements // count) * block


def _cell_bytes(architecture: Architecture, workload: Workload) -> dict[int, tuple[int, bool]]:
    """Bytes of one cell in each layer, and whether the layer slides.

    Without flash attention V is kept transposed, each layer as wide as the
    widest (``n_embd_v_gqa_max``).
    """
    found = layers.kv_layers(architecture)
    widest = max((layer.values for layer in found), default=0)
    indexer = row_bytes(layers.indexer_elements(architecture), workload.kv_type)
    return {
        layer.index: (
            row_bytes(layer.keys, workload.kv_type)
            + indexer
            + row_bytes(
                layer.values if workload.flash_attention or layer.is_latent else widest,
                workload.kv_type,
            ),
            bool(layer.window),
        )
        for layer in found
    }


def state_bytes(architecture: Architecture) -> int:
    """Bytes of one recurrent layer's state for one slot, as 32-bit floats.

    ``llama_memory_recurrent``: R and S are always F32.
    """
    elements = layers.convolution_elements(architecture) + layers.state_elements(architecture)
    if layers.has_missing_state(architecture):
        # A linear-attention state of the model's width, heads of 128: an upper bound.
        elements = 2 * architecture.embedding_length * (128 + 3)
    return 4 * elements


def _card_of(index: int, architecture: Architecture, cards: int) -> int:
    """The card that a layer lies on; ``layers`` itself is the output's.

    ``llama_model::load_tensors``: cumulative shares, upper bound.
    """
    shares = [(card + 1) / cards for card in range(cards)]
    return min(cards - 1, bisect_right(shares, index / (architecture.layers + 1)))


@lru_cache(maxsize=512)
def _cards(
    architecture: Architecture,
    variant: Variant,
    gpus: int,
    kv_type: KvType,
    flash_attention: bool,
) -> tuple[_Card, ...]:
    workload = Workload(256, kv_type=kv_type, flash_attention=flash_attention)
    count = max(1, gpus)
    per_layer = _cell_bytes(architecture, workload)
    recurrent = set(layers.recurrent_layers(architecture))
    state = state_bytes(architecture)
    part = weights.split(architecture, variant)
    loaded = [0.0] * count
    full, sliding, states = [0] * count, [0] * count, [0] * count
    for index in range(architecture.layers):
        card = _card_of(index, architecture, count)
        loaded[card] += part.block
        cell, slides = per_layer.get(index, (0, False))
        (sliding if slides else full)[card] += cell
        states[card] += state if index in recurrent else 0
    loaded[count - 1] += part.output
    if not gpus and not architecture.tied_embeddings:
        loaded[0] += part.embeddings
    return tuple(_Card(*row) for row in zip(loaded, full, sliding, states, strict=True))


def _scratch(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a step's activations, 32-bit floats.

    ``ggml-alloc`` reuses memory, so that the widest stage decides: gate, up and
    their product of the feed-forward part, queries and the attention's result,
    or a recurrent layer's projections; beside it five rows of the model's
    width. llama-server asks for the logits of one token a slot
    (``n_outputs_max``). How wide an expert is is not among our facts: the
    dense width is taken for each that is used, an upper bound.
    """
    width, span = architecture.embedding_length, cells(architecture, workload)
    experts = max(1, architecture.experts_used)
    forward = experts * 3 * architecture.feed_forward_length
    if experts > 1:
        forward += experts * 2 * width
    head = max(architecture.key_length, architecture.value_length)
    attention = 2 * architecture.heads * head
    if not workload.flash_attention and architecture.causal:
        attention += architecture.heads * span.full_mask
    recurrent = 8 * architecture.ssm_inner_size
    stage = max(forward, attention, recurrent) + 5 * width
    logits = workload.slots * (architecture.vocab_size + width) if architecture.causal else 0
    return 4 * max(workload.ubatch * stage, logits)


def _inputs(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a step's small inputs: tokens, positions, and rows of the caches.

    64-bit row indexes of keys and values for each cache; without flash
    attention one for each element of the transposed values.
    """
    each = 2 * 4 + 2 * 3 * 8 + 8
    if not workload.flash_attention:
        found = layers.kv_layers(architecture)
        each += 8 * max((layer.values for layer in found), default=0)
    return each * workload.ubatch


def _unpacked(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one layer's quantised cache as 16-bit floats.

    CUDA's flash attention unpacks it for steps of many tokens
    (``launch_fattn``, ``need_f16_K``).
    """
    if workload.kv_type is KvType.F16 or not workload.gpus:
        return 0
    found = layers.kv_layers(architecture)
    widest = max((layer.keys + layer.values for layer in found if not layer.window), default=0)
    return 2 * widest * cells(architecture, workload).full


def _masks(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the attention masks, 16-bit with flash attention (``build_kq_mask``)."""
    width = 2 if workload.flash_attention else 4
    if not architecture.causal:
        return width * workload.ubatch * workload.ubatch
    span = cells(architecture, workload)
    spanned = span.full_mask + (span.sliding_mask if any(architecture.sliding_layers) else 0)
    copies = _COPIES if workload.gpus > 1 else 1
    return width * copies * workload.ubatch * spanned


def _compute_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one card's compute buffer, and what kernels unpack beside it."""
    return (
        _scratch(architecture, workload)
        + _masks(architecture, workload)
        + _inputs(architecture, workload)
        + _unpacked(architecture, workload)
    )


@dataclass(frozen=True)
class _Sum:
    weights: int
    kv_cache: int
    state: int
    compute: int
    projector: int
    runtime: int
    largest: int


def _sum(architecture: Architecture, variant: Variant, workload: Workload) -> _Sum:
    cards = _cards(architecture, variant, workload.gpus, workload.kv_type, workload.flash_attention)
    span = cells(architecture, workload)
    kv = [card.full_cell * span.full + card.sliding_cell * span.sliding for card in cards]
    state = [card.state * workload.slots for card in cards]
    compute = _compute_bytes(architecture, workload)
    projector = variant.projector.size if variant.projector else 0
    fixed = compute + (RUNTIME if workload.gpus else 0)
    on_card = [int(card.weights) + kv[i] + state[i] + fixed for i, card in enumerate(cards)]
    on_card[0] += projector
    return _Sum(
        weights=sum(int(card.weights) for card in cards),
        kv_cache=sum(kv),
        state=sum(state),
        compute=compute * len(cards),
        projector=projector,
        runtime=RUNTIME * workload.gpus,
        largest=max(on_card),
    )


def needed(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes on the fullest card, or in RAM for CPU only; the fast path of `estimate`."""
    found = _sum(architecture, variant, workload)
    if workload.gpus:
        return found.largest
    return _host(architecture, variant, workload, found)


def _host(architecture: Architecture, variant: Variant, workload: Workload, found: _Sum) -> int:
    """RAM; for CPU only with all buffers, and always with the checkpoints of slots.

    What a slot cannot roll back (sliding caches, recurrent states) is copied to
    RAM every 8,192 tokens, 32 copies at most (``n_ctx_checkpoints``,
    ``checkpoint_min_step`` of llama-server).
    """
    cards = _cards(architecture, variant, workload.gpus, workload.kv_type, workload.flash_attention)
    window = min(padded(architecture.sliding_window), padded(workload.context_length))
    one = sum(card.sliding_cell * window + card.state for card in cards)
    copies = min(_CHECKPOINTS, 1 + workload.context_length // _CHECKPOINT_STEP)
    buffers = 0 if workload.gpus else found.largest
    return host.llama_cpp_host(
        architecture, variant, workload, buffers + one * copies * workload.slots
    )


def estimate(architecture: Architecture, variant: Variant, workload: Workload) -> MemoryEstimate:
    """Memory of a workload under llama.cpp, in bytes, each buffer with its formula."""
    found = _sum(architecture, variant, workload)
    return MemoryEstimate(
        weights=found.weights,
        kv_cache=found.kv_cache,
        recurrent_state=found.state,
        compute=found.compute,
        projector=found.projector,
        runtime=found.runtime,
        host=_host(architecture, variant, workload, found),
        disk=host.disk(variant),
        largest_gpu=found.largest if workload.gpus else 0,
        parts=_parts(architecture, variant, workload, found),
        exact=architecture.exact and variant.size_is_exact,
    )


def _parts(
    architecture: Architecture, variant: Variant, workload: Workload, found: _Sum
) -> tuple[Part, ...]:
    cards = max(1, workload.gpus)
    rows = (
        ("weights", "Weights", found.weights, _weights_words(architecture, variant, workload)),
        ("kv_cache", "KV cache", found.kv_cache, _kv_words(architecture, workload)),
        ("recurrent_state", "Recurrent state", found.state, _state_words(architecture, workload)),
        ("compute", "Compute", found.compute, _compute_words(architecture, workload, cards)),
        ("projector", "Vision projector", found.projector, "the projector's file, on one card"),
        ("runtime", "Runtime", found.runtime, _runtime_words(cards)),
    )
    return tuple(Part(*row) for row in rows if row[2])


def _weights_words(architecture: Architecture, variant: Variant, workload: Workload) -> str:
    part = weights.split(architecture, variant)
    words = f"{size(part.file)} of files, less the tokenizer"
    if workload.gpus and not architecture.tied_embeddings:
        words += f", less {size(part.embeddings)} of token embeddings that stay in RAM"
    if part.skipped:
        words += f", less {size(part.skipped)} of prediction blocks that are not loaded"
    return words


def _kv_words(architecture: Architecture, workload: Workload) -> str:
    found = layers.kv_layers(architecture)
    full = tuple(layer for layer in found if not layer.window)
    sliding = tuple(layer for layer in found if layer.window)
    span = cells(architecture, workload)
    slots = plural(workload.slots, "slot")
    sentences = []
    if full:
        words = _layer_words(architecture, full, workload)
        sentences.append(
            f"{words} × {span.full:,} cells, so that each of {slots} has its "
            f"{workload.context_length:,} tokens"
        )
    if sliding:
        words = _layer_words(architecture, sliding, workload)
        sentences.append(
            f"{words} × {span.sliding:,} cells, a window of {architecture.sliding_window:,} "
            f"tokens and a step of {workload.ubatch} for {slots}"
        )
    return "; ".join(sentences)


def _layer_words(
    architecture: Architecture, found: tuple[layers.KvLayer, ...], workload: Workload
) -> str:
    extra = layers.indexer_elements(architecture)
    indexer = f" and {extra} of the indexer" if extra else ""
    each = _BITS.get(workload.kv_type, "34/32 bytes")
    sizes = {(layer.heads, layer.keys, layer.values, layer.is_latent) for layer in found}
    count = plural(len(found), "layer")
    if len(sizes) > 1:
        elements = sum(layer.keys + layer.values for layer in found)
        return f"{count} with {elements:,} elements a token together × {each}"
    heads, keys, values, is_latent = sizes.pop()
    if is_latent:
        return f"{count} × {keys} compressed elements{indexer} × {each}"
    return f"{count} × {heads} KV heads × ({keys // heads} + {values // heads}) × {each}"


def _state_words(architecture: Architecture, workload: Workload) -> str:
    count = len(layers.recurrent_layers(architecture))
    each = state_bytes(architecture)
    return f"{plural(count, 'layer')} × {each:,} bytes × {plural(workload.slots, 'slot')}"


def _compute_words(architecture: Architecture, workload: Workload, cards: int) -> str:
    where = "" if cards == 1 else f", on each of {cards} cards"
    unpacked = _unpacked(architecture, workload)
    extra = f", {size(unpacked)} to unpack one layer's cache" if unpacked else ""
    return (
        f"{size(_scratch(architecture, workload))} for a step of {workload.ubatch} tokens, "
        f"{size(_masks(architecture, workload))} of attention masks{extra}{where}"
    )


def _runtime_words(cards: int) -> str:
    return f"{size(RUNTIME)} for CUDA and its libraries on {plural(cards, 'card')}"
