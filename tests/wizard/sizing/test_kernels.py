"""Whether llama.cpp leaves flash attention on, as it looks itself by default."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.wizard.sizing import shapes
from wizard.registry.values import Architecture
from wizard.sizing import kernels
from wizard.sizing.values import KvType, Workload

WORKLOAD = Workload(8192, slots=4, unified_kv=True)
ODD_HEADS = replace(shapes.LLAMA_8B, key_length=24, value_length=24)
# Attention in the first of two layers, a state in the second.
HYBRID = replace(
    shapes.LLAMA_8B, kv_heads=(8, 0) * 16, recurrent_layers=(False, True) * 16, name="lfm2"
)
SHARED = shapes.GEMMA3N_E4B


def _is_fused(architecture: Architecture, gpu_layers: int | None, **other: Any) -> bool:
    workload = replace(WORKLOAD, gpu_layers=gpu_layers, **other)
    return kernels.is_fused(architecture, workload)


def test_it_works() -> None:
    for model in (shapes.LLAMA_8B, HYBRID, SHARED):
        assert _is_fused(model, None)
        assert not _is_fused(model, None, flash_attention=False)


def test_heads_without_a_kernel_need_no_one_in_ram() -> None:
    assert not _is_fused(ODD_HEADS, None)
    assert not _is_fused(ODD_HEADS, 2)
    # The output alone lies on the card.
    assert _is_fused(ODD_HEADS, 1)


def test_a_state_on_the_card_behind_attention_in_ram() -> None:
    """33 with the output: layer 16 is the first on the card with 17, and recurs with 16."""
    assert _is_fused(HYBRID, 17)
    assert not _is_fused(HYBRID, 16)
    assert _is_fused(replace(HYBRID, name="qwen35"), 16)
    assert _is_fused(replace(HYBRID, experts=8, experts_used=2), 16)


def test_queries_of_layers_that_share_a_cache() -> None:
    """Eight heads of four slots are as many rows as a card takes over."""
    sharing = SHARED.shared_kv_layers
    assert _is_fused(SHARED, sharing + 1)
    assert not _is_fused(SHARED, sharing)
    assert _is_fused(SHARED, sharing, slots=3)


def test_many_slots_are_taken_over_by_the_card() -> None:
    assert _is_fused(shapes.LLAMA_8B, 16, slots=31)
    assert not _is_fused(shapes.LLAMA_8B, 16, slots=32)
    assert _is_fused(shapes.LLAMA_8B, None, slots=32)


@pytest.mark.parametrize("model", [ODD_HEADS, HYBRID, SHARED])
def test_it_stays_on_where_nobody_looks(model: Architecture) -> None:
    assert not _is_fused(model, 12)
    assert _is_fused(model, 12, auto_flash_attention=False)
    assert _is_fused(model, 12, kv_type=KvType.Q8_0)


@pytest.mark.parametrize("predicting", [0, 1])
def test_without_a_layer_on_the_card_flash_attention_stays(predicting: int) -> None:
    assert _is_fused(replace(shapes.LLAMA_8B, nextn_layers=predicting), 0)
