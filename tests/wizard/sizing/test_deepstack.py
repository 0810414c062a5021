"""Qwen3-VL's buffers against those that llama.cpp's own scheduler reserved (``deepstack.json``)."""

from __future__ import annotations

import pytest

from tests.wizard.sizing import counted_cases

CASES = counted_cases.read("deepstack.json")
MODELS = sorted({case.model for case in CASES})
MIB = 1 << 20


def test_it_works() -> None:
    assert len(MODELS) == 4
    assert all(case.architecture.deepstack_layers == 3 for case in CASES)
    assert {case.workload.flash_attention for case in CASES} == {False, True}


@pytest.mark.parametrize("model", MODELS)
def test_compute_is_what_is_reserved(model: str) -> None:
    for case in CASES:
        if case.model == model:
            found = case.estimated().compute
            assert 0.998 * case.compute <= found <= 1.03 * case.compute + 4 * MIB, case
