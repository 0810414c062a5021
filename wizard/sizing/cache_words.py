"""What fills llama.cpp's KV cache, in words: layers, heads and types, times cells."""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import compressed, layers, placement
from wizard.sizing.cells import BLOCKS, cells, step
from wizard.sizing.values import KvType, Workload
from wizard.sizing.words import plural


def caches(architecture: Architecture, workload: Workload) -> str:
    """How the bytes of keys and values in all layers come about."""
    if compressed.applies(architecture):
        return (
            f"a window of {architecture.sliding_window:,} tokens in each layer, and one cell for "
            f"4 or 128 tokens of {workload.context_length:,}, for each of "
            f"{plural(workload.slots, 'slot')}"
        )
    found = layers.kv_layers(architecture).values()
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
        seen = (
            f"a window of {architecture.sliding_window:,} tokens and a step of "
            f"{step(workload):,} for {slots}"
        )
        sentences.append(
            f"{words} × {span.sliding:,} cells, "
            + ("as many as the others have" if workload.swa_full else seen)
        )
    if workload.drafts and architecture.nextn_layers:
        drafting = plural(architecture.nextn_layers, "layer")
        sentences.append(f"and {drafting} that drafts × {span.full:,} cells in 16 bits")
    if not placement.is_whole(architecture, workload):
        sentences.append(f"less those of layers before the last {workload.gpu_layers}")
    return "; ".join(sentences)


def _shared_words(workload: Workload) -> str:
    if workload.slots > 1 and workload.unified_kv:
        return f"which {plural(workload.slots, 'slot')} share"
    slots = plural(workload.slots, "slot")
    return f"so that each of {slots} has its {workload.context_length:,} tokens"


def _layer_words(found: tuple[layers.KvLayer, ...], workload: Workload) -> str:
    extra = max(layer.indexer for layer in found)
    indexer = f" and {extra} of the indexer" if extra else ""
    keys_each, values_each = _each(workload.kv_type), _each(workload.values_type)
    each = (
        keys_each if keys_each == values_each else f"{keys_each} for keys, {values_each} for values"
    )
    sizes = {(layer.heads, layer.keys, layer.values, layer.is_latent) for layer in found}
    count = plural(len(found), "layer")
    if len(sizes) > 1:
        elements = sum(layer.keys + layer.values for layer in found)
        return f"{count} with {elements:,} elements a token together × {each}"
    heads, keys, values, is_latent = sizes.pop()
    if is_latent:
        return f"{count} × {keys} compressed elements{indexer} × {each}"
    return f"{count} × {heads} KV heads × ({keys // heads} + {values // heads}) × {each}"


def _each(kind: KvType) -> str:
    size, count = BLOCKS[kind]
    return f"{size} bytes" if count == 1 else f"{size}/{count} bytes"
