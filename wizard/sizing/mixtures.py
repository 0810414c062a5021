"""Elements that a token takes in a mixture of experts (``build_moe_ffn``)."""

from __future__ import annotations

from wizard.registry.layer_patterns import ONE_SHARED_EXPERT
from wizard.registry.values import Architecture
from wizard.sizing import residual
from wizard.sizing.matrices import FUSED_STATES, NOT_GATED

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


def experts(architecture: Architecture, *, cards: int) -> int:
    """The experts that a token uses, their outputs, and the router's scores.

    Outputs go into the holes that gate and up leave where they are small enough.
    """
    used = architecture.experts_used
    if not architecture.experts or not used:
        return 0
    row = _mixture(architecture, cards=cards) + 4 * architecture.experts
    return row + residual.around(architecture)


def is_reduced(architecture: Architecture) -> bool:
    """Whether CUDA weighs and adds experts' results in one kernel."""
    return 2 <= architecture.experts_used <= _MOST_REDUCED


def is_grouped(architecture: Architecture) -> bool:
    """Whether CUDA runs a shared expert as wide as the others right behind: it has no gate."""
    is_gated = architecture.name in FUSED_STATES
    is_alike = architecture.shared_feed_forward_length == _each(architecture)
    return is_alike and not is_gated and architecture.name not in NOT_GATED


def _mixture(architecture: Architecture, *, cards: int) -> int:
    """Gate, up, their product and the outputs, as best fit places them.

    CUDA weighs and adds the outputs in one kernel, which keeps them until both are
    done (``ggml_cuda_match_moe_weighted_reduction``): they lie there twice, and
    their sum beside.
    """
    used, each = architecture.experts_used, _each(architecture)
    inner, outputs = used * each, results(architecture)
    copies = 1 if architecture.name in NOT_GATED else 3 + (architecture.name in _SITU)
    twice = cards > 0 and is_reduced(architecture)
    # In the others' hole.
    taken = (copies - 1) * each if cards and is_grouped(architecture) else 0
    total = architecture.embedding_length if twice else 0
    if outputs <= (copies - 1) * inner - taken:
        return max(copies * inner, 2 * outputs + total if twice else 0)
    fits_later = outputs <= copies * inner - taken and not _is_broken(architecture, cards)
    return copies * inner + outputs * (2 if twice and not fits_later else 1) + total


def left(architecture: Architecture) -> int:
    """The hole of experts' results, before their sum, that an unpacked cache does not fit into.

    The sum lies behind them where a shared expert runs there, and where it fits best into
    what gate and up left.
    """
    put_out, width, each = results(architecture), architecture.embedding_length, _each(architecture)
    if runs_behind(architecture):
        return 2 * put_out + width
    inner = architecture.experts_used * each
    rest = inner * (1 if architecture.name in NOT_GATED else 3) - put_out
    if not 0 <= rest < inner:
        return 0
    fits_best = width <= rest < residual.queries(architecture)
    return put_out if fits_best or architecture.name in FUSED_STATES else 0


def runs_behind(architecture: Architecture) -> bool:
    """Whether a shared expert runs behind the others: one as wide is run among them."""
    is_as_wide = architecture.shared_feed_forward_length in (0, _each(architecture))
    return not is_as_wide and architecture.name not in ONE_SHARED_EXPERT


def _each(architecture: Architecture) -> int:
    return architecture.expert_feed_forward_length or architecture.feed_forward_length


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
