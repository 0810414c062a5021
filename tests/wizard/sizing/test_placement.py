"""Which layers lie on which card, and which in RAM."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.sizing import shapes
from wizard.registry.values import TensorSizes
from wizard.sizing import compute, estimate, placement, weights
from wizard.sizing.buffers import buffers
from wizard.sizing.values import MemoryEstimate, Workload

WORKLOAD = Workload(8192, slots=1)
LAYERS = shapes.LLAMA_8B.layers


def _found(gpu_layers: int | None, gpus: int = 1) -> MemoryEstimate:
    workload = replace(WORKLOAD, gpu_layers=gpu_layers, gpus=gpus)
    return estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_Q4, workload)


def test_it_works() -> None:
    workload = replace(WORKLOAD, gpus=2, gpu_layers=17)
    cards = [placement.card_of(index, shapes.LLAMA_8B, workload) for index in range(LAYERS + 1)]
    # 16 layers and the output, of which the first card takes half, rounded up.
    assert cards == [-1] * 16 + [0] * 9 + [1] * 8


def test_the_output_comes_first() -> None:
    none, output, one = (_found(count) for count in (0, 1, 2))
    assert none.weights == none.kv_cache == output.kv_cache == 0
    assert output.weights > 0
    assert one.kv_cache == 2 * 8 * 128 * 2 * 8192


@pytest.mark.parametrize(
    ("count", "filled"),
    [(1, [1, 0, 0, 0, 0]), (2, [1, 0, 1, 0, 0]), (3, [1, 1, 0, 1, 0]), (5, [1, 1, 1, 1, 1])],
)
def test_fewer_layers_than_cards_leave_cards_empty(count: int, filled: list[int]) -> None:
    """The output comes last of those on cards, and not always to the last card."""
    workload = replace(WORKLOAD, gpus=5, gpu_layers=count)
    found = placement.places(shapes.LLAMA_8B, shapes.LLAMA_8B_Q4, workload).cards
    used = [compute.card_bytes(shapes.LLAMA_8B, workload, card) for card in range(5)]
    assert [place.weights > 0 for place in found] == filled
    # The first card computes for layers in RAM; the output alone takes little more than logits.
    assert [size > 0 for size in used] == filled
    assert used[placement.output_card(shapes.LLAMA_8B, workload)] >= 4 * 128_256


def test_more_layers_than_there_are_is_all() -> None:
    assert _found(LAYERS + 1) == _found(None) == _found(1000)
    assert _found(LAYERS) != _found(None)


@pytest.mark.parametrize("count", [0, 1, 7, LAYERS, None])
def test_experts_of_the_first_layers(count: int | None) -> None:
    model = replace(shapes.LLAMA_8B, experts=8, experts_used=2)
    workload = replace(WORKLOAD, experts_on_host=True, expert_layers=count)
    found = placement.places(model, shapes.LLAMA_8B_Q4, workload)
    whole = placement.places(model, shapes.LLAMA_8B_Q4, replace(workload, expert_layers=0))
    moved = whole.cards[0].weights - found.cards[0].weights
    assert found.host.weights - whole.host.weights == pytest.approx(moved, abs=4)
    part = weights.split(model, shapes.LLAMA_8B_Q4)
    assert moved == pytest.approx(sum(part.experts[:count]), abs=4)
    assert (moved == 0) == (count == 0)


@pytest.mark.parametrize("count", [0, 1, 5, 20, LAYERS])
@pytest.mark.parametrize("gpus", [1, 2])
def test_nothing_is_lost(count: int, gpus: int) -> None:
    whole, found = _found(None, gpus), _found(count, gpus)
    assert found.kv_cache + found.host_kv_cache == whole.kv_cache
    both = found.weights + found.host_weights
    assert both == pytest.approx(whole.weights + whole.host_weights, abs=4)


def test_layers_for_prediction_count_for_the_cards_only() -> None:
    predicting = replace(shapes.LLAMA_8B, nextn_layers=1)
    workload = replace(WORKLOAD, gpu_layers=2)
    assert placement.card_of(LAYERS - 1, predicting, workload) == -1
    assert placement.has_output(predicting, workload)


def test_weights_lie_where_a_file_counts_them() -> None:
    """HRM-Text's high stack is blocks 2 and 3 of a file, and runs as layers 4 and 5."""
    model = replace(shapes.LLAMA_8B, layers=8, weight_layers=(0, 1, 0, 1, 2, 3, 2, 3))
    sizes = TensorSizes(0, 0, 0, blocks=(1000,) * 4 + (0,) * 4)
    variant = replace(shapes.gguf(4000), tensors=sizes)
    found = placement.places(model, variant, replace(WORKLOAD, gpu_layers=7))
    assert (found.host.weights, found.cards[0].weights) == (2000, 2000)


def test_states_stay_with_their_layers() -> None:
    workload = Workload(8192, slots=2, gpu_layers=1 + 4)
    found = estimate(shapes.QWEN3_NEXT_80B, shapes.gguf(48_000_000_000), workload)
    whole = estimate(
        shapes.QWEN3_NEXT_80B, shapes.gguf(48_000_000_000), replace(workload, gpu_layers=None)
    )
    assert found.recurrent_state * 12 == whole.recurrent_state
    assert found.host_state == 11 * found.recurrent_state


def test_buffers_tell_what_lies_in_ram() -> None:
    found = _found(9)
    split = buffers(found, on_gpu=True)
    assert split.kv_cache_host == found.host_kv_cache > 0
    assert split.total_host == (
        split.weights_host + split.compute_host + split.kv_cache_host + split.recurrent_state_host
    )
