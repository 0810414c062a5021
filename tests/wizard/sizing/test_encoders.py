"""Encoders' buffers against those that llama.cpp's own scheduler reserved (``encoders.json``)."""

from __future__ import annotations

import pytest

from tests.wizard.sizing import counted_cases

CASES = counted_cases.read("encoders.json")
MODELS = sorted({case.model for case in CASES})


def test_it_works() -> None:
    assert len({case.architecture.name for case in CASES}) >= 9
    assert {case.workload.gpus for case in CASES} == {0, 1, 2}


@pytest.mark.parametrize("model", MODELS)
def test_compute_is_what_is_reserved(model: str) -> None:
    for case in CASES:
        if case.model != model:
            continue
        found, most = case.estimated(), 1.1 if case.workload.gpus > 1 else 1.02
        assert case.compute <= found.compute <= most * case.compute, case
        assert case.compute_host <= found.host_compute, case


@pytest.mark.parametrize("model", MODELS)
def test_no_cache_is_kept(model: str) -> None:
    for case in CASES:
        if case.model == model:
            assert case.caches == case.estimated().kv_cache == 0
