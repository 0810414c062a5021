"""Memory under llama.cpp: our runtime, llama-server and Ollama.

Formulas follow llama.cpp's sources, named where used. Layers are split over
cards in equal shares, as ``--split-mode layer`` does on cards of one kind.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from wizard.registry.values import Architecture, Variant
from wizard.sizing import compressed, compute, host, layers, weights
from wizard.sizing.cells import BLOCKS, cells, padded, row_bytes
from wizard.sizing.values import KvType, MemoryEstimate, Part, Workload
from wizard.sizing.words import plural, size

MIB = 1 << 20
# CUDA's context, cuBLAS and the kernels' code on one card: 150 to 500 MiB by driver.
RUNTIME = 500 * MIB
# Without a card: the server itself, and what it keeps of each token of the
# vocabulary (text, score, attributes, and a place in two hash tables).
_PROCESS = 32 * MIB
_TOKEN = 256
_CHECKPOINTS = 32
_CHECKPOINT_STEP = 8192


@dataclass(frozen=True)
class _Card:
    """What does not depend on context or slots: bytes of weights, per cell, per slot."""

    weights: float
    full_cell: int
    sliding_cell: int
    state: int


def _cell_bytes(architecture: Architecture, workload: Workload) -> dict[int, tuple[int, bool]]:
    """Bytes of one cell in each layer, and whether the layer slides.

    Without flash attention V is kept transposed, each layer as wide as the
    widest (``n_embd_v_gqa_max``), even a layer without heads (Nemotron 51B).
    """
    found = layers.kv_layers(architecture)
    kind, transposed = workload.kv_type, not workload.flash_attention
    widest = max((layer.values for layer in found), default=0)
    empty = {}
    if transposed and not layers.recurrent_layers(architecture):
        own = architecture.layers - architecture.shared_kv_layers
        empty = dict.fromkeys(range(own), (row_bytes(widest, kind), False))
    return empty | {
        layer.index: (
            row_bytes(layer.keys, kind)
            + row_bytes(layer.indexer, kind)
            + row_bytes(
                widest if transposed and not layer.is_latent else layer.values,
                kind,
            ),
            bool(layer.window),
        )
        for layer in found
    }


def kv_bytes_per_token(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one cell in all layers together, sliding or not."""
    return sum(cell for cell, _ in _cell_bytes(architecture, workload).values())


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


def _block(part: weights.Weights, index: int, *, experts_on_host: bool) -> float:
    if index >= len(part.blocks):
        return 0.0
    return part.blocks[index] - (part.experts[index] if experts_on_host else 0.0)


@lru_cache(maxsize=512)
def _cards(
    architecture: Architecture,
    variant: Variant,
    gpus: int,
    kv_type: KvType,
    flash_attention: bool,
    experts_on_host: bool,
) -> tuple[_Card, ...]:
    workload = Workload(256, kv_type=kv_type, gpus=gpus, flash_attention=flash_attention)
    count = max(1, gpus)
    per_layer = _cell_bytes(architecture, workload)
    recurrent = set(layers.recurrent_layers(architecture))
    state = state_bytes(architecture)
    part = weights.split(architecture, variant)
    loaded = [0.0] * count
    full, sliding, states = [0] * count, [0] * count, [0] * count
    for index in range(architecture.layers):
        card = _card_of(index, architecture, count)
        loaded[card] += _block(part, index, experts_on_host=experts_on_host and bool(gpus))
        cell, slides = per_layer.get(index, (0, False))
        (sliding if slides else full)[card] += cell
        states[card] += state if index in recurrent else 0
    loaded[count - 1] += part.output
    if gpus:
        loaded[count - 1] += part.tied
    else:
        loaded[0] += part.embeddings
    return tuple(_Card(*row) for row in zip(loaded, full, sliding, states, strict=True))


@dataclass(frozen=True)
class _Sum:
    weights: int
    kv_cache: int
    state: int
    compute: int
    projector: int
    runtime: int
    largest: int
    host_weights: int


def _sum(architecture: Architecture, variant: Variant, workload: Workload) -> _Sum:
    cards = _cards_of(architecture, variant, workload)
    part = weights.split(architecture, variant)
    span = cells(architecture, workload)
    kv = [card.full_cell * span.full + card.sliding_cell * span.sliding for card in cards]
    state = [card.state * workload.slots for card in cards]
    state[0] += 4 * architecture.extra_state * workload.slots
    if compressed.applies(architecture):
        kv = _shares(compressed.cache_bytes(architecture, workload), len(cards))
        state = _shares(compressed.state_bytes(architecture) * workload.slots, len(cards))
    moved = int(part.largest_expert) if workload.experts_on_host and workload.gpus else 0
    scratch = [
        compute.card_bytes(architecture, workload, card) + moved for card in range(len(cards))
    ]
    adapters = -(-workload.adapter_bytes // len(cards))
    projector = variant.projector.size if variant.projector else 0
    runtime = RUNTIME if workload.gpus else _PROCESS + _TOKEN * architecture.vocab_size
    fixed = runtime + adapters
    on_card = [
        int(card.weights) + kv[i] + state[i] + scratch[i] + fixed for i, card in enumerate(cards)
    ]
    on_card[0] += projector
    return _Sum(
        weights=sum(int(card.weights) + adapters for card in cards),
        kv_cache=sum(kv),
        state=sum(state),
        compute=sum(scratch),
        projector=projector,
        runtime=runtime * len(cards),
        largest=max(on_card),
        host_weights=_host_weights(part, workload),
    )


def _shares(size: int, count: int) -> list[int]:
    """As even parts of a size as whole bytes allow."""
    return [size // count + (1 if index < size % count else 0) for index in range(count)]


def _cards_of(
    architecture: Architecture, variant: Variant, workload: Workload
) -> tuple[_Card, ...]:
    return _cards(
        architecture,
        variant,
        workload.gpus,
        workload.kv_type,
        workload.flash_attention,
        workload.experts_on_host,
    )


def _host_weights(part: weights.Weights, workload: Workload) -> int:
    """Bytes of weights in RAM beside cards: the embeddings, and experts left there."""
    if not workload.gpus:
        return 0
    return part.embeddings + (int(sum(part.experts)) if workload.experts_on_host else 0)


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
    cards = _cards_of(architecture, variant, workload)
    window = min(padded(architecture.sliding_window), padded(workload.context_length))
    one = sum(card.sliding_cell * window + card.state for card in cards)
    copies = min(_CHECKPOINTS, 1 + workload.context_length // _CHECKPOINT_STEP)
    buffers = 0 if workload.gpus else found.largest
    buffers += found.host_weights + compute.host_bytes(architecture, workload)
    return host.llama_cpp_host(architecture, workload, buffers + one * copies * workload.slots)


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
        host_weights=found.host_weights,
        host_compute=compute.host_bytes(architecture, workload),
        repacked=0 if workload.gpus else weights.split(architecture, variant).repacked,
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
        ("runtime", "Runtime", found.runtime, _runtime_words(workload, found)),
    )
    return tuple(Part(*row) for row in rows if row[2])


def _weights_words(architecture: Architecture, variant: Variant, workload: Workload) -> str:
    part = weights.split(architecture, variant)
    words = f"{size(part.file)} of files, less the tokenizer"
    if workload.gpus and part.embeddings > part.tied:
        words += f", less {size(part.embeddings - part.tied)} of token embeddings that stay in RAM"
    if workload.experts_on_host and workload.gpus:
        words += f", less {size(int(sum(part.experts)))} of experts that stay in RAM"
    if workload.adapter_bytes:
        words += f", with {size(workload.adapter_bytes)} of adapters"
    if part.skipped:
        words += f", less {size(part.skipped)} of prediction blocks that are not loaded"
    return words


def _kv_words(architecture: Architecture, workload: Workload) -> str:
    if compressed.applies(architecture):
        return (
            f"a window of {architecture.sliding_window:,} tokens in each layer, and one cell for "
            f"4 or 128 tokens of {workload.context_length:,}, for each of "
            f"{plural(workload.slots, 'slot')}"
        )
    found = layers.kv_layers(architecture)
    full = tuple(layer for layer in found if not layer.window)
    sliding = tuple(layer for layer in found if layer.window)
    span = cells(architecture, workload)
    slots = plural(workload.slots, "slot")
    sentences = []
    if full:
        words = _layer_words(full, workload)
        sentences.append(f"{words} × {span.full:,} cells, {_shared_words(workload)}")
    if sliding:
        words = _layer_words(sliding, workload)
        sentences.append(
            f"{words} × {span.sliding:,} cells, a window of {architecture.sliding_window:,} "
            f"tokens and a step of {workload.ubatch} for {slots}"
        )
    return "; ".join(sentences)


def _shared_words(workload: Workload) -> str:
    if workload.slots > 1 and workload.unified_kv:
        return f"which {plural(workload.slots, 'slot')} share"
    slots = plural(workload.slots, "slot")
    return f"so that each of {slots} has its {workload.context_length:,} tokens"


def _layer_words(found: tuple[layers.KvLayer, ...], workload: Workload) -> str:
    extra = max(layer.indexer for layer in found)
    indexer = f" and {extra} of the indexer" if extra else ""
    size_each, count_each = BLOCKS[workload.kv_type]
    each = f"{size_each} bytes" if count_each == 1 else f"{size_each}/{count_each} bytes"
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
    if compressed.applies(architecture):
        return f"what is being compressed, for {plural(workload.slots, 'slot')}"
    return f"{plural(count, 'layer')} × {each:,} bytes × {plural(workload.slots, 'slot')}"


def _compute_words(architecture: Architecture, workload: Workload, cards: int) -> str:
    where = "" if cards == 1 else f", on each of {cards} cards"
    unpacked = compute.unpacked(architecture, workload)
    extra = f", {size(unpacked)} to unpack one layer's cache" if unpacked else ""
    return (
        f"{size(compute.scratch(architecture, workload))} for a step of {workload.ubatch} tokens, "
        f"{size(compute.inputs(architecture, workload))} of attention masks{extra}{where}"
    )


def _runtime_words(workload: Workload, found: _Sum) -> str:
    if not workload.gpus:
        return f"{size(found.runtime)} for the server and its vocabulary"
    return f"{size(RUNTIME)} for CUDA and its libraries on {plural(workload.gpus, 'card')}"
