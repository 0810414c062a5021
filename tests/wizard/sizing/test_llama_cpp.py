"""Buffers under llama.cpp, worked out by hand from its sources."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.sizing import shapes
from wizard.registry.values import Architecture, ModelFile
from wizard.sizing import estimate
from wizard.sizing.values import KvType, Workload

CONTEXT = 8192
ONE_SLOT = Workload(CONTEXT, slots=1)
VARIANT = shapes.gguf(5_000_000_000)


def kv(architecture: Architecture, workload: Workload = ONE_SLOT) -> int:
    return estimate(architecture, VARIANT, workload).kv_cache


def test_it_works() -> None:
    found = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_Q4, Workload(CONTEXT, slots=4))
    assert found.kv_cache == 131072 * CONTEXT * 4
    assert found.largest_gpu == found.total
    assert [part.name for part in found.parts] == ["weights", "kv_cache", "compute", "runtime"]
    assert "32 layers × 8 KV heads × (128 + 128) × 2 bytes × 32,768 cells" in found.parts[1].formula
    assert found.exact


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        (shapes.LLAMA_8B, 32 * 8 * 256 * 2 * CONTEXT),
        (shapes.LLAMA_70B, 80 * 8 * 256 * 2 * CONTEXT),
        (shapes.QWEN3_0_6B, 28 * 8 * 256 * 2 * CONTEXT),
        # 10 layers see everything, 52 a window of 1,024 and a step of 512.
        (shapes.GEMMA3_27B, 16 * 256 * 2 * (10 * CONTEXT + 52 * 1536)),
        # Window 128 + step 512, up to a multiple of 256.
        (shapes.GPT_OSS_20B, 8 * 128 * 2 * (12 * CONTEXT + 12 * 768)),
        # The compressed row only: 512 + 64, and no values.
        (shapes.DEEPSEEK_V3, 61 * 576 * 2 * CONTEXT),
        (shapes.QWEN3_NEXT_80B, 12 * 2 * 512 * 2 * CONTEXT),
        # The last 15 of 35 layers use the cache of others: 4 full and 16 sliding are left.
        (shapes.GEMMA3N_E4B, 2 * 512 * 2 * (4 * CONTEXT + 16 * 1024)),
        (shapes.FALCON_H1_7B, 44 * 2 * 256 * 2 * CONTEXT),
        (shapes.MAMBA_2_8B, 0),
        (shapes.BGE_M3, 0),
    ],
    ids=lambda value: value.name if isinstance(value, Architecture) else "",
)
def test_kv_cache_to_the_byte(architecture: Architecture, expected: int) -> None:
    assert kv(architecture) == expected


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        (shapes.QWEN3_NEXT_80B, 36 * (3 * (4096 + 2 * 16 * 128) + 128 * 4096) * 4),
        (shapes.FALCON_H1_7B, 44 * (3 * (3072 + 2 * 256) + 256 * 3072) * 4),
        (shapes.MAMBA_2_8B, 64 * (3 * 5120 + 16 * 5120) * 4),
        (shapes.LLAMA_8B, 0),
    ],
    ids=lambda value: value.name if isinstance(value, Architecture) else "",
)
def test_recurrent_state_to_the_byte(architecture: Architecture, expected: int) -> None:
    for slots in (1, 3):
        found = estimate(architecture, VARIANT, Workload(CONTEXT, slots=slots))
        assert found.recurrent_state == expected * slots


def test_quantised_cache() -> None:
    assert kv(shapes.LLAMA_8B, replace(ONE_SLOT, kv_type=KvType.Q8_0)) == 32 * 2176 * CONTEXT
    assert kv(shapes.LLAMA_8B, replace(ONE_SLOT, kv_type=KvType.Q4_0)) == 32 * 1152 * CONTEXT


def test_context_is_rounded_up_for_each_slot() -> None:
    assert kv(shapes.LLAMA_8B, Workload(1000, slots=3)) == 131072 * 1024 * 3
    unified = Workload(3000, slots=3, unified_kv=True)
    assert kv(shapes.LLAMA_8B, unified) == 131072 * 3072


def test_slots_that_share_a_cache_share_a_step() -> None:
    own = Workload(CONTEXT, slots=4)
    shared = replace(own, context_length=4 * CONTEXT, unified_kv=True)
    layer = 16 * 256 * 2
    assert kv(shapes.GEMMA3_27B, own) == layer * (10 * 4 * CONTEXT + 52 * 4 * 1536)
    assert kv(shapes.GEMMA3_27B, shared) == layer * (10 * 4 * CONTEXT + 52 * 4608)


def test_window_is_never_longer_than_the_context() -> None:
    assert kv(shapes.GEMMA3_27B, Workload(512, slots=1)) == 62 * 16 * 256 * 2 * 512


def test_windows_may_keep_as_much_as_the_others() -> None:
    shared = Workload(4 * CONTEXT, slots=4, unified_kv=True, swa_full=True)
    assert kv(shapes.GEMMA3_27B, shared) == 16 * 256 * 2 * 62 * 4 * CONTEXT
    own = Workload(CONTEXT, slots=4, swa_full=True)
    assert kv(shapes.GEMMA3_27B, own) == kv(shapes.GEMMA3_27B, shared)


def test_sliding_layers_with_heads_of_another_size() -> None:
    other = replace(shapes.GEMMA3_27B, key_length_swa=64, value_length_swa=32)
    full, sliding = 16 * 256 * 2 * 10 * CONTEXT, 16 * 96 * 2 * 52 * 1536
    assert kv(other) == full + sliding


def test_sparse_attention_keeps_an_indexer() -> None:
    sparse = replace(shapes.DEEPSEEK_V3, name="deepseek32", indexer_length=128)
    assert kv(sparse) == 61 * (576 + 128) * 2 * CONTEXT
    formula = estimate(sparse, VARIANT, ONE_SLOT).parts[1].formula
    assert "576 compressed elements and 128 of the indexer" in formula


def test_layers_without_heads_keep_nothing() -> None:
    some = replace(shapes.LLAMA_8B, kv_heads=(8, 0) * 16)
    assert kv(some) == 16 * 8 * 256 * 2 * CONTEXT


def test_without_flash_attention_values_are_as_wide_as_the_widest() -> None:
    mixed = replace(shapes.LLAMA_8B, kv_heads=(8, 4) * 16)
    plain = replace(ONE_SLOT, flash_attention=False)
    assert kv(mixed) == 16 * 256 * 2 * CONTEXT * (8 + 4)
    assert kv(mixed, plain) == 16 * 128 * 2 * CONTEXT * (8 + 4 + 8 + 8)
    compute = estimate(mixed, VARIANT, plain).compute
    assert compute > estimate(mixed, VARIANT, ONE_SLOT).compute


def test_embeddings_stay_on_the_host_unless_tied() -> None:
    tokenizer = 151936 * (8 + 7 + 4 + 8 + 7 + 1)
    embeddings = int(151936 * 1024 * 8.5 / 8)
    variant = shapes.gguf(640_000_000, "Q8_0")
    tied = estimate(shapes.QWEN3_0_6B, variant, ONE_SLOT)
    untied = estimate(replace(shapes.QWEN3_0_6B, tied_embeddings=False), variant, ONE_SLOT)
    # What ``llama-quantize`` makes of its tensors.
    assert tied.weights == pytest.approx(633_495_552, rel=0.0005)
    assert abs(untied.weights - (640_000_000 - tokenizer - embeddings)) < 100
    assert tied.host == untied.host


def test_prediction_blocks_are_not_loaded() -> None:
    more = replace(shapes.LLAMA_8B, nextn_layers=1)
    found, plain = (estimate(a, VARIANT, ONE_SLOT) for a in (more, shapes.LLAMA_8B))
    assert found.weights < plain.weights
    assert "prediction blocks" in found.parts[0].formula


def test_projector_lies_on_the_first_card() -> None:
    variant = replace(VARIANT, projector=ModelFile("mmproj.gguf", 800_000_000))
    found, plain = (estimate(shapes.LLAMA_8B, each, ONE_SLOT) for each in (variant, VARIANT))
    assert found.projector == 800_000_000
    image = found.compute - plain.compute
    assert found.total - plain.total == 800_000_000 + image
    assert "for an image, on one" in next(p.formula for p in found.parts if p.name == "compute")


def test_layers_are_split_over_cards() -> None:
    one, two = (
        estimate(shapes.LLAMA_70B, VARIANT, replace(ONE_SLOT, gpus=gpus)) for gpus in (1, 2)
    )
    assert two.kv_cache == one.kv_cache
    assert abs(two.weights - one.weights) <= 2
    assert one.total / 2 < two.largest_gpu < one.largest_gpu
    assert two.runtime == 2 * one.runtime


def test_cpu_only_lies_in_ram() -> None:
    cpu = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_Q4, replace(ONE_SLOT, gpus=0))
    card = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_Q4, ONE_SLOT)
    assert cpu.largest_gpu == cpu.host_weights == cpu.host_compute == 0
    assert cpu.host > card.host
    assert cpu.host >= cpu.weights + cpu.kv_cache


def test_checkpoints_of_slots_take_ram() -> None:
    short = estimate(shapes.QWEN3_NEXT_80B, VARIANT, Workload(8191, slots=2))
    long = estimate(shapes.QWEN3_NEXT_80B, VARIANT, Workload(65536, slots=2))
    beside = long.host_compute - short.host_compute
    assert long.host - short.host - beside == (9 - 1) * short.recurrent_state


def test_unknown_state_is_counted_generously() -> None:
    unknown = replace(
        shapes.QWEN3_NEXT_80B,
        ssm_conv_kernel=0,
        ssm_inner_size=0,
        ssm_state_size=0,
        ssm_group_count=0,
        exact=False,
    )
    found = estimate(unknown, VARIANT, ONE_SLOT)
    known = estimate(shapes.QWEN3_NEXT_80B, VARIANT, ONE_SLOT)
    assert found.recurrent_state >= known.recurrent_state * 0.9
    assert not found.exact


@pytest.mark.parametrize("gpus", [0, 1])
def test_several_layers_that_see_and_feed_nothing_forward(gpus: int) -> None:
    """A header may tell no such width, and is a stranger's."""
    blind = replace(shapes.LLAMA_8B, deepstack_layers=3, feed_forward_length=0)
    found = estimate(blind, VARIANT, replace(ONE_SLOT, gpus=gpus))
    seeing = estimate(replace(blind, feed_forward_length=14336), VARIANT, ONE_SLOT)
    assert 0 < found.compute <= seeing.compute


def test_disk_holds_the_download_and_more() -> None:
    rounded = replace(shapes.LLAMA_8B_Q4, size_is_exact=False)
    exact = estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_Q4, ONE_SLOT).disk
    assert exact > shapes.LLAMA_8B_Q4.download_bytes
    assert estimate(shapes.LLAMA_8B, rounded, ONE_SLOT).disk > exact
