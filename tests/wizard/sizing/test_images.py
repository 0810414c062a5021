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
    assert 20 < _mib("unheard-of", 4096) < 40


@pytest.mark.parametrize(
    ("name", "width", "told"),
    [
        # Logs of llama-server with Unsloth's projectors, May 2026.
        ("qwen35", 5120, 248.10),  # Qwen3.6 27B, CUDA
        ("qwen35", 2048, 223.30),  # Qwen3.5 2B, CPU
        # Qwen2.5-VL 7B, whose mask was f32 (272.33 MiB and its copy in f16) when that was told.
        ("qwen2vl", 3584, 704.79 - 273.28),
    ],
)
def test_published_logs(name: str, width: int, told: float) -> None:
    assert _mib(name, width) == pytest.approx(told, abs=0.3)


def test_without_flash_attention_all_patches_are_scored() -> None:
    # 4,657.81 MiB, asked for on a card of 22 GB (Qwen3-VL).
    assert _mib("qwen3vl", 4096, fused=False) == pytest.approx(4657.81, abs=0.5)


def test_small_members_have_narrower_encoders() -> None:
    assert _mib("qwen35", 1024) < _mib("qwen35", 2560) < _mib("qwen35", 4096)
    assert _mib("gemma4", 2560) < _mib("gemma4", 5376)
