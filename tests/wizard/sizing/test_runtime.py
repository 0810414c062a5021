"""What a process takes beside a model, against what was measured in public."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.sizing import shapes
from wizard.hardware.gpus import bundled
from wizard.hardware.workloads import cuda_card
from wizard.sizing import estimate, runtime
from wizard.sizing.values import CudaCard, Workload

MIB = 1 << 20
ONE_SLOT = Workload(8192, slots=1)


def _card(model: str) -> CudaCard:
    return next(cuda_card(gpu) for gpu in bundled() if gpu.model == model)


def test_it_works() -> None:
    found = runtime.size(shapes.LLAMA_8B, ONE_SLOT)
    assert 590 * MIB < found < 640 * MIB
    assert estimate(shapes.LLAMA_8B, shapes.LLAMA_8B_Q4, ONE_SLOT).runtime == found


@pytest.mark.parametrize(
    ("card", "measured"),
    [
        # llama.cpp #23604 and, from the first free memory that a log tells, #25465.
        (_card("pro6000we"), 555),
        (_card("rtx4060ti"), 107),
        (_card("rtx5090"), 506),
        # A Titan V: pytorch #28394.
        (CudaCard(80, (7, 0)), 319),
    ],
)
def test_a_bare_context_is_as_measured(card: CudaCard, measured: int) -> None:
    assert runtime.context(card) / MIB == pytest.approx(measured, rel=0.02)


def test_after_a_run_it_is_as_measured() -> None:
    # Three RTX 4090 with a model of 16-bit weights: llama.cpp #15860.
    found = runtime.size(shapes.LLAMA_70B, replace(ONE_SLOT, card=_card("rtx4090"))) / MIB
    assert found == pytest.approx(454, rel=0.05)


def test_hopper_and_later_have_a_larger_workspace() -> None:
    early, late = (runtime.libraries(CudaCard(132, (major, 0))) for major in (8, 9))
    assert late - early == 28 * MIB


def test_products_take_what_a_step_multiplies() -> None:
    short = runtime.size(shapes.LLAMA_8B, ONE_SLOT)
    long = runtime.size(shapes.LLAMA_8B, replace(ONE_SLOT, ubatch=2048))
    assert long - short == (2048 - 512) * 14336 * 9 // 8


def test_cards_without_integer_products_unpack_a_matrix() -> None:
    volta = replace(ONE_SLOT, card=CudaCard(80, (7, 0)))
    found = runtime.size(shapes.LLAMA_8B, volta) - runtime.context(volta.card)
    assert found > runtime.libraries(volta.card) + 2 * 4096 * 14336


def test_without_a_card_it_grows_with_the_vocabulary() -> None:
    cpu = replace(ONE_SLOT, gpus=0)
    larger = replace(shapes.LLAMA_8B, vocab_size=shapes.LLAMA_8B.vocab_size + 1000)
    assert runtime.size(larger, cpu) - runtime.size(shapes.LLAMA_8B, cpu) == 256_000
