"""Where llama.cpp puts each layer: its weights, its cache and its state.

``llama_model::load_tensors``: the last layers go to cards, split in equal shares as
``--split-mode layer`` does on cards of one kind; the first stay in RAM.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from wizard.registry.values import Architecture, Variant
from wizard.sizing import layers, weights
from wizard.sizing.cells import cells, row_bytes
from wizard.sizing.values import KvType, Workload


@dataclass(frozen=True)
class Place:
    """What lies on one card or in RAM: weights, bytes a cell, and bytes a slot."""

    weights: float = 0.0
    full_cell: int = 0
    sliding_cell: int = 0
    state: int = 0


@dataclass(frozen=True)
class Places:
    """RAM beside the cards, and each card; without cards, RAM is the only one."""

    host: Place
    cards: tuple[Place, ...]


def all_layers(architecture: Architecture) -> int:
    """Layers that are counted for cards: those for prediction, and the output, too."""
    return architecture.layers + architecture.nextn_layers + 1


def first_on_card(architecture: Architecture, workload: Workload) -> int:
    """The first layer that is not left in RAM (``i_gpu_start``)."""
    if not workload.gpus or workload.gpu_layers is None:
        return 0
    return max(0, all_layers(architecture) - workload.gpu_layers)


def has_output(architecture: Architecture, workload: Workload) -> bool:
    """Whether the output lies on a card; it comes before any layer."""
    return workload.gpus > 0 and first_on_card(architecture, workload) < all_layers(architecture)


def is_whole(architecture: Architecture, workload: Workload) -> bool:
    """Whether all layers are on cards, where there are any."""
    return not first_on_card(architecture, workload)


def card_of(index: int, architecture: Architecture, workload: Workload) -> int:
    """The card of a layer, -1 for RAM; the output's index is that of all layers less one."""
    first = first_on_card(architecture, workload)
    if index < first:
        return -1
    return (index - first) * max(1, workload.gpus) // (all_layers(architecture) - first)


def output_card(architecture: Architecture, workload: Workload) -> int:
    """The card of the output, -1 for RAM: the last, unless there are fewer layers than cards."""
    return card_of(all_layers(architecture) - 1, architecture, workload)


def layers_on(card: int, architecture: Architecture, workload: Workload) -> range:
    """The layers on a card, without those for prediction; -1 for RAM beside cards."""
    first, count = first_on_card(architecture, workload), max(1, workload.gpus)
    if card < 0:
        return range(min(first, architecture.layers))
    here = all_layers(architecture) - first
    start, stop = (first + -(-each * here // count) for each in (card, card + 1))
    return range(start, min(stop, architecture.layers))


def cell_bytes(architecture: Architecture, workload: Workload) -> dict[int, tuple[int, bool]]:
    """Bytes of one cell in each layer, and whether the layer slides.

    Without flash attention V is kept transposed, each layer as wide as the
    widest (``n_embd_v_gqa_max``), even a layer without heads (Nemotron 51B).
    """
    keys, values, transposed = workload.kv_type, workload.values_type, not workload.flash_attention
    found = layers.kv_kinds(architecture)
    widest = max((layer.values for layer in found), default=0)
    empty = {}
    if transposed and not layers.recurrent_layers(architecture):
        own = architecture.layers - architecture.shared_kv_layers
        empty = dict.fromkeys(range(own), (row_bytes(widest, values), False))
    of_kind = {
        layer: (
            row_bytes(layer.keys, keys)
            + (_indexer_bytes(architecture, workload, layer) if layer.indexer else 0)
            + row_bytes(
                widest if transposed and not layer.is_latent else layer.values,
                values,
            ),
            bool(layer.window),
        )
        for layer in found
    }
    kept = layers.kv_layers(architecture)
    return empty | {index: of_kind[layer] for index, layer in kept.items()}


def _indexer_bytes(architecture: Architecture, workload: Workload, layer: layers.KvLayer) -> int:
    beside = min(layer.indexer, architecture.indexer_value_length)
    return row_bytes(layer.indexer - beside, workload.kv_type) + row_bytes(
        beside, workload.values_type
    )


def largest_cache(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the largest layer's cache."""
    span, caches = cells(architecture, workload), cell_bytes(architecture, workload).values()
    sizes = (cell * (span.sliding if slides else span.full) for cell, slides in caches)
    return max(sizes, default=0)


def caches_elsewhere(architecture: Architecture, workload: Workload, card: int) -> int:
    """Bytes of caches of other cards, or of RAM, that a card's layers share: a copy for each."""
    if not architecture.shared_kv_layers:
        return 0
    span, caches, owners = cells(architecture, workload), cell_bytes(architecture, workload), {}
    copied = 0
    for index in range(architecture.layers):
        slides = bool(layers.kv_layer(architecture, index).window)
        if index in caches:
            owners[slides] = index
        elif card == card_of(index, architecture, workload) and slides in owners:
            cell, _ = caches[owners[slides]]
            is_here = card == card_of(owners[slides], architecture, workload)
            copied += 0 if is_here else cell * (span.sliding if slides else span.full)
    return copied


def state_bytes(architecture: Architecture) -> int:
    """Bytes of one recurrent layer's state for one slot, as 32-bit floats.

    ``llama_memory_recurrent``: R and S are always F32.
    """
    elements = layers.convolution_elements(architecture) + layers.state_elements(architecture)
    if layers.has_missing_state(architecture):
        # A linear-attention state of the model's width, heads of 128: an upper bound.
        elements = 2 * architecture.embedding_length * (128 + 3)
    return 4 * elements


def places(architecture: Architecture, variant: Variant, workload: Workload) -> Places:
    """Where everything lies that grows with neither context nor slots."""
    return _places(
        architecture,
        variant,
        workload.gpus,
        workload.gpu_layers,
        workload.kv_type,
        workload.values_type,
        workload.flash_attention,
        expert_layers(architecture, workload),
    )


def expert_layers(architecture: Architecture, workload: Workload) -> int:
    """Layers, from the first on, whose experts are left in RAM."""
    if not workload.experts_on_host or not workload.gpus:
        return 0
    told = workload.expert_layers
    return architecture.layers if told is None else min(told, architecture.layers)


@lru_cache(maxsize=512)
def _places(
    architecture: Architecture,
    variant: Variant,
    gpus: int,
    gpu_layers: int | None,
    kv_type: KvType,
    v_type: KvType,
    flash_attention: bool,
    expert_layers: int,
) -> Places:
    workload = Workload(
        256,
        kv_type=kv_type,
        v_type=v_type,
        gpus=gpus,
        flash_attention=flash_attention,
        gpu_layers=gpu_layers,
    )
    part = weights.split(architecture, variant)
    moved = part.experts[:expert_layers]
    stays = [block - each for block, each in zip_longest(part.blocks, moved, fillvalue=0.0)]
    # The last is RAM, which -1 finds.
    found = [layers_on(card, architecture, workload) for card in (*range(max(1, gpus)), -1)]
    loaded = [sum(stays[own.start : own.stop]) for own in found]
    loaded[-1] = sum(part.blocks[: found[-1].stop]) + sum(moved[found[-1].stop :])
    _place_output(architecture, workload, part, loaded)
    caches, state = cell_bytes(architecture, workload), state_bytes(architecture)
    *cards, host = (
        Place(
            size,
            *_cells(caches, own),
            state * sum(architecture.recurrent_layers[own.start : own.stop]),
        )
        for size, own in zip(loaded, found, strict=True)
    )
    return Places(host, tuple(cards))


def _cells(caches: dict[int, tuple[int, bool]], own: range) -> tuple[int, int]:
    """Bytes of a cell of some layers together: of those that do not slide, and of those that do."""
    found = [caches[index] for index in own if index in caches]
    sliding = sum(cell for cell, slides in found if slides)
    return sum(cell for cell, _ in found) - sliding, sliding


def _place_output(
    architecture: Architecture, workload: Workload, part: weights.Weights, loaded: list[float]
) -> None:
    """Embeddings that serve as an output, too, lie on its card once more."""
    tied = part.tied if has_output(architecture, workload) else 0.0
    loaded[output_card(architecture, workload)] += part.output + tied
    loaded[-1 if workload.gpus else 0] += part.embeddings
