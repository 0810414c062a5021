"""What comes to a card: inputs, what the card before leaves, and what goes to and fro in a layer.

On several cards each copy is there four times, and none is ever freed
(``ggml_backend_sched_split_graph``: an input of a split is an output to the allocator).
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import encoders, hosted, kernels, layers, matrices, placement, residual
from wizard.sizing.hosted import Hosted
from wizard.sizing.layer_orders import NORMS_AFTER
from wizard.sizing.recurrence import RWKV
from wizard.sizing.values import Workload

_FLOAT, _HALF = 4, 2
# A layer's input, which is kept beside it, goes to the first card or to later ones.
_INPUT_TO_FIRST = frozenset({"hrm_text", "k2-horizon"})
_INPUT_TO_LATER = frozenset({"hrm_text", "talkie"})
# Where each slot has its own cache, inputs come once more, in another shape.
_RESHAPED = frozenset({"lfm2", "lfm2moe"})


def arriving(architecture: Architecture, workload: Workload, card: int) -> int:
    """Elements of a token that come to a card: from RAM to the first, else from the one before."""
    if encoders.applies(architecture):
        return encoders.arriving(architecture, card)
    if card:
        # Where norms come last in a layer its residual and its result are one.
        rows = 1 + residual.streams(architecture) - (architecture.name in NORMS_AFTER)
        rows += _states(architecture, rwkv=3, other=4) + (architecture.name in _INPUT_TO_LATER)
        return rows * architecture.embedding_length
    several = residual.branches(architecture) - 1
    rows = 1 + several - architecture.learned_positions
    rows += _states(architecture, rwkv=1, other=2) + (architecture.name in _INPUT_TO_FIRST)
    if not workload.unified_kv:
        rows += architecture.name in _RESHAPED
    return rows * architecture.embedding_length + several * residual.given(architecture)


def _states(architecture: Architecture, *, rwkv: int, other: int) -> int:
    """Rows more of a layer that has a state alone: what it leaves is in several pieces."""
    is_alone = not architecture.heads or architecture.name in matrices.ONE_PART
    if not architecture.recurrent_layers or not is_alone or architecture.experts:
        return 0
    return rwkv if architecture.name in RWKV else other


def elements(architecture: Architecture, workload: Workload, card: int) -> int:
    """Elements of a token that come to a card beside what each layer hands to the next."""
    return _between(architecture, workload, card) + _residuals(architecture, workload, card)


def _residuals(architecture: Architecture, workload: Workload, card: int) -> int:
    """What layers on earlier cards left for those on this one, as it is and normed."""
    if not card or not architecture.residual_block:
        return 0
    here = placement.layers_on(card, architecture, workload)
    before = here.start if here else 0
    return 2 * architecture.embedding_length * residual.residuals(architecture, before)


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
    if not kernels.attends_in_ram(architecture, workload):
        return hosted.hosted(architecture, tokens, workload.slots)
    layer = layers.kv_layer(architecture, 0)
    # Without a cache keys and values come as halves; one in RAM is read where it lies.
    cached = placement.largest_cache(architecture, workload) or (
        _HALF * tokens * (layer.keys + layer.values)
    )
    if placement.first_on_card(architecture, workload) >= architecture.layers:
        cached = 0
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
    here = placement.layers_on(card, architecture, workload)
    return found.gives * sum(1 for index in found.layers if index in here)
