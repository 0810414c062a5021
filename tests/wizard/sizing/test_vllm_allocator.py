"""What PyTorch's allocator takes beyond a card's matrices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.sizing import shapes
from wizard.sizing import vllm_allocator
from wizard.sizing.values import EngineFamily, Workload

MIB = 1 << 20
WORKLOAD = Workload(8192, slots=1, family=EngineFamily.VLLM)
# Qwen3 4B: 95 MiB into what feeds forward and 47.5 out of it, 30 and 20 of attention, and
# embeddings of 741.875.
QWEN3_4B = replace(
    shapes.LLAMA_8B,
    layers=36,
    embedding_length=2560,
    feed_forward_length=9728,
    kv_heads=(8,) * 36,
    vocab_size=151_936,
    tied_embeddings=True,
)


def test_it_works() -> None:
    """A public load of it takes 7.56 GiB, where its files have 7.49."""
    lost = vllm_allocator.rounding(QWEN3_4B, WORKLOAD, 16)
    assert lost == 36 * (MIB + MIB // 2) + MIB // 8


def test_round_matrices_lose_nothing() -> None:
    assert vllm_allocator.rounding(shapes.LLAMA_8B, WORKLOAD, 16) == 0


@pytest.mark.parametrize(
    ("mib", "lost"),
    # Small ones share a piece of 20 MiB; of larger ones more than 1 MiB is given back.
    [(9.5, 0), (10.5, 0), (11.5, 0.5), (18.5, 0), (20.5, 1.5), (224, 0), (64.75, 1.25)],
)
def test_pieces_of_20_mib_are_not_divided(mib: float, lost: float) -> None:
    assert vllm_allocator._beyond(mib * MIB) == lost * MIB


def test_experts_lie_in_one_matrix() -> None:
    mixture = replace(QWEN3_4B, experts=8, expert_feed_forward_length=1216)
    dense = vllm_allocator.rounding(QWEN3_4B, WORKLOAD, 16)
    assert vllm_allocator.rounding(mixture, WORKLOAD, 16) == dense


def test_packed_weights_are_smaller_matrices() -> None:
    """23.75 MiB, 11.875, 7.5 and 5 of 4 bits each."""
    lost = vllm_allocator.rounding(QWEN3_4B, WORKLOAD, 4.125)
    assert lost == 36 * (MIB // 4 + MIB // 8) + MIB // 8
