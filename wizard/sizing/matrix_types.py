"""Bits of each of a layer's matrices, where they come to a card one by one."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from wizard.registry.values import Architecture
from wizard.sizing import layers, quantiser
from wizard.sizing.matrices import (
    FUSED_QUERIES,
    FUSED_UP,
    first_alike,
    is_mixture,
    with_values,
)
from wizard.sizing.quantiser import Mix


class MatrixBits(NamedTuple):
    """Bits of an element: of queries, keys and values, what follows attention, and beyond.

    ``base`` is that of matrices that the mix has no rule for.
    """

    query: float
    key: float
    value: float
    out: float
    up: float
    down: float
    base: float


@lru_cache(maxsize=512)
def of_layers(architecture: Architecture, name: str) -> tuple[MatrixBits, ...]:
    """Each layer's under a quantisation; of experts where it has them."""
    mix, alike = quantiser.mix(name, architecture.name), first_alike(architecture, name)
    made = {index: _of_layer(architecture, mix, index) for index in set(alike)}
    return tuple(made[index] for index in alike[: architecture.layers])


def _of_layer(architecture: Architecture, mix: Mix, index: int) -> MatrixBits:
    valued = with_values(architecture)
    count, width = architecture.layers + architecture.nextn_layers, architecture.embedding_length
    has_experts = is_mixture(architecture, index)
    base = (mix.experts or mix.base) if has_experts else mix.base
    inner = architecture.expert_feed_forward_length if has_experts else 0
    inner = inner or architecture.feed_forward_length
    kinds = (
        (quantiser.query(mix, index, count), width),
        (quantiser.key(mix, architecture), width),
        (quantiser.value(mix, architecture, sum(valued[:index]), sum(valued)), width),
        (quantiser.out(mix, architecture, index, count), _attended(architecture)),
        (mix.up.at(index, count) if mix.up else base, width),
        (mix.down.at(index, count) if mix.down else base, inner),
        (mix.base, width),
    )
    return MatrixBits(*(quantiser.BITS[quantiser.fitting(kind, row)] for kind, row in kinds))


def _attended(architecture: Architecture) -> int:
    return architecture.heads * architecture.value_length


def largest(architecture: Architecture, name: str, *, is_merged: bool) -> float:
    """Bytes of the largest matrix of any layer, gate and up of experts in one if ``is_merged``."""
    found = of_layers(architecture, name)
    alike = set(first_alike(architecture, name)[: architecture.layers])
    sizes = (_largest(architecture, found[index], index, is_merged) for index in alike)
    return max(sizes, default=0.0)


def _largest(architecture: Architecture, bits: MatrixBits, index: int, is_merged: bool) -> float:
    width, inner = architecture.embedding_length, architecture.feed_forward_length
    if is_mixture(architecture, index):
        own = architecture.expert_feed_forward_length or inner
        row = architecture.experts * own * max(bits.up * (2 if is_merged else 1), bits.down)
    else:
        up = bits.up * (2 if architecture.name in FUSED_UP else 1)
        head = architecture.latent_value_length or architecture.key_length
        asked = architecture.heads * head * bits.query
        if architecture.name in FUSED_QUERIES:
            found = layers.kv_layer(architecture, index)
            asked += (found.keys + found.values) * bits.value
        row = max(inner * max(up, bits.down), asked)
    return width * row / 8
