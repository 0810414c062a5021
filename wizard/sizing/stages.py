"""Elements that a token takes at each stage of llama.cpp's graphs.

``ggml-alloc`` reuses memory, so that the widest stage decides. Each function
adds up what is alive then, following the graphs that ``src/llama-graph.cpp``
(``build_ffn``, ``build_moe_ffn``, ``build_attn_mha``) and ``src/models/*.cpp``
build, and the holes before it: freed tensors of the model's width and of the
queries, which what follows does not fit into.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import attention, mixtures, residual
from wizard.sizing.matrices import NOT_GATED

# A scan runs before a feed-forward part of three matrices.
_SCANS_BEFORE = frozenset({"falcon-h1"})


def widest(architecture: Architecture, span: int, *, fused: bool, cards: int) -> int:
    """Elements a token at the widest stage of a step that is not a recurrent layer's."""
    attended = attention.fused_width(architecture)
    if not fused or _always_wide(architecture):
        attended = attention.width(architecture, span, fused=fused, cards=cards)
    several = architecture.deepstack_layers
    inputs = (2 + 4 * (1 + several)) * architecture.embedding_length if several else 0
    stage = max(
        inputs,
        feed_forward(architecture),
        mixtures.experts(architecture, cards=cards),
        mixtures.shared(architecture) if cards else 0,
        attended,
    )
    return stage + attention.chosen(architecture, span, cards)


def _always_wide(architecture: Architecture) -> bool:
    return bool(architecture.kv_lora_rank or architecture.indexer_length)


def feed_forward(architecture: Architecture) -> int:
    """The dense part: gate, up and their product; up alone where nothing gates it."""
    copies = 1 if architecture.name in NOT_GATED else 3
    wide = copies * architecture.feed_forward_length
    has_dense = architecture.dense_layers or architecture.mixture_step > 1
    if architecture.experts and not has_dense:
        wide = copies * architecture.shared_feed_forward_length
    return wide + residual.around(architecture) + _scanned(architecture)


def _scanned(architecture: Architecture) -> int:
    """The holes of Falcon-H1's scan, where a feed-forward matrix is too wide for them."""
    if architecture.name not in _SCANS_BEFORE:
        return 0
    inner, groups = architecture.ssm_inner_size, architecture.ssm_group_count
    convolved = inner + 2 * groups * architecture.ssm_state_size
    hole = inner + 2 * convolved + 2 * architecture.embedding_length
    return hole if architecture.feed_forward_length > hole - architecture.embedding_length else 0
