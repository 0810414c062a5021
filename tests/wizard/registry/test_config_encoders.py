"""What encoding takes for each token, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from wizard.registry import config_encoders

IMAGE = {"hidden_size": 1280, "intermediate_size": 3420, "patch_size": 14, "temporal_patch_size": 2}
# Three streams, the wide part with two matrices into it, and the patch's pixels of two frames.
PATCH = 3 * 1280 + 3 * 3420 + 3 * 2 * 14 * 14


def _read(name: str, **parts: Any) -> config_encoders.Encoding:
    return config_encoders.read({"model_type": name, **parts})


def test_it_works() -> None:
    image = {**IMAGE, "model_type": "qwen2_5_vl", "spatial_merge_size": 2}
    found = _read("qwen2_5_vl", vision_config=image)
    assert found == config_encoders.Encoding(4 * PATCH, 16_384)


def test_a_text_model_encodes_nothing() -> None:
    assert _read("llama") == config_encoders.Encoding()


@pytest.mark.parametrize(
    ("image", "outer", "patches"),
    [
        ({}, {}, 1),
        ({}, {"spatial_merge_size": 2}, 4),
        ({"merge_kernel_size": [2, 2]}, {}, 4),
        ({}, {"downsample_ratio": 0.5}, 4),
        ({"image_size": 896}, {"mm_tokens_per_image": 256}, 16),
        ({"image_size": 896, "patch_size": 0}, {"mm_tokens_per_image": 256}, 1),
        ({}, {"downsample_ratio": 0}, 1),
        ({}, {"downsample_ratio": 1e-200}, 1),
    ],
)
def test_patches_of_a_token(image: dict[str, Any], outer: dict[str, Any], patches: int) -> None:
    found = _read("llava", vision_config={**IMAGE, **image}, **outer)
    pixels = 3 * 2 * image.get("patch_size", 14) ** 2
    assert found.token_elements == patches * (3 * 1280 + 2 * 3420 + pixels)


def test_sound_counts_where_it_takes_more() -> None:
    sound = {"d_model": 1280, "encoder_ffn_dim": 5120}
    assert _read("llama", audio_config=sound).token_elements == 2 * (3 * 1280 + 2 * 5120)


def test_parts_may_be_nested() -> None:
    image = {**IMAGE, "model_type": "qwen2_5_omni_vision_encoder", "spatial_merge_size": 2}
    found = _read("qwen2_5_omni", thinker_config={"vision_config": image})
    assert found == config_encoders.Encoding(4 * PATCH, 16_384)
