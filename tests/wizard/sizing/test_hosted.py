"""What llama.cpp computes in RAM although a card is at hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.sizing import shapes
from wizard.registry.values import Architecture, TensorSizes
from wizard.sizing import estimate, hosted
from wizard.sizing.values import Workload

MAMBA_2 = replace(
    shapes.MAMBA_2_8B,
    name="mamba2",
    ssm_state_size=128,
    ssm_group_count=1,
    ssm_time_step_rank=80,
)
# States of 64, which CUDA has no scan for.
PLAMO_2 = replace(
    MAMBA_2, name="plamo2", ssm_inner_size=8192, ssm_state_size=64, ssm_time_step_rank=64
)
MISTRAL_4 = replace(
    shapes.DEEPSEEK_V3, name="mistral4", experts_used=4, expert_feed_forward_length=2048
)
VARIANT = shapes.gguf(60_000_000_000)
ONE = Workload(8192, slots=4, unified_kv=True)


def test_it_works() -> None:
    found = hosted.hosted(PLAMO_2, 512, 4)
    states = 4 * 64 * 8192
    assert found is not None
    assert found.gives == 4 * (512 * 8192 + states)
    assert found.reads == 4 * (512 * (8192 + 64 + 2 * 64) + states)
    assert len(found.layers) == PLAMO_2.layers


@pytest.mark.parametrize(
    "architecture",
    [
        shapes.LLAMA_8B,
        shapes.MAMBA_2_8B,
        MAMBA_2,
        shapes.FALCON_H1_7B,
        shapes.QWEN3_NEXT_80B,
        shapes.DEEPSEEK_V3,
    ],
    ids=lambda value: value.name,
)
def test_most_models_run_on_the_card(architecture: Architecture) -> None:
    assert hosted.hosted(architecture, 512, 4) is None


def test_a_first_mamba_wants_states_of_16() -> None:
    other = replace(shapes.MAMBA_2_8B, ssm_state_size=32)
    assert hosted.hosted(other, 512, 1) is not None


def test_what_comes_back_is_kept_four_times_on_each_of_several_cards() -> None:
    known = estimate(MAMBA_2, VARIANT, replace(ONE, gpus=2))
    found = estimate(PLAMO_2, VARIANT, replace(ONE, gpus=2))
    one = hosted.hosted(PLAMO_2, 512, 4)
    assert one is not None
    assert found.compute - known.compute > 4 * PLAMO_2.layers * one.gives
    assert found.host_compute - known.host_compute > 4 * PLAMO_2.layers * one.reads


def test_experts_are_copied_to_ram_for_their_last_product() -> None:
    plain = replace(MISTRAL_4, name="deepseek2")
    found, on_card = (estimate(model, VARIANT, ONE) for model in (MISTRAL_4, plain))
    # The matrix down of a layer that has it with more bits than up and gate.
    each = found.weights / MISTRAL_4.layers * 6.5625 / (2 * 4.5 + (4.5 + 6.5625) / 2)
    assert found.host_compute - on_card.host_compute == pytest.approx(each, rel=0.1)


def test_experts_in_ram_are_not_copied_there() -> None:
    found = estimate(MISTRAL_4, VARIANT, replace(ONE, experts_on_host=True))
    assert found.host_compute < estimate(MISTRAL_4, VARIANT, ONE).host_compute / 2


def test_experts_in_ram_come_to_the_card_one_matrix_at_a_time_or_two() -> None:
    blocks = (3_000,) * shapes.QWEN3_NEXT_80B.layers
    sizes = TensorSizes(0, 0, 0, blocks, blocks, largest_expert=1_000, largest_matrix=1_000)
    plain = replace(shapes.QWEN3_NEXT_80B, name="granitehybrid")
    for architecture, matrices in ((shapes.QWEN3_NEXT_80B, 2), (plain, 1)):
        variant = replace(VARIANT, tensors=sizes)
        moved = estimate(architecture, variant, replace(ONE, experts_on_host=True)).compute
        assert moved - estimate(architecture, variant, ONE).compute == matrices * 1_000


def test_experts_in_ram_come_to_the_first_card_and_steps_do_not_overlap() -> None:
    one, two = (
        estimate(shapes.DEEPSEEK_V3, VARIANT, replace(ONE, gpus=gpus, experts_on_host=True))
        for gpus in (1, 2)
    )
    assert two.host_compute == one.host_compute
    whole = estimate(shapes.DEEPSEEK_V3, VARIANT, ONE).compute
    # One card has each tensor in its place, in holes of the matrix that came before.
    assert 0.9 * whole < two.compute - one.compute < 1.2 * whole
