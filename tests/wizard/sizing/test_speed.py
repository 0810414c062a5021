"""Tokens a second, from the bytes that one token reads."""

from __future__ import annotations

import pytest

from tests.wizard.sizing import shapes
from wizard.sizing import active_bytes, tokens_per_second
from wizard.sizing.values import EngineFamily

RTX_3090 = 936 * 10**9


def test_it_works() -> None:
    speed = tokens_per_second(shapes.LLAMA_8B, shapes.LLAMA_8B_Q4, RTX_3090)
    assert 100 < speed < 200


def test_experts_that_are_not_used_are_not_read() -> None:
    variant = shapes.gguf(12_100_000_000, "MXFP4", parameters=20_900_000_000)
    read = active_bytes(shapes.GPT_OSS_20B, variant)
    assert variant.weight_bytes / 32 < read < variant.weight_bytes / 3


def test_cards_read_together_under_vllm_only() -> None:
    def speed(gpus: int, family: EngineFamily) -> float:
        variant = shapes.LLAMA_8B_BF16
        return tokens_per_second(shapes.LLAMA_8B, variant, RTX_3090, gpus, family=family)

    assert speed(2, EngineFamily.LLAMA_CPP) == speed(1, EngineFamily.LLAMA_CPP)
    assert speed(2, EngineFamily.VLLM) == pytest.approx(2 * speed(1, EngineFamily.VLLM))


def test_what_lies_in_ram_is_read_slowly() -> None:
    model, variant = shapes.LLAMA_8B, shapes.LLAMA_8B_Q4
    shares = (0.0, 0.5, 1.0)
    found = [tokens_per_second(model, variant, RTX_3090, host_share=share) for share in shares]
    assert found == sorted(found, reverse=True)
    assert found[0] / found[2] == pytest.approx(936 / 30, rel=0.01)
