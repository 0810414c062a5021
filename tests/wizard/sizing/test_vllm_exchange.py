"""What cards keep for each other, by hand from vLLM's and FlashInfer's sources."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.sizing import shapes
from wizard.sizing import vllm_exchange
from wizard.sizing.values import CudaCard, EngineFamily, Workload

MIB = 1 << 20
HOPPER, BLACKWELL, ULTRA = CudaCard(132, (9, 0)), CudaCard(148, (10, 0)), CudaCard(160, (10, 3))
LINKED = Workload(8192, family=EngineFamily.VLLM, batched_tokens=8192, card=HOPPER)
# What NCCL takes of three and more, and of a pair.
MANY, PAIR = 2048, 1536


def _inside(workload: Workload) -> float:
    """MiB for Llama 3.1 8B, whose rows are 4,096 wide."""
    return vllm_exchange.inside(shapes.LLAMA_8B, workload) / MIB


def test_it_works() -> None:
    """64 MiB of sums at once on a pair of H100: four buffers for what two cards send."""
    assert _inside(replace(LINKED, gpus=2)) == PAIR + 4 * 2 * 64


def test_one_card_tells_nobody() -> None:
    assert _inside(LINKED) == vllm_exchange.outside(LINKED) == 0


@pytest.mark.parametrize(
    ("card", "gpus", "fused"),
    [
        (HOPPER, 4, 4 * 4 * 2),
        (HOPPER, 8, 4 * 8 * 0.5),
        (BLACKWELL, 4, 4 * 4 * 32),
        (BLACKWELL, 8, 4 * 8 * 1),
        (ULTRA, 4, 4 * 4 * 64),
        (HOPPER, 3, 0),
        (CudaCard(188, (12, 0)), 4, 0),
    ],
)
def test_sums_are_normed_at_once_up_to_a_size(card: CudaCard, gpus: int, fused: float) -> None:
    assert _inside(replace(LINKED, gpus=gpus, card=card)) == MANY + fused


def test_no_more_tokens_than_a_step_has() -> None:
    """A narrow model's step is less than 64 MiB."""
    narrow = replace(shapes.LLAMA_8B, embedding_length=1024)
    found = vllm_exchange.inside(narrow, replace(LINKED, gpus=2)) / MIB
    assert found == PAIR + 4 * 2 * 8192 * 2 * 1024 / MIB


def test_cards_that_are_not_linked_keep_less() -> None:
    small = replace(LINKED, gpus=2, batched_tokens=2048, card=CudaCard(128, (8, 9)))
    assert _inside(small) == 512
    assert vllm_exchange.outside(small) == 320 * MIB


def test_a_stage_takes_in_a_step_and_its_residual() -> None:
    """Nothing is sent before the pool is made: two tensors of 8,192 rows of 8 KiB."""
    assert _inside(replace(LINKED, nodes=2)) == 2 * 8192 * 8192 / MIB
