"""Elements of a token beside attention's scores, where these are written (``build_attn_mha``).

Scores are far larger than any hole, and come last: what matters is what is alive, and the
holes that are not at the end of the buffer by then.
"""

from __future__ import annotations

from wizard.registry.layer_patterns import LIGHTNING
from wizard.registry.values import Architecture
from wizard.sizing import layers, mixtures, residual
from wizard.sizing.matrices import FUSED_STATES, GATED_QUERIES

# Queries are read where the one matrix put them, with keys and values: positions are added
# to the scores, or to the input.
PLAIN_QUERIES = frozenset({"bloom", "gpt2", "jais", "mpt", "starcoder"})
# Their layers differ, or norm and turn in another order than most, so that one leaves a
# hole that the next does not fill.
_UNEVEN = frozenset({"baichuan", "deci", "exaone4", "openelm"})
# What a scan leaves is in pieces.
_SCANS = LIGHTNING | {"plamo2"}


def beside(architecture: Architecture, *, cards: int) -> int:
    """Queries, the residual, inputs as they came, and holes of the normed input and of experts."""
    row = alive(architecture)
    if cards > 1 and architecture.recurrent_layers:
        # What comes from the card before lies in between.
        row += 2 * architecture.embedding_length
    if not cards or not architecture.experts:
        return row
    return max(row, _behind_experts(architecture, row))


def beside_experts(architecture: Architecture, *, cards: int) -> int:
    """The same in a mixture of experts on a card; 0 elsewhere."""
    return beside(architecture, cards=cards) if cards and architecture.experts else 0


def is_odd(architecture: Architecture) -> bool:
    """Whether the holes are not known so well."""
    has_inputs = architecture.deepstack_layers or not architecture.causal
    return bool(has_inputs or architecture.name in _SCANS or residual.streams(architecture) > 1)


def alive(architecture: Architecture) -> int:
    """What lies there between layers that leave no hole.

    Queries wider than the model are turned in a place of their own.
    """
    asked, width = residual.queries(architecture), architecture.embedding_length
    row = 4 * width + asked + residual.kept(architecture)
    if architecture.name in FUSED_STATES:
        # With their gates, of which they are divided.
        return row + asked // 2
    if architecture.name in PLAIN_QUERIES:
        return row + layers.widest_kv(architecture)
    is_turned = asked > width and architecture.name not in GATED_QUERIES
    row += width if architecture.name in _UNEVEN else 0
    if architecture.recurrent_layers:
        return max(row, 5 * width + residual.kept(architecture))
    return row + (asked if is_turned else 0)


def _behind_experts(architecture: Architecture, row: int) -> int:
    """With the hole of all experts' results, twice where a shared expert runs behind them."""
    results, width = mixtures.results(architecture), architecture.embedding_length
    if mixtures.runs_behind(architecture):
        return 5 * width + 2 * results + residual.kept(architecture)
    if architecture.recurrent_layers:
        return row + results + width
    return 5 * width + results + residual.kept(architecture)
