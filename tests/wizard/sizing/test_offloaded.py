"""Layers that are left in RAM: what they take of the card, and of RAM."""

from __future__ import annotations

from dataclasses import replace

from tests.wizard.sizing import shapes
from wizard.registry.values import Architecture
from wizard.sizing import cells, compute, offloaded
from wizard.sizing.step_tensors import InRam
from wizard.sizing.values import Workload

MIB = 1 << 20
PLAIN = Workload(8192, slots=4, unified_kv=True, flash_attention=False)
# Attention in every fourth layer, states in the others, the last one among them.
HYBRID = replace(
    shapes.QWEN3_NEXT_80B,
    name="lfm2",
    kv_heads=(0, 2, 0, 0) * 12,
    recurrent_layers=(True, False, True, True) * 12,
    experts=0,
    experts_used=0,
    ssm_state_size=0,
    ssm_group_count=0,
)


def _on_card(architecture: Architecture, workload: Workload, matrix: int = 64 * MIB) -> int:
    return compute.card_bytes(architecture, workload, 0, InRam(matrix, "Q8_0"))


def test_it_works() -> None:
    """Qwen2.5 72B in Q8_0 with 37 layers on the card: 441 MiB by llama.cpp's own count."""
    architecture = replace(shapes.LLAMA_70B, name="qwen2", feed_forward_length=29568)
    workload = Workload(4096, slots=4, unified_kv=True, gpu_layers=37)
    found = _on_card(architecture, workload, matrix=8192 * 29568 * 34 // 32)
    assert 0.98 * 441 * MIB <= found <= 1.08 * 441 * MIB


def test_no_more_than_a_matrix_makes_is_kept() -> None:
    whole = _on_card(shapes.LLAMA_8B, Workload(8192, unified_kv=True), matrix=0)
    partly = _on_card(shapes.LLAMA_8B, Workload(8192, unified_kv=True, gpu_layers=16))
    assert partly < whole + 64 * MIB


def test_attention_stays_in_ram_where_a_state_is_fetched_behind_it() -> None:
    workload = replace(PLAIN, gpu_layers=1)
    scores = 4 * 512 * HYBRID.heads * cells.cells(HYBRID, workload).full_mask
    assert compute.host_bytes(HYBRID, workload) > scores
    assert _on_card(HYBRID, workload) < scores
    assert not offloaded.attends_on_card(HYBRID, workload)


def test_attention_with_gates_goes_to_the_card() -> None:
    gated = replace(HYBRID, name="qwen35")
    workload = replace(PLAIN, gpu_layers=1)
    scores = 4 * 512 * gated.heads * cells.cells(gated, workload).full_mask
    assert _on_card(gated, workload) > scores > compute.host_bytes(gated, workload)


def test_layers_on_the_card_have_a_copy_each_of_a_cache_in_ram() -> None:
    """Gemma 3n's last fifteen layers share caches: of ten on the card two read the full one."""
    own = Workload(32768, slots=4, unified_kv=True, gpu_layers=10)
    apart = replace(shapes.GEMMA3N_E4B, shared_kv_layers=0)
    copies = _on_card(shapes.GEMMA3N_E4B, own, matrix=0) - _on_card(apart, own, matrix=0)
    # One cache's keys and values, 512 elements each in 16 bits.
    full = 2 * 32768 * 512 * 2
    assert copies >= full
