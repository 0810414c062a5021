"""What layers that are left in RAM take of the first card, and of RAM beside their weights.

A long prompt is computed on the card all the same: one matrix after the other is copied to
it, and each layer's cache (``op_offload``, ``ggml_backend_sched_split_graph``). Only where a
layer with a state follows, attention stays in RAM: what fetches its state comes before the
matrix behind attention in the graph, and a card is handed on up to there (pass 2).
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import (
    attention,
    hosted,
    kernels,
    layers,
    matrices,
    placement,
    residual,
)
from wizard.sizing.cells import cells, row_bytes
from wizard.sizing.recurrence import MAMBA_2
from wizard.sizing.scores import PLAIN_QUERIES
from wizard.sizing.step_inputs import scored_cells, token_count, unpacked
from wizard.sizing.values import Workload

_FLOAT = 4
# A feed-forward part follows attention, without a norm or attention's own matrix between them.
_FORWARD_BEHIND = frozenset({"cohere2", "command-r", "gptneox"})
# Rows of the width beside a feed-forward part of a layer in RAM, and holes as wide.
_BESIDE_FORWARD = 6


def attends_in_ram(architecture: Architecture, workload: Workload) -> bool:
    """Whether any attention runs in RAM, since a state there is fetched behind it."""
    first = placement.first_on_card(architecture, workload)
    return any(behind < first for behind in kernels.fetched_behind(architecture).values())


def attends_on_card(architecture: Architecture, workload: Workload) -> bool:
    """Whether any attention runs on the card."""
    first = placement.first_on_card(architecture, workload)
    behind, found = kernels.fetched_behind(architecture), layers.kv_layers(architecture)
    return not behind or any(behind.get(index, first) >= first for index in found)


def card_bytes(
    architecture: Architecture, workload: Workload, *, total: int, own: int, stage: int, matrix: int
) -> int:
    """Bytes of the first card's compute buffer.

    ``total`` is what layers on the card take, ``own`` their inputs and ``stage`` the widest
    stage without scores; ``matrix`` is the largest matrix in RAM.
    """
    visited = _with_matrix(architecture, workload, stage, matrix)
    beside = own + visited + _layers_embeddings(architecture, workload)
    in_ram = attends_in_ram(architecture, workload)
    is_fused = in_ram and kernels.is_fused(architecture, workload)
    if is_fused and attends_on_card(architecture, workload) and total - own > visited:
        # Masks first come with the last matrix from RAM: what is larger lies behind them.
        total += visited
    visiting = 0 if in_ram else _visiting(architecture, workload)
    return max(
        total + placement.caches_elsewhere(architecture, workload, 0),
        beside + _latent_copies(architecture, workload),
        own + visiting,
        own + matrix + _where_a_cache_was(architecture, workload),
    )


def _with_matrix(architecture: Architecture, workload: Workload, stage: int, matrix: int) -> int:
    """Bytes of the widest stage of a layer in RAM, with the matrix that it is multiplied by."""
    each = _FLOAT * token_count(architecture, workload)
    if architecture.name in MAMBA_2 and not architecture.experts:
        # A scan needs none: into it goes what one matrix makes, as into gate and up.
        wide = max(_projected(architecture), 2 * architecture.feed_forward_length)
        row = _BESIDE_FORWARD * architecture.embedding_length + wide
        states = 2 * _FLOAT * workload.slots * layers.state_elements(architecture)
        return max(stage, matrix + each * row + states)
    return stage + matrix


def _projected(architecture: Architecture) -> int:
    """Elements that go into a scan of Mamba-2, with its gate."""
    groups = architecture.ssm_group_count * architecture.ssm_state_size
    return 2 * (architecture.ssm_inner_size + groups) + architecture.ssm_time_step_rank


def host_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of RAM that layers left there work with: states, and keys and values to be stored."""
    tokens = token_count(architecture, workload)
    size = _states_in_ram(architecture, tokens, workload.slots)
    size += _FLOAT * tokens * _stored_from_one(architecture)
    return size + _attention_in_ram(architecture, workload)


def _attention_in_ram(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the scores of a layer that attends there, with its queries and their result."""
    if not attends_in_ram(architecture, workload):
        return 0
    fused = kernels.is_fused(architecture, workload)
    row = 0 if fused else architecture.heads * scored_cells(architecture, workload)
    row += architecture.heads * (architecture.key_length + architecture.value_length)
    return _FLOAT * token_count(architecture, workload) * row


def last_attention(architecture: Architecture, workload: Workload) -> int:
    """Bytes of RAM that the last layer attends with where no layer lies on a card.

    Its feed-forward part is for a few tokens, and so computed there. Attention right before
    it stays between that and the cache; what it reads, and the part's input, come from the card.
    """
    is_between = architecture.name in _FORWARD_BEHIND and not workload.embeds
    if not is_between or placement.first_on_card(architecture, workload) < architecture.layers:
        return 0
    layer = layers.kv_layer(architecture, architecture.layers - 1)
    is_one = architecture.name in matrices.FUSED_QUERIES
    # Values that are a part of one result span it.
    values = residual.projected(architecture) if is_one else layer.values
    row = 2 * residual.queries(architecture) + layer.keys + values + architecture.embedding_length
    if not kernels.is_fused(architecture, workload):
        row += architecture.heads * scored_cells(architecture, workload)
    return _FLOAT * token_count(architecture, workload) * row


def _visiting(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the attention of a layer whose cache lies in RAM: all of it is copied."""
    fused = kernels.is_fused(architecture, workload)
    span = scored_cells(architecture, workload)
    row = attention.width(architecture, span, fused=fused, cards=workload.gpus)
    row += 2 * architecture.embedding_length + residual.projected(architecture)
    beside = _FLOAT * token_count(architecture, workload) * row
    cache = placement.largest_cache(architecture, workload)
    return cache + beside + unpacked(architecture, workload)


def _where_a_cache_was(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a layer's cache that came from RAM, and left holes too small for experts."""
    if not architecture.experts:
        return 0
    beside = 4 * _FLOAT * token_count(architecture, workload) * architecture.embedding_length
    return placement.largest_cache(architecture, workload) + beside


def _layers_embeddings(architecture: Architecture, workload: Workload) -> int:
    """Bytes of the layers' own embeddings, looked up and projected, among the matrices."""
    if architecture.name not in residual.SCALED_STREAMS:
        return 0
    row = 2 * matrices.looked_up_by_layers(architecture)
    return _FLOAT * token_count(architecture, workload) * row


def _latent_copies(architecture: Architecture, workload: Workload) -> int:
    """Bytes of MLA's rows and of the values in them, copied apart."""
    if not architecture.kv_lora_rank:
        return 0
    row = 2 * architecture.kv_lora_rank + architecture.rope_dimension
    return row_bytes(row, workload.kv_type) * cells(architecture, workload).full


def _states_in_ram(architecture: Architecture, tokens: int, slots: int) -> int:
    """Bytes that a recurrent layer left in RAM works with there: its states, or all of a scan."""
    if not layers.recurrent_layers(architecture):
        return 0
    scan = hosted.scan(architecture, tokens, slots)
    if scan is None:
        return slots * placement.state_bytes(architecture)
    convolved = 2 * architecture.ssm_group_count * architecture.ssm_state_size
    convolved += architecture.ssm_inner_size
    return scan.reads + scan.gives + 2 * _FLOAT * tokens * convolved


def _stored_from_one(architecture: Architecture) -> int:
    """Elements of a token that come to a cache in RAM with what they were projected with.

    Keys and values are parts of one matrix's result, which is copied for each of them
    unless positions are turned into the keys, and so into a place of their own.
    """
    if architecture.name not in matrices.FUSED_QUERIES:
        return 0
    turns = architecture.name not in PLAIN_QUERIES
    once = 0 if turns else 2 * residual.projected(architecture)
    return once + architecture.embedding_length
