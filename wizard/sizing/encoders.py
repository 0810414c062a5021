"""Elements that a token takes in the graphs of encoders, which have no caches.

``build_attn_inp_no_cache``: norms come last in most, all tokens are outputs, and keys and
values are read where they were made (``src/models/bert.cpp``, ``modern-bert.cpp``,
``neo-bert.cpp``, ``eurobert.cpp``, ``gemma-embedding.cpp``). What is alive beside the widest
stage, in rows of the model's width: the residual, the inputs of the branches for vectors and
for text with vectors, which stay to the end, and the hole of the normed input.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import layers
from wizard.sizing.matrices import FUSED_QUERIES, NOT_GATED

_ENCODERS = frozenset(
    {"bert", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3"}
    | {"modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe"}
)
# Positions and types are added to all branches where they are looked up, which is in RAM:
# a card is handed their sum.
_ADDS_IN_RAM = frozenset({"bert"})
# The input as it is looked up, and as it is scaled.
_SCALES = frozenset({"gemma-embedding"})
# What a layer leaves is its residual and its result, unless it is normed at last.
_NORMS_LAST = frozenset({"bert", "jina-bert-v2", "jina-bert-v3", "nomic-bert", "nomic-bert-moe"})
_BRANCHES = 3
_BESIDE_FORWARD, _BESIDE_SCORES = 5, 3


def applies(architecture: Architecture) -> bool:
    """Whether the model is an encoder of these."""
    return architecture.name in _ENCODERS


def arriving(architecture: Architecture, card: int) -> int:
    """Elements of a token that come to a card: inputs to the first, then what a layer leaves."""
    if not card:
        rows = _BRANCHES - (architecture.name in _ADDS_IN_RAM)
    else:
        rows = 1 if architecture.name in _NORMS_LAST else 2
    return rows * architecture.embedding_length


def widest(architecture: Architecture, span: int, *, fused: bool, card: int | None) -> int:
    """Elements a token at the widest stage: a feed-forward part, or scores of ``span`` tokens.

    With fused attention the feed-forward part always is the wider one. ``card`` is None in
    RAM.
    """
    elsewhere = 0 if card is None else _elsewhere(architecture, card)
    forward = (_BESIDE_FORWARD - elsewhere) * architecture.embedding_length
    forward += max(_feed_forward(architecture), _mixture(architecture))
    if fused:
        return forward
    # A card without the sum keeps one row more here.
    rows = _BESIDE_SCORES - min(2, elsewhere) + (architecture.name in _SCALES)
    scores = rows * architecture.embedding_length + _beside_scores(architecture)
    return max(forward, scores + architecture.heads * span)


def _elsewhere(architecture: Architecture, card: int) -> int:
    """Rows that do not lie on a card: what is looked up, and branches but on the first."""
    if architecture.name in _ADDS_IN_RAM:
        return _BRANCHES
    return 2 if card else 1


def _feed_forward(architecture: Architecture) -> int:
    copies = 1 if architecture.name in NOT_GATED else 3
    return copies * architecture.feed_forward_length


def _mixture(architecture: Architecture) -> int:
    """Each expert's inner row and its output; they are not gated."""
    each = architecture.expert_feed_forward_length or architecture.feed_forward_length
    return architecture.experts_used * (each + architecture.embedding_length)


def _beside_scores(architecture: Architecture) -> int:
    """Queries, keys, and values as they come and turned; all once more as of one matrix."""
    layer = layers.kv_layer(architecture, 0)
    queries = architecture.heads * architecture.key_length
    if architecture.name in FUSED_QUERIES:
        return 2 * (queries + layer.keys + layer.values)
    return queries + layer.keys + 2 * layer.values
