"""What vLLM decides by looking at the card."""

from __future__ import annotations

import pytest

from wizard.hardware.gpus import bundled
from wizard.hardware.multiprocessors import MULTIPROCESSORS
from wizard.hardware.values import Gpu
from wizard.hardware.workloads import on_gpu
from wizard.sizing.values import CudaCard, EngineFamily, Workload

VLLM = Workload(8192, family=EngineFamily.VLLM)


def _card(model: str) -> Gpu:
    return next(card for card in bundled() if card.model == model)


def test_it_works() -> None:
    found = on_gpu(VLLM, _card("h100"), 4, 2)
    assert (found.gpus, found.nodes) == (4, 2)
    assert (found.batched_tokens, found.pads_experts) == (8192, False)


@pytest.mark.parametrize(
    ("model", "tokens", "pads"),
    [("rtx3090", 2048, True), ("a100", 2048, True), ("h200", 8192, False), ("b200", 16_384, True)],
)
def test_steps_and_kernels_go_by_the_card(model: str, tokens: int, pads: bool) -> None:
    found = on_gpu(VLLM, _card(model), 1)
    assert (found.batched_tokens, found.pads_experts) == (tokens, pads)


@pytest.mark.parametrize(
    ("model", "exports"), [("rtx3090", False), ("rtx4090", False), ("h100", True), ("b200", True)]
)
def test_flashinfer_s_kernel_for_delta_nets_exports_states(model: str, exports: bool) -> None:
    assert on_gpu(VLLM, _card(model), 1).exports_states is exports


def test_llama_cpp_looks_at_what_cuda_goes_by() -> None:
    found = on_gpu(Workload(8192), _card("b200"), 2)
    assert found == Workload(8192, gpus=2, card=CudaCard(148, (10, 0)))


def test_every_card_has_its_multiprocessors() -> None:
    assert {card.model for card in bundled()} == set(MULTIPROCESSORS)
