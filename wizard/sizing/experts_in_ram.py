"""Experts that are left in RAM: what of them visits the card, and how sure that is."""

from __future__ import annotations

from wizard.registry.values import Architecture, Variant
from wizard.sizing import matrices, placement, step_inputs
from wizard.sizing.values import Workload
from wizard.sizing.weights import Weights
from wizard.sizing.words import size

# Where only some layers attend, a mask or a small result lies where the last matrix of
# experts was, so that the next one does not fit there.
_NIBBLED = frozenset({"qwen3next", "qwen35moe", "kimi-linear"})
# What an estimate may be under by and still be called exact, in bytes and of a card.
_MOST, _SHARE = 512 << 20, 0.02


def visiting(architecture: Architecture, workload: Workload, part: Weights) -> int:
    """Bytes of experts' matrices from RAM on the card at a time: one, as a rule."""
    again = last_matrix(part) if _is_nibbled(architecture, workload) else 0
    return int(part.largest_expert) + again


def last_matrix(part: Weights) -> int:
    """Bytes of one layer's matrix of all experts that their results leave through.

    The largest, unless that is the two before it in one.
    """
    whole = max(part.experts, default=0.0)
    return int(whole - part.largest_expert if part.is_merged else part.largest_expert)


def unsure(
    architecture: Architecture, variant: Variant, workload: Workload, part: Weights, largest: int
) -> str:
    """In words what may be otherwise on a card of ``largest`` bytes, empty if nothing much."""
    if not workload.gpus or not architecture.experts:
        return ""
    on_host = workload.experts_on_host
    if on_host and architecture.kv_lora_rank and _is_nibbled(architecture, workload):
        again = size(last_matrix(part))
        return f"; {again} of it are for a second matrix of experts, which may not be needed"
    is_divided = on_host or not placement.is_whole(architecture, workload)
    may_join = variant.tensors is None and architecture.name in matrices.FUSIBLE_EXPERTS
    more = int(max(part.experts, default=0.0) - 2 * part.largest_expert)
    if not (is_divided and may_join and more > min(_MOST, _SHARE * largest)):
        return ""
    return (
        f"; {size(more)} more where the file has experts' gate and up in one matrix: "
        "a list of its tensors would tell"
    )


def _is_nibbled(architecture: Architecture, workload: Workload) -> bool:
    """Whether a matrix does not fit where the last one was.

    A mask that is smaller than a row of the width lies elsewhere; with MLA, than half of one.
    """
    if architecture.name not in _NIBBLED:
        return False
    row = 4 * step_inputs.token_count(architecture, workload) * architecture.embedding_length
    room = row // 2 if architecture.kv_lora_rank else row
    return step_inputs.masks(architecture, workload) >= room
