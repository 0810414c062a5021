"""What goes from one card to another in the middle of a layer, or comes back from RAM.

On several cards each copy is there four times, and none is ever freed
(``ggml_backend_sched_split_graph``: an input of a split is an output to the allocator).
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import hosted, kernels, layers, placement, residual
from wizard.sizing.hosted import Hosted
from wizard.sizing.values import Workload

_FLOAT, _HALF = 4, 2


def elements(architecture: Architecture, workload: Workload, card: int) -> int:
    """Elements of a token that come to a card beside what each layer hands to the next."""
    return _between(architecture, workload, card) + _residuals(architecture, workload, card)


def _residuals(architecture: Architecture, workload: Workload, card: int) -> int:
    """What layers on earlier cards left for those on this one, as it is and normed."""
    if not card or not architecture.residual_block:
        return 0
    owners = (
        placement.card_of(index, architecture, workload) for index in range(architecture.layers)
    )
    first = next((index for index, owner in enumerate(owners) if owner == card), 0)
    return 2 * architecture.embedding_length * residual.residuals(architecture, first)


def _between(architecture: Architecture, workload: Workload, card: int) -> int:
    """What a looped model's layers send to and fro.

    Where a model loops, a layer's weights lie with the loop's first, and its cache
    where the layer itself belongs: queries, keys and values go there, and the
    attention's result comes back.
    """
    there, back = 0, 0
    for index, owner in enumerate(architecture.weight_layers):
        weights_card = placement.card_of(owner, architecture, workload)
        cache_card = placement.card_of(index, architecture, workload)
        if weights_card == cache_card:
            continue
        there += cache_card == card
        back += weights_card == card
    heads, kv = architecture.heads, max(architecture.kv_heads, default=0)
    sent = (heads + kv) * architecture.key_length + kv * architecture.value_length
    return there * sent + back * heads * architecture.value_length


def hosted_in(architecture: Architecture, workload: Workload, tokens: int) -> Hosted | None:
    """What runs in RAM although everything is on cards: attention, too, without a kernel."""
    is_fused = kernels.is_fused(architecture, workload)
    if not is_fused or kernels.has_kernels(architecture):
        return hosted.hosted(architecture, tokens, workload.slots)
    layer = layers.kv_layer(architecture, 0)
    # Without a cache keys and values come as halves.
    cached = placement.largest_cache(architecture, workload) or (
        _HALF * tokens * (layer.keys + layer.values)
    )
    return Hosted(
        reads=cached + _FLOAT * tokens * architecture.heads * architecture.key_length,
        gives=_FLOAT * tokens * architecture.heads * architecture.value_length,
        layers=tuple(range(architecture.layers)),
    )


def hosted_bytes(architecture: Architecture, workload: Workload, card: int, tokens: int) -> int:
    """Bytes that come back to a card from what its layers compute in RAM, once."""
    found = hosted_in(architecture, workload, tokens)
    if found is None:
        return 0
    cards = (placement.card_of(index, architecture, workload) for index in found.layers)
    return found.gives * sum(1 for each in cards if each == card)
