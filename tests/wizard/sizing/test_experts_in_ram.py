"""Experts left in RAM, against what llama.cpp's own scheduler reserved on a card for them.

b11549 was asked on a device that only counts (see ``test_counted.py``), for files in Q8_0 with
the matrices that its converter writes.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.sizing import families, shapes
from wizard.registry import header_document
from wizard.registry.values import Architecture, TensorSizes
from wizard.sizing import estimate
from wizard.sizing.values import MemoryEstimate, Workload

MIB = 1 << 20
ON_HOST = Workload(8192, slots=4, unified_kv=True, experts_on_host=True)
SCORED = Workload(16384, slots=4, unified_kv=True, flash_attention=False)
ROUGH = "in one matrix"


def _architecture(name: str) -> Architecture:
    document = {"keys": families.HEADERS[name], "file_bytes": 1}
    return header_document.document(document).header.architecture()


def _estimated(name: str, file_bytes: int, workload: Workload) -> MemoryEstimate:
    return estimate(_architecture(name), shapes.gguf(file_bytes, "Q8_0"), workload)


def _words(found: MemoryEstimate) -> str:
    return next(part.formula for part in found.parts if part.name == "compute")


def test_it_works() -> None:
    """Gate and up are two matrices: the converter cannot join them for DeepSeek-V3."""
    found = _estimated("deepseek-v3", 713_281_281_920, ON_HOST)
    assert abs(found.compute - 4016 * MIB) < MIB
    assert found.exact


@pytest.mark.parametrize(
    ("workload", "counted"),
    [
        (replace(SCORED, experts_on_host=True), 2_225_612_800),
        (replace(SCORED, gpu_layers=10), 4_377_284_608),
    ],
)
def test_biases_and_sinks_in_ram_begin_a_split(workload: Workload, counted: int) -> None:
    """Masks come behind the last experts, and behind the scores, of which there are two."""
    found = _estimated("gpt-oss-20b", 22_229_440_864, workload)
    assert abs(found.compute - counted) < MIB


def test_gate_and_up_are_one_matrix_where_the_converter_leaves_them_so() -> None:
    found = _estimated("mistral4", 126_465_144_704, ON_HOST)
    assert 0 <= found.compute - 2248 * MIB < 64 * MIB


def test_a_file_that_may_have_one_matrix_is_rough_until_its_tensors_are_told() -> None:
    model = shapes.QWEN3_NEXT_80B
    blocks = (1_600 * MIB,) * model.layers
    experts = (1_500 * MIB,) * model.layers
    told = TensorSizes(0, 0, 0, blocks, experts, 500 * MIB, None, 500 * MIB)
    variant = shapes.gguf(48_400_000_000)
    found, whole, known = (
        estimate(model, each, workload)
        for each, workload in (
            (variant, ON_HOST),
            (variant, replace(ON_HOST, experts_on_host=False)),
            (replace(variant, tensors=told), ON_HOST),
        )
    )
    assert ROUGH in _words(found)
    assert not found.exact
    assert known.exact
    assert ROUGH not in _words(whole) + _words(known)


def test_a_second_matrix_that_may_not_be_needed_is_rough() -> None:
    """Kimi Linear, whose mask is as large as half a row of the width from 4,096 tokens on."""
    found, short = (
        _estimated("kimi-linear", 52_342_064_768, replace(ON_HOST, context_length=length))
        for length in (8192, 2048)
    )
    assert "may not be needed" in _words(found)
    assert (found.exact, short.exact) == (False, True)
