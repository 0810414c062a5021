"""Elements that a token takes in attention (``build_attn_mha``), and beside its scores."""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import layers, mixtures, residual, scores
from wizard.sizing.matrices import FUSED_STATES

# A plain feed-forward part runs beside the experts.
_DENSE_BESIDE_EXPERTS = frozenset({"arctic"})
# A bias of each position to each other one is added to the scores.
_POSITION_BIASES = frozenset({"t5", "t5encoder"})
# ``build_attn_mha`` has no fused kernel for them.
NEVER_FUSED = frozenset({"grok"}) | _POSITION_BIASES
# A sparse attention keeps what it chose in each layer until the end: their graphs take a
# tensor of zeros as an input for it (``build_attn`` with ``top_k``).
_CHOOSES = frozenset({"deepseek32", "glm-dsa", "dots3note", "hy_v4"})


def width(architecture: Architecture, span: int, *, fused: bool, cards: int) -> int:
    """Queries, the attention's result and new keys; all scores where it is not fused.

    ``span`` is the cells that one token attends to. Beside scores, as beside a
    cache that is unpacked, lie the holes that the layer before left.
    """
    if not architecture.heads:
        return 0
    written = 0 if fused else architecture.heads * span
    if architecture.name in _POSITION_BIASES:
        written = 3 * architecture.heads * span
    written += _indexer(architecture, span)
    if architecture.kv_lora_rank:
        # Scores lie behind the holes of rows that are put together for them.
        holes = 0 if fused else 3 * architecture.embedding_length
        return written + _latent(architecture) + holes + residual.kept(architecture)
    if fused:
        return written + fused_width(architecture)
    if scores.is_odd(architecture):
        return written + _beside_others(architecture)
    return written + scores.beside(architecture, cards=cards)


def beside_cache(architecture: Architecture) -> int:
    """What lies beside scores, and a layer's result, before a cache that is unpacked behind it."""
    if _is_odd(architecture):
        return _beside_others(architecture)
    asked, width = residual.queries(architecture), architecture.embedding_length
    row = scores.alive(architecture) + mixtures.left(architecture)
    if architecture.name in FUSED_STATES:
        return row + asked
    if architecture.recurrent_layers:
        return row + width + (asked if asked > width else 0)
    return row


def _is_odd(architecture: Architecture) -> bool:
    """Whether the holes are not known so well."""
    shares = architecture.experts and architecture.shared_feed_forward_length
    is_mixed = shares and architecture.recurrent_layers and architecture.name not in FUSED_STATES
    is_odd = is_mixed or architecture.name in _DENSE_BESIDE_EXPERTS
    return bool(is_odd or scores.is_odd(architecture))


def _beside_others(architecture: Architecture) -> int:
    """The same between experts or states, which leave holes of other sizes."""
    new = layers.widest_kv(architecture)
    rows = 2 + 2 * residual.branches(architecture)
    if architecture.deepstack_layers and not architecture.experts:
        # The inputs of several layers are there in both branches, padded and copied.
        rows += architecture.deepstack_layers + 3
    holes = rows * architecture.embedding_length + mixtures.results(architecture)
    return 3 * residual.queries(architecture) + 2 * new + holes + residual.kept(architecture)


def _latent(architecture: Architecture) -> int:
    """MLA: each head's query as it is, absorbed, rotated, and put together."""
    row = architecture.kv_lora_rank + architecture.rope_dimension
    together = architecture.heads * row
    return _pieces(architecture) + together + 4 * architecture.embedding_length


def put_together(architecture: Architecture) -> int:
    """The hole that MLA's queries leave as they are put together; a chosen mask is put into it."""
    return 0 if architecture.indexer_length else _pieces(architecture)


def _pieces(architecture: Architecture) -> int:
    head = architecture.kv_lora_rank + architecture.rope_dimension
    return architecture.heads * (head + architecture.latent_key_length)


def _indexer(architecture: Architecture, span: int) -> int:
    """A sparse attention's indexer: its queries, scores of all cells, and masks made of them.

    MiniMax-M3 scores blocks for each of the indexer's heads, and turns the scores around.
    """
    if not architecture.indexer_length:
        return 0
    asked = architecture.indexer_heads * architecture.indexer_length
    scored = 2 * architecture.indexer_heads if architecture.name == "minimax-m3" else 0
    return asked + (scored + 1) * span


def buckets(architecture: Architecture, span: int) -> int:
    """Elements of a token's position buckets: once in RAM, and for each layer on a card."""
    return span if architecture.name in _POSITION_BIASES else 0


def chosen(architecture: Architecture, span: int, cards: int) -> int:
    """Elements of a token that sparse attention keeps of all layers on a card till the end."""
    if architecture.name not in _CHOOSES:
        return 0
    choosing = sum(1 for layer in layers.kv_layers(architecture).values() if not layer.window)
    return -(-choosing // max(1, cards)) * min(architecture.indexer_top_k, span)


def fused_width(architecture: Architecture) -> int:
    """Attention with one kernel: queries, their result, new keys and values."""
    new = layers.widest_kv(architecture)
    return 2 * residual.queries(architecture) + new + 2 * architecture.embedding_length
