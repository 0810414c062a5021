"""Elements that a token takes in a mixture of experts (``build_moe_ffn``)."""

from __future__ import annotations

from wizard.registry.layer_patterns import ONE_SHARED_EXPERT
from wizard.registry.values import Architecture
from wizard.sizing import residual
from wizard.sizing.matrices import NOT_GATED

# Gate and up are each turned before they are multiplied (``LLM_FFN_SITU``).
_SITU = frozenset({"kimi-k3"})
# Of those that keep it, with experts: on several cards the attention's result lies among
# what experts leave.
_PARALLEL_MIXTURES = frozenset({"cohere2moe"})
# What a scan leaves is in pieces that gate and up in one do not fit into.
_BROKEN = {"plamo2": 3}
# Experts that CUDA's kernel adds up (``MOE_WEIGHTED_REDUCTION_MAX_EXPERTS``).
_MOST_REDUCED = 15


def results(architecture: Architecture) -> int:
    """What all the experts that a token uses put out."""
    width = architecture.expert_embedding_length or architecture.embedding_length
    return architecture.experts_used * width


def experts(architecture: Architecture, *, cards: int, cast: int) -> int:
    """The experts that a token uses, their outputs, and the router's scores.

    Outputs go into the holes that gate and up leave where they are small enough.
    """
    used = architecture.experts_used
    if not architecture.experts or not used:
        return 0
    return (
        _mixture(architecture, cards=cards, cast=cast)
        + 4 * architecture.experts
        + residual.around(architecture)
    )


def _mixture(architecture: Architecture, *, cards: int, cast: int) -> int:
    """Gate, up, their product and the outputs, as best fit places them.

    CUDA weighs and adds the outputs in one kernel, which keeps them until both are
    done (``ggml_cuda_match_moe_weighted_reduction``): they lie there twice, and
    their sum beside.
    """
    used = architecture.experts_used
    each = architecture.expert_feed_forward_length or architecture.feed_forward_length
    inner, outputs = used * each, results(architecture)
    copies = 1 if architecture.name in NOT_GATED else 3 + (architecture.name in _SITU)
    twice = cards > 0 and 2 <= used <= _MOST_REDUCED
    # CUDA runs a shared expert of the same width right behind, in the others' hole.
    is_grouped = cards > 0 and copies > 1 and architecture.shared_feed_forward_length == each
    taken = (copies - 1) * each if is_grouped else 0
    total = architecture.embedding_length if twice else 0
    if outputs <= (copies - 1) * inner - taken:
        return max(copies * inner, 2 * outputs + total if twice else 0)
    # Gate or up lie where a cache was that had been cast.
    is_broken = _is_broken(architecture, cards)
    is_broken = is_broken or cast > outputs
    fits_later = outputs <= copies * inner - taken and not is_broken
    return copies * inner + outputs * (2 if twice and not fits_later else 1) + total


def _is_broken(architecture: Architecture, cards: int) -> bool:
    """Whether something that is kept lies among what gate and up leave."""
    if architecture.name in _SITU:
        return True
    is_hybrid = architecture.kv_lora_rank and architecture.recurrent_layers
    return cards > 1 and bool(is_hybrid or architecture.name in _PARALLEL_MIXTURES)


def pieces(architecture: Architecture) -> int:
    """Elements of holes that a card has where RAM, which embeddings are looked up in, has none."""
    return _BROKEN.get(architecture.name, 0) * architecture.embedding_length


def shared(architecture: Architecture) -> int:
    """A shared expert, which runs when the others' sum lies behind the hole they left."""
    wide = architecture.shared_feed_forward_length
    if not architecture.experts or not wide or architecture.name in ONE_SHARED_EXPERT:
        return 0
    hole = 2 * results(architecture)
    outside = 3 - min(3, hole // wide)
    return hole + architecture.embedding_length + outside * wide + residual.around(architecture)
