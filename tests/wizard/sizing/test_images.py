"""What an image's encoder reserves, held to logs that people published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.sizing import shapes
from wizard.sizing import images
from wizard.sizing.values import Workload

MIB = 1 << 20
FILE = 900 * MIB


def _mib(name: str, width: int, *, fused: bool = True) -> float:
    model = replace(shapes.LLAMA_8B, name=name, embedding_length=width)
    workload = Workload(4096, slots=1, flash_attention=fused)
    return images.reserved(model, workload, FILE) / MIB


def test_it_works() -> None:
    assert images.reserved(shapes.LLAMA_8B, Workload(4096, slots=1), 0) == 0
    assert 20 < _mib("unheard-of", 4096) < 100


@pytest.mark.parametrize(
    ("name", "width", "fused", "told"),
    [
        ("qwen35", 5120, True, 248.10),  # Qwen3.6 27B, CUDA, May 2026
        ("qwen35moe", 2048, True, 248.10),  # Qwen3.6 35B A3B, CUDA
        ("qwen35", 2560, True, 223.30),  # Qwen3.5 4B, CUDA, b10218
        ("qwen35", 2048, True, 223.30),  # Qwen3.5 2B
        ("qwen3vl", 4096, False, 4657.81),  # Qwen3-VL, asked for on a card of 22 GB
        ("mistral3", 3072, True, 64.49),  # Ministral 3 3B
    ],
)
def test_published_logs(name: str, width: int, fused: bool, told: float) -> None:
    assert _mib(name, width, fused=fused) == pytest.approx(told, abs=0.2)


def test_small_members_have_narrower_encoders() -> None:
    assert _mib("qwen35", 1024) < _mib("qwen35", 2560) < _mib("qwen35", 4096)
    assert _mib("gemma4", 3840) < _mib("gemma4", 2560) < _mib("gemma4", 2816)
    assert _mib("gemma4", 2816) == _mib("gemma4", 5376)


def test_qwen2_vl_has_no_windows_as_its_successor_has() -> None:
    later = replace(shapes.LLAMA_8B, name="qwen2vl", context_length=128_000)
    first = replace(later, context_length=32_768)
    workload = Workload(4096, slots=1)
    assert 2 * images.reserved(first, workload, FILE) < images.reserved(later, workload, FILE)
